use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use chrono::{DateTime, Utc};
use http::{Method, header};
use zato_core::{Error, Result};

use super::{
    Object,
    description::{Description, Expiry},
    storing::store,
};
use crate::{
    error::{self, SwiftErrorKind},
    metadata::Metadata,
    progress::{self, Listener, Progress},
    transport::Body,
    wire::{Call, Repeated},
};

/// An object that is about to be stored; awaiting it stores it.
///
/// Bytes are sent once more if the connection breaks or the server can't do it for a moment; a stream can't be.
///
/// With up to 1 MiB of bytes goes their checksum, and the server stores nothing else. Of more, and of a stream, it is worked out
/// while they are sent, and compared with what the server says that it has stored: if that is something else, bytes are sent
/// again at once, with their checksum, and what came of a stream is deleted. For a moment it can be read, and what it replaced is
/// lost. What somebody else has stored meanwhile is left. With [`etag`](Self::etag), or
/// [`only_if_absent`](Self::only_if_absent) for bytes, none of that happens, as the server compares in any case.
///
/// # Errors
///
/// [`Conflict`](zato_core::Kind::Conflict) if it was to be stored only if there is none, and there is one;
/// [`Upstream`](zato_core::Kind::Upstream) if what the server has got is not what was sent. Beside that as
/// [all verbs](crate::Swift#errors).
///
/// # Cancel safety
///
/// Whether the object was stored is not known if the future is dropped; it is never half-stored.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, bytes::Bytes};
/// use zato_swift::Swift;
///
/// async fn keep_first(storage: &Swift, invoice: Bytes) -> Result<()> {
///     storage.object("CRM", "Invoice").put(invoice).content_type("application/json").only_if_absent().await?;
///     Ok(())
/// }
/// ```
#[must_use = "an object is stored when it is awaited"]
pub struct PutRequest {
    object: Object,
    body: Result<Body>,
    description: Description,
    is_only_if_absent: bool,
    listener: Option<Listener>,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The MD5 of it, in hexadecimal; of a large object that of the MD5s of its segments.
    pub etag: String,
    /// How many bytes.
    pub bytes: u64,
}

impl PutRequest {
    pub(super) fn new(object: Object, body: Result<Body>, content_type: Option<&'static str>) -> Self {
        let request =
            Self { object, body, description: Description::default(), is_only_if_absent: false, listener: None };
        match content_type {
            Some(content_type) => request.content_type(content_type),
            None => request,
        }
    }

    /// Says what it is; unless given the server tells by the name, or has `application/octet-stream`.
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.description.text(header::CONTENT_TYPE, content_type);
        self
    }

    /// Says how it is encoded, such as `gzip`.
    pub fn content_encoding(mut self, encoding: &str) -> Self {
        self.description.text(header::CONTENT_ENCODING, encoding);
        self
    }

    /// Says how browsers show it, such as `attachment; filename="invoice.pdf"`.
    pub fn content_disposition(mut self, disposition: &str) -> Self {
        self.description.text(header::CONTENT_DISPOSITION, disposition);
        self
    }

    /// Keeps metadata with it.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.description.metadata = metadata;
        self
    }

    /// Has the server delete it so long from now, in whole seconds, one at the least.
    #[doc(alias = "X-Delete-After")]
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.description.expiry = Some(Expiry::After(after));
        self
    }

    /// Has the server delete it at a moment, in whole seconds; it refuses one that is over.
    #[doc(alias = "X-Delete-At")]
    pub fn expires_at(mut self, at: impl Into<DateTime<Utc>>) -> Self {
        self.description.expiry = Some(Expiry::At(at.into()));
        self
    }

    /// Stores it only if there is none of this name. Swift looks before it stores: of several who store at the same time more
    /// than one may be told that it has; it is no lock. What may have been done is not tried again.
    #[doc(alias = "If-None-Match")]
    pub fn only_if_absent(mut self) -> Self {
        self.is_only_if_absent = true;
        self
    }

    /// Has the server compare what arrives with a checksum: the MD5, in hexadecimal. That of bytes is worked out anyway.
    pub fn etag(mut self, md5: &str) -> Self {
        self.description.text(header::ETAG, md5);
        self
    }

    /// Has somebody told how far it has got, five times a second at the most, and at its end. They must not take long.
    pub fn progress(mut self, listener: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.listener = progress::listener(listener);
        self
    }

    async fn send(mut self) -> Result<Stored> {
        let (object, is_only_if_absent) = (self.object.clone(), self.is_only_if_absent);
        let listener = self.listener.take();
        let call = self.call()?;
        let transfer = object.transfer("sent", call.body.length(), listener);
        let stored = store(&object, call.leg(transfer.leg())).await;
        if stored.is_ok() {
            transfer.done();
        }
        stored.map_err(|error| if is_only_if_absent { there_already(error) } else { error })
    }

    fn call(mut self) -> Result<Call> {
        let mut call = self.object.call(Method::PUT)?.body(self.body?).headers(self.description.headers()?);
        if self.is_only_if_absent {
            call = call.only_if_absent(Repeated::Never);
        }
        Ok(call)
    }
}

/// Tells whoever asks from outside what a condition that was not met is about.
pub(super) fn there_already(error: Error) -> Error {
    match error::kind_of(&error) {
        Some(SwiftErrorKind::PreconditionFailed) => error.with_public("there is an object of this name already"),
        _ => error,
    }
}

impl IntoFuture for PutRequest {
    type Output = Result<Stored>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Stored>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for PutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutRequest").field("object", &self.object).finish_non_exhaustive()
    }
}
