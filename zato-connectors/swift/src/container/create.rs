use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
};

use http::{HeaderName, Method, StatusCode};
use zato_core::Result;

use super::{Container, META};
use crate::{metadata::Metadata, wire::Call};

/// A container that is about to be made; awaiting it makes it, and gives whether it was not there before.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_swift::{Metadata, Swift};
///
/// async fn prepare(storage: &Swift) -> Result<bool> {
///     storage.container("CRM").create().metadata(Metadata::new().with("owner", "sales")).await
/// }
/// ```
#[must_use = "a container is made when it is awaited"]
pub struct CreateRequest {
    container: Container,
    metadata: Metadata,
    policy: Option<String>,
}

impl CreateRequest {
    pub(super) fn new(container: Container) -> Self {
        Self { container, metadata: Metadata::new(), policy: None }
    }

    /// Keeps metadata with it.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Has its objects kept by one of the policies that the operator has; by the usual one unless given.
    pub fn storage_policy(mut self, name: impl Into<String>) -> Self {
        self.policy = Some(name.into());
        self
    }

    async fn send(self) -> Result<bool> {
        let mut call = Call::container(Method::PUT, self.container.name())?.headers(self.metadata.headers(META)?);
        if let Some(policy) = &self.policy {
            call = call.text(HeaderName::from_static("x-storage-policy"), policy)?;
        }
        let answer = self.container.swift.call(call).await?;
        let is_new = answer.status() == StatusCode::CREATED;
        answer.done().await;
        Ok(is_new)
    }
}

impl IntoFuture for CreateRequest {
    type Output = Result<bool>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<bool>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for CreateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateRequest").field("container", &self.container.name).finish_non_exhaustive()
    }
}
