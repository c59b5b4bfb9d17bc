use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use chrono::{DateTime, Utc};
use http::{HeaderValue, Method, StatusCode, header};
use zato_core::{Error, Result, bytes::Bytes};

use super::{
    Object,
    checked::{Sum, md5},
    description::{Description, Expiry},
    details::etag,
};
use crate::{
    error::{self, SwiftErrorKind},
    metadata::Metadata,
    progress::{self, Listener, Progress},
    transport::Body,
    wire::{Answer, Call},
};

/// Up to here the checksum of bytes is sent with them, so that the server refuses what is not whole; of more it is worked out
/// beside the sending, and compared with what the server says.
const SENT_AHEAD: usize = 1024 * 1024;

/// An object that is about to be stored; awaiting it stores it.
///
/// Bytes are sent once more if the connection breaks or the server can't do it for a moment; a stream can't be.
///
/// # Errors
///
/// [`Conflict`](zato_core::Kind::Conflict) if it was to be stored only if there is none, and there is one;
/// [`Upstream`](zato_core::Kind::Upstream) if what the server has stored is not what was sent. Beside that as
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
            // Made once more, it would find what it has stored itself.
            call = call.header(header::IF_NONE_MATCH, HeaderValue::from_static("*")).once();
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

/// Makes a call that stores an object, and compares what the server has stored with what was sent.
pub(super) async fn store(object: &Object, call: Call) -> Result<Stored> {
    match call.body {
        Body::Stream(_) => put_stream(object, call).await,
        Body::Again(_) => put_again(object, call).await,
        Body::Empty | Body::Bytes(_) => put_bytes(object, call).await,
    }
}

/// Stores what has its checksum among its headers.
async fn put_again(object: &Object, call: Call) -> Result<Stored> {
    let sum = call.headers.get(header::ETAG).and_then(|sum| sum.to_str().ok()).unwrap_or_default().to_owned();
    let length = call.body.length().unwrap_or_default();
    settled(object, object.swift().call(call).await?, &sum, length).await
}

async fn put_bytes(object: &Object, mut call: Call) -> Result<Stored> {
    let bytes = if let Body::Bytes(bytes) = &call.body { bytes.clone() } else { Bytes::new() };
    let length = bytes.len() as u64;
    if bytes.len() <= SENT_AHEAD {
        let sum = md5(&bytes);
        if !call.headers.contains_key(header::ETAG) {
            call = call.text(header::ETAG, &sum)?;
        }
        return settled(object, object.swift().call(call).await?, &sum, length).await;
    }
    let sum = tokio::task::spawn_blocking(move || md5(&bytes));
    let answer = object.swift().call(call).await?;
    let sum = sum.await.map_err(|error| Error::internal("a checksum was not worked out").with_source(error))?;
    settled(object, answer, &sum, length).await
}

async fn put_stream(object: &Object, mut call: Call) -> Result<Stored> {
    let sum = Sum::default();
    call.body = match call.body {
        Body::Stream(stream) => Body::Stream(sum.of(stream)),
        body => body,
    };
    let answer = object.swift().call(call).await?;
    settled(object, answer, &sum.etag(), sum.bytes()).await
}

/// Compares what the server has stored with what was sent.
async fn settled(object: &Object, answer: Answer, sum: &str, bytes: u64) -> Result<Stored> {
    let (status, etag) = (answer.status(), etag(&answer));
    answer.done().await;
    let fault = match etag {
        // 202 is what a proxy says that does not wait for the storage.
        _ if status != StatusCode::CREATED => error::unexpected(format!("status {} to a PUT", status.as_u16())),
        Some(etag) if etag == sum => return Ok(Stored { etag, bytes }),
        Some(etag) => error::of_kind(
            SwiftErrorKind::ChecksumMismatch,
            format!("the server has stored {etag}, and {sum} was sent"),
        ),
        None => error::unexpected("the server did not say what it has stored"),
    };
    Err(object.about(fault))
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
