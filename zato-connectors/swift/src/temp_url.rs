//! Temporary URLs: what one may do with an object who has no account, for a while.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use sha2::Sha256;
use zato_core::{Error, Result, config::Secret};

use crate::{
    config::parsed,
    error, name,
    object::{Object, hexadecimal},
};

/// A temporary URL that is about to be made; awaiting it makes it.
///
/// Whoever has it may do with the object what it says until it ends, and needs no token. It is signed here (HMAC-SHA256), and
/// the server is asked for nothing, except that somebody logs in who has not: only then does one know where the account is.
///
/// When it ends is written into it by the clock of this machine, and the server looks at its own.
///
/// It leads to where the account is for everybody, also where the connection itself takes another way (`is_snet`, or another
/// `interface` than the public one), or to the `temp_url_base` of the connection.
///
/// The key is the `temp_url_key` of the connection, unless given. The server knows it from the metadata of the account, or of
/// the container:
///
/// ```
/// use zato_core::Result;
/// use zato_swift::{Metadata, Swift};
///
/// async fn set_up(storage: &Swift, key: &str) -> Result<()> {
///     storage.set_account_metadata(&Metadata::new().with("Temp-URL-Key", key)).await
/// }
/// ```
///
/// # Errors
///
/// [`Config`](zato_core::Kind::Config) if there is no key; [`InvalidInput`](zato_core::Kind::InvalidInput) if the method is none
/// that the server lets anybody have: `GET`, `HEAD`, `PUT`, `POST` and `DELETE`; or if the [base](Self::base) is no address. Beside
/// that what logging in fails with.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zato_core::{Result, http::Method};
/// use zato_swift::Swift;
///
/// async fn link(storage: &Swift) -> Result<String> {
///     let hour = Duration::from_secs(3600);
///     storage.object("reports", "2026/11.pdf").temp_url(Method::GET, hour).filename("November.pdf").await
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let fake = zato_swift::testing::FakeSwift::with_config("temp_url_key: secret").await;
/// # let link = link(&fake.swift()).await?;
/// # assert!(link.starts_with("http://memory/v1/AUTH_test/reports/2026/11.pdf?temp_url_sig="), "{link}");
/// # Ok(())
/// # }
/// ```
#[must_use = "a URL is made when it is awaited"]
pub struct TempUrlRequest {
    object: Object,
    method: Method,
    expires_in: Duration,
    key: Option<Secret>,
    is_prefix: bool,
    filename: Option<String>,
    is_inline: bool,
    base: Option<String>,
}

impl TempUrlRequest {
    pub(crate) fn new(object: Object, method: Method, expires_in: Duration) -> Self {
        Self { object, method, expires_in, key: None, is_prefix: false, filename: None, is_inline: false, base: None }
    }

    /// Signs it with this key, such as that of a container.
    pub fn key(mut self, key: impl Into<Secret>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Has it be good for all objects whose names begin with that of this one: whoever has it puts their names in place of this
    /// one's.
    pub fn prefix(mut self) -> Self {
        self.is_prefix = true;
        self
    }

    /// Has browsers save it as a file of this name; that of the object unless given.
    pub fn filename(mut self, filename: &str) -> Self {
        self.filename = Some(filename.to_owned());
        self
    }

    /// Has browsers show it, in place of saving it.
    pub fn inline(mut self) -> Self {
        self.is_inline = true;
        self
    }

    /// Has it lead to this address, such as `https://files.example.com`, by which people reach the server: the path of the account
    /// stands after it, as the server sees it. In place of the `temp_url_base` of the connection.
    pub fn base(mut self, url: impl Into<String>) -> Self {
        self.base = Some(url.into());
        self
    }

    async fn sign(self) -> Result<String> {
        let object = &self.object;
        let url = async {
            name::container(object.container())?;
            name::object(object.name())?;
            if !["GET", "HEAD", "PUT", "POST", "DELETE"].contains(&self.method.as_str()) {
                return Err(Error::invalid_input(format!(
                    "there are no temporary URLs for the method {}",
                    self.method
                )));
            }
            let client = object.swift().client()?;
            let key = self.key.as_ref().or(client.settings.temp_url_key.as_ref()).filter(|key| !key.is_empty());
            let key = key.ok_or_else(|| {
                let words =
                    "there is no key for temporary URLs; add temp_url_key to the connection, as the account has it";
                Error::config(words)
            })?;
            let base = match self.base.as_deref().map(parsed).transpose().map_err(no_base)? {
                Some(base) => Some(base),
                None => client.settings.temp_url_base.clone(),
            };
            let account = client.wire.public_url().await?;
            let expires = self.expires(client.wire.ambient().now().timestamp())?;
            self.url(&account, base, key, expires)
        };
        url.await.map_err(|error| object.about(error))
    }

    /// Returns when it ends, in seconds since 1970.
    fn expires(&self, now: i64) -> Result<u64> {
        let now = u64::try_from(now).unwrap_or_default();
        let expires = now.checked_add(self.expires_in.as_secs().max(1));
        // Swift reads it as a number that Python makes a date of.
        expires
            .filter(|expires| *expires <= 253_402_300_799)
            .ok_or_else(|| Error::invalid_input("an expiry lies after the year 9999"))
    }

    fn url(&self, account: &str, base: Option<Url>, key: &Secret, expires: u64) -> Result<String> {
        let (container, object) = (self.object.container(), self.object.name());
        let no_url = || error::unexpected("the account is at no address");
        let url: Url = account.parse().map_err(|_| no_url())?;
        let leads_to = match base {
            Some(base) => format!("{}{}", base.as_str().trim_end_matches('/'), url.path().trim_end_matches('/')),
            None => account.to_owned(),
        };
        // What is signed is the path as the server reads it, which is not encoded any more.
        let account = percent_decode_str(url.path().trim_end_matches('/')).decode_utf8().map_err(|_| no_url())?;
        let kind = if self.is_prefix { "prefix:" } else { "" };
        let signed = format!("{}\n{expires}\n{kind}{account}/{container}/{object}", self.method);
        let path = name::path(container, Some(object));
        let mut url = format!("{leads_to}/{path}?temp_url_sig={}&temp_url_expires={expires}", signature(key, &signed));
        if self.is_prefix {
            url.push_str(&format!("&temp_url_prefix={}", name::value(object)));
        }
        if let Some(filename) = &self.filename {
            url.push_str(&format!("&filename={}", name::value(filename)));
        }
        if self.is_inline {
            url.push_str("&inline");
        }
        Ok(url)
    }
}

#[cold]
fn no_base(words: &str) -> Error {
    Error::invalid_input(format!("the base of a temporary URL can't be used: {words}"))
}

fn signature(key: &Secret, signed: &str) -> String {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose().as_bytes());
    let mut mac = mac.expect("a key may be as long as it likes");
    mac.update(signed.as_bytes());
    hexadecimal(&mac.finalize().into_bytes())
}

impl IntoFuture for TempUrlRequest {
    type Output = Result<String>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<String>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.sign())
    }
}

impl fmt::Debug for TempUrlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TempUrlRequest")
            .field("method", &self.method)
            .field("object", &self.object)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        // §4.3, with the key "Jefe".
        let digits = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature(&Secret::from("Jefe"), "what do ya want for nothing?"), digits);
    }
}
