//! What a request carries.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use http_body::{Frame, SizeHint};
use zato_core::{BoxError, Result, bytes::Bytes, message::ByteStream};

use super::{counter::Counter, pulse::Pulse};
use crate::error;

/// What a request carries: bytes, or what can be read once more, which are sent as often as need be; or what can be sent once.
#[derive(Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    Bytes(Bytes),
    Stream(ByteStream),
    Again(Again),
}

/// What is read anew each time that it is sent.
#[derive(Clone)]
pub(crate) struct Again {
    begin: Arc<dyn Fn() -> ByteStream + Send + Sync>,
    length: u64,
}

impl Again {
    /// Takes what begins to read so many bytes.
    pub(crate) fn new(length: u64, begin: impl Fn() -> ByteStream + Send + Sync + 'static) -> Self {
        Self { begin: Arc::new(begin), length }
    }
}

/// How much is handed on at once, so that one sees that something moves.
const PIECE: usize = 256 * 1024;

impl Body {
    /// Returns the same body once more, if it can be sent a second time.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Bytes(bytes) => Some(Self::Bytes(bytes.clone())),
            Self::Stream(_) => None,
            Self::Again(again) => Some(Self::Again(again.clone())),
        }
    }

    /// Returns how many bytes it has, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Stream(stream) => stream.length(),
            Self::Again(again) => Some(again.length),
        }
    }

    /// Turns it into what the library sends.
    pub(super) fn into_network(self, pulse: &Pulse, counter: Option<Counter>) -> Option<reqwest::Body> {
        match self {
            Self::Empty => None,
            Self::Bytes(bytes) if bytes.len() <= PIECE => {
                if let Some(mut counter) = counter {
                    counter.add(bytes.len() as u64);
                }
                Some(bytes.into())
            }
            body => Some(reqwest::Body::wrap(Pieces::new(body, pulse, counter))),
        }
    }

    /// Turns it into a stream.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn into_stream(self, pulse: &Pulse, counter: Option<Counter>) -> ByteStream {
        let length = self.length();
        let stream = ByteStream::new(Pieces::new(self, pulse, counter));
        match length {
            Some(length) => stream.with_length(length),
            None => stream,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length()).finish_non_exhaustive()
    }
}

/// A body piece by piece, each of which is noted.
struct Pieces {
    body: Body,
    /// What would be the last piece of a stream that says how long it is, until that is sure: the library asks for no more.
    last: Option<Bytes>,
    pulse: Pulse,
    counter: Option<Counter>,
}

impl Pieces {
    fn new(body: Body, pulse: &Pulse, counter: Option<Counter>) -> Self {
        let body = match body {
            Body::Again(again) => Body::Stream((again.begin)().with_length(again.length)),
            body => body,
        };
        Self { body, last: None, pulse: pulse.clone(), counter }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.pulse.beat();
        let this = &mut *self;
        let piece = match &mut this.body {
            Body::Bytes(bytes) if !bytes.is_empty() => Some(Ok(bytes.split_to(bytes.len().min(PIECE)))),
            Body::Stream(stream) => {
                ready!(next(stream, &mut this.last, cx)).map(|piece| piece.map_err(error::elsewhere))
            }
            Body::Empty | Body::Bytes(_) | Body::Again(_) => None,
        };
        if let (Some(counter), Some(Ok(piece))) = (&mut self.counter, &piece) {
            counter.add(piece.len() as u64);
        }
        Poll::Ready(piece)
    }
}

/// Returns the next piece of a stream. One that says how long it is has its last piece held back until it has ended there: what
/// goes on would be cut off, and nobody would be told.
fn next(stream: &mut ByteStream, last: &mut Option<Bytes>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
    if last.is_none() {
        let piece = ready!(Pin::new(&mut *stream).poll_next(cx));
        match piece {
            Some(Ok(piece)) if stream.length() == Some(0) => *last = Some(piece),
            piece => return Poll::Ready(piece),
        }
    }
    match ready!(Pin::new(stream).poll_next(cx)) {
        Some(Err(longer)) => {
            *last = None;
            Poll::Ready(Some(Err(longer)))
        }
        _ => Poll::Ready(last.take().map(Ok)),
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.poll_next(cx).map(|piece| piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.last.as_ref().map_or(0, Bytes::len) as u64;
        self.body.length().map(|length| SizeHint::with_exact(length + held)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_bytes_go_piece_by_piece_and_lose_nothing() {
        let bytes: Bytes = (0..PIECE * 2 + 7).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let body = Body::Bytes(bytes.clone());
        assert_eq!(body.again().unwrap().length(), Some(bytes.len() as u64));
        let stream = body.into_stream(&Pulse::new(), None);
        assert_eq!(stream.length(), Some(bytes.len() as u64));
        assert_eq!(stream.bytes_within(usize::MAX).await.unwrap(), bytes);
        assert!(Body::Stream(ByteStream::new(futures_util::stream::empty())).again().is_none());
    }

    /// Whoever sends a body stops asking when it has as many bytes as were announced.
    #[tokio::test]
    async fn a_stream_that_is_longer_than_it_says_is_not_cut_off() {
        let stream = |length: u64| {
            let pieces = ["hello", " world"].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
            let stream = ByteStream::new(futures_util::stream::iter(pieces)).with_length(length);
            Pieces::new(Body::Stream(stream), &Pulse::new(), None)
        };
        let mut longer = stream(5);
        assert!(futures_util::StreamExt::next(&mut longer).await.unwrap().is_err());
        let mut whole = stream(11);
        for expected in ["hello", " world"] {
            assert_eq!(futures_util::StreamExt::next(&mut whole).await.unwrap().unwrap(), expected);
        }
        assert!(futures_util::StreamExt::next(&mut whole).await.is_none());
    }
}
