use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use pin_project_lite::pin_project;
use tokio::io::{AsyncBufRead, AsyncRead};
use tokio_util::io::{ReaderStream, StreamReader};

use crate::{
    error::{BoxError, Error, Result},
    message::ByteStream,
};

/// How much is read at once from a file or whatever else is read; a few of them are all that is held of it.
const PIECE: usize = 64 * 1024;

/// Bytes as they come or go, for a service that reads or writes its payload itself: all at once, or in pieces.
///
/// ```
/// use zato_core::service::Raw;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let reply = Raw::new("a,b\n1,2\n").with_content_type("text/csv");
/// assert_eq!(reply.bytes().await?, "a,b\n1,2\n");
///
/// // A file or anything else that can be read goes out piece by piece, whatever its size.
/// let file: &[u8] = b"any number of bytes";
/// let mut reply = Raw::from_reader(file);
/// while let Some(piece) = reply.chunk().await? {
///     assert_eq!(piece, "any number of bytes");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Raw {
    content: Content,
    content_type: Option<HeaderValue>,
}

#[derive(Debug)]
enum Content {
    Bytes(Bytes),
    Stream(ByteStream),
}

impl Default for Content {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl Raw {
    /// Takes bytes, told as `application/octet-stream` unless said otherwise.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Bytes(bytes.into()), content_type: None }
    }

    /// Takes bytes that come in pieces, each as soon as the caller has room for it.
    ///
    /// An error after the first piece breaks the reply off, which is all that a caller over HTTP can be told then.
    pub fn from_stream<S, B, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Error>,
    {
        Self::of(ByteStream::new(Converted { stream }))
    }

    /// Takes what can be read, such as a file of tokio's, as a stream.
    pub fn from_reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::from_stream(ReaderStream::with_capacity(reader, PIECE))
    }

    pub(crate) fn of(stream: ByteStream) -> Self {
        Self { content: Content::Stream(stream), content_type: None }
    }

    /// Says how many bytes a stream will give, so that a caller over HTTP learns it before they come. One that gives
    /// more or fewer fails with [`Internal`](crate::Kind::Internal). Bytes that are there know their length.
    #[must_use]
    pub fn with_length(mut self, length: u64) -> Self {
        if let Content::Stream(stream) = self.content {
            self.content = Content::Stream(stream.with_length(length));
        }
        self
    }

    /// Sets what the bytes are called (RFC 6838).
    ///
    /// # Panics
    ///
    /// If the text can't stand in a header.
    #[must_use]
    #[track_caller]
    pub fn with_content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = Some(HeaderValue::from_static(content_type));
        self
    }

    /// Sets what the bytes are called to what a header says.
    #[must_use]
    pub fn with_content_type_of(mut self, content_type: Option<HeaderValue>) -> Self {
        self.content_type = content_type;
        self
    }

    /// Returns what the bytes are called, if anybody said.
    #[must_use]
    pub fn content_type(&self) -> Option<&HeaderValue> {
        self.content_type.as_ref()
    }

    /// Returns how many bytes are to come, if that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
            Content::Stream(stream) => stream.length(),
        }
    }

    /// Returns the bytes, if they are there as a whole.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Stream(_) => None,
        }
    }

    /// Reads everything. Of a request that is no more than its channel's `max_body_size`; a stream of another service's is
    /// read however long it is, which [`Raw::bytes_within`] does not.
    ///
    /// # Errors
    ///
    /// As [`Raw::chunk`].
    pub async fn bytes(self) -> Result<Bytes> {
        match self.content {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Stream(stream) => stream.bytes_within(usize::MAX).await,
        }
    }

    /// Reads everything, as long as it is no more than so many bytes.
    ///
    /// # Errors
    ///
    /// As [`Raw::chunk`]; [`TooLarge`](crate::Kind::TooLarge) if there is more.
    pub async fn bytes_within(self, max: usize) -> Result<Bytes> {
        self.into_stream().bytes_within(max).await
    }

    /// Waits for the next piece, which is never empty; `None` is the end. Bytes that are there are one piece.
    ///
    /// # Errors
    ///
    /// What the stream fails with, after which it is at its end. That of a request's body:
    /// [`TooLarge`](crate::Kind::TooLarge) above the channel's `max_body_size`, [`Timeout`](crate::Kind::Timeout) if
    /// nothing came for `server.body_timeout`, [`InvalidInput`](crate::Kind::InvalidInput) if the client broke off.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: the piece is given to whoever asks next.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match &mut self.content {
            Content::Bytes(bytes) if bytes.is_empty() => Ok(None),
            Content::Bytes(bytes) => Ok(Some(std::mem::take(bytes))),
            Content::Stream(stream) => stream.chunk().await,
        }
    }

    /// Returns the pieces as a stream, such as another library may want them.
    #[must_use]
    pub fn into_stream(self) -> ByteStream {
        match self.content {
            Content::Bytes(bytes) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                ByteStream::new(Once(bytes)).with_length(length)
            }
            Content::Stream(stream) => stream,
        }
    }

    /// Returns the pieces as something to read, line by line, too. An error comes as one of I/O, and is what it was once
    /// more when `?` turns it into ours.
    pub fn into_reader(self) -> impl AsyncBufRead + Send + Sync + Unpin + 'static {
        StreamReader::new(Readable(self.into_stream()))
    }

    /// Returns the bytes, or else the stream.
    pub(crate) fn into_content(self) -> Result<Bytes, ByteStream> {
        match self.content {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Stream(stream) => Err(stream),
        }
    }
}

impl From<ByteStream> for Raw {
    fn from(stream: ByteStream) -> Self {
        Self::of(stream)
    }
}

pin_project! {
    /// A stream of somebody else's, with our bytes and our error.
    struct Converted<S> {
        #[pin]
        stream: S,
    }
}

impl<S, B, E> Stream for Converted<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
    E: Into<Error>,
{
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let next = self.project().stream.poll_next(cx);
        next.map(|next| next.map(|piece| piece.map(Into::into).map_err(Into::into)))
    }
}

/// Bytes that are there, as a stream of one piece.
struct Once(Bytes);

impl Stream for Once {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
    }
}

/// A stream whose errors are those of I/O.
struct Readable(ByteStream);

impl Stream for Readable {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let next = Pin::new(&mut self.0).poll_next(cx);
        next.map(|next| next.map(|piece| piece.map_err(|error| io::Error::other(BoxError::from(error)))))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncBufRead;

    use super::*;
    use crate::error::Kind;

    #[tokio::test]
    async fn bytes_are_one_piece_and_know_their_length() {
        let mut raw = Raw::new("abc");
        assert_eq!((raw.length(), raw.as_bytes().unwrap()), (Some(3), &Bytes::from("abc")));
        assert_eq!(raw.chunk().await.unwrap().unwrap(), "abc");
        assert!(raw.chunk().await.unwrap().is_none());
        assert_eq!(Raw::new("abc").bytes_within(3).await.unwrap(), "abc");
        assert_eq!(Raw::new("abc").bytes_within(2).await.unwrap_err().kind(), Kind::TooLarge);
        assert_eq!(Raw::new("abc").into_stream().length(), Some(3));
        assert_eq!(Raw::default().bytes().await.unwrap(), "");
    }

    #[tokio::test]
    async fn what_can_be_read_comes_in_pieces() {
        let text = "x".repeat(200_000);
        let mut raw = Raw::from_reader(io::Cursor::new(text.clone())).with_length(200_000);
        let (mut whole, mut pieces) = (Vec::new(), 0);
        while let Some(piece) = raw.chunk().await.unwrap() {
            assert!(piece.len() <= PIECE);
            whole.extend_from_slice(&piece);
            pieces += 1;
        }
        assert!(pieces >= 4 && whole == text.as_bytes());
    }

    #[tokio::test]
    async fn an_error_of_ours_stays_one_through_a_reader() {
        let (mut reader, mut left) = (Raw::of(ByteStream::new(Failing)).into_reader(), 0);
        let read =
            std::future::poll_fn(|cx| Pin::new(&mut reader).poll_fill_buf(cx).map_ok(|bytes| left += bytes.len()));
        let error = Error::from(read.await.unwrap_err());
        assert_eq!((error.kind(), error.message(), left), (Kind::TooLarge, "too much", 0));
    }

    struct Failing;

    impl Stream for Failing {
        type Item = Result<Bytes>;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
            Poll::Ready(Some(Err(Error::new(Kind::TooLarge, "too much"))))
        }
    }
}
