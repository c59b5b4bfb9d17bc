//! Compressed replies for who asks for them, and compressed bodies of requests.
//!
//! The libraries stand behind the feature `compression`, all of them in `codec.rs`; without it, `absent.rs` takes that
//! file's place, nothing is compressed, and what comes compressed is refused.

mod accept;
#[cfg(not(feature = "compression"))]
#[path = "absent.rs"]
mod codec;
#[cfg(feature = "compression")]
mod codec;
mod decode;
mod encode;
mod media;
#[cfg(feature = "compression")]
#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Body as _;
use zato_core::config::{CompressionConfig, CompressionLevel, ContentCoding};

pub(crate) use self::{
    accept::{Accepted, thousandths},
    decode::{Decoded, Decoding, coding_of},
};
use crate::{body::Body, config::RestChannelConfig};

/// Whether the program was built with it.
pub(crate) const IS_BUILT_IN: bool = cfg!(feature = "compression");

/// What to do where it was not.
pub(crate) const REMEDY: &str = "needs the feature \"compression\" of zato: add it in Cargo.toml";

/// How the replies of a channel are compressed.
#[derive(Debug)]
pub(crate) struct Compression {
    minimum_size: u64,
    preferred: Vec<ContentCoding>,
    level: CompressionLevel,
}

impl Compression {
    /// Returns how a channel's replies are compressed; `None` if they are not.
    ///
    /// # Errors
    ///
    /// What is wrong with the channel's keys, as the end of a sentence.
    pub(crate) fn of(server: &CompressionConfig, channel: &RestChannelConfig) -> Result<Option<Self>, String> {
        let own = channel.content_encoding;
        let wanted = match (channel.compression, own) {
            (Some(false), Some(coding)) => {
                return Err(format!("has a content_encoding {coding} and compression: false: leave one of them out"));
            }
            (Some(true), _) => Some("compression"),
            (None, Some(_)) => Some("content_encoding"),
            _ => None,
        };
        if let Some(key) = wanted.filter(|_| !IS_BUILT_IN) {
            return Err(format!("has {key}, which {REMEDY}"));
        }
        let is_active = wanted.is_some() || channel.compression.unwrap_or(server.is_active);
        Ok((is_active && IS_BUILT_IN).then(|| Self {
            minimum_size: server.minimum_size.bytes(),
            preferred: own.map_or_else(|| server.algorithms.clone(), |own| vec![own]),
            level: server.level,
        }))
    }

    /// Reads what a caller accepts.
    pub(crate) fn accepted(&self, headers: &HeaderMap) -> Accepted {
        Accepted::of(headers, &self.preferred)
    }

    /// Whether a body is worth the while by its size alone, which of many a stream nobody knows.
    pub(crate) fn is_large(&self, body: &Body) -> bool {
        body.size_hint().exact().is_none_or(|length| length >= self.minimum_size)
    }

    /// Tells what a reply is to be compressed with, and says in its headers that this depends on what the caller
    /// accepts: also to a caller who gets it as it is, since what stands between us may keep it for others (RFC 9110
    /// §12.5.5).
    pub(crate) fn choose(
        &self,
        accepted: Accepted,
        status: StatusCode,
        headers: &mut HeaderMap,
        body: &Body,
    ) -> Option<ContentCoding> {
        if !is_whole(status) || has_a_form_of_its_own(headers) || body.size_hint().exact() == Some(0) {
            return None;
        }
        if !accepted.is_identity_refused && (!self.is_large(body) || media::is_compressed(headers)) {
            return None;
        }
        super::vary(headers, header::ACCEPT_ENCODING);
        accepted.coding
    }

    /// Compresses a body; `None` leaves it as it was, which happens if there is no memory for more.
    pub(crate) fn encode(&self, coding: ContentCoding, body: &mut Body) -> Option<()> {
        encode::encode(coding, self.level, body).ok()
    }
}

/// Says that a reply is compressed. Its validator holds for it as a whole and no longer byte by byte (RFC 9110 §8.8.1),
/// and where the bytes of a part would start, nobody knows.
pub(crate) fn mark(headers: &mut HeaderMap, coding: ContentCoding) {
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    headers.remove(header::ACCEPT_RANGES);
    let strong = headers.get(header::ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    if let Some(weak) = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok()) {
        headers.insert(header::ETAG, weak);
    }
}

/// Whether a reply of this status has a body that is the whole of something.
fn is_whole(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT)
}

/// Whether the service has compressed the reply, or says that nobody may (RFC 9111 §5.2.2.6).
fn has_a_form_of_its_own(headers: &HeaderMap) -> bool {
    let is_kept = |value: &HeaderValue| {
        value.as_bytes().split(|byte| *byte == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
    };
    headers.contains_key(header::CONTENT_ENCODING)
        || headers.contains_key(header::CONTENT_RANGE)
        || headers.get_all(header::CACHE_CONTROL).iter().any(is_kept)
}
