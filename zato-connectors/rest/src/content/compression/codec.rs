//! gzip and zstd, from bytes to bytes.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::{Compression as GzipLevel, bufread::MultiGzDecoder, write::GzEncoder};
use zato_core::config::{CompressionLevel, ContentCoding};
use zstd::stream::{read::Decoder as ZstdDecoder, write::Encoder as ZstdEncoder};

use super::decode::Pieces;

/// How far back a compressed reply refers, in powers of two. It is what a reply in work costs in memory, so it is
/// less than zstd would take for a stream.
const WINDOW: u32 = 19;

/// How far back the body of a request may refer: what callers are held to, and no more memory (RFC 9659 §3).
const MAX_WINDOW: u32 = 23;

/// Compresses.
pub(super) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Encoder {
    /// Makes one, for so many bytes if that is known.
    pub(super) fn new(coding: ContentCoding, level: CompressionLevel, length: Option<u64>) -> io::Result<Self> {
        if coding == ContentCoding::Gzip {
            let level = match level {
                CompressionLevel::Fastest => GzipLevel::fast(),
                CompressionLevel::Best => GzipLevel::best(),
                _ => GzipLevel::default(),
            };
            return Ok(Self::Gzip(GzEncoder::new(Vec::new(), level)));
        }
        let level = match level {
            CompressionLevel::Fastest => 1,
            CompressionLevel::Best => 9,
            _ => zstd::DEFAULT_COMPRESSION_LEVEL,
        };
        let mut encoder = ZstdEncoder::new(Vec::new(), level)?;
        encoder.window_log(WINDOW)?;
        encoder.set_pledged_src_size(length)?;
        Ok(Self::Zstd(encoder))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Lets everything out that was written, at the cost of some bytes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.try_finish(),
            Self::Zstd(encoder) => encoder.do_finish(),
        }
    }

    /// Takes what has come out since the last time.
    pub(super) fn take(&mut self) -> Bytes {
        let out = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        Bytes::from(std::mem::take(out))
    }
}

/// Decompresses. What comes out is asked for piece by piece, so that no bomb goes off at once.
pub(super) enum Decoder {
    Gzip(Box<MultiGzDecoder<Pieces>>),
    Zstd(ZstdDecoder<'static, Pieces>),
}

impl Decoder {
    pub(super) fn new(coding: ContentCoding) -> io::Result<Self> {
        if coding == ContentCoding::Gzip {
            return Ok(Self::Gzip(Box::new(MultiGzDecoder::new(Pieces::default()))));
        }
        let mut decoder = ZstdDecoder::with_buffer(Pieces::default())?;
        decoder.window_log_max(MAX_WINDOW)?;
        Ok(Self::Zstd(decoder))
    }

    /// What goes in.
    pub(super) fn pieces(&mut self) -> &mut Pieces {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        }
    }

    /// Gives what comes out: nothing at the end, and [`WouldBlock`](io::ErrorKind::WouldBlock) if another piece is
    /// needed for more.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(into),
            Self::Zstd(decoder) => decoder.read(into),
        }
    }
}
