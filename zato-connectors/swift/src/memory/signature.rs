//! The signatures of temporary URLs.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::checksum::hex;

/// A signature: the hash that it was made with, and its digits.
pub(super) struct Signature {
    hash: Hash,
    digits: String,
}

/// The hashes that may be signed with.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Signature {
    /// Reads digits, whose number tells the hash, or the name of a hash and Base64.
    pub(super) fn read(text: &str) -> Option<Self> {
        let Some((name, encoded)) = text.split_once(':') else {
            let hash = match text.len() {
                40 => Hash::Sha1,
                64 => Hash::Sha256,
                128 => Hash::Sha512,
                _ => return None,
            };
            return Some(Self { hash, digits: text.to_ascii_lowercase() });
        };
        let hash = match name {
            "sha1" => Hash::Sha1,
            "sha256" => Hash::Sha256,
            "sha512" => Hash::Sha512,
            _ => return None,
        };
        let encoded = encoded.trim_end_matches('=').replace('-', "+").replace('_', "/");
        Some(Self { hash, digits: hex(&BASE64_STANDARD_NO_PAD.decode(encoded).ok()?) })
    }

    /// Tells whether a text was signed with a key.
    pub(super) fn is_of(&self, key: &[u8], signed: &str) -> bool {
        self.hash.sign(key, signed) == self.digits
    }
}

impl Hash {
    pub(super) fn sign(self, key: &[u8], signed: &str) -> String {
        match self {
            Self::Sha1 => digits::<Hmac<Sha1>>(key, signed),
            Self::Sha256 => digits::<Hmac<Sha256>>(key, signed),
            Self::Sha512 => digits::<Hmac<Sha512>>(key, signed),
        }
    }
}

fn digits<M: Mac + KeyInit>(key: &[u8], signed: &str) -> String {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key may be as long as it likes");
    mac.update(signed.as_bytes());
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_digits_or_base64() {
        let read = |text: &str| Signature::read(text).map(|signature| signature.digits);
        assert_eq!(read(&"0A".repeat(32)), Some("0a".repeat(32)));
        assert_eq!(read("sha256:-_8="), Some("fbff".to_owned()));
        for text in ["", "abc", "md5:AAAA", "sha1:!"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
