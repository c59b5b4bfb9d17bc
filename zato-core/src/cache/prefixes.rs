//! Many entries at once: those whose keys begin alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::de::DeserializeOwned;

use super::{Cache, CacheClient, Lifetime};
use crate::error::Result;

impl Cache {
    /// Lists all keys, in order.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn keys(&self) -> Result<Vec<String>> {
        self.keys_by_prefix("", None).await
    }

    /// Lists the keys that begin with a prefix, in order; so many at most, unless that is `None`.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn keys_by_prefix(&self, prefix: &str, limit: impl Into<Option<usize>>) -> Result<Vec<String>> {
        let client = self.slot_client()?;
        let mut scan = Scan::new(&client, prefix, limit.into())?;
        let mut keys = Vec::new();
        while let Some(page) = scan.next().await? {
            keys.extend(page.into_iter().filter_map(|key| Some(key.strip_prefix(&client.prefix)?.to_owned())));
        }
        keys.sort_unstable();
        Ok(keys)
    }

    /// Reads the values whose keys begin with a prefix, by their keys; so many at most, unless that is `None`.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) if one of them can't be read as a `T`.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_core::cache::Cache;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> zato_core::Result<()> {
    /// let rates = Cache::fake();
    /// rates.set("EUR:2013", &1.25).await?;
    /// rates.set("CHF:2013", &0.93).await?;
    /// let found = rates.get_by_prefix::<f64>("EUR:", 100).await?;
    /// assert_eq!(found.into_iter().collect::<Vec<_>>(), [("EUR:2013".to_owned(), 1.25)]);
    /// assert_eq!(rates.delete_by_prefix("EUR:", None).await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_by_prefix<T: DeserializeOwned>(
        &self,
        prefix: &str,
        limit: impl Into<Option<usize>>,
    ) -> Result<BTreeMap<String, T>> {
        let client = self.slot_client()?;
        let mut scan = Scan::new(&client, prefix, limit.into())?;
        let mut values = BTreeMap::new();
        while let Some(page) = scan.next().await? {
            for key in page {
                // One that has gone meanwhile is none.
                let (Some(bytes), Some(own)) = (client.read(&key).await?, key.strip_prefix(&client.prefix)) else {
                    continue;
                };
                values.insert(own.to_owned(), client.decode(&key, &bytes)?);
            }
        }
        Ok(values)
    }

    /// Removes the entries whose keys begin with a prefix, so many at most, unless that is `None`; returns how many there
    /// were.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// When dropped, some were removed.
    pub async fn delete_by_prefix(&self, prefix: &str, limit: impl Into<Option<usize>>) -> Result<u64> {
        let client = self.slot_client()?;
        let mut scan = Scan::new(&client, prefix, limit.into())?;
        let mut count = 0;
        // Those as well that are being computed, and so are not found.
        client.all_changed(&client.full(prefix)?).await?;
        while let Some(page) = scan.next().await? {
            for key in page {
                count += u64::from(client.remove(&key).await?);
            }
        }
        Ok(count)
    }

    /// Has the entries whose keys begin with a prefix live for so long from now on, so many at most, unless that is `None`;
    /// returns how many there were.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// When dropped, some were changed.
    pub async fn expire_by_prefix(&self, prefix: &str, time: Duration, limit: impl Into<Option<usize>>) -> Result<u64> {
        let client = self.slot_client()?;
        let mut scan = Scan::new(&client, prefix, limit.into())?;
        let mut count = 0;
        while let Some(page) = scan.next().await? {
            for key in page {
                count += u64::from(client.watched(client.store.expire(&key, Lifetime::For(time)).await)?);
            }
        }
        Ok(count)
    }
}

/// Keys page by page, each once.
struct Scan<'a> {
    client: &'a CacheClient,
    prefix: String,
    /// Where the next page begins; `None` after the last.
    from: Option<Option<String>>,
    left: usize,
    /// What was in a page already, as far as it was handed out. A store may list a key twice.
    seen: BTreeSet<String>,
}

impl<'a> Scan<'a> {
    fn new(client: &'a CacheClient, prefix: &str, limit: Option<usize>) -> Result<Self> {
        let left = limit.unwrap_or(usize::MAX);
        Ok(Self { client, prefix: client.full(prefix)?, from: Some(None), left, seen: BTreeSet::new() })
    }

    /// Returns some more keys, as the store has them.
    async fn next(&mut self) -> Result<Option<Vec<String>>> {
        let Some(from) = self.from.take().filter(|_| self.left > 0) else { return Ok(None) };
        let page = self.client.watched(self.client.store.scan(&self.prefix, from).await)?;
        let is_only = page.next.is_none() && self.seen.is_empty();
        self.from = page.next.map(Some);
        let mut keys = page.keys;
        if !is_only {
            keys.retain(|key| self.seen.insert(key.clone()));
        }
        keys.truncate(self.left);
        self.left -= keys.len();
        Ok(Some(keys))
    }
}
