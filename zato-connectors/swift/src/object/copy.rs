use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use http::{HeaderName, HeaderValue, Method, header};
use zato_core::Result;

use super::{META, Object, details::etag, kept};
use crate::{error, metadata::Metadata, name};

/// How much a server copies in a second at the least, in bytes; less is taken for a server that hangs.
const COPIED: u64 = 1024 * 1024;

/// A copy that is about to be made, on the server; awaiting it makes it, and gives its ETag.
///
/// A copy of a large object is a plain one, up to what a server takes as one (5 GiB mostly). A copy can't be made only if there is
/// none of its name: Swift takes conditions of a copy for conditions on the original.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_swift::Swift;
///
/// async fn archive(storage: &Swift) -> Result<()> {
///     storage.object("CRM", "Invoice").copy_to("archive", "2026/Invoice").await?;
///     Ok(())
/// }
/// ```
#[must_use = "a copy is made when it is awaited"]
pub struct CopyRequest {
    from: Object,
    to: Object,
    metadata: Option<Metadata>,
    content_type: Option<String>,
}

impl CopyRequest {
    pub(super) fn new(from: Object, to: Object) -> Self {
        Self { from, to, metadata: None, content_type: None }
    }

    /// Gives the copy this metadata alone, and no expiry; it has those of the original unless given.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Says what the copy is; the same as the original unless given.
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = Some(content_type.to_owned());
        self
    }

    async fn send(self) -> Result<String> {
        name::container(self.from.container())?;
        name::object(self.from.name())?;
        let from = format!("/{}", name::path(self.from.container(), Some(self.from.name())));
        let mut call = self.to.call(Method::PUT)?.text(HeaderName::from_static("x-copy-from"), &from)?;
        call = call.header(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        let original = self.from.swift().call(self.from.call(Method::HEAD)?).await?;
        // Swift answers when the last byte is there.
        call = call.lasting(Duration::from_secs(original.length().unwrap_or_default() / COPIED));
        let original = original.done().await;
        if let Some(metadata) = &self.metadata {
            let fresh = HeaderName::from_static("x-fresh-metadata");
            call = call.header(fresh, HeaderValue::from_static("true")).headers(metadata.headers(META)?);
            call = call.headers(kept(&original));
        }
        if let Some(content_type) = &self.content_type {
            call = call.text(header::CONTENT_TYPE, content_type)?;
        }
        let answer = self.to.swift().call(call).await?;
        let etag = etag(&answer);
        answer.done().await;
        etag.ok_or_else(|| self.to.about(error::unexpected("the server did not say what it has stored")))
    }
}

impl IntoFuture for CopyRequest {
    type Output = Result<String>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<String>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for CopyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyRequest").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}
