use zato_core::{
    Result,
    bytes::{Bytes, BytesMut},
    message::ByteStream,
};

use crate::error;

/// A stream, cut into pieces of a size.
#[derive(Debug)]
pub(super) struct Cutter {
    stream: ByteStream,
    /// A piece that was read to see whether it is all.
    ready: Option<Bytes>,
    /// What has come, and is part of no piece yet.
    rest: Bytes,
    /// What has come of the next piece.
    begun: BytesMut,
    /// Pieces that were put together here, whose memory the next ones are put together in. Allocators give back late what is as
    /// large as that, so that memory would be needed for more of them than there are.
    lent: Vec<Bytes>,
    is_over: bool,
}

impl Cutter {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self { stream, ready: None, rest: Bytes::new(), begun: BytesMut::new(), lent: Vec::new(), is_over: false }
    }

    /// Returns how many bytes are to come of the stream, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.stream.length()
    }

    /// Returns the next piece; `None` is the end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn next(&mut self, size: usize) -> Result<Option<Bytes>> {
        if let Some(ready) = self.ready.take() {
            return Ok(Some(ready));
        }
        loop {
            if self.begun.is_empty() && self.rest.len() >= size {
                return Ok(Some(self.rest.split_to(size)));
            }
            self.take(size);
            if self.begun.len() >= size || (self.is_over && !self.begun.is_empty()) {
                let piece = std::mem::take(&mut self.begun).freeze();
                self.lent.push(piece.clone());
                return Ok(Some(piece));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Returns the first piece if it is all there is.
    pub(super) async fn whole(&mut self, size: usize) -> Result<Option<Bytes>> {
        let first = self.next(size).await?.unwrap_or_default();
        let is_all = self.rest.is_empty() && !self.read().await?;
        if is_all {
            return Ok(Some(first));
        }
        self.ready = Some(first);
        Ok(None)
    }

    fn take(&mut self, size: usize) {
        let taken = self.rest.split_to(self.rest.len().min(size.saturating_sub(self.begun.len())));
        if taken.is_empty() {
            return;
        }
        if self.begun.is_empty() {
            self.begun = self.returned(size);
            // At once, as growing would copy it and need more memory than it has.
            let left = self.stream.length().and_then(|left| usize::try_from(left).ok()).unwrap_or(size);
            self.begun.reserve(size.min(left.saturating_add(taken.len())));
        }
        self.begun.extend_from_slice(&taken);
    }

    /// Returns the memory of a piece of that size that nobody has any more, or none. What is too small is let go of.
    fn returned(&mut self, size: usize) -> BytesMut {
        self.lent.retain(|piece| !piece.is_unique() || piece.len() >= size);
        let returned = self.lent.iter().position(Bytes::is_unique).map(|place| self.lent.swap_remove(place));
        let mut memory = returned.and_then(|piece| piece.try_into_mut().ok()).unwrap_or_default();
        memory.clear();
        memory
    }

    /// Waits for more, and returns whether there is.
    async fn read(&mut self) -> Result<bool> {
        if self.is_over {
            return Ok(!self.begun.is_empty());
        }
        match self.stream.chunk().await.map_err(error::elsewhere)? {
            Some(piece) => self.rest = piece,
            None => self.is_over = true,
        }
        Ok(!self.is_over || !self.begun.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cutter(pieces: &[&'static str]) -> Cutter {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from(*piece))).collect();
        Cutter::new(ByteStream::new(futures_util::stream::iter(pieces)))
    }

    async fn all(mut cutter: Cutter, size: usize) -> Vec<Bytes> {
        let mut all = Vec::new();
        while let Some(piece) = cutter.next(size).await.unwrap() {
            all.push(piece);
        }
        assert!(cutter.next(size).await.unwrap().is_none());
        all
    }

    #[tokio::test]
    async fn a_stream_is_cut_wherever_its_own_pieces_end() {
        for pieces in [&["abcdefgh"][..], &["a", "bcd", "efgh"], &["abc", "def", "gh"], &["abcd", "e", "f", "g", "h"]] {
            assert_eq!(all(cutter(pieces), 3).await, ["abc", "def", "gh"], "{pieces:?}");
            assert_eq!(all(cutter(pieces), 4).await, ["abcd", "efgh"], "{pieces:?}");
        }
        assert!(all(cutter(&[]), 3).await.is_empty());
    }

    #[tokio::test]
    async fn memory_is_used_again_once_nobody_has_what_was_in_it() {
        let mut cutter = cutter(&["ab", "cd", "ef", "gh", "ij", "klm", "n"]);
        let first = cutter.next(3).await.unwrap().unwrap();
        let second = cutter.next(3).await.unwrap().unwrap();
        assert_eq!((&first[..], &second[..]), (&b"abc"[..], &b"def"[..]));
        assert_ne!(first.as_ptr(), second.as_ptr(), "somebody has it still");
        let memory = first.as_ptr();
        drop(first);
        let third = cutter.next(3).await.unwrap().unwrap();
        assert_eq!((&third[..], third.as_ptr(), &second[..]), (&b"ghi"[..], memory, &b"def"[..]));
        drop((second, third));
        let larger = cutter.next(5).await.unwrap().unwrap();
        assert_eq!((&larger[..], cutter.lent.len()), (&b"jklmn"[..], 1), "no memory is kept that is too small");
    }

    #[tokio::test]
    async fn what_is_all_there_is_is_told_and_nothing_else_is_lost() {
        for (pieces, is_all) in
            [(&["ab", "c"][..], true), (&["abc"], true), (&[], true), (&["abc", "d"], false), (&["abcd"], false)]
        {
            let mut cutter = cutter(pieces);
            let whole = cutter.whole(3).await.unwrap();
            assert_eq!(whole.is_some(), is_all, "{pieces:?}");
            let left = all(cutter, 3).await.concat();
            let read = whole.unwrap_or_default();
            assert_eq!([read.as_ref(), &left].concat(), pieces.concat().into_bytes(), "{pieces:?}");
        }
    }
}
