//! Checksums of what goes through.

use std::{
    fmt::Write as _,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_core::Stream;
use md5::{Digest, Md5};
use zato_core::{Result, bytes::Bytes, message::ByteStream};

/// Returns the MD5 of bytes, in hexadecimal, as Swift has it for an ETag.
pub(crate) fn md5(bytes: &[u8]) -> String {
    hexadecimal(&Md5::digest(bytes))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The checksum of what has gone through a stream so far, and how much that was.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum(Arc<Mutex<(Md5, u64)>>);

impl Sum {
    pub(super) fn add(&self, piece: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.update(piece);
        state.1 += piece.len() as u64;
    }

    /// Returns the checksum of all that has gone through.
    pub(super) fn etag(&self) -> String {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hexadecimal(&state.0.clone().finalize())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Takes the sum of what goes through a stream.
    pub(super) fn of(&self, stream: ByteStream) -> ByteStream {
        let length = stream.length();
        let summed = ByteStream::new(Summed { stream, sum: self.clone() });
        match length {
            Some(length) => summed.with_length(length),
            None => summed,
        }
    }
}

struct Summed {
    stream: ByteStream,
    sum: Sum,
}

impl Stream for Summed {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let piece = std::task::ready!(Pin::new(&mut self.stream).poll_next(cx));
        if let Some(Ok(bytes)) = &piece {
            self.sum.add(bytes);
        }
        Poll::Ready(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sum_is_that_of_all_pieces() {
        let sum = Sum::default();
        let pieces = ["mess", "age ", "digest"].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        let stream = sum.of(ByteStream::new(futures_util::stream::iter(pieces)));
        assert_eq!(stream.bytes_within(100).await.unwrap(), "message digest");
        // RFC 1321 §A.5.
        assert_eq!((sum.etag().as_str(), sum.bytes()), ("f96b697d7cb7938d525a2f31aaf161d0", 14));
        assert_eq!(md5(b"message digest"), sum.etag());
    }
}
