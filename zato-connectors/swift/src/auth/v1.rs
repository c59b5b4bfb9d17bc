//! Logging in at Swift itself (TempAuth, and what is like it): a name and a key in headers.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request};
use reqwest::Url;
use zato_core::{Error, Result, config::Secret};

use super::{TOKEN, Told, User, secret_header};
use crate::{config::SwiftConfig, error, transport::Body};

/// The name and the key, and where they are shown.
pub(super) struct V1 {
    url: Url,
    user: String,
    key: Secret,
}

impl V1 {
    /// The account stands before the user; an account that stands in an entry of its own is put there.
    pub(super) fn of(config: &SwiftConfig, user: User) -> Self {
        let name = match config.tenant_name() {
            Some(account) if !user.name.contains(':') => format!("{account}:{}", user.name),
            _ => user.name,
        };
        Self { url: config.auth_url.clone(), user: name, key: user.key }
    }

    pub(super) fn request(&self) -> Result<Request<Body>> {
        let user = HeaderValue::from_bytes(self.user.as_bytes());
        let user = user.map_err(|_| Error::config("the user can't stand in a header"))?;
        Request::get(self.url.as_str())
            .header("x-auth-user", user)
            .header("x-auth-key", secret_header(self.key.expose(), "key")?)
            .body(Body::Empty)
            .map_err(|error| Error::internal("nobody can log in like that").with_source(error))
    }
}

/// Reads what one is told: the token, where the account is, and for how long that is good.
pub(super) fn read(headers: &HeaderMap, is_told_where: bool) -> Result<Told> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let token = headers.get(&TOKEN).or_else(|| headers.get("x-storage-token")).cloned();
    let mut token = token.ok_or_else(|| error::unexpected("Swift gave no token to who logged in"))?;
    token.set_sensitive(true);
    let storage_url = text("x-storage-url").and_then(|url| url.parse::<Url>().ok());
    if storage_url.is_none() && !is_told_where {
        return Err(error::unexpected("Swift did not say where the account is"));
    }
    let lifetime = text("x-auth-token-expires").and_then(|seconds| seconds.trim().parse().ok());
    Ok(Told { token, storage_url, public_url: None, lifetime: lifetime.map(Duration::from_secs) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_one_is_told_is_read_from_headers() {
        let all = [
            ("x-storage-url", "http://swift:8080/v1/AUTH_test"),
            ("x-storage-token", "AUTH_tk1"),
            ("x-auth-token-expires", "86399"),
        ];
        let Told { token, storage_url: url, lifetime, .. } = read(&headers(&all), false).unwrap();
        assert_eq!((token.to_str().unwrap(), token.is_sensitive()), ("AUTH_tk1", true));
        assert_eq!((url.unwrap().path(), lifetime), ("/v1/AUTH_test", Some(Duration::from_secs(86399))));
        assert!(read(&headers(&all[1..]), false).is_err() && read(&headers(&all[1..]), true).is_ok());
        assert!(read(&headers(&all[..1]), false).is_err());
    }
}
