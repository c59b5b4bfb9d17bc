//! The section as data.

mod parts;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use zato_core::{
    config::{ByteSize, ClientTlsConfig, Duration, FilePath, Secret, SectionName},
    connection::ConnectionConfig,
};

pub use self::parts::S3Config;
pub(crate) use self::parts::{FolderConfig, SwiftPart};
use super::place;
use crate::config::{OUTGOING, defaults, text, yes};

/// The section that object storages stand in.
pub const OBJECT_STORAGE: SectionName = SectionName { name: "outgoing_object_storage", aliases: &[] };

/// One entry of `outgoing_object_storage`: where objects are kept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ObjectStorageConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive one refuses every call.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// What keeps the objects: `fs` for a folder, `memory`, `swift`, `s3`, or another scheme of opendal's that is compiled into
    /// the program. What stands here for others is left alone.
    pub scheme: String,
    /// The folder, for `scheme: fs`.
    #[serde(default)]
    pub(crate) fs: Option<FolderConfig>,
    /// The account, for `scheme: swift`: `connection` with the name of an `outgoing_swift`, or keys of one.
    #[serde(default)]
    pub(crate) swift: Option<SwiftPart>,
    /// The server and bucket, for `scheme: s3`.
    #[serde(default)]
    pub s3: Option<S3Config>,
    /// What another scheme of opendal's takes.
    #[serde(default)]
    pub options: BTreeMap<String, Secret>,
    /// The container, or bucket, or folder, that everything is in; unless given, the first segment of a path is one.
    #[serde(default, deserialize_with = "text")]
    pub container: Option<String>,
    /// How long one operation may take; of a transfer, each piece.
    #[serde(default = "defaults::thirty_seconds")]
    pub timeout: Duration,
    /// How long it may take to be connected, TLS included, where there is a network between.
    #[serde(default = "defaults::three_seconds")]
    pub connect_timeout: Duration,
    /// How large an object may be that is read as a whole.
    #[serde(default = "whole")]
    pub max_size: ByteSize,
    /// How many requests are on their way at once, where there is a network between.
    #[serde(default = "defaults::five")]
    pub pool_size: usize,
    /// How long a request waits for one of those to end.
    #[serde(default = "defaults::five_seconds")]
    pub acquire_timeout: Duration,
    /// How often a request over the network is tried again that failed for a moment, if it does no harm to make it twice.
    #[serde(default = "defaults::five_u32")]
    pub retries: u32,
    /// The pause before it is tried again for the first time; each further one is twice as long.
    #[serde(default = "defaults::one_second")]
    pub starting_backoff: Duration,
    /// What no pause is longer than.
    #[serde(default = "defaults::sixty_four_seconds")]
    pub max_backoff: Duration,
    /// Whether a server's certificate is checked. Without that anybody in between can read and change everything.
    #[serde(default = "yes", alias = "tls_verify")]
    pub should_validate_cert: bool,
    /// Whom we trust, and which certificate we present, for `s3` and other schemes; needs the feature `tls`.
    #[serde(default)]
    pub tls: Option<ClientTlsConfig>,
    /// How often it is asked for a sign of life while nobody calls it; `0` for never.
    #[serde(default = "defaults::thirty_seconds")]
    pub ping_interval: Duration,
    /// From which duration on an operation is logged as slow, without what is sent and read; `0` for never.
    #[serde(default = "defaults::two_seconds")]
    pub slow_log: Duration,
}

/// A key, whether it is wrong, and what is wrong with it.
type Fault = (&'static str, bool, &'static str);

impl ObjectStorageConfig {
    /// Returns what can't be meant, by key.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let found = self.out_of_range().into_iter().chain(self.of_schemes());
        let mut found: Vec<_> = found.filter(|fault| fault.1).map(|(key, _, words)| (key, words)).collect();
        if self.container.as_deref().is_some_and(|container| place::container(container).is_err()) {
            found.push(("container", "no container, bucket or folder can have this name"));
        }
        found
    }

    fn out_of_range(&self) -> Vec<Fault> {
        vec![
            (
                "pool_size",
                self.pool_size == 0,
                "without a place no request can be made; is_active: false switches it off",
            ),
            ("pool_size", self.pool_size > 1000, "more than 1000 requests at once are too many for one program"),
            ("timeout", self.timeout.is_zero(), "nothing is done in no time; give it some, such as 30s"),
            (
                "connect_timeout",
                self.connect_timeout.is_zero(),
                "nothing connects in no time; give it some, such as 3s",
            ),
            ("max_size", self.max_size.bytes() == 0, "nothing could be read as a whole; give it a size, such as 64MiB"),
            ("retries", self.retries > 100, "what fails more than 100 times is down"),
            ("starting_backoff", self.retries > 0 && self.starting_backoff.is_zero(), "give it a pause, such as 1s"),
            ("max_backoff", self.max_backoff < self.starting_backoff, "it is shorter than starting_backoff"),
        ]
    }

    fn of_schemes(&self) -> Vec<Fault> {
        let is = |scheme: &str| self.scheme == scheme;
        let own = ["fs", "memory", "swift", "s3"].iter().any(|scheme| is(scheme));
        let swift = self.swift.as_ref();
        vec![
            ("scheme", self.scheme.is_empty(), "say what keeps the objects: fs, memory, swift or s3"),
            ("scheme", is("fs") && self.fs.is_none(), "it takes a folder; add fs: {root: ...}"),
            ("scheme", is("swift") && swift.is_none(), "it takes an account; add swift: {connection: ...}"),
            ("scheme", is("s3") && self.s3.is_none(), "it takes a server; add s3: {region: ..., bucket: ...}"),
            (
                "swift.connection",
                swift.is_some_and(|swift| swift.connection.is_some() && swift.has_keys),
                "the connection says all there is to say; leave out the keys beside it, or the connection",
            ),
            ("options", own && !self.options.is_empty(), "they are for other schemes; leave them out"),
            (
                "s3.secret_access_key",
                self.s3.as_ref().is_some_and(|s3| s3.access_key_id.is_some() != s3.secret_access_key.is_some()),
                "access_key_id and secret_access_key go together",
            ),
        ]
    }

    /// Returns the folder, if that is what keeps the objects.
    pub(crate) fn folder(&self) -> Option<&FilePath> {
        self.fs.as_ref().filter(|_| self.scheme == "fs").map(|folder| &folder.root)
    }

    /// Returns whether what is stored in a folder is written out at once.
    pub(crate) fn has_fsync(&self) -> bool {
        self.fs.as_ref().is_none_or(|folder| folder.fsync)
    }

    /// Returns the account, if that is what keeps the objects.
    pub(crate) fn account(&self) -> Option<&SwiftPart> {
        self.swift.as_ref().filter(|_| self.scheme == "swift")
    }

    /// Returns whether TLS is spoken with a server of S3.
    pub(crate) fn is_tls(&self) -> bool {
        let is_plain = |s3: &S3Config| s3.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        self.scheme == "s3" && self.s3.as_ref().is_some_and(|s3| !is_plain(s3))
    }
}

impl ConnectionConfig for ObjectStorageConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn security(&self) -> Option<&str> {
        self.account()?.security.as_deref()
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        Some((OUTGOING.name, self.account()?.connection.as_deref()?))
    }

    fn leads_out(&self) -> bool {
        !matches!(&*self.scheme, "fs" | "memory")
    }

    fn ping_interval(&self) -> Option<std::time::Duration> {
        Some(self.ping_interval.0).filter(|interval| !interval.is_zero())
    }
}

fn whole() -> ByteSize {
    ByteSize(64 * 1024 * 1024)
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(more: &str) -> Result<ObjectStorageConfig, String> {
        let text = format!("{{name: Invoices, {more}}}");
        from_node(&yaml::parse("zato.yaml", &text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn one_line_decides_what_the_others_are_for() {
        let all = "fs: {root: invoices}, swift: {connection: Cloud}, s3: {bucket: crm, region: eu}";
        let read = |scheme: &str| read(&format!("scheme: {scheme}, {all}")).unwrap();
        for scheme in ["fs", "memory", "swift", "s3"] {
            assert_eq!(read(scheme).contradictions(), [], "{scheme}");
        }
        assert_eq!((read("fs").over(), read("swift").over()), (None, Some(("outgoing_swift", "Cloud"))));
        assert!(!read("memory").leads_out() && !read("fs").leads_out() && read("s3").leads_out());
        assert_eq!(read("s3").max_size.bytes(), 64 * 1024 * 1024);
        assert!(read("s3").is_tls() && !read("fs").is_tls());
    }

    #[test]
    fn what_can_not_be_meant_is_told_by_key() {
        let keys =
            |more: &str| read(more).unwrap().contradictions().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        for (more, key) in [
            ("scheme: fs", "scheme"),
            ("scheme: swift", "scheme"),
            ("scheme: s3", "scheme"),
            ("scheme: ''", "scheme"),
            ("scheme: memory, options: {a: b}", "options"),
            ("scheme: memory, container: a/b", "container"),
            ("scheme: memory, timeout: 0", "timeout"),
            ("scheme: memory, max_size: 0", "max_size"),
            ("scheme: memory, max_backoff: 1ms", "max_backoff"),
            ("scheme: swift, swift: {connection: Cloud, retries: 0}", "swift.connection"),
            ("scheme: s3, s3: {access_key_id: a}", "s3.secret_access_key"),
        ] {
            assert_eq!(keys(more), [key], "{more}");
        }
        assert!(read("scheme: memory, schema: fs").unwrap_err().contains("schema"));
        assert!(read("scheme: s3, s3: {buckets: a}").unwrap_err().contains("buckets"));
    }
}
