//! Security definitions: who may call a channel, and as whom we call others.
//!
//! A channel asks its [`Verifier`]; the answer is a [`Caller`] or a [`Denied`] that says how to ask again and never
//! which part was wrong. A connection to another system presents [`OutgoingCredentials`].

mod apikey;
mod basic;
mod config;
#[cfg(feature = "soap")]
mod envelope;
mod mtls;
mod outgoing;
#[cfg(feature = "soap")]
mod wss;

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderMap, HeaderValue};

pub use self::{
    config::{
        ApiKeyConfig, BasicAuthConfig, BearerTokenConfig, ClientAuthentication, MtlsConfig, SecurityConfig,
        TokenRequestFormat,
    },
    outgoing::{AccessToken, IssuedToken, OutgoingCredentials, TokenRequest, Tokens},
};
#[cfg(feature = "soap")]
pub use self::{
    config::{WssConfig, WssMode},
    envelope::is_security_header,
    wss::{Nonces, TokenPassword, UsernameToken, password_digest},
};
use crate::{
    config::{ConfigFault, Origin, SectionName, listing},
    message::{Caller, ClientCertificate},
};

/// The section that security definitions stand in.
pub const SECTION: SectionName = SectionName { name: "security", aliases: &["def_sec"] };

/// Every security definition of a configuration, by name.
#[derive(Debug, Default)]
pub struct Securities(BTreeMap<String, Arc<SecurityConfig>>);

impl Securities {
    /// Takes definitions whose names are known to differ.
    pub fn new(definitions: impl IntoIterator<Item = SecurityConfig>) -> Self {
        Self(definitions.into_iter().map(|one| (one.name().to_owned(), Arc::new(one))).collect())
    }

    /// Returns a definition.
    ///
    /// # Errors
    ///
    /// A fault at `origin` that lists what there is, if no definition has that name.
    pub fn get(&self, name: &str, origin: &Origin) -> Result<&Arc<SecurityConfig>, ConfigFault> {
        let known = || self.0.keys().map(String::as_str);
        self.0.get(name).ok_or_else(|| ConfigFault::at(origin, listing("security definition", name, known())))
    }

    /// Returns the verifier of a definition, for a channel whose messages have nothing to prove who sends them.
    ///
    /// # Errors
    ///
    /// As [`Securities::get`], and a fault at `origin` if it is one that callers can't satisfy.
    pub fn verifier(&self, name: &str, origin: &Origin) -> Result<Verifier, ConfigFault> {
        let verifier = self.soap_verifier(name, origin)?;
        if verifier.definition().is_in_message() {
            let message = format!(
                "the security definition \"{name}\" is about the header of a SOAP envelope, which only channels of \
                 \"channel_soap\" read; name one of the type basic_auth, apikey or mtls"
            );
            return Err(ConfigFault::at(origin, message));
        }
        Ok(verifier)
    }

    /// Returns the verifier of a definition, for a channel that reads SOAP.
    ///
    /// # Errors
    ///
    /// As [`Securities::verifier`], but for definitions that are about the header of an envelope.
    pub fn soap_verifier(&self, name: &str, origin: &Origin) -> Result<Verifier, ConfigFault> {
        let definition = self.get(name, origin)?;
        if matches!(**definition, SecurityConfig::BearerToken(_)) {
            let message = format!(
                "the security definition \"{name}\" is a bearer token that we present to others, and those of callers \
                 are not verified yet; name one of the type basic_auth, apikey or mtls"
            );
            return Err(ConfigFault::at(origin, message));
        }
        Ok(Verifier::new(Arc::clone(definition)))
    }
}

/// Tells whether a request comes from whom a definition allows.
///
/// ```
/// use std::sync::Arc;
/// use zato_core::{config::{from_tagged_node, yaml}, http::HeaderMap, security::{SecurityConfig, Verifier}};
///
/// let entry = yaml::parse("zato.yaml", "{name: Partner key, type: apikey, password: not-a-secret}")?;
/// let definition: SecurityConfig = from_tagged_node(&entry, "type")?;
/// let verifier = Verifier::new(Arc::new(definition));
///
/// let mut headers = HeaderMap::new();
/// assert!(verifier.verify((&headers).into()).is_err());
/// headers.insert("x-api-key", "not-a-secret".parse()?);
/// assert!(verifier.verify((&headers).into()).is_ok());
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    definition: Arc<SecurityConfig>,
    caller: Arc<Caller>,
    /// Written once, and not for every request that needs none.
    challenge: HeaderValue,
}

impl Verifier {
    /// Makes the verifier of a definition.
    #[must_use]
    pub fn new(definition: Arc<SecurityConfig>) -> Self {
        let caller = Arc::new(Caller::new(definition.name(), definition.username()));
        let challenge = match &*definition {
            SecurityConfig::BasicAuth(config) => basic::challenge(config),
            SecurityConfig::ApiKey(config) => apikey::challenge(config),
            SecurityConfig::Mtls(_) => mtls::challenge(),
            // RFC 6750 §3. Nobody satisfies it, which is why no channel may name it.
            SecurityConfig::BearerToken(_) => HeaderValue::from_static("Bearer"),
            // Never sent: HTTP has no scheme for what stands in a message.
            #[cfg(feature = "soap")]
            SecurityConfig::Wss(_) => HeaderValue::from_static("WSSE"),
        };
        Self { definition, caller, challenge }
    }

    /// Returns the definition.
    #[must_use]
    pub fn definition(&self) -> &SecurityConfig {
        &self.definition
    }

    /// Looks for credentials in what a caller presents.
    ///
    /// What is presented is compared in constant time, user name and password always both. Credentials given more than
    /// once are refused, since nobody can say which of them counts.
    ///
    /// # Errors
    ///
    /// [`Denied`] if they are missing, wrong, doubled or malformed, or if the definition is inactive: it doesn't say which.
    pub fn verify(&self, credentials: Credentials<'_>) -> Result<Arc<Caller>, Denied> {
        let Credentials { headers, certificate } = credentials;
        let is_right = match &*self.definition {
            SecurityConfig::BasicAuth(config) => basic::is_right(config, headers),
            SecurityConfig::ApiKey(config) => apikey::is_right(config, headers),
            SecurityConfig::Mtls(config) => certificate.is_some_and(|it| mtls::is_right(config, it)),
            SecurityConfig::BearerToken(_) => false,
            #[cfg(feature = "soap")]
            SecurityConfig::Wss(_) => false,
        };
        if is_right && self.definition.is_active() {
            return Ok(Arc::clone(&self.caller));
        }
        let reason = match (self.definition.needs_certificate(), certificate) {
            (false, _) => "credentials are missing or wrong",
            (true, None) => "no client certificate",
            (true, Some(_)) => "the client certificate is none that the definition names",
        };
        Err(Denied { challenge: self.challenge.clone(), reason })
    }
}

/// What a caller presents to prove who it is.
///
/// ```
/// use zato_core::{http::HeaderMap, security::Credentials};
///
/// let headers = HeaderMap::new();
/// let credentials = Credentials::from(&headers);
/// assert!(credentials.certificate.is_none());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// The certificate of the connection, verified.
    pub certificate: Option<&'a ClientCertificate>,
}

/// Those of a request whose connection has no certificate.
impl<'a> From<&'a HeaderMap> for Credentials<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        Self { headers, certificate: None }
    }
}

/// A request without the right credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// How to authenticate: the value of `WWW-Authenticate` (RFC 9110 §11.6.1).
    pub challenge: HeaderValue,
    /// What is wrong, for the log; it never says which part of a password or user name.
    pub reason: &'static str,
}

/// Returns the only value of a header; `None` if it is missing or there are several.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

/// Writes a realm as a quoted string (RFC 9110 §5.6.4), leaving out what can't stand in a header.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|character| (' '..='~').contains(character)) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}
