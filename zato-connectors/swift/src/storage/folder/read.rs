//! Reading files, and what is kept with them.

use std::{
    fs,
    io::{Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use futures_util::stream;
use tokio::{fs::File, io::AsyncReadExt as _};
use zato_core::{
    Result,
    bytes::{Bytes, BytesMut},
    message::ByteStream,
};

use super::{Attributes, Folder, blocking, there};
use crate::{
    object::ByteRange,
    storage::{
        details::ObjectDetails,
        error::of_file,
        get::{Part, ended},
        place::Place,
    },
};

/// How much is read at once.
const PIECE: usize = 256 * 1024;

impl Folder {
    /// Returns what is known of a file.
    pub(crate) async fn head(&self, place: Place<'_>) -> Result<ObjectDetails> {
        let (shared, path) = (Arc::clone(&self.shared), self.path(place));
        blocking(move || opened(&shared.root, &path).map(|(_, details)| details)).await
    }

    /// Begins to read a file. It is read as it was then, whoever puts another in its place meanwhile.
    pub(crate) async fn read(&self, place: Place<'_>, range: Option<ByteRange>) -> Result<Part> {
        let (shared, path) = (Arc::clone(&self.shared), self.path(place));
        let begin = move || {
            let (mut file, mut details) = opened(&shared.root, &path)?;
            let length = details.bytes;
            let (first, end) = range.map_or(Some((0, length)), |range| range.within(length)).ok_or_else(ended)?;
            details.bytes = end - first;
            if first > 0 {
                file.seek(SeekFrom::Start(first)).map_err(of_file)?;
            }
            Ok((file, details))
        };
        let (file, details) = blocking(begin).await?;
        Ok(Part { stream: pieces(File::from_std(file), details.bytes), details })
    }
}

/// Opens a file, with what is known of just this one.
fn opened(root: &Path, path: &Path) -> Result<(fs::File, ObjectDetails)> {
    let file = there::open(root, path)?;
    let known = file.metadata().map_err(of_file)?;
    let Attributes { content_type, metadata } = Attributes::read(&file).map_err(of_file)?;
    let last_modified = known.modified().ok().map(Into::into);
    Ok((file, ObjectDetails { bytes: known.len(), etag: None, content_type, last_modified, metadata }))
}

fn pieces(file: File, length: u64) -> ByteStream {
    let pieces = stream::unfold((file, length), |(mut file, left)| async move {
        let piece = piece(&mut file, left).await.transpose()?;
        let read = piece.as_ref().map_or(left, |bytes| bytes.len() as u64);
        Some((piece, (file, left.saturating_sub(read))))
    });
    ByteStream::new(pieces).with_length(length)
}

async fn piece(file: &mut File, left: u64) -> Result<Option<Bytes>> {
    let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
    if size == 0 {
        return Ok(None);
    }
    let mut piece = BytesMut::with_capacity(size);
    let read = file.take(size as u64).read_buf(&mut piece).await.map_err(of_file)?;
    Ok(Some(piece.freeze()).filter(|_| read > 0))
}
