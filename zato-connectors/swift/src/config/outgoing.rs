use std::collections::BTreeMap;

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use zato_core::{
    config::{ByteSize, ClientTlsConfig, Duration, FilePath, Secret},
    connection::ConnectionConfig,
};

use super::{CustomOptions, defaults, text, yes};

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
    #[serde(default, alias = "endpoint_type")]
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
    /// Whether the server's certificate is checked. Without that anybody in between can read and change everything.
    #[serde(default = "yes", alias = "tls_verify")]
    pub should_validate_cert: bool,
    /// The same as `tls.ca`, as Zato calls it.
    #[serde(default)]
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

/// How one logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
#[non_exhaustive]
pub enum AuthVersion {
    /// At Swift itself, as TempAuth has it.
    #[default]
    V1,
    /// At Keystone, with its version 3.
    V3,
}

impl<'de> Deserialize<'de> for AuthVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        match text.trim_start_matches('v') {
            "" | "1" | "1.0" => Ok(Self::V1),
            "3" | "3.0" => Ok(Self::V3),
            // OpenStack's release notes of Keystone, Queens.
            "2" | "2.0" => Err(de::Error::custom("Keystone has had no version 2 since 2018; write 3")),
            _ => Err(de::Error::custom("expected 1, or 3 for Keystone")),
        }
    }
}

/// Which of the endpoints of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Interface {
    /// The one that everybody can reach.
    #[default]
    #[serde(alias = "publicURL")]
    Public,
    /// The one of the provider's own network.
    #[serde(alias = "internalURL")]
    Internal,
    /// The one of administrators.
    #[serde(alias = "adminURL")]
    Admin,
}

impl Interface {
    /// Returns the word that the catalogue has for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.trim_end_matches("URL") {
            "public" => Some(Self::Public),
            "internal" => Some(Self::Internal),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// The largest segment: Swift's `max_file_size` unless an operator says otherwise.
const MAX_SEGMENT: usize = 5 * 1024 * 1024 * 1024;

impl SwiftConfig {
    /// Returns what can't be meant, by key.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let found = self.out_of_range().into_iter().chain(self.said_twice());
        let found =
            found.chain(if self.auth_version == AuthVersion::V3 { self.of_keystone() } else { self.of_swift() });
        found.filter(|fault| fault.1).map(|(key, _, words)| (key, words)).collect()
    }

    fn out_of_range(&self) -> Vec<Fault> {
        vec![
            (
                "pool_size",
                self.pool_size == 0,
                "without a place no request can be made; is_active: false switches it off",
            ),
            ("pool_size", self.pool_size > 1000, "more than 1000 requests at once are too many for one program"),
            ("timeout", self.timeout.is_zero(), "nothing is answered in no time; give it some, such as 30s"),
            (
                "connect_timeout",
                self.connect_timeout.is_zero(),
                "nothing connects in no time; give it some, such as 3s",
            ),
            ("retries", self.retries > 100, "what fails more than 100 times is down"),
            ("starting_backoff", self.retries > 0 && self.starting_backoff.is_zero(), "give it a pause, such as 1s"),
            ("max_backoff", self.max_backoff < self.starting_backoff, "it is shorter than starting_backoff"),
            ("segment_size", self.segment_size.bytes() == 0, "a piece has a byte at least"),
            ("segment_size", self.segment_size.as_usize() > MAX_SEGMENT, "no object may be larger than 5GiB"),
            ("segment_parallelism", self.segment_parallelism == 0, "without a piece on its way nothing is stored"),
            ("segment_parallelism", self.segment_parallelism > 100, "more than 100 pieces at once are too many"),
        ]
    }

    fn said_twice(&self) -> Vec<Fault> {
        let custom = &self.custom_options;
        let twice = |here: bool, there: &Option<String>| here && there.is_some();
        let words = "it stands in custom_options, too; leave out one";
        vec![
            ("region", twice(self.region.is_some(), &custom.region), words),
            ("interface", twice(self.interface.is_some(), &custom.interface), words),
            ("service_type", twice(self.service_type.is_some(), &custom.service_type), words),
            ("tenant_name", twice(self.tenant_name.is_some(), &custom.tenant_name), words),
            ("project_id", twice(self.project_id.is_some(), &custom.project_id), words),
            ("user_domain", twice(self.user_domain.is_some(), &custom.user_domain), words),
            ("project_domain", twice(self.project_domain.is_some(), &custom.project_domain), words),
            ("storage_url", twice(self.storage_url.is_some(), &custom.storage_url), words),
            ("security", self.security.is_some() && self.user.is_some(), "a user stands here, too; leave out one"),
            ("security", self.security.is_some() && self.key.is_some(), "a key stands here, too; leave out one"),
            (
                "cacert",
                self.cacert.is_some() && self.tls.as_ref().is_some_and(|tls| !tls.ca.is_empty()),
                "authorities stand in tls.ca, too; leave out one",
            ),
            (
                "custom_options",
                custom.interface.as_deref().is_some_and(|text| Interface::parse(text).is_none()),
                "expected public, internal or admin for endpoint_type",
            ),
            (
                "custom_options",
                custom.storage_url.as_deref().is_some_and(|text| parsed(text).is_err()),
                "object_storage_url is no address, such as https://swift.example.com/v1/AUTH_bank",
            ),
        ]
    }

    fn of_swift(&self) -> Vec<Fault> {
        let has_user = self.user.is_some() || self.security.is_some();
        let words = "it goes with Keystone; write auth_version: 3";
        vec![
            ("user", !has_user, "nobody logs in; add a user, such as bank:dispatcher, or a security definition"),
            ("key", self.user.is_some() && self.key.is_none(), "the user has no key; add it"),
            ("application_credential_id", self.application_credential_id.is_some(), words),
            ("project_id", self.project_id().is_some(), words),
            ("application_credential_secret", self.application_credential_secret.is_some(), words),
            ("region", self.region().is_some(), words),
            ("interface", self.interface.is_some() || self.custom_options.interface.is_some(), words),
            ("service_type", self.service_type.is_some() || self.custom_options.service_type.is_some(), words),
            ("user_domain", self.user_domain.is_some() || self.custom_options.user_domain.is_some(), words),
            ("project_domain", self.project_domain.is_some() || self.custom_options.project_domain.is_some(), words),
        ]
    }

    fn of_keystone(&self) -> Vec<Fault> {
        let by_credential = self.application_credential_id.is_some();
        let has_user = self.user.is_some() || self.security.is_some();
        let has_project = self.tenant_name().is_some() || self.project_id().is_some();
        vec![
            (
                "user",
                !has_user && !by_credential,
                "nobody logs in; add a user, an application_credential_id or a security definition",
            ),
            ("key", self.user.is_some() && self.key.is_none(), "the user has no password; add it as the key"),
            ("application_credential_id", by_credential && has_user, "a user stands here, too; leave out one of them"),
            (
                "application_credential_id",
                by_credential && has_project,
                "an application credential has its project; leave out tenant_name and project_id",
            ),
            (
                "application_credential_secret",
                by_credential && self.application_credential_secret.is_none(),
                "the application credential has no secret; add it",
            ),
            (
                "application_credential_secret",
                !by_credential && self.application_credential_secret.is_some(),
                "there is no application_credential_id that it belongs to",
            ),
            (
                "tenant_name",
                !by_credential && !has_project,
                "nobody says whose account it is; add the name of a project",
            ),
            (
                "project_id",
                self.tenant_name().is_some() && self.project_id().is_some(),
                "the project stands in tenant_name, too; leave out one",
            ),
        ]
    }

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

/// A key, whether it is wrong, and what is wrong with it.
type Fault = (&'static str, bool, &'static str);

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

fn parsed(text: &str) -> Result<Url, &'static str> {
    let words = "expected an address, such as https://swift.example.com/auth/v1.0";
    let url: Url = text.parse().map_err(|_| words)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() || url.fragment().is_some()
    {
        return Err(words);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials don't belong here; write them as user and key");
    }
    Ok(url)
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    parsed(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn optional_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    text(deserializer)?.map(|text| parsed(&text).map_err(de::Error::custom)).transpose()
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<Secret>::deserialize(deserializer)?.filter(|secret| !secret.is_empty()))
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

    fn read(more: &str) -> Result<SwiftConfig, String> {
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
    fn what_can_not_be_meant_is_told_by_key() {
        let keys =
            |more: &str| read(more).unwrap().contradictions().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        let v1 = "user: 'test:tester', key: testing";
        let v3 = "auth_version: 3, user: tester, key: testing, tenant_name: bank";
        for (base, more, key) in [
            (v1, "pool_size: 0", "pool_size"),
            (v1, "timeout: 0", "timeout"),
            (v1, "max_backoff: 100ms", "max_backoff"),
            (v1, "segment_size: 6GiB", "segment_size"),
            (v1, "segment_parallelism: 0", "segment_parallelism"),
            (v1, "security: Bank", "security"),
            (v1, "region: RegionOne", "region"),
            (v1, "project_id: 7", "project_id"),
            (v3, "region: a, custom_options: {region_name: b}", "region"),
            (v3, "project_id: 7", "project_id"),
            (v3, "custom_options: 'endpoint_type=secret'", "custom_options"),
        ] {
            assert!(keys(&format!("{base}, {more}")).contains(&key), "{more}: {:?}", keys(&format!("{base}, {more}")));
        }
        assert_eq!(keys("key: a"), ["user"]);
        assert_eq!(keys("auth_version: 3, user: a, key: b"), ["tenant_name"]);
        assert_eq!(keys("auth_version: 3, application_credential_id: a"), ["application_credential_secret"]);
        assert!(keys(v3).is_empty() && keys(v1).is_empty());
    }

    #[test]
    fn what_is_no_version_or_address_is_refused_with_the_remedy() {
        assert!(read("auth_version: 2.0").unwrap_err().contains("Keystone has had no version 2 since 2018; write 3"));
        assert!(read("storage_url: swift").unwrap_err().contains("expected an address"));
        assert!(read("storage_url: 'http://u:p@swift/v1'").unwrap_err().contains("credentials don't belong here"));
        assert_eq!(read("interface: internalURL").unwrap().interface(), Interface::Internal);
        assert_eq!(read("custom_options: 'endpoint_type=adminURL'").unwrap().interface(), Interface::Admin);
    }
}
