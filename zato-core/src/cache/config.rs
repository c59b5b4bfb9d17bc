use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

use crate::{
    config::{ByteSize, Duration},
    connection::ConnectionConfig,
};

/// The section that what a cache may stand over is configured in.
pub(super) const REDIS: &str = "outgoing_redis";

/// One entry of `cache`: what is kept, where, and for how long.
///
/// ```
/// use zato_core::cache::{CacheConfig, StoreKind};
///
/// let config = CacheConfig::new("rates");
/// assert_eq!((config.max_size, config.store), (10_000, StoreKind::Memory));
/// ```
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive cache refuses every call.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Whether REST channels whose `response_cache` names no cache keep their replies in this one. Of several the first by
    /// name counts.
    #[serde(default)]
    pub is_default: bool,
    /// Where its entries lie: in the process, gone with it and with any change of this entry, or in Redis, shared with
    /// every program that has the same `key_prefix` there.
    #[serde(default)]
    pub store: StoreKind,
    /// The `outgoing_redis` whose server keeps the entries; only with `store: redis`.
    #[serde(default)]
    pub connection: Option<String>,
    /// What its keys begin with in the store; `cache:` and its name in Redis unless given, nothing in the process.
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// How many entries there may be; of those that were not used for longest the first makes room for another. Not in
    /// Redis, whose `maxmemory` bounds them.
    #[serde(default = "max_size", deserialize_with = "number")]
    pub max_size: u64,
    /// How long a value may be, in bytes of JSON.
    #[serde(default = "max_item_size")]
    pub max_item_size: ByteSize,
    /// How long all keys and values may be together, beside `max_size`; not limited unless given. Not in Redis.
    #[serde(default)]
    pub max_bytes: Option<ByteSize>,
    /// How long an entry lives unless its service says so; for ever unless given.
    #[serde(default)]
    pub expiry: Option<Duration>,
    /// Whether an entry that is read lives on for as long as it was set for; in Redis, for `expiry`.
    #[serde(default)]
    pub extend_expiry_on_get: bool,
    /// Whether the time of an entry begins anew when its value is replaced; otherwise it ends when it would have ended.
    #[serde(default = "yes")]
    pub extend_expiry_on_set: bool,
    /// How long a caller waits for a value that another one is computing, before it computes it as well.
    #[serde(default = "coalesce_timeout")]
    pub coalesce_timeout: Duration,
}

/// Where the entries of a cache lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StoreKind {
    /// In the process.
    #[default]
    Memory,
    /// In Redis.
    Redis,
}

fn yes() -> bool {
    true
}

fn max_size() -> u64 {
    10_000
}

fn max_item_size() -> ByteSize {
    ByteSize(10_000)
}

fn coalesce_timeout() -> Duration {
    Duration::from_secs(15)
}

/// Zato writes some numbers as texts.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Written::deserialize(deserializer) {
        Ok(Written::Number(number)) => Ok(number),
        Ok(Written::Text(text)) if text.trim().parse::<u64>().is_ok() => text.trim().parse().map_err(D::Error::custom),
        _ => Err(D::Error::custom("expected a whole number")),
    }
}

impl CacheConfig {
    /// Starts with a cache of a name, in the process, that has every default.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_active: true,
            is_default: false,
            store: StoreKind::Memory,
            connection: None,
            key_prefix: None,
            max_size: max_size(),
            max_item_size: max_item_size(),
            max_bytes: None,
            expiry: None,
            extend_expiry_on_get: false,
            extend_expiry_on_set: true,
            coalesce_timeout: coalesce_timeout(),
        }
    }

    /// Returns what its keys begin with in the store: something, in a store that others have keys in, which would be gone with
    /// the cache's when it is cleared.
    pub(super) fn prefix(&self, is_shared: bool) -> String {
        match self.key_prefix.as_deref() {
            Some(prefix) if !(is_shared && prefix.is_empty()) => prefix.to_owned(),
            _ if is_shared => format!("cache:{}:", self.name),
            _ => String::new(),
        }
    }
}

impl ConnectionConfig for CacheConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        self.connection.as_deref().filter(|_| self.store == StoreKind::Redis).map(|name| (REDIS, name))
    }

    fn without_counterpart() -> &'static [&'static str] {
        &["cache_type", "persistent_storage", "sync_method"]
    }
}
