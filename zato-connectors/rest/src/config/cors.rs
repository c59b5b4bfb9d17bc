use http::{HeaderName, Method, header};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected},
};
use zato_core::config::{Duration, OneOrMany};

use super::methods;
use crate::error::CID;

/// Which pages of other origins may call a channel from within a browser, and what they may see.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CorsConfig {
    /// The origins of the pages: a list of such as `https://app.example.com`, or `"*"` for every one. `:*` stands for
    /// every port, as in `http://localhost:*`.
    #[schemars(with = "OneOrMany")]
    pub allow_origins: Origins,
    /// The methods that they may use, out of those of the channel; all of these unless given.
    #[serde(default, deserialize_with = "methods")]
    #[schemars(with = "Option<OneOrMany>")]
    pub allow_methods: Vec<Method>,
    /// The headers that they may send, beyond those that every page may, or `"*"` for every one but `Authorization`;
    /// `Authorization`, `Content-Type` and `X-API-Key` unless given.
    #[serde(default = "default_allow_headers")]
    #[schemars(with = "Option<OneOrMany>")]
    pub allow_headers: Names,
    /// The headers of a reply that they may see, beyond those that every page may, or `"*"` for every one; `X-Zato-CID`
    /// unless given.
    #[serde(default = "default_expose_headers")]
    #[schemars(with = "Option<OneOrMany>")]
    pub expose_headers: Names,
    /// Whether a browser adds what it knows by itself: cookies, and passwords that it asked for. Not together with `"*"`.
    #[serde(default)]
    pub allow_credentials: bool,
    /// How long a browser may remember what it was told, and ask no more; few do for longer than two hours.
    #[serde(default = "default_max_age")]
    pub max_age: Duration,
}

/// Which origins are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Every one.
    Any,
    /// These alone.
    Only(Vec<WebOrigin>),
}

/// The origin of a page, or several that differ in their port (RFC 6454 §6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    text: String,
    is_any_port: bool,
}

/// Which headers are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Names {
    /// Every one.
    Any,
    /// These alone.
    Only(Vec<HeaderName>),
}

impl WebOrigin {
    /// Whether it is what a browser says of a page. Origins are compared byte by byte (Fetch §3.2.2).
    pub(crate) fn is(&self, origin: &[u8]) -> bool {
        match origin.strip_prefix(self.text.as_bytes()) {
            Some([]) => true,
            Some([b':', port @ ..]) => self.is_any_port && !port.is_empty() && port.iter().all(u8::is_ascii_digit),
            _ => false,
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let (whole, is_any_port) = text.strip_suffix(":*").map_or((text, false), |whole| (whole, true));
        let (scheme, host) = whole.split_once("://").ok_or(ORIGIN)?;
        let is_scheme = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
        let is_host = |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase() && !"/?#@\\\"<>*,;".contains(c);
        if scheme.is_empty() || host.is_empty() || !scheme.chars().all(is_scheme) || !host.chars().all(is_host) {
            return Err(ORIGIN);
        }
        if (scheme == "https" && host.ends_with(":443")) || (scheme == "http" && host.ends_with(":80")) {
            return Err("expected an origin without its usual port, as browsers send it");
        }
        Ok(Self { text: whole.to_owned(), is_any_port })
    }
}

const ORIGIN: &str = "expected \"*\", or an origin in lower case and without a path, such as https://app.example.com";

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = one_or_many(deserializer, ORIGIN)?;
        if texts.iter().any(|text| text == "*") {
            return Ok(Self::Any);
        }
        let origins: Result<Vec<_>, _> = texts.iter().map(|text| WebOrigin::parse(text)).collect();
        match origins.map_err(D::Error::custom)? {
            origins if origins.is_empty() => Err(D::Error::custom("expected at least one origin, or \"*\"")),
            origins => Ok(Self::Only(origins)),
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "expected \"*\", or the names of headers, such as X-API-Key";
        let texts = one_or_many(deserializer, EXPECTED)?;
        if texts.iter().any(|text| text == "*") {
            return Ok(Self::Any);
        }
        let names: Result<Vec<_>, _> = texts.iter().map(|text| text.parse()).collect();
        names.map(Self::Only).map_err(|_| D::Error::custom(EXPECTED))
    }
}

/// Reads one text or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D, expected: &'static str) -> Result<Vec<String>, D::Error> {
    let expected = expected.trim_start_matches("expected ");
    match OneOrMany::read(deserializer, expected)? {
        Some(texts) => Ok(texts.into_vec()),
        None => Err(D::Error::invalid_type(Unexpected::Unit, &expected)),
    }
}

/// What Zato allows since its version 4.1.
fn default_allow_headers() -> Names {
    Names::Only(vec![header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static("x-api-key")])
}

fn default_expose_headers() -> Names {
    Names::Only(vec![CID])
}

fn default_max_age() -> Duration {
    Duration(std::time::Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(text: &str) -> Result<CorsConfig, String> {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn an_origin_is_what_browsers_send() {
        let Origins::Only(origins) =
            read("{allow_origins: ['https://a.example', 'http://localhost:*']}").unwrap().allow_origins
        else {
            panic!("a list is a list")
        };
        let is_allowed = |text: &str| origins.iter().any(|origin| origin.is(text.as_bytes()));
        for text in ["https://a.example", "http://localhost", "http://localhost:3000"] {
            assert!(is_allowed(text), "{text}");
        }
        for text in [
            "http://a.example",
            "https://a.example:8443",
            "https://a.example.org",
            "https://A.example",
            "null",
            "",
            "http://localhost:",
            "http://localhost:80.example",
            "http://localhost.example",
            "https://b.a.example",
        ] {
            assert!(!is_allowed(text), "{text}");
        }
        assert_eq!(read("{allow_origins: '*'}").unwrap().allow_origins, Origins::Any);
        assert_eq!(read("{allow_origins: ['*']}").unwrap().allow_origins, Origins::Any);
    }

    #[test]
    fn what_can_not_be_used_is_told_with_its_place() {
        for (text, said) in [
            ("{allow_origins: []}", "zato.yaml:1:17: expected at least one origin, or \"*\""),
            ("{allow_origins: app.example}", ORIGIN),
            ("{allow_origins: 'https://app.example/'}", ORIGIN),
            ("{allow_origins: 'https://App.example'}", ORIGIN),
            ("{allow_origins: 'null'}", ORIGIN),
            ("{allow_origins: 'https://*.example'}", ORIGIN),
            ("{allow_origins: 'https://a:443'}", "expected an origin without its usual port, as browsers send it"),
            ("{allow_origins: '*', allow_headers: ['a b']}", "expected \"*\", or the names of headers"),
            ("{allow_origins: '*', allow_methods: [BREW]}", "expected one of GET"),
            ("{allow_credentials: true}", "allow_origins"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.contains(said), "{fault}");
        }
    }
}
