//! What is sent.

use std::fmt::Write as _;

use base64::{Engine, prelude::BASE64_STANDARD};
use zato_core::{
    ambient::Ambient,
    bytes::Bytes,
    chrono::SecondsFormat,
    format::soap::{Version, WSSE_NAMESPACE},
    security::{WssConfig, password_digest},
};

use crate::soap::wsdl::markup::Escaped;

/// Puts envelopes around what a connection sends.
#[derive(Debug)]
pub(super) struct Envelopes {
    pub(super) version: Version,
    /// Whose name and password stand in them.
    token: Option<WssConfig>,
    ambient: Ambient,
}

/// Where a security token was made, and when it can no longer be used (WS-Security 1.1 §10).
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// What a password is (UsernameToken Profile 1.1 §3.1).
const TOKEN: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";

/// How a nonce is written (WS-Security 1.1 §6.3).
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

impl Envelopes {
    pub(super) fn new(version: Version, token: Option<WssConfig>, ambient: Ambient) -> Self {
        Self { version, token, ambient }
    }

    /// Writes an envelope. A token in it is a new one each time, since a partner takes none twice.
    pub(super) fn write(&self, headers: &[String], body: &str) -> Bytes {
        let mut to = String::with_capacity(body.len() + 512);
        let _ = write!(
            to,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soap:Envelope xmlns:soap=\"{}\">",
            self.version.namespace()
        );
        if self.token.is_some() || !headers.is_empty() {
            to.push_str("<soap:Header>");
            if let Some(token) = &self.token {
                self.write_token(&mut to, token);
            }
            to.extend(headers.iter().map(String::as_str));
            to.push_str("</soap:Header>");
        }
        to.push_str("<soap:Body>");
        to.push_str(body);
        to.push_str("</soap:Body></soap:Envelope>");
        to.into()
    }

    fn write_token(&self, to: &mut String, config: &WssConfig) {
        let _ = write!(
            to,
            "<wsse:Security xmlns:wsse=\"{WSSE_NAMESPACE}\" xmlns:wsu=\"{WSU}\" soap:mustUnderstand=\"1\">\
             <wsse:UsernameToken><wsse:Username>{}</wsse:Username>",
            Escaped(&config.username)
        );
        let (nonce, now) = (self.ambient.random().to_be_bytes(), self.ambient.now());
        let created = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        let password = config.password.expose();
        if config.use_digest {
            let digest = password_digest(&nonce, &created, password);
            let _ = write!(to, "<wsse:Password Type=\"{TOKEN}#PasswordDigest\">{digest}</wsse:Password>");
        } else {
            let password = Escaped(password);
            let _ = write!(to, "<wsse:Password Type=\"{TOKEN}#PasswordText\">{password}</wsse:Password>");
        }
        let _ = write!(
            to,
            "<wsse:Nonce EncodingType=\"{BASE64}\">{}</wsse:Nonce><wsu:Created>{created}</wsu:Created>\
             </wsse:UsernameToken></wsse:Security>",
            BASE64_STANDARD.encode(nonce)
        );
    }
}
