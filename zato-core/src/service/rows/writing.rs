//! From rows to the bytes of a reply.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;

use super::Rows;
use crate::{
    error::Result,
    format::ListWriter,
    message::{ByteStream, Head},
    model::Model,
};

/// From how many bytes on rows are sent although the next one is there already.
const PIECE: usize = 16 * 1024;

/// Makes the bytes of a reply, and says what they are called.
pub(super) fn stream<T: Model>(rows: Rows<T>, head: &Head) -> Result<(ByteStream, HeaderValue)> {
    let (writer, content_type) = ListWriter::new(head)?;
    let writing = Writing { rows, writer: Some(writer), buffer: Vec::new() };
    Ok((ByteStream::new(writing), content_type))
}

struct Writing<T> {
    rows: Rows<T>,
    /// Until everything was written.
    writer: Option<ListWriter<T>>,
    buffer: Vec<u8>,
}

// Nothing in it is ever pinned.
impl<T> Unpin for Writing<T> {}

impl<T: Model> Writing<T> {
    /// Writes rows until there is enough to be sent; `true` if more may come.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.buffer.len() < PIECE {
            let Some(writer) = &mut self.writer else { break };
            match Pin::new(&mut self.rows).poll_next(cx) {
                Poll::Pending if self.buffer.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Some(row)) => writer.push(row?, &mut self.buffer)?,
                Poll::Ready(None) => {
                    if let Some(writer) = self.writer.take() {
                        writer.finish(&mut self.buffer)?;
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Model> Stream for Writing<T> {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = &mut *self;
        match this.fill(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) if this.buffer.is_empty() => Poll::Ready(None),
            Poll::Ready(Ok(())) => {
                let piece = std::mem::take(&mut this.buffer);
                Poll::Ready(Some(Ok(piece.into())))
            }
        }
    }
}
