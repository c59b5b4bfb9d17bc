use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    CacheClient, CacheConfig, CacheConnector, EntryDetails, Lifetime, MemoryStore, SetRequest, Statistics, Store,
};
use crate::{
    ambient::Ambient,
    connection::{Handle, Slot},
    error::Result,
};

/// The handle of a cache: `#[out("rates")] rates: Cache`. A clone leads to the same entries.
///
/// Every call fails with [`Unavailable`](crate::Kind::Unavailable) if the cache is not up, and with what its store fails
/// with: one in the process never does.
///
/// ```
/// use zato_core::cache::Cache;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let rates = Cache::fake();
/// let rate: f64 = rates.get_or_compute("2013", async || Ok(1.25)).await?;
/// assert_eq!(rates.get("2013").await?, Some(rate));
/// assert!(rates.delete("2013").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cache(Arc<Slot<CacheConnector>>);

impl Cache {
    /// Makes a cache in the process that has every default: for unit tests.
    #[must_use]
    pub fn fake() -> Self {
        Self::in_process(&CacheConfig::new("fake"))
    }

    /// Makes a cache in the process that belongs to no app.
    #[must_use]
    pub fn in_process(config: &CacheConfig) -> Self {
        Self::over(config, Arc::new(MemoryStore::new(config)))
    }

    /// Makes a cache over a store, whatever its configuration says of that.
    #[must_use]
    pub fn over(config: &CacheConfig, store: Arc<dyn Store>) -> Self {
        Self(Slot::up(&config.name, CacheClient::new(config, store, &Ambient::default())))
    }

    pub(super) fn slot_client(&self) -> Result<Arc<CacheClient>> {
        self.0.client()
    }

    /// Reads a value; `None` if it isn't there.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) if what is there can't be read as a `T`.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let client = self.slot_client()?;
        let full = client.full(key)?;
        client.read(&full).await?.map(|bytes| client.decode(&full, &bytes)).transpose()
    }

    /// Reads a value as the bytes that it is kept as: JSON, unless somebody has [set others](Self::set_bytes).
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn get_bytes(&self, key: &str) -> Result<Option<Bytes>> {
        let client = self.slot_client()?;
        client.read(&client.full(key)?).await
    }

    /// Puts a value in the place of whatever is there, once the result is awaited: for as long as the cache's `expiry` says,
    /// or as the result is told to.
    pub fn set<'a, T: Serialize + ?Sized>(&'a self, key: &'a str, value: &'a T) -> SetRequest<'a, T> {
        SetRequest::new(self, key, value)
    }

    /// Puts bytes as they are, for a time of their own or, without one, for as long as the cache's `expiry` says.
    ///
    /// # Errors
    ///
    /// As [`SetRequest::send`].
    ///
    /// # Cancel safety
    ///
    /// When dropped, they were put or not.
    pub async fn set_bytes(&self, key: &str, bytes: Bytes, expires_in: Option<Duration>) -> Result<()> {
        let client = self.slot_client()?;
        let lifetime = expires_in.map_or_else(|| client.lifetime(), Lifetime::For);
        client.write(&client.full(key)?, bytes, lifetime).await
    }

    /// Removes an entry, and returns whether it was there.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// When dropped, it was removed or not.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        let client = self.slot_client()?;
        client.remove(&client.full(key)?).await
    }

    /// Has an entry live for so long from now on, and returns whether it is there.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// When dropped, it was changed or not.
    pub async fn expire(&self, key: &str, after: Duration) -> Result<bool> {
        let client = self.slot_client()?;
        client.watched(client.store.expire(&client.full(key)?, Lifetime::For(after)).await)
    }

    /// Has an entry live for ever, and returns whether it is there.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// When dropped, it was changed or not.
    pub async fn persist(&self, key: &str) -> Result<bool> {
        let client = self.slot_client()?;
        client.watched(client.store.expire(&client.full(key)?, Lifetime::Forever).await)
    }

    /// Returns whether an entry is there; that is no read.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        let client = self.slot_client()?;
        client.watched(client.store.contains(&client.full(key)?).await)
    }

    /// Returns what is known of an entry beside its value; that is no read.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    #[doc(alias = "details")]
    pub async fn entry(&self, key: &str) -> Result<Option<EntryDetails>> {
        let client = self.slot_client()?;
        client.watched(client.store.details(&client.full(key)?).await)
    }

    /// Removes everything: in Redis, whatever begins with the cache's `key_prefix`.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// When dropped, some of it was removed.
    pub async fn clear(&self) -> Result<()> {
        let client = self.slot_client()?;
        client.all_changed(&client.prefix).await?;
        client.watched(client.store.clear(&client.prefix).await)
    }

    /// Returns what was counted since the cache was made, and how much is in it.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn statistics(&self) -> Result<Statistics> {
        let client = self.slot_client()?;
        let usage = client.watched(client.store.usage().await)?;
        Ok(client.counters.statistics(&usage))
    }

    /// Returns whether replies of channels that name no cache are kept here; `false` while it is not up.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.slot_client().is_ok_and(|client| client.is_default)
    }
}

#[diagnostic::do_not_recommend]
impl Handle for Cache {
    type Connector = CacheConnector;

    fn from_slot(slot: Arc<Slot<CacheConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<CacheConnector>> {
        &self.0
    }
}
