use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use tracing::Span;

use crate::error::{Error, Kind, Result};

/// Bytes that come in pieces, one at a time, and only as fast as somebody takes them.
///
/// Nothing is read ahead: as long as nobody asks for the next piece, whoever makes them waits, over a socket, too. After
/// its end or an error it gives nothing more.
///
/// ```
/// use zato_core::service::Raw;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let mut stream = Raw::from_reader(&b"a,b\n1,2\n"[..]).into_stream().with_length(8);
/// assert_eq!(stream.length(), Some(8));
/// assert_eq!(stream.chunk().await?.unwrap(), "a,b\n1,2\n");
/// assert_eq!((stream.chunk().await?, stream.length()), (None, Some(0)));
/// # Ok(())
/// # }
/// ```
///
/// It is one pointer wide, so that a payload that is none costs nothing for it.
pub struct ByteStream(Box<Inner>);

struct Inner {
    /// A mutex that is never locked: with it a service may hold a stream across an await, by reference, too.
    pieces: Mutex<Pieces>,
    /// How many bytes are to come, if that is known.
    left: Option<u64>,
    /// What the pieces are made in: those of a reply come after the request's own span was left.
    span: Span,
    /// What has to live for as long as pieces come, and no longer.
    kept: Option<Box<dyn Any + Send + Sync>>,
    is_over: bool,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

impl ByteStream {
    /// Takes a stream of bytes.
    pub fn new<S>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes>> + Send + 'static,
    {
        let pieces: Mutex<Pieces> = Mutex::new(Box::pin(stream));
        Self(Box::new(Inner { pieces, left: None, span: Span::none(), kept: None, is_over: false }))
    }

    /// Says how many bytes are to come. A stream that gives more, or fewer, fails with
    /// [`Internal`](crate::Kind::Internal): who was told the length would take what follows for something else.
    #[must_use]
    pub fn with_length(mut self, length: u64) -> Self {
        self.0.left = Some(length);
        self
    }

    /// Returns how many bytes are to come, if that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.0.left
    }

    /// Waits for the next piece, which is never empty; `None` is the end.
    ///
    /// # Errors
    ///
    /// What the stream fails with, after which it is at its end. That of a request's body:
    /// [`TooLarge`](crate::Kind::TooLarge) above the channel's limit, [`Timeout`](crate::Kind::Timeout) if nothing came for
    /// too long, [`InvalidInput`](crate::Kind::InvalidInput) if the client broke off.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: the piece is given to whoever asks next.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }

    /// Reads everything that is to come, as long as it is no more than so many bytes.
    ///
    /// # Errors
    ///
    /// As [`ByteStream::chunk`]; [`TooLarge`](crate::Kind::TooLarge) if there is more.
    pub async fn bytes_within(mut self, max: usize) -> Result<Bytes> {
        let too_large = || Error::new(Kind::TooLarge, format!("the body is larger than {max} bytes"));
        if self.length().is_some_and(|left| left > u64::try_from(max).unwrap_or(u64::MAX)) {
            return Err(too_large());
        }
        let first = self.chunk().await?.unwrap_or_default();
        if first.len() > max {
            return Err(too_large());
        }
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let (mut whole, mut next) = (BytesMut::from(first), Some(second));
        while let Some(piece) = next {
            if piece.len() > max - whole.len() {
                return Err(too_large());
            }
            whole.extend_from_slice(&piece);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }

    /// Makes the pieces in a span.
    pub(crate) fn set_span(&mut self, span: Span) {
        self.0.span = span;
    }

    /// Keeps something alive until the stream has ended, or is dropped.
    pub fn keep(&mut self, kept: impl Any + Send + Sync) {
        self.0.kept = Some(match self.0.kept.take() {
            Some(before) => Box::new((before, kept)),
            None => Box::new(kept),
        });
    }
}

impl Inner {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let _entered = self.span.enter();
        let pieces = self.pieces.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            // It runs where a reply is written, on behalf of a whole connection: a panic must not take that down, and
            // whoever panicked is not asked again.
            let next = catch_unwind(AssertUnwindSafe(|| pieces.as_mut().poll_next(cx)));
            let Ok(next) = next else {
                return Poll::Ready(Some(Err(Error::internal("the stream of a body panicked"))));
            };
            match ready!(next) {
                Some(Ok(piece)) if piece.is_empty() => {}
                other => return Poll::Ready(other),
            }
        }
    }

    /// Counts what has come against what was announced.
    fn count(&mut self, next: Option<Result<Bytes>>) -> Option<Result<Bytes>> {
        match (next, self.left) {
            (Some(Ok(piece)), Some(left)) => {
                let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                let more = || Err(Error::internal("a stream gave more bytes than were announced"));
                self.left = left.checked_sub(length);
                Some(self.left.map(|_| piece).map_or_else(more, Ok))
            }
            (None, Some(left @ 1..)) => {
                let fewer = format!("a stream ended {left} bytes before the length that was announced");
                Some(Err(Error::internal(fewer)))
            }
            (next, _) => next,
        }
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = &mut *self.get_mut().0;
        if this.is_over {
            return Poll::Ready(None);
        }
        let next = ready!(this.poll_piece(cx));
        let next = this.count(next);
        this.is_over = !matches!(next, Some(Ok(_)));
        if this.is_over {
            this.kept = None;
        }
        Poll::Ready(next)
    }
}

/// Says how long it is, never what it says.
impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length() {
            Some(left) => write!(f, "ByteStream({left} bytes)"),
            None => f.write_str("ByteStream"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Gives what is in the list, and panics where that says so.
    struct List(VecDeque<Result<&'static str>>);

    impl Stream for List {
        type Item = Result<Bytes>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
            let next = self.0.pop_front();
            assert!(!matches!(next, Some(Ok("panic"))), "told to");
            Poll::Ready(next.map(|piece| piece.map(Bytes::from)))
        }
    }

    fn stream(pieces: &[&'static str]) -> ByteStream {
        ByteStream::new(List(pieces.iter().copied().map(Ok).collect()))
    }

    #[tokio::test]
    async fn pieces_come_one_at_a_time_and_empty_ones_do_not() {
        let mut stream = stream(&["a", "", "bc"]);
        assert_eq!(stream.chunk().await.unwrap().unwrap(), "a");
        assert_eq!(stream.chunk().await.unwrap().unwrap(), "bc");
        assert!(stream.chunk().await.unwrap().is_none() && stream.chunk().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_length_that_does_not_fit_is_an_error_and_the_end() {
        for (length, said) in [
            (2, "a stream gave more bytes than were announced"),
            (4, "a stream ended 1 bytes before the length that was announced"),
        ] {
            let mut stream = stream(&["a", "bc"]).with_length(length);
            assert_eq!((stream.chunk().await.unwrap().unwrap(), stream.length()), ("a".into(), Some(length - 1)));
            let error = match stream.chunk().await {
                Ok(_) => stream.chunk().await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.to_string(), said);
            assert!(stream.chunk().await.unwrap().is_none());
        }
        assert_eq!(stream(&["a", "bc"]).with_length(3).bytes_within(3).await.unwrap(), "abc");
    }

    #[tokio::test]
    async fn what_is_read_whole_has_a_limit() {
        for pieces in [&["abc"][..], &["a", "bc"], &["a", "b", "c"]] {
            assert_eq!(stream(pieces).bytes_within(3).await.unwrap(), "abc");
            let error = stream(pieces).bytes_within(2).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (Kind::TooLarge, "the body is larger than 2 bytes"));
        }
        assert_eq!(stream(&[]).bytes_within(0).await.unwrap(), "");
        assert_eq!(stream(&["a"]).with_length(9).bytes_within(2).await.unwrap_err().kind(), Kind::TooLarge);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_end() {
        let mut stream = stream(&["a", "panic", "b"]);
        assert!(stream.chunk().await.is_ok());
        assert_eq!(stream.chunk().await.unwrap_err().to_string(), "the stream of a body panicked");
        assert!(stream.chunk().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_error_is_the_end() {
        let list = [Ok("a"), Err(Error::upstream("broken")), Ok("b")];
        let mut stream = ByteStream::new(List(VecDeque::from(list)));
        assert!(stream.chunk().await.is_ok());
        assert_eq!(stream.chunk().await.unwrap_err().kind(), Kind::Upstream);
        assert!(stream.chunk().await.unwrap().is_none());
    }

    #[test]
    fn a_stream_goes_anywhere() {
        fn goes_anywhere<T: Send + Sync + 'static>() {}
        goes_anywhere::<ByteStream>();
    }
}
