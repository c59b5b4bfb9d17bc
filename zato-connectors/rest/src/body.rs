//! Bodies: a request's, read whole within its limits, and a reply's.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use tokio::time;
use zato_core::{Error, Kind, Result};

/// The body of a reply.
#[derive(Debug, Default)]
pub struct Body(Full<Bytes>);

impl Body {
    /// Takes the bytes out; nothing is left of what was read already.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        let mut this = self;
        let frame = Pin::new(&mut this.0).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
        match frame {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            _ => Bytes::new(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Full::new(bytes))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// Reads a request's body whole.
///
/// One that came in a single piece, together with its headers, is there at once and is not copied; nearly all are.
///
/// # Errors
///
/// [`TooLarge`](Kind::TooLarge) as soon as the limit is passed or announced to be; [`Timeout`](Kind::Timeout);
/// [`InvalidInput`](Kind::InvalidInput) if the client broke off.
pub(crate) async fn read<B>(body: B, limit: usize, timeout: Duration) -> Result<Bytes>
where
    B: HttpBody<Error: Into<zato_core::BoxError>>,
{
    let mut body = pin!(body);
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large(limit));
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let first = match poll_fn(|cx| Poll::Ready(body.as_mut().poll_frame(cx))).await {
        Poll::Ready(None) => return Ok(Bytes::new()),
        Poll::Ready(Some(frame)) => bytes_of(frame)?,
        Poll::Pending => Bytes::new(),
    };
    if first.len() > limit {
        return Err(too_large(limit));
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let late = |_| Error::new(Kind::Timeout, "the body did not arrive in time");
    let rest = Box::pin(time::timeout(timeout, read_on(body, first, limit)));
    rest.await.map_err(late).map_err(|error| error.with_public("the body did not arrive in time"))?
}

/// Reads what is left, frame by frame.
async fn read_on<B>(mut body: Pin<&mut B>, first: Bytes, limit: usize) -> Result<Bytes>
where
    B: HttpBody<Error: Into<zato_core::BoxError>>,
{
    let mut whole = BytesMut::from(first);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let more = bytes_of(frame)?;
        if whole.len().saturating_add(more.len()) > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&more);
    }
    Ok(whole.freeze())
}

/// Takes the bytes of a frame; trailers have none.
fn bytes_of<D: Buf, E: Into<zato_core::BoxError>>(frame: Result<Frame<D>, E>) -> Result<Bytes> {
    let frame = frame.map_err(|error| Error::invalid_input("the body broke off").with_source(error))?;
    let data = frame.into_data().ok();
    Ok(data.map(|mut data| data.copy_to_bytes(data.remaining())).unwrap_or_default())
}

fn too_large(limit: usize) -> Error {
    Error::new(Kind::TooLarge, format!("the body is larger than {limit} bytes"))
}
