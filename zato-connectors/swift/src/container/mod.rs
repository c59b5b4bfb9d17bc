//! Containers: making them, what is known of them, what is in them.

mod create;
mod details;
mod entry;
mod list;
mod pages;
mod remove;
mod stream;

use std::sync::Arc;

use http::{Method, StatusCode};
use zato_core::Result;

pub use self::{
    create::CreateRequest,
    details::ContainerDetails,
    entry::{ContainerEntry, Listed, ObjectEntry},
    list::{Entries, ListRequest},
    stream::EntryStream,
};
pub(crate) use self::{remove::Outcome, stream::Entrywise};
use crate::{Swift, metadata::Metadata, object::Object, wire::Call};

/// What the metadata of a container begins with.
pub(crate) const META: &str = "x-container-meta-";

/// A container, which need not be there.
///
/// It is cheap to clone, and borrows nothing: it may be kept, and moved into a task.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_swift::{Listed, Swift};
///
/// async fn invoices(storage: &Swift) -> Result<Vec<String>> {
///     let mut names = Vec::new();
///     let container = storage.container("CRM");
///     let mut listing = container.objects().prefix("2026/").entries();
///     while let Some(entry) = listing.next().await? {
///         if let Listed::Object(object) = entry {
///             names.push(object.name);
///         }
///     }
///     Ok(names)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Container {
    swift: Swift,
    name: Arc<str>,
}

impl Container {
    pub(crate) fn new(swift: &Swift, name: &str) -> Self {
        Self { swift: swift.clone(), name: name.into() }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns an object in it, which need not be there.
    #[must_use]
    pub fn object(&self, name: &str) -> Object {
        Object::new(self.swift.clone(), Arc::clone(&self.name), name.into())
    }

    /// Begins to make the container; it is made when what is returned is awaited. One that is there is left as it is, with the
    /// metadata that is given here.
    #[doc(alias = "put_container")]
    pub fn create(&self) -> CreateRequest {
        CreateRequest::new(self.clone())
    }

    /// Returns what is known of it.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    #[doc(alias = "head_container")]
    pub async fn head(&self) -> Result<ContainerDetails> {
        let answer = self.swift.call(Call::container(Method::HEAD, &self.name)?).await?;
        let details = ContainerDetails::of(&answer);
        answer.done().await;
        details
    }

    /// Tells whether it is there.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    pub async fn exists(&self) -> Result<bool> {
        let call = Call::container(Method::HEAD, &self.name)?.accepting(StatusCode::NOT_FOUND);
        let answer = self.swift.call(call).await?;
        let is_there = answer.status() != StatusCode::NOT_FOUND;
        answer.done().await;
        Ok(is_there)
    }

    /// Sets metadata; an empty value removes what is there, and what is not named is left.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    #[doc(alias = "post_container")]
    pub async fn set_metadata(&self, metadata: &Metadata) -> Result<()> {
        let call = Call::container(Method::POST, &self.name)?.headers(metadata.headers(META)?);
        self.swift.call(call).await?.done().await;
        Ok(())
    }

    /// Begins to list its objects, in the order of their names, byte by byte.
    #[doc(alias = "get_container")]
    pub fn objects(&self) -> ListRequest<Listed> {
        ListRequest::new(self.swift.clone(), Some(Arc::clone(&self.name)))
    }

    /// Deletes it, if it is empty, and returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`Conflict`](zato_core::Kind::Conflict) if it has objects, beside what [all verbs](Swift#errors) have.
    #[doc(alias = "delete_container")]
    pub async fn delete(&self) -> Result<bool> {
        let call = Call::container(Method::DELETE, &self.name)?.accepting(StatusCode::NOT_FOUND);
        let answer = self.swift.call(call).await?;
        let was_there = answer.status() != StatusCode::NOT_FOUND;
        answer.done().await;
        Ok(was_there)
    }
}
