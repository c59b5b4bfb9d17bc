//! A text that is never printed.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;

use crate::config::node::HIDDEN;

/// Holds a password, a token or a key, and never prints it.
///
/// `Debug` and `Display` give `******`, and there is no `Serialize`, so that no dump of a configuration contains it.
/// In a file it is any scalar: `0123` is the four characters, as if it were quoted.
///
/// # Examples
///
/// ```
/// use zato_core::config::Secret;
///
/// let password = Secret::from("s3cret");
/// assert_eq!(format!("{password} {password:?}"), "****** ******");
/// assert_eq!(password.expose(), "s3cret");
/// assert!(password.eq_constant_time(b"s3cret"));
/// ```
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Gives the text, for the one place that sends or compares it. Never log what this returns.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether there is no character in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares with what a caller presented, in a time that does not depend on where the two differ.
    ///
    /// With a presented value of a wrong length it returns at once: the time tells whether the length is right, and
    /// nothing about the characters. A comparison that stops at the first difference would give a password away
    /// character by character.
    #[must_use]
    pub fn eq_constant_time(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.eq_constant_time(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A number is not converted here: `0123` would lose its zero. Nodes give the source text of any scalar.
        String::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    #[test]
    fn secret_never_prints() {
        let secret = Secret::from("s3cret");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "****** ****** Some(******)");
    }

    #[test]
    fn secret_is_any_scalar_as_it_was_written() {
        for (written, expected) in [("0123", "0123"), ("True", "True"), ("1.50", "1.50"), ("'a b'", "a b")] {
            let node = yaml::parse("a.yaml", written).unwrap();
            assert_eq!(from_node::<Secret>(&node).unwrap().expose(), expected);
        }
    }

    #[test]
    fn secrets_compare() {
        let secret = Secret::new("abc");
        assert!(secret.eq_constant_time(b"abc"));
        assert!(!secret.eq_constant_time(b"abd"));
        assert!(!secret.eq_constant_time(b"abcd"));
        assert!(!secret.eq_constant_time(b""));
        assert_eq!(secret, Secret::from("abc".to_owned()));
        assert_ne!(secret, Secret::default());
        assert!(Secret::default().is_empty());
    }

    #[test]
    fn schema_is_a_string_that_is_only_written() {
        let schema = schemars::schema_for!(Secret);
        assert_eq!(schema.get("type"), Some(&"string".into()));
        assert_eq!(schema.get("writeOnly"), Some(&true.into()));
    }
}
