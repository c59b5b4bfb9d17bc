//! Files, of which each segment is read where it stands.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::stream;
use md5::{Digest as _, Md5};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use zato_core::{
    Error, Kind, Result,
    bytes::{Bytes, BytesMut},
    message::ByteStream,
};

use crate::object::checked::hexadecimal;

/// How much is read at once.
const PIECE: usize = 256 * 1024;

/// A file, as it was when the upload began.
#[derive(Debug)]
pub(super) struct Whole {
    path: Arc<Path>,
    pub(super) length: u64,
    /// Since 1970.
    modified: Duration,
    /// How much of it was handed out.
    given: u64,
}

/// A part of a file.
#[derive(Clone, Debug)]
pub(super) struct FilePart {
    path: Arc<Path>,
    first: u64,
    pub(super) length: u64,
}

impl Whole {
    pub(super) async fn open(path: PathBuf) -> Result<Self> {
        let path: Arc<Path> = path.into();
        let (length, modified) = look(&path).await?;
        Ok(Self { path, length, modified, given: 0 })
    }

    /// Returns what names this content of the file, for as long as nobody writes into it.
    pub(super) fn key(&self) -> String {
        // python-swiftclient has six digits, and segments of its own.
        format!("{}.{:09}", self.modified.as_secs(), self.modified.subsec_nanos())
    }

    /// Returns the next part; `None` is the end.
    pub(super) fn next(&mut self, size: u64) -> Option<FilePart> {
        let (first, length) = (self.given, size.min(self.length - self.given));
        self.given += length;
        (length > 0).then(|| FilePart { path: Arc::clone(&self.path), first, length })
    }

    /// # Errors
    ///
    /// [`Conflict`](Kind::Conflict) if somebody has written into it.
    pub(super) async fn is_the_same(&self) -> Result<()> {
        if look(&self.path).await? == (self.length, self.modified) { Ok(()) } else { Err(changed(&self.path)) }
    }
}

async fn look(path: &Path) -> Result<(u64, Duration)> {
    let metadata = tokio::fs::metadata(path).await.map_err(|error| unreadable(path, error))?;
    if !metadata.is_file() {
        return Err(Error::invalid_input("what is to be uploaded is no file").with("path", path.display()));
    }
    let modified = metadata.modified().ok().and_then(|when| when.duration_since(SystemTime::UNIX_EPOCH).ok());
    Ok((metadata.len(), modified.unwrap_or_default()))
}

impl FilePart {
    /// Works out the MD5 of it, in hexadecimal. It blocks.
    pub(super) fn md5(&self) -> Result<String> {
        let read = || -> std::io::Result<Option<Md5>> {
            let (mut sum, mut left, mut buffer) = (Md5::new(), self.length, vec![0; PIECE]);
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.first))?;
            while left > 0 {
                let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                let read = file.read(buffer.get_mut(..wanted).unwrap_or_default())?;
                if read == 0 {
                    return Ok(None);
                }
                sum.update(buffer.get(..read).unwrap_or_default());
                left -= read as u64;
            }
            Ok(Some(sum))
        };
        let sum = read().map_err(|error| unreadable(&self.path, error))?;
        sum.map(|sum| hexadecimal(&sum.finalize())).ok_or_else(|| changed(&self.path))
    }

    /// Begins to read it.
    pub(super) fn stream(&self) -> ByteStream {
        let reading = Reading { file: None, part: self.clone() };
        ByteStream::new(stream::try_unfold(reading, |mut reading| async move {
            Ok(reading.next().await?.map(|piece| (piece, reading)))
        }))
    }
}

struct Reading {
    file: Option<tokio::fs::File>,
    /// What is still to be read.
    part: FilePart,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let FilePart { path, first, length } = &mut self.part;
        if *length == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(*length).unwrap_or(PIECE).min(PIECE);
        let read = async {
            let file = match &mut self.file {
                Some(file) => file,
                none => {
                    let mut file = tokio::fs::File::open(&path).await?;
                    file.seek(SeekFrom::Start(*first)).await?;
                    none.insert(file)
                }
            };
            let mut piece = BytesMut::with_capacity(wanted);
            file.take(wanted as u64).read_buf(&mut piece).await?;
            Ok(piece.freeze())
        };
        let piece = read.await.map_err(|error| unreadable(path, error))?;
        if piece.is_empty() {
            return Err(changed(path));
        }
        *length -= piece.len() as u64;
        Ok(Some(piece))
    }
}

#[cold]
fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Internal };
    Error::new(kind, "the file can't be read").with("path", path.display()).with_source(error)
}

#[cold]
fn changed(path: &Path) -> Error {
    Error::conflict("the file was changed while it was uploaded").with("path", path.display())
}
