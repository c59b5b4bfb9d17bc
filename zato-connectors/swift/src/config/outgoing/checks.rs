//! What can't be meant, as far as one entry tells.

use super::{AuthVersion, Interface, SwiftConfig, address::parsed};

/// A key, whether it is wrong, and what is wrong with it.
type Fault = (&'static str, bool, &'static str);

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
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

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
}
