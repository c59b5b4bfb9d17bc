//! Credentials on the way out: what a connection presents to the other side.

mod request;
mod tokens;

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, header};

pub use self::{
    request::{IssuedToken, TokenRequest},
    tokens::{AccessToken, Tokens},
};
use super::{BearerTokenConfig, SecurityConfig};
use crate::error::Error;

/// What a connection presents to the other side, worked out once from a security definition.
///
/// ```
/// use zato_core::{config::{from_tagged_node, yaml}, security::{OutgoingCredentials, SecurityConfig}};
///
/// let entry = yaml::parse("zato.yaml", "{name: CRM, type: basic_auth, username: zato, password: not-a-secret}")?;
/// let definition: SecurityConfig = from_tagged_node(&entry, "type")?;
///
/// let OutgoingCredentials::Header(name, value) = OutgoingCredentials::of(&definition).unwrap() else { unreachable!() };
/// assert_eq!((name.as_str(), value.to_str()?), ("authorization", "Basic emF0bzpub3QtYS1zZWNyZXQ="));
/// assert_eq!(format!("{value:?}"), "Sensitive");
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum OutgoingCredentials {
    /// A header that is the same for every call; its value prints as `Sensitive`.
    Header(HeaderName, HeaderValue),
    /// A token that is fetched by this request, and presented as `Authorization`; see [`Tokens`].
    Token(Arc<TokenRequest>),
    /// The definition of this name is inactive: nothing may be sent.
    Inactive(Arc<str>),
}

impl OutgoingCredentials {
    /// Works out what a definition means.
    ///
    /// # Errors
    ///
    /// Why a connection can't present it, with the remedy: what is in it can't be sent, or it is an `mtls`, which says
    /// whose certificate we accept and not which one we have.
    pub fn of(definition: &SecurityConfig) -> Result<Self, String> {
        let name = definition.name();
        if !definition.is_active() && !matches!(definition, SecurityConfig::Mtls(_)) {
            return Ok(Self::Inactive(name.into()));
        }
        match definition {
            SecurityConfig::BasicAuth(config) if config.username.contains(':') => Err(format!(
                "the username of the security definition \"{name}\" has a colon in it, at which HTTP Basic would end it; \
                 use one without"
            )),
            SecurityConfig::BasicAuth(config) => {
                let pair = format!("{}:{}", config.username, config.password.expose());
                header_of(name, header::AUTHORIZATION, &format!("Basic {}", BASE64_STANDARD.encode(pair)))
            }
            SecurityConfig::ApiKey(config) => header_of(name, config.header.clone(), config.password.expose()),
            SecurityConfig::BearerToken(config) => bearer(config),
            #[cfg(feature = "soap")]
            SecurityConfig::Wss(_) => Err(format!(
                "the security definition \"{name}\" is about the header of a SOAP envelope, which no REST connection \
                 sends; name one of the type basic_auth, apikey or bearer_token"
            )),
            SecurityConfig::Mtls(_) => Err(format!(
                "the security definition \"{name}\" says which certificates of callers we accept; the one that we present \
                 ourselves is the connection's own: write its files as \"tls.certificate\" and \"tls.key\""
            )),
        }
    }

    /// Returns the error of a call that may not be made, if the definition is inactive.
    #[must_use]
    pub fn refusal(&self) -> Option<Error> {
        let Self::Inactive(name) = self else { return None };
        Some(Error::unavailable(format!(
            "the security definition \"{name}\" is inactive, so that nothing is sent with it"
        )))
    }
}

fn bearer(config: &BearerTokenConfig) -> Result<OutgoingCredentials, String> {
    match &config.token {
        Some(token) => header_of(&config.name, header::AUTHORIZATION, &format!("Bearer {}", token.expose())),
        None => TokenRequest::of(config).map(|request| OutgoingCredentials::Token(Arc::new(request))),
    }
}

fn header_of(definition: &str, name: HeaderName, value: &str) -> Result<OutgoingCredentials, String> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        format!(
            "the secret of the security definition \"{definition}\" can't be sent in a header: it has a line break or \
             another control character in it"
        )
    })?;
    value.set_sensitive(true);
    Ok(OutgoingCredentials::Header(name, value))
}

/// Says what kind of credentials they are, and never what is in them.
impl fmt::Debug for OutgoingCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name, _) => write!(f, "Header({name})"),
            Self::Token(request) => write!(f, "Token({request:?})"),
            Self::Inactive(name) => write!(f, "Inactive({name:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{from_tagged_node, yaml},
        error::Kind,
    };

    fn of(text: &str) -> Result<OutgoingCredentials, String> {
        let node = yaml::parse("zato.yaml", &format!("{{name: A, {text}}}")).unwrap();
        OutgoingCredentials::of(&from_tagged_node(&node, "type").unwrap())
    }

    fn header(text: &str) -> (String, Vec<u8>) {
        match of(text).unwrap() {
            OutgoingCredentials::Header(name, value) => {
                assert!(value.is_sensitive());
                (name.to_string(), value.as_bytes().to_vec())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_type_has_its_header() {
        let (name, value) = header("type: basic_auth, username: Żółw, password: 'se:cret'");
        assert_eq!((name.as_str(), &*value), ("authorization", &b"Basic xbvDs8WCdzpzZTpjcmV0"[..]));
        let (name, value) = header("type: apikey, password: key, header: X-Key");
        assert_eq!((name.as_str(), &*value), ("x-key", &b"key"[..]));
        let (name, value) = header("type: bearer_token, token: abc");
        assert_eq!((name.as_str(), &*value), ("authorization", &b"Bearer abc"[..]));
    }

    #[test]
    fn what_can_not_be_presented_is_told_without_the_secret() {
        for (text, expected) in [
            ("type: mtls", "the security definition \"A\" says which certificates of callers we accept"),
            (
                "type: mtls, is_active: false",
                "the security definition \"A\" says which certificates of callers we accept",
            ),
            (
                "type: apikey, password: \"canary\\n\"",
                "the secret of the security definition \"A\" can't be sent in a header",
            ),
            ("type: bearer_token, token: \"canary\\u0000\"", "the secret of the security definition \"A\" can't be"),
            (
                "type: basic_auth, username: 'a:b', password: canary",
                "the username of the security definition \"A\" has a",
            ),
        ] {
            let said = of(text).unwrap_err();
            assert!(said.starts_with(expected) && !said.contains("canary"), "{said}");
        }
    }

    #[test]
    fn with_an_inactive_definition_nothing_is_sent() {
        let credentials = of("type: apikey, password: canary, is_active: false").unwrap();
        let refusal = credentials.refusal().unwrap();
        let expected = "the security definition \"A\" is inactive, so that nothing is sent with it";
        assert_eq!((refusal.kind(), refusal.message()), (Kind::Unavailable, expected));
        let credentials = of("type: apikey, password: canary").unwrap();
        assert!(credentials.refusal().is_none());
        assert_eq!(format!("{credentials:?}"), "Header(x-api-key)");
    }
}
