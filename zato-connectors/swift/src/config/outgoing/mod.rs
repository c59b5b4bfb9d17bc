//! An entry of `outgoing_swift`.

mod address;
mod checks;
mod login;
mod meaning;

use std::collections::BTreeMap;

use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use zato_core::{
    config::{ByteSize, ClientTlsConfig, Duration, FilePath, Secret},
    connection::ConnectionConfig,
};

pub(crate) use self::address::parsed;
pub use self::login::{AuthVersion, Interface};
use self::{
    address::{optional_url, url},
    login::interface,
};
use super::{CustomOptions, defaults, secret, text, yes};

/// One entry of `outgoing_swift`: an account of OpenStack's object storage.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SwiftConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive connection refuses every call.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// How one logs in: `1` at Swift itself (TempAuth and the like), or `3` at Keystone.
    #[serde(default)]
    pub auth_version: AuthVersion,
    /// Where one logs in, such as `https://swift.example.com/auth/v1.0` or, with the version 3,
    /// `https://keystone.example.com:5000/v3`.
    #[serde(alias = "address", alias = "authurl", deserialize_with = "url")]
    #[schemars(with = "String")]
    pub auth_url: Url,
    /// Who logs in; with the version 1 with the account before it, such as `bank:dispatcher`.
    #[serde(default, alias = "username", deserialize_with = "text")]
    pub user: Option<String>,
    /// The key, or password, of who logs in.
    #[serde(default, alias = "password", deserialize_with = "secret")]
    pub key: Option<Secret>,
    /// A security definition of the type `basic_auth`, in place of `user` and `key`.
    #[serde(default, alias = "sec_def", alias = "security_name", deserialize_with = "text")]
    pub security: Option<String>,
    /// The project whose account it is, which was called tenant once; with the version 1 the account, unless it stands before
    /// the user.
    #[serde(default, alias = "project_name", deserialize_with = "text")]
    pub tenant_name: Option<String>,
    /// The id of the project, in place of its name. Version 3.
    #[serde(default, alias = "tenant_id", deserialize_with = "text")]
    pub project_id: Option<String>,
    /// The domain that the user is of; `Default` unless given. Version 3.
    #[serde(default, alias = "user_domain_name", deserialize_with = "text")]
    pub user_domain: Option<String>,
    /// The domain that the project is of; `Default` unless given. Version 3.
    #[serde(default, alias = "project_domain_name", deserialize_with = "text")]
    pub project_domain: Option<String>,
    /// An application credential, in place of user, key and project. Version 3.
    #[serde(default, deserialize_with = "text")]
    pub application_credential_id: Option<String>,
    /// The secret of the application credential.
    #[serde(default, deserialize_with = "secret")]
    pub application_credential_secret: Option<Secret>,
    /// Which region of the service catalogue; needed only if it has several. Version 3.
    #[serde(default, alias = "region_name", deserialize_with = "text")]
    pub region: Option<String>,
    /// Which endpoint of the service catalogue: `public`, `internal` or `admin`. Version 3.
    #[serde(default, alias = "endpoint_type", deserialize_with = "interface")]
    pub interface: Option<Interface>,
    /// What object storage is called in the service catalogue; `object-store` unless given. Version 3.
    #[serde(default, deserialize_with = "text")]
    pub service_type: Option<String>,
    /// Where the account is, in place of what one is told after logging in.
    #[serde(default, alias = "object_storage_url", deserialize_with = "optional_url")]
    #[schemars(with = "Option<String>")]
    pub storage_url: Option<Url>,
    /// What Zato calls the options of OpenStack: lines of `key=value`, such as `region_name=RegionOne`, or a map. Each can stand
    /// in the entry itself, too.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(crate) custom_options: CustomOptions,
    /// Whether the storage is reached over the provider's own network, where its host has `snet-` before it.
    #[serde(default)]
    pub is_snet: bool,
    /// How many requests are on their way at once; so many connections are kept for them.
    #[serde(default = "defaults::five")]
    pub pool_size: usize,
    /// How long a request waits for one of those to end.
    #[serde(default = "defaults::five_seconds")]
    pub acquire_timeout: Duration,
    /// How long the server may take to answer, and then for each piece of what is sent or read.
    #[serde(default = "defaults::thirty_seconds")]
    pub timeout: Duration,
    /// How long it may take to be connected, TLS included.
    #[serde(default = "defaults::three_seconds")]
    pub connect_timeout: Duration,
    /// How often a request is tried again that failed for a moment, if it does no harm to make it twice.
    #[serde(default = "defaults::five_u32")]
    pub retries: u32,
    /// The pause before it is tried again for the first time; each further one is twice as long.
    #[serde(default = "defaults::one_second")]
    pub starting_backoff: Duration,
    /// What no pause is longer than.
    #[serde(default = "defaults::sixty_four_seconds")]
    pub max_backoff: Duration,
    /// Whether a request is tried again that was refused because there were too many.
    #[serde(default = "yes", alias = "should_retry_ratelimit")]
    pub should_retr_ratelimit: bool,
    /// How large each piece is that a large object is stored in, from 1 B to 5 GiB; larger where there would be more than 1000 of
    /// them. As many of them as are on their way at once are kept in memory of what is uploaded as a stream.
    #[serde(default = "segment_size")]
    pub segment_size: ByteSize,
    /// How many pieces of a large object are on their way at once.
    #[serde(default = "four")]
    pub segment_parallelism: usize,
    /// The key that temporary URLs are signed with, which the account or the container has as its metadata, too.
    #[serde(default, deserialize_with = "secret")]
    pub temp_url_key: Option<Secret>,
    /// Where temporary URLs lead to, such as `https://files.example.com`, with the path of the account after it; unless given, where
    /// the account is for everybody.
    #[serde(default, deserialize_with = "optional_url")]
    #[schemars(with = "Option<String>")]
    pub temp_url_base: Option<Url>,
    /// Whether the server's certificate is checked. Without that anybody in between can read and change everything.
    #[serde(default = "yes", alias = "tls_verify")]
    pub should_validate_cert: bool,
    /// The same as `tls.ca`, as Zato calls it.
    #[serde(default, deserialize_with = "FilePath::optional")]
    pub cacert: Option<FilePath>,
    /// Whom we trust, and which certificate we present; needs the feature `tls`.
    #[serde(default)]
    pub tls: Option<ClientTlsConfig>,
    /// How often the account is asked for a sign of life while nobody calls it; `0` for never.
    #[serde(default = "defaults::thirty_seconds")]
    pub ping_interval: Duration,
    /// From which duration on a request is logged as slow, without what is sent and read.
    #[serde(default = "defaults::two_seconds")]
    pub slow_log: Duration,
}

impl ConnectionConfig for SwiftConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn security(&self) -> Option<&str> {
        self.security.as_deref()
    }

    fn ping_interval(&self) -> Option<std::time::Duration> {
        Some(self.ping_interval.0).filter(|interval| !interval.is_zero())
    }

    fn without_counterpart() -> &'static [&'static str] {
        // What TLS compressed could be guessed (CRIME, 2012), and no library does it any more.
        &["needs_tls_compr"]
    }
}

fn four() -> usize {
    4
}

/// Large enough for the server's own work on each object not to matter much; four of them are all the memory that the upload of
/// a stream needs.
fn segment_size() -> ByteSize {
    ByteSize(8 * 1024 * 1024)
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    /// Reads an entry with some keys.
    pub(super) fn read(more: &str) -> Result<SwiftConfig, String> {
        let text = format!("{{name: CRM, auth_url: 'https://swift/auth/v1.0', {more}}}");
        from_node(&yaml::parse("zato.yaml", &text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_left_out_is_as_in_zato() {
        let config = read("user: 'test:tester', key: testing").unwrap();
        assert_eq!((config.auth_version, config.pool_size, config.retries), (AuthVersion::V1, 5, 5));
        assert_eq!((config.starting_backoff.as_secs(), config.max_backoff.as_secs()), (1, 64));
        assert!(config.should_validate_cert && config.should_retr_ratelimit && !config.is_snet);
        assert!(config.contradictions().is_empty(), "{:?}", config.contradictions());
        assert!(config.is_tls());
    }

    #[test]
    fn what_zato_exports_where_nobody_chose_is_not_given() {
        // Whatever may be left out, and is a text.
        let keys = "auth_version tenant_name project_id user_domain project_domain application_credential_id \
                    application_credential_secret region interface service_type storage_url custom_options temp_url_key temp_url_base \
                    security cacert";
        let expected = format!("{:?}", read("user: 'test:tester', key: testing").unwrap());
        for empty in ["''", "~", "null"] {
            let none: Vec<_> = keys.split_whitespace().map(|key| format!("{key}: {empty}")).collect();
            let config = read(&format!("user: 'test:tester', key: testing, {}", none.join(", "))).unwrap();
            assert_eq!(format!("{config:?}"), expected, "{empty}");
            assert!(config.contradictions().is_empty(), "{empty}: {:?}", config.contradictions());
            let config = read(&format!("user: {empty}, key: {empty}, security: Bank, tls: ~")).unwrap();
            assert!(config.user.is_none() && config.key.is_none(), "{empty}");
        }
        let error = read("interface: intern").unwrap_err();
        assert!(error.contains("public") && error.contains("internal"), "{error}");
    }
}
