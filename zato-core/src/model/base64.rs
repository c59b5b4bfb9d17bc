use std::{borrow::Cow, fmt, ops::Deref, str::FromStr};

use ::base64::{
    Engine,
    alphabet::STANDARD,
    display::Base64Display,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

/// Bytes that travel as text, in Base64 (RFC 4648 §4).
///
/// Written with padding and without line breaks. Read with or without either, as MIME and XML Schema's `base64Binary` have
/// line breaks in it.
///
/// ```
/// use zato_core::model::Base64;
///
/// let photo = Base64::from(vec![0xff, 0xd8]);
/// assert_eq!(serde_json::to_string(&photo).unwrap(), "\"/9g=\"");
/// assert_eq!(serde_json::from_str::<Base64>("\"/9g\"").unwrap().as_ref(), [0xff, 0xd8]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Base64(pub Bytes);

/// The text is no Base64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected bytes as base64")]
pub struct InvalidBase64;

/// Bits beyond the last byte that are not zero are refused: two texts would stand for the same bytes.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl FromStr for Base64 {
    type Err = InvalidBase64;

    fn from_str(text: &str) -> Result<Self, InvalidBase64> {
        let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let decoded = if text.bytes().any(is_space) {
            LENIENT.decode(text.bytes().filter(|byte| !is_space(*byte)).collect::<Vec<u8>>())
        } else {
            LENIENT.decode(text)
        };
        decoded.map(|bytes| Self(bytes.into())).map_err(|_| InvalidBase64)
    }
}

impl Deref for Base64 {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl AsRef<[u8]> for Base64 {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Base64 {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Base64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for Base64 {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl From<Base64> for Bytes {
    fn from(base64: Base64) -> Self {
        base64.0
    }
}

/// As the text that is sent.
impl fmt::Display for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Base64Display::new(&self.0, &general_purpose::STANDARD), f)
    }
}

/// As the number of bytes: what is in them says nothing to a reader of a log, and they may be many.
impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64({} bytes)", self.0.len())
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Base64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes as base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for Base64 {
    fn schema_name() -> Cow<'static, str> {
        "Base64".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Four characters stand for three bytes; what is left over has bits that must be zero.
        const PATTERN: &str = "^[ \\t\\r\\n]*(([A-Za-z0-9+/][ \\t\\r\\n]*){4})*(\
            [A-Za-z0-9+/][ \\t\\r\\n]*[AQgw][ \\t\\r\\n]*(=[ \\t\\r\\n]*=[ \\t\\r\\n]*)?|\
            ([A-Za-z0-9+/][ \\t\\r\\n]*){2}[AEIMQUYcgkosw048][ \\t\\r\\n]*(=[ \\t\\r\\n]*)?)?$";
        json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "pattern": PATTERN,
            "description": "Bytes as Base64 (RFC 4648 §4)"
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_read_with_or_without_padding_and_line_breaks() {
        for text in ["aGVsbG8=", "aGVsbG8", "aGVs\r\nbG8=\r\n", " aGVs bG8 "] {
            assert_eq!(text.parse::<Base64>().unwrap().as_ref(), b"hello", "{text}");
        }
        assert_eq!("".parse::<Base64>(), Ok(Base64::default()));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["a", "aGVsbG8==x", "aGVs-G8=", "a===", "aGVsbG9=", "é"] {
            assert_eq!(text.parse::<Base64>(), Err(InvalidBase64), "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in any::<Vec<u8>>()) {
            let base64 = Base64::from(bytes);
            let text = serde_json::to_string(&base64).unwrap();
            prop_assert_eq!(serde_json::from_str::<Base64>(&text).unwrap(), base64);
        }
    }
}
