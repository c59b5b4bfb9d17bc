use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a payload is written: the `data_format` of a channel.
///
/// It decides how what comes in is read and the reply is written, whatever `Content-Type` says, unless it is
/// [`Format::Negotiate`]: `curl -d '{...}'` claims to send a form, and must work on a JSON channel.
///
/// ```
/// use zato_core::message::Format;
///
/// assert_eq!("form".parse(), Ok(Format::Form));
/// assert_eq!(
///     "yaml".parse::<Format>().unwrap_err().to_string(),
///     "no data format named \"yaml\" (json, xml, soap, csv, form, raw, negotiate)"
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// JSON (RFC 8259), both ways.
    #[default]
    Json,
    /// XML 1.0, both ways.
    Xml,
    /// The body of a SOAP 1.1 or 1.2 envelope, both ways; for channels that speak SOAP.
    Soap,
    /// Comma-separated values (RFC 4180), both ways: a list of models, one to a row.
    Csv,
    /// `application/x-www-form-urlencoded` or `multipart/form-data` in, JSON out.
    Form,
    /// A payload that no model is read from, only parameters; JSON out.
    Raw,
    /// Whatever of those the caller says that it sends and takes: `Content-Type` and `Accept`.
    Negotiate,
}

impl Format {
    /// Every format, in the order they are told to a user.
    pub const ALL: &'static [Self] =
        &[Self::Json, Self::Xml, Self::Soap, Self::Csv, Self::Form, Self::Raw, Self::Negotiate];

    /// Returns the name that stands in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Soap => "soap",
            Self::Csv => "csv",
            Self::Form => "form",
            Self::Raw => "raw",
            Self::Negotiate => "negotiate",
        }
    }

    /// Returns whether this program was built with it: formats are features of the same name.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::Json => cfg!(feature = "json"),
            Self::Xml => cfg!(feature = "xml"),
            Self::Soap => cfg!(feature = "soap"),
            Self::Csv => cfg!(feature = "csv"),
            Self::Form | Self::Raw | Self::Negotiate => true,
        }
    }

    /// Returns whether this program was built with forms that have files in them, the feature `multipart`.
    #[must_use]
    pub const fn is_multipart_built_in() -> bool {
        cfg!(feature = "multipart")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no data format named \"{0}\" (json, xml, soap, csv, form, raw, negotiate)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.iter().copied().find(|format| format.as_str() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}
