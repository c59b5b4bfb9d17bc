use std::{sync::Arc, time::Duration};

use opendal::Operator;
use serde::Serialize;
use zato_core::{
    Error, Kind, Result,
    connection::{Handle, Slot},
    message::ByteStream,
};

use super::{
    connector::{ObjectStorageClient, ObjectStorageConnector},
    details::ObjectDetails,
    get::GetRequest,
    list::ListRequest,
    place::Place,
    put::{Content, PutRequest},
};
use crate::IntoBytes;

/// The handle of an object storage: `#[out("Invoice Dispatcher")] storage: ObjectStorage`.
///
/// An object is named by a path: its container, a slash, and its name in there, such as `CRM/2026/Invoice`. Where the
/// configuration has a `container`, a path is the name alone. A container is made when something is put into it, where the
/// store can.
///
/// # Errors
///
/// What all verbs have in common:
///
/// - [`Unavailable`](Kind::Unavailable) if the connection is down, the store can't do it now, also after the `retries`, or has
///   no room left.
/// - [`Timeout`](Kind::Timeout) if it took longer than the `timeout`.
/// - [`RateLimited`](Kind::RateLimited) if the store is asked too often.
/// - [`NotFound`](Kind::NotFound) if there is no such container or object.
/// - [`Conflict`](Kind::Conflict) if a condition was not met.
/// - [`Upstream`](Kind::Upstream) if the store does not accept who asks, or answers what can't be understood.
/// - [`Internal`](Kind::Internal) if the store can't do what was asked for, whatever is in it.
/// - [`InvalidInput`](Kind::InvalidInput) if a path can't be used: one that not all stores would keep under just this name, or
///   that would lead elsewhere. Who needs another has the handle [`Swift`](crate::Swift), or the
///   [operator](ObjectStorage::operator).
///
/// [`SwiftError`](crate::SwiftError) is among the causes of what happened on the way to a server.
///
/// # Cancel safety
///
/// Of every verb: may be dropped at any time. An object is stored whole or not at all; whether it was is not known if the
/// answer was not waited for.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, bytes::Bytes};
/// use zato_swift::ObjectStorage;
///
/// async fn dispatch(storage: &ObjectStorage, target: &str, invoice: Bytes) -> Result<()> {
///     storage.put(&format!("{target}/Invoice"), invoice).content_type("application/json").await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ObjectStorage(Arc<Slot<ObjectStorageConnector>>);

impl ObjectStorage {
    /// Begins to store bytes, or a text; they are stored when what is returned is awaited.
    pub fn put(&self, path: &str, bytes: impl IntoBytes) -> PutRequest {
        PutRequest::new(self, path, Ok(Content::Bytes(bytes.into_bytes())), None)
    }

    /// Begins to store a model, as JSON.
    ///
    /// # Errors
    ///
    /// [`Internal`](Kind::Internal) when it is awaited if JSON can't say it.
    pub fn put_model<T: Serialize + ?Sized>(&self, path: &str, model: &T) -> PutRequest {
        let bytes = serde_json::to_vec(model);
        let bytes = bytes.map_err(|error| Error::internal("the model can't be written as JSON").with_source(error));
        PutRequest::new(self, path, bytes.map(|bytes| Content::Bytes(bytes.into())), Some("application/json"))
    }

    /// Begins to store what comes piece by piece, with a length or without. It is sent once: what fails meanwhile is not tried
    /// again. In Swift, one without a length, or of more than 5 GiB, is a large object if it is longer than the `segment_size` of the
    /// connection: its segments, each of which is tried again, are in the container with `_segments` after its name, and go when
    /// it is deleted, or something else is stored in its place.
    pub fn put_stream(&self, path: &str, stream: ByteStream) -> PutRequest {
        PutRequest::new(self, path, Ok(Content::Stream(stream)), None)
    }

    /// Begins to read an object, whole unless a [range](GetRequest::range) is given.
    pub fn get(&self, path: &str) -> GetRequest {
        GetRequest::new(self, path)
    }

    /// Returns what is known of an object.
    ///
    /// # Errors
    ///
    /// As [all verbs](ObjectStorage#errors).
    #[doc(alias = "stat")]
    pub async fn head(&self, path: &str) -> Result<ObjectDetails> {
        let client = self.client()?;
        let place = client.place(path)?;
        client.limits.keep("head", place, client.store.head(place)).await
    }

    /// Tells whether an object is there.
    ///
    /// # Errors
    ///
    /// As [all verbs](ObjectStorage#errors).
    pub async fn exists(&self, path: &str) -> Result<bool> {
        match self.head(path).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins to list what begins with a container, and in it with the beginning of a name, such as `CRM/2026/`. Where the
    /// configuration has a `container`, the beginning of a name is enough, and none lists everything.
    pub fn list(&self, prefix: impl Into<String>) -> ListRequest {
        ListRequest::new(self, prefix.into())
    }

    /// Deletes an object, and returns whether it was there. Of several who delete the same one at once, more than one may be
    /// told so, except in a folder and in Swift.
    ///
    /// # Errors
    ///
    /// As [all verbs](ObjectStorage#errors).
    pub async fn delete(&self, path: &str) -> Result<bool> {
        let client = self.client()?;
        let place = client.place(path)?;
        client.limits.keep("delete", place, client.store.delete(place)).await
    }

    /// Deletes objects, by as few requests as the store takes; those that are not there are no error. All paths are looked at
    /// before the first is deleted.
    ///
    /// # Errors
    ///
    /// As [all verbs](ObjectStorage#errors); some of them may be deleted then.
    pub async fn delete_many<P: AsRef<str>>(&self, paths: &[P]) -> Result<()> {
        self.client()?.delete_many(paths).await
    }

    /// Copies an object with all that is known of it, over one that may be there. Where the store can't do that by itself, the
    /// object goes through this program, piece by piece.
    ///
    /// # Errors
    ///
    /// As [all verbs](ObjectStorage#errors).
    pub async fn copy(&self, from: &str, to: &str) -> Result<()> {
        let client = self.client()?;
        let (from, to) = (client.place(from)?, client.place(to)?);
        client.copy(from, to).await
    }

    /// Returns opendal's own operator for a container, for what it can beyond this handle. Its requests take the way of all
    /// others; it takes paths as opendal does. In a folder there is no limit to how long an operation takes, and links are
    /// followed.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](Kind::InvalidInput) if no container can have this name; of Swift see
    /// [`Swift::operator`](crate::Swift::operator).
    pub fn operator(&self, container: &str) -> Result<Operator> {
        let place = |fault| Error::invalid_input(format!("the name of the container {fault}"));
        super::place::container(container).map_err(place)?;
        self.client()?.store.operator(container)
    }

    /// Asks the store for a sign of life, and returns how long it took until that was answered.
    ///
    /// # Errors
    ///
    /// As [`Slot::ping`].
    pub async fn ping(&self) -> Result<Duration> {
        self.0.ping().await
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub(super) fn client(&self) -> Result<Arc<ObjectStorageClient>> {
        self.0.client()
    }
}

impl ObjectStorageClient {
    pub(super) fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    pub(super) fn place<'a>(&'a self, path: &'a str) -> Result<Place<'a>> {
        Place::of(self.container(), path).map_err(|error| error.with("connection", &self.limits.connection))
    }
}

#[diagnostic::do_not_recommend]
impl Handle for ObjectStorage {
    type Connector = ObjectStorageConnector;

    fn from_slot(slot: Arc<Slot<ObjectStorageConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<ObjectStorageConnector>> {
        &self.0
    }
}
