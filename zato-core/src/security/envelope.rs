//! What proves in the header of a SOAP envelope who sends it (WS-Security: SOAP Message Security 1.1).

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};

use super::{
    Nonces, SecurityConfig, TokenPassword, UsernameToken, Verifier,
    wss::{self, NotTaken},
};
use crate::{
    error::{Error, Kind, Result},
    format::{
        soap::{Envelope, FaultCode, WSSE_NAMESPACE},
        xml::Element,
    },
    message::Caller,
};

const WSU_NAMESPACE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

impl Verifier {
    /// Looks for credentials in the header of an envelope, for a definition that is
    /// [about them](SecurityConfig::is_in_message).
    ///
    /// # Errors
    ///
    /// [`Unauthenticated`](Kind::Unauthenticated), with the [`FaultCode`] that WS-Security has for it (§12) as its source.
    /// What the caller reads doesn't say which part was wrong, or that a token was used before.
    pub fn verify_envelope(&self, envelope: &Envelope, now: DateTime<Utc>, nonces: &Nonces) -> Result<Arc<Caller>> {
        let SecurityConfig::Wss(config) = &*self.definition else {
            return Err(refused(FaultCode::FailedAuthentication, "the definition is not about envelopes"));
        };
        let header = header_of(envelope)?;
        let token = token_of(header)?;
        check_times(header, now, config.reject_expiry_limit.0)?;
        let taken = wss::check(config, &token, now, nonces).map_err(fault_of);
        match taken {
            Ok(()) if self.definition.is_active() => Ok(Arc::clone(&self.caller)),
            Ok(()) => Err(refused(FaultCode::FailedAuthentication, "the definition is inactive")),
            Err(error) => Err(error),
        }
    }
}

/// Whether a header block is the one that [`Verifier::verify_envelope`] reads.
#[must_use]
pub fn is_security_header(element: Element<'_>) -> bool {
    element.is("Security", Some(WSSE_NAMESPACE))
}

/// Finds the security header that is meant for us; there is at most one (§5).
fn header_of(envelope: &Envelope) -> Result<Element<'_>> {
    let mut headers = envelope.headers().filter(|block| block.is_for_us() && is_security_header(block.element()));
    let Some(header) = headers.next() else {
        return Err(refused(FaultCode::FailedAuthentication, "no security header"));
    };
    if headers.next().is_some() {
        return Err(refused(FaultCode::InvalidSecurity, "two security headers"));
    }
    let is_read = |child: Element<'_>| {
        child.is("UsernameToken", Some(WSSE_NAMESPACE)) || child.is("Timestamp", Some(WSU_NAMESPACE))
    };
    // Who understands a header understands all of it, signatures and assertions among it.
    if header.must_be_understood() && !header.element().children().all(is_read) {
        return Err(refused(
            FaultCode::UnsupportedSecurityToken,
            "something else than a user name in the security header",
        ));
    }
    Ok(header.element())
}

fn token_of(header: Element<'_>) -> Result<UsernameToken> {
    let unusable = |reason| refused(FaultCode::InvalidSecurityToken, reason);
    let mut tokens = header.children().filter(|child| child.is("UsernameToken", Some(WSSE_NAMESPACE)));
    let Some(token) = tokens.next() else {
        return Err(refused(FaultCode::UnsupportedSecurityToken, "no user name in the security header"));
    };
    let one = |name: &str, namespace: &str| {
        let mut found = token.children().filter(|child| child.is(name, Some(namespace)));
        let first = found.next();
        if found.next().is_some() { Err(unusable("something twice in the token")) } else { Ok(first) }
    };
    if tokens.next().is_some() {
        return Err(unusable("two user names in the security header"));
    }
    let username = one("Username", WSSE_NAMESPACE)?.ok_or_else(|| unusable("a token without a user name"))?;
    let password = one("Password", WSSE_NAMESPACE)?.ok_or_else(|| unusable("a token without a password"))?;
    let nonce = one("Nonce", WSSE_NAMESPACE)?;
    let nonce = nonce.map(|nonce| BASE64_STANDARD.decode(nonce.text().trim())).transpose();
    let created = one("Created", WSU_NAMESPACE)?;
    // Without a type it is the password itself (UsernameToken Profile 1.1 §3.1).
    let password = match password.attribute("Type").map_or("PasswordText", |it| it.rsplit('#').next().unwrap_or(it)) {
        "PasswordText" => TokenPassword::Text(password.text().into_owned()),
        "PasswordDigest" => TokenPassword::Digest(password.text().trim().to_owned()),
        _ => return Err(refused(FaultCode::UnsupportedSecurityToken, "a password of an unknown type")),
    };
    Ok(UsernameToken {
        username: username.text().into_owned(),
        password,
        nonce: nonce.map_err(|_| unusable("a nonce that is not base64"))?,
        // As it stands there, since the digest is over that.
        created: created.map(|created| created.text().trim().to_owned()),
    })
}

/// Refuses a message that says of itself that its time is over, or that is from the future (§10).
fn check_times(header: Element<'_>, now: DateTime<Utc>, skew: std::time::Duration) -> Result<()> {
    let Some(stamp) = header.children().find(|child| child.is("Timestamp", Some(WSU_NAMESPACE))) else { return Ok(()) };
    let read = |name: &str| {
        let time = stamp.children().find(|child| child.is(name, Some(WSU_NAMESPACE)));
        time.map(|time| wss::time(&time.text())).transpose().map_err(fault_of)
    };
    let is_over = read("Expires")?.is_some_and(|expires| expires <= now);
    let is_ahead = read("Created")?.is_some_and(|created| created > now + skew);
    if is_over || is_ahead { Err(fault_of(NotTaken::Expired)) } else { Ok(()) }
}

fn fault_of(reason: NotTaken) -> Error {
    match reason {
        NotTaken::Unusable(reason) => refused(FaultCode::InvalidSecurityToken, reason),
        NotTaken::Expired => refused(FaultCode::MessageExpired, "the token or the message is too old or ahead of time"),
        NotTaken::Wrong(reason) => refused(FaultCode::FailedAuthentication, reason),
    }
}

/// The reason is for the log. What a caller reads are the texts of WS-Security §12.
fn refused(code: FaultCode, reason: &'static str) -> Error {
    let public = match code {
        FaultCode::InvalidSecurity => "an error was discovered processing the security header",
        FaultCode::InvalidSecurityToken => "an invalid security token was provided",
        FaultCode::UnsupportedSecurityToken => "an unsupported token was provided",
        FaultCode::MessageExpired => "the message has expired",
        _ => "the security token could not be authenticated or authorized",
    };
    Error::new(Kind::Unauthenticated, reason).with_public(public).with_source(code)
}
