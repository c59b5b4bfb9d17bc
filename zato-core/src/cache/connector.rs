use std::sync::Arc;

use super::{CacheClient, CacheConfig, MemoryStore, Store, StoreKind, config::REDIS};
use crate::{
    ambient::Ambient,
    config::{ConfigFaults, SectionName},
    connection::{Connector, Setup},
    error::Result,
    metrics::Exposition,
};

/// The connector of `cache`.
#[derive(Debug)]
pub struct CacheConnector;

/// What a cache is made of.
#[derive(Debug)]
pub struct PreparedCache {
    config: CacheConfig,
    ambient: Ambient,
    /// Where its entries lie, if not in the process.
    store: Option<Arc<dyn Store>>,
}

impl Connector for CacheConnector {
    const SECTION: SectionName = SectionName { name: "cache", aliases: &["zato_cache_builtin"] };
    const LEADS_OUT: bool = false;
    type Config = CacheConfig;
    type Prepared = PreparedCache;
    type Client = CacheClient;

    fn prepare(setup: Setup<'_, CacheConfig>) -> Result<PreparedCache, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        for (key, said) in contradictions(&setup) {
            faults.push(setup.fault(key, format!("\"{key}\" of the cache \"{}\" {said}", setup.config.name)));
        }
        let store = match &setup.config.connection {
            Some(name) if setup.config.store == StoreKind::Redis => {
                let place = &setup.node.get("connection").unwrap_or(setup.node).origin;
                faults.keep(setup.definitions.offered::<Arc<dyn Store>>("the store of a cache", REDIS, name, place))
            }
            _ => None,
        };
        faults.into_result(PreparedCache { config: setup.config, ambient: setup.ambient.clone(), store })
    }

    async fn connect(prepared: &PreparedCache) -> Result<CacheClient> {
        let PreparedCache { config, ambient, store } = prepared;
        let store = store.clone().unwrap_or_else(|| Arc::new(MemoryStore::with(config, ambient.clone())));
        Ok(CacheClient::new(config, store, ambient))
    }

    async fn ping(client: &CacheClient) -> Result<()> {
        client.store.ping().await
    }

    fn metrics(client: &CacheClient, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        client.counters.write(&client.store.usage_now(), labels, exposition);
    }
}

/// Finds what no cache can mean: the key, and what is wrong with it.
fn contradictions(setup: &Setup<'_, CacheConfig>) -> Vec<(&'static str, &'static str)> {
    let (config, is_written) = (&setup.config, |key: &str| setup.node.get(key).is_some());
    let is_in_redis = config.store == StoreKind::Redis;
    let of_redis = "means nothing for one in Redis, which maxmemory bounds; leave it out";
    [
        (config.max_size == 0, "max_size", "is 0, which keeps nothing; write \"is_active: false\" for no cache"),
        (
            config.max_item_size.bytes() == 0,
            "max_item_size",
            "is 0, which no value meets; write how many bytes one may have",
        ),
        (
            config.max_bytes.is_some_and(|bytes| bytes.bytes() == 0),
            "max_bytes",
            "is 0, which keeps nothing; leave it out for no limit",
        ),
        (
            config.expiry.is_some_and(|expiry| expiry.is_zero()),
            "expiry",
            "is 0; leave it out for entries that live for ever",
        ),
        (
            config.coalesce_timeout.is_zero(),
            "coalesce_timeout",
            "is 0, which nobody can wait; write a time such as 15s",
        ),
        (
            is_in_redis && config.connection.is_none(),
            "store",
            "is redis, which takes a \"connection\": the name of an outgoing_redis",
        ),
        (!is_in_redis && config.connection.is_some(), "connection", "means nothing without \"store: redis\""),
        (
            is_in_redis && config.key_prefix.as_deref() == Some(""),
            "key_prefix",
            "is empty, so that whatever else is in Redis would be among the entries; leave it out for one of the cache's own",
        ),
        (is_in_redis && is_written("max_size"), "max_size", of_redis),
        (is_in_redis && is_written("max_bytes"), "max_bytes", of_redis),
        (
            is_in_redis && config.extend_expiry_on_get && config.expiry.is_none(),
            "extend_expiry_on_get",
            "takes an \"expiry\" in Redis: how long an entry lives on",
        ),
    ]
    .into_iter()
    .filter_map(|(is_so, key, said)| is_so.then_some((key, said)))
    .collect()
}
