//! What an entry means, wherever it is said: in the entry itself, or among its custom options.

use reqwest::Url;

use super::{Interface, SwiftConfig, address::parsed};

impl SwiftConfig {
    pub(crate) fn tenant_name(&self) -> Option<&str> {
        self.tenant_name.as_deref().or(self.custom_options.tenant_name.as_deref())
    }

    pub(crate) fn project_id(&self) -> Option<&str> {
        self.project_id.as_deref().or(self.custom_options.project_id.as_deref())
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.region.as_deref().or(self.custom_options.region.as_deref())
    }

    pub(crate) fn interface(&self) -> Interface {
        let custom = || self.custom_options.interface.as_deref().and_then(Interface::parse);
        self.interface.or_else(custom).unwrap_or_default()
    }

    pub(crate) fn service_type(&self) -> &str {
        self.service_type.as_deref().or(self.custom_options.service_type.as_deref()).unwrap_or("object-store")
    }

    pub(crate) fn user_domain(&self) -> &str {
        self.user_domain.as_deref().or(self.custom_options.user_domain.as_deref()).unwrap_or("Default")
    }

    pub(crate) fn project_domain(&self) -> &str {
        self.project_domain.as_deref().or(self.custom_options.project_domain.as_deref()).unwrap_or("Default")
    }

    /// Returns where the account is, if that is said here.
    pub(crate) fn storage_url(&self) -> Option<Url> {
        self.storage_url.clone().or_else(|| parsed(self.custom_options.storage_url.as_deref()?).ok())
    }

    /// Returns whether TLS is spoken with somebody, as far as one can tell before one has logged in.
    pub(crate) fn is_tls(&self) -> bool {
        let is_tls = |url: &Url| url.scheme() == "https";
        is_tls(&self.auth_url) || self.storage_url().as_ref().is_some_and(is_tls)
    }
}
