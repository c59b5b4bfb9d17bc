use std::io::SeekFrom;

use futures_util::stream;
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};
use zato_core::{
    Result,
    bytes::{Bytes, BytesMut},
    message::ByteStream,
};

use super::{Folder, is_missing};
use crate::{
    object::ByteRange,
    storage::{
        error::{not_found, of_file},
        get::{Part, ended},
        place::Place,
    },
};

/// How much is read at once.
const PIECE: usize = 256 * 1024;

impl Folder {
    /// Begins to read a file. It is read as it was then, whoever puts another in its place meanwhile.
    pub(crate) async fn read(&self, place: Place<'_>, range: Option<ByteRange>) -> Result<Part> {
        self.is_within(&self.path(place)).await?;
        let file = File::open(self.path(place)).await;
        let mut file = file.map_err(|error| if is_missing(&error) { not_found() } else { of_file(error) })?;
        let known = file.metadata().await.map_err(of_file)?;
        if !known.is_file() {
            return Err(not_found());
        }
        let mut details = self.head(place).await?;
        let length = known.len();
        let (first, end) = range.map_or(Some((0, length)), |range| range.within(length)).ok_or_else(ended)?;
        details.bytes = end - first;
        details.last_modified = known.modified().ok().map(Into::into).or(details.last_modified);
        if first > 0 {
            file.seek(SeekFrom::Start(first)).await.map_err(of_file)?;
        }
        Ok(Part { stream: pieces(file, details.bytes), details })
    }
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
