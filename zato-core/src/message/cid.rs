use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::TraceParent;

/// The correlation id of a request: on every reply, every outgoing call, every log line and span of that request.
///
/// One that a caller sends is kept if it is well formed: 1 to [`Cid::MAX_LEN`] ASCII letters, digits, `-`, `_` or `.`,
/// so that it can stand in any header and log line. A new one is 24 hexadecimal digits (96 random bits), as Zato's.
/// It is a name to search for, never a secret.
///
/// ```
/// use zato_core::message::Cid;
///
/// let cid: Cid = "4f6c0a1e2b3d4c5f6a7b8c9d".parse().unwrap();
/// assert_eq!(cid.as_str(), "4f6c0a1e2b3d4c5f6a7b8c9d");
/// assert!("two words".parse::<Cid>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cid {
    /// Held in place: a request makes one, and an allocation each would be a tenth of what it costs.
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

/// The text is no correlation id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a correlation id has 1 to {max} letters, digits, '-', '_' or '.'", max = Cid::MAX_LEN)]
pub struct InvalidCid;

impl Cid {
    /// The most characters that a correlation id may have.
    pub const MAX_LEN: usize = 64;

    /// Makes a correlation id of 96 random bits; the upper 32 of `random` are not used.
    #[must_use]
    pub fn from_bits(random: u128) -> Self {
        let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
        let mut bytes = [0; Self::MAX_LEN];
        let used = random.to_be_bytes().into_iter().skip(4);
        for (pair, byte) in bytes.as_chunks_mut().0.iter_mut().zip(used) {
            *pair = [digit(byte >> 4), digit(byte & 0xf)];
        }
        Self { bytes, len: 24 }
    }

    /// Takes a correlation id from bytes, such as a header's.
    ///
    /// # Errors
    ///
    /// [`InvalidCid`] if it is empty, too long, or has a character that is not allowed.
    pub fn from_bytes(text: &[u8]) -> Result<Self, InvalidCid> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.iter().all(allowed) {
            return Err(InvalidCid);
        }
        let mut bytes = [0; Self::MAX_LEN];
        for (to, from) in bytes.iter_mut().zip(text) {
            *to = *from;
        }
        let len = u8::try_from(text.len()).map_err(|_| InvalidCid)?;
        Ok(Self { bytes, len })
    }

    /// Returns the id as bytes, as a header takes it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Cid {
    /// Returns where a call stands that is made for a request whose caller sent no trace: in one of the request's own,
    /// whose id is the correlation id where that is a number of 96 to 128 bits, and a digest of it otherwise. The
    /// span's id is made of `random`.
    #[must_use]
    pub fn trace(&self, random: u128) -> TraceParent {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(u128::from(byte - b'0')),
            b'a'..=b'f' => Some(u128::from(byte - b'a' + 10)),
            _ => None,
        };
        let number = match self.len {
            24..=32 => self.as_bytes().iter().try_fold(0, |number, byte| Some(number << 4 | digit(byte)?)),
            _ => None,
        };
        // FNV-1a (draft-eastlake-fnv, 128 bits).
        let fold = |digest: u128, byte: &u8| (digest ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        let digest = || self.as_bytes().iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, fold);
        TraceParent::started(number.unwrap_or_else(digest), random)
    }
}

impl FromStr for Cid {
    type Err = InvalidCid;

    fn from_str(text: &str) -> Result<Self, InvalidCid> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Cid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Cid {
    fn schema_name() -> Cow<'static, str> {
        "Cid".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"})
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_one_is_24_hexadecimal_digits() {
        let cid = Cid::from_bits(0xffff_ffff_0123_4567_89ab_cdef_0123_4567);
        assert_eq!(cid.as_str(), "0123456789abcdef01234567");
    }

    #[test]
    fn a_trace_of_its_own_is_found_by_it() {
        let trace = |cid: &str| cid.parse::<Cid>().unwrap().trace(7).to_string();
        assert_eq!(trace("0123456789abcdef01234567"), "00-000000000123456789abcdef01234567-0000000000000007-00");
        assert_eq!(trace("order-1"), trace("order-1"));
        assert_ne!(trace("order-1"), trace("order-2"));
        assert_eq!(trace(&"0".repeat(24)).len(), 55);
    }

    #[test]
    fn only_a_well_formed_one_is_kept() {
        for good in ["a", "A-1_b.c", &"x".repeat(64)] {
            assert_eq!(good.parse::<Cid>().map(|cid| cid.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a\nb", "ä", "<script>", &"x".repeat(65)] {
            assert_eq!(bad.parse::<Cid>(), Err(InvalidCid));
        }
    }
}
