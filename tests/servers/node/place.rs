//! Where a server is, and the variables that say so.

use std::{collections::BTreeMap, env, ffi::OsString, path::PathBuf};

use super::{Node, tls};

/// What it takes to talk to a server.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// With user, password and what is there from the beginning: a database or a virtual host.
    pub(crate) url: String,
    /// The same over TLS: the certificate is for `localhost` and 127.0.0.1. What the client demands of it is the
    /// client's business.
    pub(crate) tls_url: String,
    /// Where operators reach it over HTTP, with user and password.
    pub(crate) management_url: Option<String>,
    /// The authority that signed the server's certificate.
    pub(crate) authority: PathBuf,
    /// A client's certificate of the same authority, which the server looks at and does not ask for.
    pub(crate) client_certificate: PathBuf,
    /// The client's key.
    pub(crate) client_key: PathBuf,
    /// What else its kind tells, by the ends of the names of variables.
    pub(super) details: BTreeMap<String, String>,
}

impl Place {
    /// Who may do everything.
    pub(crate) const USER: &str = "zato";

    /// The user's password.
    pub(crate) const PASSWORD: &str = "not-a-secret";

    /// The database or virtual host that is there from the beginning.
    pub(crate) const NAME: &str = "zato";

    pub(super) fn new(node: &Node, url: String, tls_url: String) -> Self {
        Self {
            url,
            tls_url,
            management_url: None,
            authority: node.folder.join(tls::AUTHORITY),
            client_certificate: node.folder.join(tls::CLIENT.certificate),
            client_key: node.folder.join(tls::CLIENT.key),
            details: BTreeMap::new(),
        }
    }

    /// Tells more than there is to tell of every kind.
    pub(super) fn with_details<'a>(mut self, details: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        self.details.extend(details.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    /// What its kind tells beside what there is to tell of every one.
    pub(crate) fn detail(&self, name: &str) -> &str {
        self.details.get(name).unwrap_or_else(|| panic!("the server tells no {name}"))
    }

    /// As variables, which begin with a word and by which tests of other processes find it.
    pub(crate) fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        let variable = |name: &str, value: String| (format!("{prefix}_{name}"), value);
        let file = |name, path: &PathBuf| variable(name, path.display().to_string());
        let mut variables = vec![
            variable("URL", self.url.clone()),
            variable("TLS_URL", self.tls_url.clone()),
            file("AUTHORITY", &self.authority),
            file("CLIENT_CERTIFICATE", &self.client_certificate),
            file("CLIENT_KEY", &self.client_key),
        ];
        variables.extend(self.management_url.clone().map(|url| variable("MANAGEMENT_URL", url)));
        variables.extend(self.details.iter().map(|(name, value)| variable(name, value.clone())));
        variables
    }

    /// What the variables say; nothing unless they are there.
    pub(crate) fn told(prefix: &str) -> Option<Self> {
        let variable = |name: &str| env::var(format!("{prefix}_{name}")).ok();
        Some(Self {
            url: variable("URL")?,
            tls_url: variable("TLS_URL")?,
            management_url: variable("MANAGEMENT_URL"),
            authority: variable("AUTHORITY")?.into(),
            client_certificate: variable("CLIENT_CERTIFICATE")?.into(),
            client_key: variable("CLIENT_KEY")?.into(),
            details: details(&format!("{prefix}_")),
        })
    }
}

/// Every variable that begins with this.
fn details(prefix: &str) -> BTreeMap<String, String> {
    let detail = |(name, value): (OsString, OsString)| {
        Some((name.to_str()?.strip_prefix(prefix)?.to_owned(), value.into_string().ok()?))
    };
    env::vars_os().filter_map(detail).collect()
}
