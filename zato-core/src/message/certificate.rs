use std::{fmt, str::FromStr};

use crate::error::Error;

/// The certificate that a client has presented and proved to have the key of, in a connection whose listener verified
/// that a trusted authority signed it.
///
/// ```
/// use zato_core::message::{ClientCertificate, Fingerprint};
///
/// let certificate = ClientCertificate::new("CN=partner,O=Bank", Fingerprint::new([7; 32]))
///     .with_common_name("partner")
///     .with_name("DNS:partner.example".parse()?);
/// assert_eq!(certificate.names[0].to_string(), "DNS:partner.example");
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The name of whom it was issued to, as RFC 4514 writes it: `CN=partner,O=Bank,C=PL`.
    pub subject: String,
    /// The common name in the subject, if there is exactly one.
    pub common_name: Option<String>,
    /// Its alternative names of the kinds that we know.
    pub names: Vec<SubjectName>,
    /// The SHA-256 digest of the whole certificate.
    pub fingerprint: Fingerprint,
}

impl ClientCertificate {
    /// Makes a certificate that has no common name and no alternative names.
    pub fn new(subject: impl Into<String>, fingerprint: Fingerprint) -> Self {
        Self { subject: subject.into(), common_name: None, names: Vec::new(), fingerprint }
    }

    /// Gives it a common name.
    #[must_use]
    pub fn with_common_name(mut self, name: impl Into<String>) -> Self {
        self.common_name = Some(name.into());
        self
    }

    /// Gives it one more alternative name.
    #[must_use]
    pub fn with_name(mut self, name: SubjectName) -> Self {
        self.names.push(name);
        self
    }
}

/// An alternative name of a certificate (RFC 5280 §4.2.1.6), written `DNS:partner.example`, `email:ops@partner.example`
/// or `URI:spiffe://partner.example/billing`.
///
/// ```
/// use zato_core::message::SubjectName;
///
/// let name: SubjectName = "dns:Partner.example".parse()?;
/// assert_eq!(name, SubjectName::Dns("partner.example".to_owned()), "the case of a domain doesn't matter");
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectName {
    /// The name of a host, in lower case.
    Dns(String),
    /// An address of electronic mail.
    Email(String),
    /// A URI, such as a SPIFFE id.
    Uri(String),
}

impl SubjectName {
    /// Makes the name of a host.
    pub fn dns(name: impl AsRef<str>) -> Self {
        Self::Dns(name.as_ref().to_ascii_lowercase())
    }
}

impl FromStr for SubjectName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (kind, name) = text.split_once(':').unwrap_or_default();
        match (kind.to_ascii_lowercase().as_str(), name.trim()) {
            ("dns", name) if !name.is_empty() => Ok(Self::dns(name)),
            ("email", name) if !name.is_empty() => Ok(Self::Email(name.to_owned())),
            ("uri", name) if !name.is_empty() => Ok(Self::Uri(name.to_owned())),
            _ => Err(Error::invalid_input("expected DNS:, email: or URI: and a name, such as DNS:partner.example")),
        }
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Email(name) => write!(f, "email:{name}"),
            Self::Uri(name) => write!(f, "URI:{name}"),
        }
    }
}

/// The SHA-256 digest of a certificate, written as 64 hexadecimal digits, or in pairs with colons between them.
///
/// ```
/// use zato_core::message::Fingerprint;
///
/// let fingerprint: Fingerprint = "0A:".repeat(32).trim_end_matches(':').parse()?;
/// assert_eq!(fingerprint, Fingerprint::new([10; 32]));
/// assert_eq!(fingerprint.to_string(), "0a".repeat(32));
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Takes a digest.
    #[must_use]
    pub fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid_input("expected a SHA-256 fingerprint: 64 hexadecimal digits, colons or none");
        let digits: Vec<u8> =
            text.chars().filter(|c| *c != ':').map_while(|c| c.to_digit(16)?.try_into().ok()).collect();
        let is_whole = digits.len() == text.chars().filter(|c| *c != ':').count();
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        let digest = bytes.try_into().map_err(|_| wrong())?;
        if is_whole && digits.len() == 64 { Ok(Self(digest)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for text in ["", "ab", &"a".repeat(63), &"a".repeat(65), &"g".repeat(64), &format!("{}z", "a".repeat(64))] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
        assert_eq!("AB".repeat(32).parse::<Fingerprint>().unwrap(), Fingerprint::new([0xab; 32]));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["DNS:a.b", "email:A@b.c", "URI:spiffe://A/b"] {
            assert_eq!(text.parse::<SubjectName>().unwrap().to_string(), text);
        }
        for text in ["", "a.b", "DNS:", "IP:127.0.0.1", ":a"] {
            assert!(text.parse::<SubjectName>().is_err(), "{text}");
        }
    }
}
