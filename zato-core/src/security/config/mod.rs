mod bearer;
#[cfg(feature = "soap")]
mod wss;

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

pub use self::bearer::{BearerTokenConfig, ClientAuthentication, TokenRequestFormat};
#[cfg(feature = "soap")]
pub use self::wss::{WssConfig, WssMode};
use crate::{
    config::{OneOrMany, RateLimitRule, Secret},
    message::{Fingerprint, SubjectName},
};

/// One entry of the `security` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
// The tag is read by hand, so that each field is read as what it is; see `from_tagged_node`.
#[serde(rename_all = "snake_case")]
#[schemars(tag = "type")]
#[non_exhaustive]
pub enum SecurityConfig {
    /// HTTP Basic authentication (RFC 7617).
    BasicAuth(BasicAuthConfig),
    /// A key in a header.
    #[serde(rename = "apikey")]
    ApiKey(ApiKeyConfig),
    /// A client certificate that the listener has verified (RFC 8446 §4.4.2).
    Mtls(MtlsConfig),
    /// A bearer token (RFC 6750), for connections to other systems.
    #[serde(alias = "oauth")]
    BearerToken(Box<BearerTokenConfig>),
    /// A user name and password in the header of a SOAP envelope (WS-Security), for SOAP channels and connections.
    #[cfg(feature = "soap")]
    Wss(WssConfig),
}

/// HTTP Basic authentication.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BasicAuthConfig {
    /// What channels and connections refer to it by.
    pub name: String,
    /// An inactive definition refuses everybody.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// What a browser shows when it asks for the password.
    #[serde(default = "default_realm")]
    pub realm: String,
    /// How many requests may come in with these credentials; not limited unless given.
    #[serde(default)]
    pub rate_limiting: Vec<RateLimitRule>,
}

/// A key in a header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ApiKeyConfig {
    /// What channels and connections refer to it by.
    pub name: String,
    /// An inactive definition refuses everybody.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Who the key stands for, in logs and for services; the definition's name unless given.
    #[serde(default)]
    pub username: Option<String>,
    /// The key.
    pub password: Secret,
    /// The header that carries the key.
    #[serde(default = "default_header", deserialize_with = "header_name")]
    #[schemars(with = "String")]
    pub header: http::HeaderName,
    /// How many requests may come in with this key; not limited unless given.
    #[serde(default)]
    pub rate_limiting: Vec<RateLimitRule>,
}

/// A client certificate that one of the authorities of `server.tls.client_ca` has signed, and that satisfies each of the
/// keys that are given here; of a list, one is enough. Without any of them, every such certificate does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MtlsConfig {
    /// What channels and connections refer to it by.
    pub name: String,
    /// An inactive definition refuses everybody.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Who the certificate stands for, in logs and for services; the definition's name unless given.
    #[serde(default)]
    pub username: Option<String>,
    /// The SHA-256 digest of the certificate, in hexadecimal digits, with colons or without.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "Option<OneOrMany>")]
    pub client_cert_fingerprint: Vec<Fingerprint>,
    /// The whole subject as RFC 4514 writes it, such as `CN=partner,O=Bank,C=PL`: what stands last in the certificate
    /// comes first.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "Option<OneOrMany>")]
    pub client_cert_subject_dn: Vec<String>,
    /// The common name of the subject, the only one that it has.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "Option<OneOrMany>")]
    pub client_cert_common_name: Vec<String>,
    /// An alternative name: `DNS:partner.example`, `email:ops@partner.example` or `URI:spiffe://partner.example/billing`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "Option<OneOrMany>")]
    pub client_cert_san: Vec<SubjectName>,
    /// How many requests may come in with such a certificate; not limited unless given.
    #[serde(default)]
    pub rate_limiting: Vec<RateLimitRule>,
}

impl SecurityConfig {
    /// Returns the definition's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::BasicAuth(config) => &config.name,
            Self::ApiKey(config) => &config.name,
            Self::Mtls(config) => &config.name,
            Self::BearerToken(config) => &config.name,
            #[cfg(feature = "soap")]
            Self::Wss(config) => &config.name,
        }
    }

    /// Returns who satisfies it.
    #[must_use]
    pub fn username(&self) -> &str {
        match self {
            Self::BasicAuth(config) => &config.username,
            Self::ApiKey(config) => config.username.as_deref().unwrap_or(&config.name),
            Self::Mtls(config) => config.username.as_deref().unwrap_or(&config.name),
            Self::BearerToken(config) => config.username.as_deref().unwrap_or(&config.name),
            #[cfg(feature = "soap")]
            Self::Wss(config) => &config.username,
        }
    }

    /// Returns how many requests of a client it lets in; no rule if it doesn't count them.
    #[must_use]
    pub fn rate_limiting(&self) -> &[RateLimitRule] {
        match self {
            Self::BasicAuth(config) => &config.rate_limiting,
            Self::ApiKey(config) => &config.rate_limiting,
            Self::Mtls(config) => &config.rate_limiting,
            Self::BearerToken(_) => &[],
            #[cfg(feature = "soap")]
            Self::Wss(config) => &config.rate_limiting,
        }
    }

    /// Returns whether it is a certificate that callers present, for which their listener has to ask.
    #[must_use]
    pub fn needs_certificate(&self) -> bool {
        matches!(self, Self::Mtls(_))
    }

    /// Returns whether callers prove who they are within a message, so that it has to be read before that is known.
    #[must_use]
    pub fn is_in_message(&self) -> bool {
        #[cfg(feature = "soap")]
        if matches!(self, Self::Wss(_)) {
            return true;
        }
        false
    }

    /// Returns whether it lets anybody in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self {
            Self::BasicAuth(config) => config.is_active,
            Self::ApiKey(config) => config.is_active,
            Self::Mtls(config) => config.is_active,
            Self::BearerToken(config) => config.is_active,
            #[cfg(feature = "soap")]
            Self::Wss(config) => config.is_active,
        }
    }

    /// Returns the keys of Zato that definitions of a type may have and that mean nothing here.
    pub(crate) fn without_counterpart(name: &str) -> &'static [&'static str] {
        match name {
            #[cfg(feature = "soap")]
            "wss" => WssConfig::WITHOUT_COUNTERPART,
            _ => &[],
        }
    }

    /// Returns what is missing or contradicts itself, by key.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::BearerToken(config) => config.contradictions(),
            Self::BasicAuth(_) | Self::ApiKey(_) | Self::Mtls(_) => Vec::new(),
            #[cfg(feature = "soap")]
            Self::Wss(_) => Vec::new(),
        }
    }
}

/// Reads one text, or a list of them, each into what it stands for.
fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let texts = OneOrMany::read(deserializer, "a text, or a list of them")?.map(OneOrMany::into_vec);
    texts.unwrap_or_default().iter().map(|text| text.parse().map_err(Error::custom)).collect()
}

fn yes() -> bool {
    true
}

fn default_realm() -> String {
    "zato".to_owned()
}

fn default_header() -> http::HeaderName {
    http::HeaderName::from_static("x-api-key")
}

fn header_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<http::HeaderName, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| Error::custom("expected the name of a header, such as X-API-Key"))
}
