use std::{
    io::{self, BufRead, Read},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, header};
use http_body::{Body as HttpBody, Frame};
use zato_core::{BoxError, Error, Kind, config::ContentCoding};

use super::codec::Decoder;
use crate::refusal::Refusal;

/// How much comes out at a time.
const PIECE: usize = 16 * 1024;

/// After how much others get their turn.
const TURN: usize = 16 * PIECE;

/// What is never too much, however small it was: a short body of blanks shrinks to nearly nothing.
const FLOOR: u64 = 64 * 1024;

/// How compressed bodies of requests are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoding {
    /// How many times its compressed size a body may have.
    pub(crate) max_ratio: u32,
}

/// Tells what the body of a request is compressed with; `None` if it isn't.
///
/// # Errors
///
/// 415 with what could be used, if it is compressed in a way that we don't know, or more than once: one time is all that
/// anybody needs, and twice is how bombs are built that are small from outside.
pub(crate) fn coding_of(headers: &HeaderMap, decoding: Option<Decoding>) -> Result<Option<ContentCoding>, Refusal> {
    let mut coding = None;
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    for name in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii) {
        if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            continue;
        }
        let known = KNOWN.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        match known.filter(|_| decoding.is_some()) {
            Some((_, known)) if coding.is_none() => coding = Some(*known),
            _ => return Err(Refusal::unsupported_coding(decoding.is_some())),
        }
    }
    Ok(coding)
}

/// What a body may be compressed with; two of the names mean the same (RFC 9110 §8.4.1.3).
const KNOWN: [(&[u8], ContentCoding); 3] =
    [(b"gzip", ContentCoding::Gzip), (b"x-gzip", ContentCoding::Gzip), (b"zstd", ContentCoding::Zstd)];

/// A body that is decompressed while it is read, within bounds.
///
/// Its errors are of ours: [`TooLarge`](Kind::TooLarge) for a bomb, [`InvalidInput`](Kind::InvalidInput) for what is not
/// what it says.
pub(crate) struct Decoded<B> {
    body: Pin<Box<B>>,
    decoder: Decoder,
    /// Where a piece comes out, before it is copied to have the size that it needs.
    piece: Box<[u8]>,
    max_ratio: u64,
    /// How many bytes may come in.
    max_taken: u64,
    given: u64,
    /// How much came out in this turn.
    worked: usize,
    is_begun: bool,
    is_over: bool,
}

impl<B: HttpBody<Error: Into<BoxError>>> Decoded<B> {
    /// Takes a body of which `limit` bytes will be read at most.
    ///
    /// # Errors
    ///
    /// [`Internal`](Kind::Internal) if there is no memory for it.
    pub(crate) fn new(body: B, coding: ContentCoding, decoding: Decoding, limit: usize) -> Result<Self, Error> {
        let decoder =
            Decoder::new(coding).map_err(|error| Error::internal("a body can't be decompressed").with_source(error))?;
        // What doesn't shrink grows by a few bytes; what goes in and never comes out would be read for ever.
        let max_taken = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(FLOOR);
        Ok(Self {
            body: Box::pin(body),
            decoder,
            piece: vec![0; PIECE].into(),
            max_ratio: u64::from(decoding.max_ratio),
            max_taken,
            given: 0,
            worked: 0,
            is_begun: false,
            is_over: false,
        })
    }

    /// Reads on in what is compressed.
    fn read_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let frame = ready!(self.body.as_mut().poll_frame(cx));
        self.is_begun = true;
        match frame {
            None => self.decoder.pieces().is_last = true,
            Some(frame) => {
                let mut data = frame.map_err(Into::into)?.into_data().ok();
                let piece = data.as_mut().map(|data| data.copy_to_bytes(data.remaining())).unwrap_or_default();
                self.decoder.pieces().next = piece;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether so much has come out, or gone in, that this is not meant well.
    fn is_too_much(&mut self) -> bool {
        let taken = self.decoder.pieces().taken;
        taken > self.max_taken || self.given > FLOOR.max(taken.saturating_mul(self.max_ratio))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BoxError>> {
        loop {
            if self.worked >= TURN {
                self.worked = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.decoder.read(&mut self.piece) {
                Ok(length) => {
                    self.given += u64::try_from(length).unwrap_or(u64::MAX);
                    self.worked += length;
                    if self.is_too_much() {
                        return Poll::Ready(Err(too_much().into()));
                    }
                    return Poll::Ready(Ok(self.piece.get(..length).map(Bytes::copy_from_slice).unwrap_or_default()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.is_too_much() {
                        return Poll::Ready(Err(too_much().into()));
                    }
                    ready!(self.read_on(cx))?;
                }
                Err(error) => {
                    let broken = Error::invalid_input("the body is not what its Content-Encoding says");
                    return Poll::Ready(Err(broken.with_source(error).into()));
                }
            }
        }
    }
}

fn too_much() -> Error {
    Error::new(Kind::TooLarge, "the body becomes too large when it is decompressed")
}

impl<B: HttpBody<Error: Into<BoxError>>> HttpBody for Decoded<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.is_end_stream() {
            return Poll::Ready(None);
        }
        let piece = ready!(this.poll_piece(cx));
        this.is_over = piece.as_ref().map_or(true, Bytes::is_empty);
        match piece {
            Ok(piece) if piece.is_empty() => Poll::Ready(None),
            piece => Poll::Ready(Some(piece.map(Frame::data))),
        }
    }

    /// Nothing at all is nothing, also without the header and the end that every compressed body has.
    fn is_end_stream(&self) -> bool {
        self.is_over || (!self.is_begun && self.body.is_end_stream())
    }
}

/// What goes into a decoder: one piece after the other.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    next: Bytes,
    /// Whether nothing comes after it.
    is_last: bool,
    /// How much was taken.
    taken: u64,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.next.is_empty() && !self.is_last {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(&self.next)
    }

    fn consume(&mut self, length: usize) {
        self.next.advance(length);
        self.taken += u64::try_from(length).unwrap_or(u64::MAX);
    }
}
