use std::{fmt, num::NonZeroU32};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::config::ByteSize;

/// How bodies are compressed and decompressed on HTTP channels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CompressionConfig {
    /// Whether replies are compressed for callers who ask for it, and compressed bodies of requests are read; if not,
    /// these get 415. A channel's own `compression` counts more for its replies.
    pub is_active: bool,
    /// From which size on replies are compressed: what fits into a packet anyway gains nothing.
    pub minimum_size: ByteSize,
    /// What replies are compressed with, the preferred one first, for callers who like several equally.
    #[serde(deserialize_with = "codings")]
    pub algorithms: Vec<ContentCoding>,
    /// How much time is spent on making replies small.
    pub level: CompressionLevel,
    /// How many times its compressed size the body of a request may have; beyond that the caller gets 413, early. What
    /// becomes 64 KiB or less is never too much, and `max_body_size` holds for what was decompressed, too.
    pub max_ratio: NonZeroU32,
}

impl Default for CompressionConfig {
    fn default() -> Self {
        Self {
            is_active: true,
            minimum_size: ByteSize(1024),
            algorithms: vec![ContentCoding::Zstd, ContentCoding::Gzip],
            level: CompressionLevel::Default,
            // Text shrinks to a tenth, very uniform text to a fiftieth; gzip itself ends at about a thousandth.
            max_ratio: NonZeroU32::new(100).expect("a hundred is not zero"),
        }
    }
}

/// How a body is compressed (RFC 9110 §8.4.1).
///
/// ```
/// use zato_core::config::ContentCoding;
///
/// assert_eq!(ContentCoding::Zstd.as_str(), "zstd");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContentCoding {
    /// Smaller and faster, and known to newer callers (RFC 8878, RFC 9659).
    Zstd,
    /// Known to everybody (RFC 1952).
    Gzip,
}

impl ContentCoding {
    /// Returns the name that it has in `Content-Encoding` and `Accept-Encoding`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

impl fmt::Display for ContentCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much time is spent on making a reply small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CompressionLevel {
    /// As little as there can be.
    Fastest,
    /// What the makers of an algorithm think best for most.
    #[default]
    Default,
    /// Some times as much, for replies that are a little smaller.
    Best,
}

fn codings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ContentCoding>, D::Error> {
    let codings = Vec::<ContentCoding>::deserialize(deserializer)?;
    if codings.is_empty() {
        return Err(D::Error::custom("expected gzip, zstd or both; for no compression write is_active: false"));
    }
    Ok(codings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    fn read(text: &str) -> Result<CompressionConfig, String> {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        let config = read("{algorithms: [gzip]}").unwrap();
        let default = CompressionConfig::default();
        assert_eq!(config, CompressionConfig { algorithms: vec![ContentCoding::Gzip], ..default });
    }

    #[test]
    fn what_can_not_be_used_is_told_with_its_place() {
        for (text, said) in [
            (
                "{algorithms: []}",
                "zato.yaml:1:14: expected gzip, zstd or both; for no compression write is_active: false",
            ),
            ("{algorithms: [brotli]}", "zato.yaml:1:15: "),
            ("{max_ratio: 0}", "zato.yaml:1:13: "),
            ("{level: 3}", "zato.yaml:1:9: "),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.starts_with(said), "{fault}");
        }
    }
}
