//! Sizes as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::suggest::quoted;

/// What a text should have been.
const EXPECTED: &str = "a size such as 2MiB, 500KB or 1024";

/// The units in bytes, the largest first. `K` alone is missing: to some it is 1000 and to others 1024.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Holds a number of bytes that is written `2MiB`, `500KB` or `1024`.
///
/// `KB`, `MB`, `GB` and `TB` are powers of 1000, `KiB`, `MiB`, `GiB` and `TiB` of 1024, in upper or lower case. There
/// are no fractions: `1536KiB`, not `1.5MiB`.
///
/// # Examples
///
/// ```
/// use zato_core::config::ByteSize;
///
/// let limit: ByteSize = "2MiB".parse().map_err(|error| format!("{error}"))?;
/// assert_eq!(limit.bytes(), 2_097_152);
/// assert_eq!(limit.to_string(), "2MiB");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Gives the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Gives the number of bytes as a length in memory; the greatest there is, where the size is greater.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl From<ByteSize> for u64 {
    fn from(size: ByteSize) -> Self {
        size.0
    }
}

/// Says why a text is no [`ByteSize`].
///
/// # Examples
///
/// ```
/// use zato_core::config::ByteSize;
///
/// let error = "2K".parse::<ByteSize>().unwrap_err();
/// assert_eq!(error.to_string(), "expected a size such as 2MiB, 500KB or 1024, found \"2K\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAByteSize {
    written: String,
}

impl fmt::Display for NotAByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {EXPECTED}, found {}", quoted(&self.written))
    }
}

impl std::error::Error for NotAByteSize {}

impl FromStr for ByteSize {
    type Err = NotAByteSize;

    fn from_str(text: &str) -> Result<Self, NotAByteSize> {
        parse(text.trim()).ok_or_else(|| NotAByteSize { written: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<ByteSize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let unit = unit.trim_start();
    let factor = match unit {
        "" => 1,
        _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor)?,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor).map(ByteSize)
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |(_, factor): &&(&str, u64)| *factor > 1 && self.0 > 0 && self.0.is_multiple_of(*factor);
        match UNITS.iter().find(exact) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Writes what `Display` prints, so that a default stands in a schema as one would write it.
impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ByteSizeVisitor)
    }
}

struct ByteSizeVisitor;

impl Visitor<'_> for ByteSizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<ByteSize, E> {
        u64::try_from(bytes).map(ByteSize).map_err(|_| E::invalid_value(Unexpected::Signed(bytes), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A size such as 2MiB or 500KB; a number alone is bytes",
            "pattern": "^[0-9]+ *([KMGTkmgt][Ii]?)?[Bb]?$",
            "minimum": 0,
            "examples": ["2MiB", "500KB", 1024],
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{from_node, yaml};

    #[test]
    fn sizes_parse_and_print() {
        for (written, bytes, printed) in [
            ("0", 0, "0"),
            ("1024", 1024, "1KiB"),
            ("1000", 1000, "1KB"),
            ("1500", 1500, "1500"),
            ("2MiB", 2 << 20, "2MiB"),
            ("2 mib", 2 << 20, "2MiB"),
            ("500KB", 500_000, "500KB"),
            ("7B", 7, "7"),
            ("3GB", 3_000_000_000, "3GB"),
            ("1TiB", 1 << 40, "1TiB"),
        ] {
            let size: ByteSize = written.parse().unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, printed), "{written}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for written in ["", "MiB", "-1", "+1", "1.5MiB", "2K", "1 MiB 1", "18446744073709551616", "17000000TiB", "1ż"]
        {
            let expected = format!("expected a size such as 2MiB, 500KB or 1024, found {}", quoted(written));
            assert_eq!(written.parse::<ByteSize>().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn nodes_give_sizes() {
        for (written, bytes) in [("1024", 1024), ("'1024'", 1024), ("2KiB", 2048)] {
            let node = yaml::parse("a.yaml", written).unwrap();
            assert_eq!(from_node::<ByteSize>(&node).unwrap().bytes(), bytes);
        }
        let fault = from_node::<ByteSize>(&yaml::parse("a.yaml", "-5").unwrap()).unwrap_err();
        assert_eq!(fault.to_string(), "a.yaml:1:1: expected a size such as 2MiB, 500KB or 1024, found -5");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(bytes: u64, shift in 0_u32..64) {
            let size = ByteSize(bytes >> shift << shift);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn no_text_panics(text in "[0-9KMGTiB. ]{0,30}|\\PC{0,20}") {
            let _ = text.parse::<ByteSize>();
        }
    }
}
