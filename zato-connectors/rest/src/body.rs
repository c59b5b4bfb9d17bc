//! Bodies: a request's that is read whole within its limits, and a reply's.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use tokio::time;
use tokio_util::task::task_tracker::TaskTrackerToken;
use zato_core::{BoxError, Error, Kind, Result, message::ByteStream};

use crate::download::Download;

/// The body of a reply: bytes that are there, or a stream of them.
#[derive(Default)]
pub struct Body(Inner);

enum Inner {
    Whole(Bytes),
    Stream(Box<Streamed>),
}

/// A body that comes in pieces, and what it is part of until its end.
struct Streamed {
    body: UnsyncBoxBody<Bytes, BoxError>,
    _token: Option<TaskTrackerToken>,
}

impl Default for Inner {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl Body {
    /// Makes a body of one that comes in pieces.
    ///
    /// An error in it ends the connection, or the stream of HTTP/2: the status has long been sent.
    pub fn stream<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self(Inner::Stream(Box::new(Streamed { body: body.map_err(Into::into).boxed_unsync(), _token: None })))
    }

    /// Lets a body that comes in pieces hold a place among the requests that came through a server of somebody else's,
    /// until it has gone out or is given up; one that is there needs none.
    pub(crate) fn hold(&mut self, token: impl FnOnce() -> TaskTrackerToken) {
        if let Inner::Stream(stream) = &mut self.0 {
            stream._token = Some(token());
        }
    }

    /// Returns the bytes, if they are there as a whole.
    #[must_use]
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Whole(bytes) => Some(bytes),
            Inner::Stream(_) => None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Inner::Whole(bytes))
    }
}

impl From<ByteStream> for Body {
    fn from(stream: ByteStream) -> Self {
        Self::stream(Download::from(stream))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().0 {
            Inner::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Stream(stream) => Pin::new(&mut stream.body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(bytes) => bytes.is_empty(),
            Inner::Stream(stream) => stream.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Inner::Stream(stream) => stream.body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Inner::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

/// Reads a request's body whole.
///
/// One that came in a single piece, together with its headers, is there at once and is not copied; nearly all are. For
/// another one, `has_waited` is set.
///
/// # Errors
///
/// [`TooLarge`](Kind::TooLarge) as soon as the limit is passed or announced to be; [`Timeout`](Kind::Timeout);
/// [`InvalidInput`](Kind::InvalidInput) if the client broke off.
pub(crate) async fn read<B>(body: B, limit: usize, timeout: Duration, has_waited: &mut bool) -> Result<Bytes>
where
    B: HttpBody<Error: Into<BoxError>>,
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
    *has_waited = true;
    let rest = Box::pin(time::timeout(timeout, read_on(body, first, limit)));
    rest.await.map_err(|_| late())?
}

/// Reads what is left, frame by frame.
async fn read_on<B>(mut body: Pin<&mut B>, first: Bytes, limit: usize) -> Result<Bytes>
where
    B: HttpBody<Error: Into<BoxError>>,
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
pub(crate) fn bytes_of<D: Buf, E: Into<BoxError>>(frame: Result<Frame<D>, E>) -> Result<Bytes> {
    let data = frame.map_err(|error| broken_off(error.into()))?.into_data().ok();
    Ok(data.map(|mut data| data.copy_to_bytes(data.remaining())).unwrap_or_default())
}

/// Says why a body ends before its end; what decompresses it knows that better.
fn broken_off(error: BoxError) -> Error {
    Error::try_from_boxed(error).unwrap_or_else(|error| Error::invalid_input("the body broke off").with_source(error))
}

pub(crate) fn late() -> Error {
    let late = "the body did not arrive in time";
    Error::new(Kind::Timeout, late).with_public(late)
}

pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(Kind::TooLarge, format!("the body is larger than {limit} bytes"))
}
