use std::{fmt, str::FromStr};

use http::HeaderValue;

/// A version of SOAP. What they differ in, beside their names, is said where it matters.
///
/// ```
/// use zato_core::format::soap::Version;
///
/// assert_eq!("1.2".parse(), Ok(Version::V12));
/// assert_eq!(Version::V11.media_type(), "text/xml");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// SOAP 1.1 (W3C Note of 8 May 2000), with the WS-I Basic Profile 1.1 where that is stricter.
    V11,
    /// SOAP 1.2 (W3C Recommendation of 27 April 2007).
    V12,
}

impl Version {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::V11, Self::V12];

    /// Returns its number, as it is written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V11 => "1.1",
            Self::V12 => "1.2",
        }
    }

    /// Returns the namespace of its envelope (SOAP 1.1 §4.1.2, SOAP 1.2 part 1 §5.1), which is what tells the version.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::V11 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::V12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// Returns the version whose envelope has a namespace.
    #[must_use]
    pub fn of_namespace(namespace: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.namespace() == namespace)
    }

    /// Returns what an envelope is called in HTTP (SOAP 1.1 §6, SOAP 1.2 part 2 §7.1.4).
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::V11 => "text/xml",
            Self::V12 => "application/soap+xml",
        }
    }

    /// Returns the value of `Content-Type` of what we send.
    #[must_use]
    pub const fn content_type(self) -> HeaderValue {
        match self {
            Self::V11 => HeaderValue::from_static("text/xml; charset=utf-8"),
            Self::V12 => HeaderValue::from_static("application/soap+xml; charset=utf-8"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is the number of no version of SOAP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no version \"{0}\" of SOAP (1.1, 1.2)")]
pub struct UnknownVersion(String);

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        Self::ALL.into_iter().find(|version| version.as_str() == text).ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}
