use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header};
use tokio::{sync::OwnedSemaphorePermit, time};
use zato_core::{Kind, Result, bytes::Bytes, message::ByteStream};

use crate::error;

/// How much an answer has that has nothing to say.
const NOTHING: usize = 64 * 1024;

/// How long is waited for what nobody wants, or for what only says what went wrong.
pub(super) const LEFTOVERS: Duration = Duration::from_secs(5);

/// What came back. Its place is free again once the body was read, or is dropped.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: ByteStream,
}

impl Answer {
    pub(super) fn new(response: Response<ByteStream>, place: Option<OwnedSemaphorePermit>) -> Self {
        let (parts, mut body) = response.into_parts();
        if let Some(place) = place {
            body.keep(place);
        }
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns a header that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns a header that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).and_then(|text| text.trim().parse().ok())
    }

    /// Returns how many bytes the body has, if that was said.
    pub(crate) fn length(&self) -> Option<u64> {
        self.number(header::CONTENT_LENGTH.as_str())
    }

    /// Reads the body as a whole.
    ///
    /// # Errors
    ///
    /// [`Upstream`](Kind::Upstream) if it is larger than that; what the way back fails with.
    pub(crate) async fn bytes(self, max: usize) -> Result<Bytes> {
        self.body.bytes_within(max).await.map_err(|error| match error.kind() {
            Kind::TooLarge => error::unexpected(format!("the answer is larger than {max} bytes")),
            _ => error,
        })
    }

    /// Reads a body that nobody wants, so that the connection can be used once more.
    pub(crate) async fn done(self) -> HeaderMap {
        let Self { headers, body, .. } = self;
        // One that goes on is left, and its connection with it.
        let _ = time::timeout(LEFTOVERS, body.bytes_within(NOTHING)).await;
        headers
    }

    /// Returns the body piece by piece.
    pub(crate) fn into_stream(self) -> ByteStream {
        self.body
    }
}
