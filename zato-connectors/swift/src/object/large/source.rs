use std::{fmt, path::PathBuf};

use zato_core::{Error, Result, bytes::Bytes, message::ByteStream};

use super::{
    cutter::Cutter,
    file::{FilePart, Whole},
};
use crate::{
    object::checked::md5,
    transport::{Again, Body},
};

/// What is uploaded: bytes, a text, or a [stream](ByteStream).
///
/// # Examples
///
/// ```
/// use zato_core::{bytes::Bytes, message::ByteStream};
/// use zato_swift::Source;
///
/// let text = Source::from("id,amount\n");
/// let bytes = Source::from(Bytes::from_static(b"id,amount\n"));
/// let stream = Source::from(ByteStream::new(futures_util::stream::empty()));
/// # drop((text, bytes, stream));
/// ```
pub struct Source(Kind);

enum Kind {
    Bytes(Bytes),
    Stream(ByteStream),
    File(PathBuf),
}

/// A source that is being read.
#[derive(Debug)]
pub(super) enum Opened {
    Bytes(Bytes),
    Stream(Cutter),
    File(Whole),
}

/// What is sent by one request.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    File(FilePart),
}

impl Source {
    pub(in crate::object) fn file(path: PathBuf) -> Self {
        Self(Kind::File(path))
    }

    pub(super) async fn open(self) -> Result<Opened> {
        Ok(match self.0 {
            Kind::Bytes(bytes) => Opened::Bytes(bytes),
            Kind::Stream(stream) => Opened::Stream(Cutter::new(stream)),
            Kind::File(path) => Opened::File(Whole::open(path).await?),
        })
    }
}

impl Opened {
    /// Returns how many bytes it has, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Stream(cutter) => cutter.length(),
            Self::File(file) => Some(file.length),
        }
    }

    /// Whether what is read of it is kept in memory until it was sent, which it is not otherwise.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// # Errors
    ///
    /// [`Conflict`](zato_core::Kind::Conflict) if it is a file, and somebody has written into it.
    pub(super) async fn is_the_same(&self) -> Result<()> {
        if let Self::File(file) = self { file.is_the_same().await } else { Ok(()) }
    }

    /// Returns the next piece, which has so many bytes unless it is the last; `None` is the end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn next(&mut self, size: u64) -> Result<Option<Piece>> {
        let most = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(match self {
            Self::Bytes(bytes) if bytes.is_empty() => None,
            Self::Bytes(bytes) => Some(Piece::Bytes(bytes.split_to(bytes.len().min(most)))),
            Self::Stream(cutter) => cutter.next(most).await?.map(Piece::Bytes),
            Self::File(file) => file.next(size).map(Piece::File),
        })
    }

    /// Returns all of it if it has no more than so many bytes. Otherwise nothing is lost.
    pub(super) async fn whole(&mut self, size: u64) -> Result<Option<Option<Piece>>> {
        if self.length().is_some_and(|length| length > size) {
            return Ok(None);
        }
        match self {
            // It is read to its end, which may be another one than it says.
            Self::Stream(cutter) => {
                let most = usize::try_from(size).unwrap_or(usize::MAX);
                Ok(cutter.whole(most).await?.map(|bytes| Some(Piece::Bytes(bytes))))
            }
            Self::Bytes(_) | Self::File(_) => self.next(size).await.map(Some),
        }
    }
}

impl Piece {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(part) => part.length,
        }
    }

    /// Works out the MD5 of it, in hexadecimal.
    pub(super) async fn md5(&self) -> Result<String> {
        let sum = match self {
            Self::Bytes(bytes) => {
                let bytes = bytes.clone();
                tokio::task::spawn_blocking(move || Ok(md5(&bytes))).await
            }
            Self::File(part) => {
                let part = part.clone();
                tokio::task::spawn_blocking(move || part.md5()).await
            }
        };
        sum.map_err(|error| Error::internal("a checksum was not worked out").with_source(error))?
    }

    pub(super) fn body(self) -> Body {
        match self {
            Self::Bytes(bytes) => Body::Bytes(bytes),
            Self::File(part) => Body::Again(Again::new(part.length, move || part.stream())),
        }
    }
}

impl From<Bytes> for Source {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Source {
    fn from(text: &'static str) -> Self {
        Bytes::from(text).into()
    }
}

impl From<ByteStream> for Source {
    fn from(stream: ByteStream) -> Self {
        Self(Kind::Stream(stream))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Bytes(bytes) => write!(f, "Source({} bytes)", bytes.len()),
            Kind::Stream(stream) => write!(f, "Source({stream:?})"),
            Kind::File(path) => write!(f, "Source({})", path.display()),
        }
    }
}
