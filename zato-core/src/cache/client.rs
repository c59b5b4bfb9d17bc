use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    CacheConfig, Lifetime, SingleFlight, Store,
    computations::Computations,
    counters::{Counters, count},
};
use crate::{
    ambient::Ambient,
    error::{Error, Result},
};

/// How long a key may be, in bytes: more is a value that was taken for a key.
const LONGEST_KEY: usize = 4096;

/// The cache behind a [`Cache`](super::Cache): where its entries lie, and what its configuration says of them.
pub struct CacheClient {
    pub(super) name: String,
    pub(super) is_default: bool,
    pub(super) prefix: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) max_item_size: u64,
    pub(super) expiry: Option<Duration>,
    pub(super) extend_on_get: bool,
    extend_on_set: bool,
    pub(super) patience: Duration,
    /// Whom leases are given to.
    pub(super) holder: u128,
    pub(super) flights: SingleFlight<Bytes>,
    pub(super) computations: Computations,
    pub(super) counters: Counters,
}

impl CacheClient {
    pub(super) fn new(config: &CacheConfig, store: Arc<dyn Store>, ambient: &Ambient) -> Self {
        Self {
            name: config.name.clone(),
            is_default: config.is_default,
            prefix: config.prefix(store.is_shared()),
            max_item_size: config.max_item_size.bytes(),
            expiry: config.expiry.map(|expiry| *expiry),
            extend_on_get: config.extend_expiry_on_get,
            extend_on_set: config.extend_expiry_on_set,
            patience: *config.coalesce_timeout,
            holder: if store.is_shared() { ambient.random() } else { 0 },
            store,
            flights: SingleFlight::default(),
            computations: Computations::default(),
            counters: Counters::default(),
        }
    }

    /// Returns where the entries lie.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns a key as the store has it.
    pub(super) fn full(&self, key: &str) -> Result<String> {
        if key.len() > LONGEST_KEY {
            let message = format!("key too long: {} > {LONGEST_KEY} bytes", key.len());
            return Err(Error::internal(message).with("cache", &self.name));
        }
        Ok(format!("{}{key}", self.prefix))
    }

    /// Reads a value as bytes; that is counted.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Bytes>> {
        let found = self.look(key).await?;
        count(if found.is_some() { &self.counters.hits } else { &self.counters.misses });
        Ok(found)
    }

    /// Reads a value as bytes.
    pub(super) async fn look(&self, key: &str) -> Result<Option<Bytes>> {
        let extend = if self.extend_on_get { Some(self.expiry.unwrap_or(Duration::MAX)) } else { None };
        self.watched(self.store.get(key, extend).await)
    }

    /// Returns how long an entry lives that is set without a word on that.
    pub(super) fn lifetime(&self) -> Lifetime {
        if self.extend_on_set { Lifetime::from(self.expiry) } else { Lifetime::KeptOr(self.expiry) }
    }

    /// Puts a value that somebody knows, whatever is being computed.
    pub(super) async fn write(&self, key: &str, value: Bytes, lifetime: Lifetime) -> Result<()> {
        self.fits(key, &value)?;
        self.changed(key);
        self.watched(self.store.set(key, value, lifetime).await)
    }

    /// Removes a value, also one that is being computed.
    pub(super) async fn remove(&self, key: &str) -> Result<bool> {
        self.changed(key);
        self.watched(self.store.delete(key).await)
    }

    /// Refuses a value that is too long.
    pub(super) fn fits(&self, key: &str, value: &Bytes) -> Result<()> {
        let size = u64::try_from(value.len()).unwrap_or(u64::MAX);
        if size <= self.max_item_size {
            return Ok(());
        }
        let message = format!("value too long: {size} > {} bytes", self.max_item_size);
        Err(Error::internal(message).with("cache", &self.name).with("key", key))
    }

    /// Has what is being computed of a key not be kept, and who asks from now on begin anew: what it is computed from may be old.
    pub(super) fn changed(&self, key: &str) {
        self.computations.changed(key);
        self.flights.forget(key);
    }

    /// The same for all keys that begin with a prefix, in other processes as well.
    pub(super) async fn all_changed(&self, prefix: &str) -> Result<()> {
        self.computations.all_changed(prefix);
        self.flights.forget_all(prefix);
        self.watched(self.store.revoke(prefix).await)
    }

    /// Counts what failed, and says of which cache it was.
    pub(super) fn watched<T>(&self, done: Result<T>) -> Result<T> {
        done.map_err(|error| {
            count(&self.counters.errors);
            error.with("cache", &self.name)
        })
    }

    /// Reads a value that was kept.
    pub(super) fn decode<T: DeserializeOwned>(&self, key: &str, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| {
            let message = "the value that was cached can't be read as what was asked for";
            Error::internal(message).with("cache", &self.name).with("key", key).with_source(error)
        })
    }

    /// Writes a value to be kept.
    pub(super) fn encode<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<Bytes> {
        let bytes = serde_json::to_vec(value).map_err(|error| {
            let message = "the value can't be written as JSON";
            Error::internal(message).with("cache", &self.name).with("key", key).with_source(error)
        })?;
        // What was reserved in vain is not kept.
        Ok(Bytes::from(bytes.into_boxed_slice()))
    }
}

impl fmt::Debug for CacheClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheClient").field("name", &self.name).field("store", &self.store).finish_non_exhaustive()
    }
}
