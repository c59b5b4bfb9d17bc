use std::fmt;

use http::HeaderValue;
use reqwest::Url;
use zato_core::Result;

use crate::error;

/// Where the account is, and the token that it is to be shown.
pub(crate) struct Session {
    /// Without a slash at its end.
    storage_url: String,
    /// The same as everybody can reach it, as far as one knows.
    public_url: String,
    token: HeaderValue,
}

impl Session {
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if no request could go there.
    pub(super) fn new(
        mut storage_url: Url,
        public_url: Option<&Url>,
        is_snet: bool,
        token: HeaderValue,
    ) -> Result<Self> {
        let whole = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        let public_url = whole(public_url.unwrap_or(&storage_url));
        if is_snet {
            // python-swiftclient, `get_auth_1_0`: the provider's own network has names of its own.
            let host = format!("snet-{}", storage_url.host_str().unwrap_or_default());
            storage_url.set_host(Some(&host)).map_err(|_| error::unexpected("the account is at no host's name"))?;
        }
        Ok(Self { storage_url: whole(&storage_url), public_url, token })
    }

    /// Returns the address of the account.
    pub(crate) fn storage_url(&self) -> &str {
        &self.storage_url
    }

    /// Returns the address of the account for who is not on the provider's own network.
    pub(crate) fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Returns the token, which prints as `Sensitive`.
    pub(crate) fn token(&self) -> &HeaderValue {
        &self.token
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("storage_url", &self.storage_url).finish_non_exhaustive()
    }
}
