use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a payload is written: the `data_format` of a channel.
///
/// It decides how what comes in is read and the reply is written, whatever `Content-Type` says: `curl -d '{...}'`
/// claims to send a form, and must work on a JSON channel.
///
/// ```
/// use zato_core::message::Format;
///
/// assert_eq!("form".parse(), Ok(Format::Form));
/// assert_eq!("yaml".parse::<Format>().unwrap_err().to_string(), "no data format named \"yaml\" (json, form)");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// JSON (RFC 8259), both ways.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded` in, JSON out.
    Form,
}

impl Format {
    /// Every format, in the order they are told to a user.
    pub const ALL: &'static [Self] = &[Self::Json, Self::Form];

    /// Returns the name that stands in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Form => "form",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no data format named \"{0}\" (json, form)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.iter().copied().find(|format| format.as_str() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}
