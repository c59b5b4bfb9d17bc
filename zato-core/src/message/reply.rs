use std::fmt;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::{ByteStream, Content, Payload};

/// What a service answered, on its way back to a channel.
///
/// Channels of protocols without a status or headers leave those aside.
///
/// ```
/// use zato_core::{http::StatusCode, message::{Payload, Reply}};
///
/// let reply = Reply::new(Payload::from("taken")).with_status(StatusCode::ACCEPTED);
/// assert_eq!(reply.status(), StatusCode::ACCEPTED);
/// ```
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    payload: Payload,
    /// When the service had ended, as statistics have seen it.
    pub(crate) ended: Option<Instant>,
}

impl Reply {
    /// Makes a reply of status 200 without headers.
    #[must_use]
    pub fn new(payload: Payload) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), payload, ended: None }
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets the headers, instead of those it has.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers, the payload's `content-type` among them.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the payload.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    pub(crate) fn stream_mut(&mut self) -> Option<&mut ByteStream> {
        match &mut self.payload.0 {
            Content::Stream(stream) => Some(stream),
            Content::Bytes(_) | Content::Value(_) | Content::Typed(_) => None,
        }
    }

    /// Returns when the service had ended, so that a channel that measures need not ask the clock again; `None` for a
    /// reply that no service of an app gave.
    #[must_use]
    pub fn ended(&self) -> Option<Instant> {
        self.ended
    }

    /// Takes the reply apart.
    #[must_use]
    pub fn into_parts(self) -> (StatusCode, HeaderMap, Payload) {
        (self.status, self.headers, self.payload)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).field("payload", &self.payload).finish_non_exhaustive()
    }
}
