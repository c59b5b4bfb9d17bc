//! Logging in: who we are, where the account is, and the token that every request shows.

mod catalogue;
mod keystone;
mod session;
mod v1;

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use reqwest::Url;
use zato_core::{
    Error, Result, ambient::Ambient, bytes::Bytes, config::Secret, message::ByteStream, security::SecurityConfig,
};

pub(crate) use self::session::Session;
use self::{keystone::Keystone, v1::V1};
use crate::{
    config::{AuthVersion, SwiftConfig},
    error::{self, SwiftErrorKind},
    transport::Transport,
};

/// The header that tokens are shown in.
pub(crate) const TOKEN: http::HeaderName = http::HeaderName::from_static("x-auth-token");

/// How large an answer to who logs in may be: a catalogue of services has some kilobytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// How one logs in.
pub(crate) struct Auth {
    way: Way,
    /// Where one logs in, as errors say it.
    shown: String,
    /// Where the account is, whatever one is told.
    storage_url: Option<Url>,
    is_snet: bool,
    /// Whether one logs in over TLS.
    is_tls: bool,
    timeout: Duration,
}

enum Way {
    V1(V1),
    Keystone(Box<Keystone>),
}

/// What one is told who has logged in.
struct Told {
    token: HeaderValue,
    /// Where the account is; `None` if nobody asked.
    storage_url: Option<Url>,
    /// Where it is for everybody, if that is somewhere else.
    public_url: Option<Url>,
    lifetime: Option<Duration>,
}

/// Who logs in, as it stands in the entry or in the security definition that it names.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) key: Secret,
}

impl Auth {
    /// Works out how one logs in; the configuration has no contradictions.
    pub(crate) fn of(config: &SwiftConfig, security: Option<&SecurityConfig>) -> Result<Self, &'static str> {
        let user = user(config, security)?;
        let way = match (config.auth_version, user) {
            (AuthVersion::V1, Some(user)) => Way::V1(V1::of(config, user)),
            (AuthVersion::V1, None) => return Err("nobody logs in; add a user, such as bank:dispatcher"),
            (AuthVersion::V3, user) => Way::Keystone(Box::new(Keystone::of(config, user)?)),
        };
        let (storage_url, timeout) = (config.storage_url(), config.timeout.into());
        let is_tls = config.auth_url.scheme() == "https";
        let shown = shown(&config.auth_url);
        Ok(Self { way, shown, storage_url, is_snet: config.is_snet, is_tls, timeout })
    }

    /// Logs in, and returns for how long that is good, if that was said.
    ///
    /// # Errors
    ///
    /// As any exchange; [`Upstream`](zato_core::Kind::Upstream) if who logs in is not accepted, or the catalogue has no object
    /// storage.
    pub(crate) async fn login(&self, transport: &Transport, ambient: &Ambient) -> Result<(Session, Option<Duration>)> {
        self.ask(transport, ambient).await.map_err(|error| error.with("auth_url", &self.shown))
    }

    async fn ask(&self, transport: &Transport, ambient: &Ambient) -> Result<(Session, Option<Duration>)> {
        let (request, whom) = match &self.way {
            Way::V1(v1) => (v1.request()?, "Swift"),
            Way::Keystone(keystone) => (keystone.request()?, "Keystone"),
        };
        let answered = async {
            let answer = transport.exchange(request, self.timeout, None).await?;
            read(answer).await
        };
        let answered = tokio::time::timeout(self.timeout, answered).await;
        let late = || error::of_kind(SwiftErrorKind::Timeout, format!("{whom} did not answer who logs in"));
        let (status, headers, body) = answered.unwrap_or_else(|_| Err(late()))?;
        if !status.is_success() {
            return Err(refused(status, &body, whom));
        }
        let Told { token, storage_url, public_url, lifetime } = match &self.way {
            Way::V1(_) => v1::read(&headers, self.storage_url.is_some())?,
            Way::Keystone(keystone) => keystone.read(&headers, &body, self.storage_url.is_some(), ambient)?,
        };
        if self.storage_url.is_none() && self.is_tls && storage_url.as_ref().is_some_and(|url| url.scheme() != "https")
        {
            // The token, and everything else, could be read on its way, which nobody has asked for.
            return Err(error::unexpected(format!(
                "{whom} is spoken to over TLS, and says that the account is where none is spoken; name it with \"storage_url\""
            )));
        }
        let storage_url = self.storage_url.clone().or(storage_url);
        let storage_url = storage_url.ok_or_else(|| error::unexpected("nobody says where the account is"))?;
        Ok((Session::new(storage_url, public_url.as_ref(), self.is_snet, token)?, lifetime))
    }
}

/// Reads an answer to who logs in.
async fn read(answer: Response<ByteStream>) -> Result<(StatusCode, HeaderMap, Bytes)> {
    let (parts, body) = answer.into_parts();
    let body = body.bytes_within(MAX_ANSWER).await;
    let body = body.map_err(|error| match error.kind() {
        zato_core::Kind::TooLarge => error::unexpected("the answer to who logs in is larger than any catalogue"),
        _ => error,
    })?;
    Ok((parts.status, parts.headers, body))
}

/// Whoever may not log in has the wrong key; another one has to be written into the configuration.
fn refused(status: StatusCode, body: &[u8], whom: &str) -> Error {
    let error = error::of_status(status, body);
    match error::kind_of(&error) {
        Some(SwiftErrorKind::NotAuthenticated) => error.with_retry(zato_core::Retry::Never),
        Some(SwiftErrorKind::NotFound) => {
            error::unexpected(format!("{whom} is not where auth_url says: status {}", status.as_u16()))
        }
        _ => error,
    }
}

/// Returns an address without what is not to be seen in it.
fn shown(url: &Url) -> String {
    let path = if url.path() == "/" { "" } else { url.path() };
    format!("{}{path}", url.origin().ascii_serialization())
}

/// Who logs in.
fn user(config: &SwiftConfig, security: Option<&SecurityConfig>) -> Result<Option<User>, &'static str> {
    if let Some(security) = security {
        let SecurityConfig::BasicAuth(basic) = security else {
            return Err(
                "the security definition is no user's name and key, which Swift wants; name one of the type basic_auth",
            );
        };
        return Ok(Some(User { name: basic.username.clone(), key: basic.password.clone() }));
    }
    Ok(config.user.clone().zip(config.key.clone()).map(|(name, key)| User { name, key }))
}

/// Makes the value of a header that is not to be seen.
fn secret_header(text: &str, what: &str) -> Result<HeaderValue> {
    // The error of the library is left out, as it might show what is in it one day.
    let value = HeaderValue::from_bytes(text.as_bytes()).ok();
    let mut value = value.ok_or_else(|| Error::config(format!("the {what} can't stand in a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match &self.way {
            Way::V1(_) => "V1",
            Way::Keystone(_) => "Keystone",
        };
        f.debug_struct("Auth").field("way", &way).finish_non_exhaustive()
    }
}
