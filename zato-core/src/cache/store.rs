use std::{fmt, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
pub use futures_core::future::BoxFuture;

use crate::error::Result;

/// Where the entries of caches lie.
///
/// Keys come with the prefix of their cache; a store that several caches share keeps them apart by it. What a store says
/// of sizes and reads it says as far as it knows.
///
/// Every operation may be dropped at any await: it has happened then, or it has not.
///
/// ```
/// use bytes::Bytes;
/// use zato_core::cache::{CacheConfig, Lifetime, MemoryStore, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let store: Box<dyn Store> = Box::new(MemoryStore::new(&CacheConfig::new("rates")));
/// store.set("2013", Bytes::from_static(b"1.25"), Lifetime::Forever).await?;
/// assert_eq!(store.get("2013", None).await?.as_deref(), Some(&b"1.25"[..]));
/// # Ok(())
/// # }
/// ```
pub trait Store: Send + Sync + 'static {
    /// Reads the value of a key; `extend` is how long it lives from now on, for a cache whose entries live on when they are
    /// read, unless the store knows how long this one was to live.
    fn get<'a>(&'a self, key: &'a str, extend: Option<Duration>) -> BoxFuture<'a, Result<Option<Bytes>>>;

    /// Puts a value in the place of whatever is there. Where entries are shared, that ends the [lease](Self::lease) of the key.
    fn set<'a>(&'a self, key: &'a str, value: Bytes, lifetime: Lifetime) -> BoxFuture<'a, Result<()>>;

    /// Removes a key, and returns whether it was there. Where entries are shared, that ends the [lease](Self::lease) of the key.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// Changes how long a key lives, and returns whether it is there.
    fn expire<'a>(&'a self, key: &'a str, lifetime: Lifetime) -> BoxFuture<'a, Result<bool>>;

    /// Returns whether a key is there; that is no read.
    fn contains<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// Returns what is known of a key beside its value; that is no read.
    fn details<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<EntryDetails>>>;

    /// Lists the keys that begin with a prefix, a page at a time and in no order; `from` is where the page before ended. A
    /// key that is there all the while is in at least one page.
    fn scan<'a>(&'a self, prefix: &'a str, from: Option<String>) -> BoxFuture<'a, Result<Page>>;

    /// Removes every key that begins with a prefix.
    fn clear<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Returns how much is there, with everything taken into account that was done before.
    fn usage(&self) -> BoxFuture<'_, Result<Usage>> {
        Box::pin(std::future::ready(Ok(self.usage_now())))
    }

    /// Returns how much is there, as far as that is known without asking anybody.
    fn usage_now(&self) -> Usage {
        Usage::default()
    }

    /// Asks whatever the store stands on for a sign of life.
    fn ping(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether other processes use the same entries, so that [leases](Self::lease) are needed for one of them to compute.
    fn is_shared(&self) -> bool {
        false
    }

    /// Lets `holder` compute the value of a key, for so long, unless another one does already; who holds it prolongs it.
    /// Returns whether `holder` has it.
    fn lease<'a>(&'a self, _key: &'a str, _holder: u128, _time: Duration) -> BoxFuture<'a, Result<bool>> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// Prolongs a lease, and returns whether `holder` still has it.
    fn renew<'a>(&'a self, _key: &'a str, _holder: u128, _time: Duration) -> BoxFuture<'a, Result<bool>> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// Puts a value that was computed, if `holder` still has the lease: in one step, so that what was put or removed meanwhile
    /// is not overwritten. Returns whether it was put.
    fn set_leased<'a>(
        &'a self,
        key: &'a str,
        _holder: u128,
        value: Bytes,
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { self.set(key, value, lifetime).await.map(|()| true) })
    }

    /// Ends the leases of all keys that begin with a prefix, whoever has them.
    fn revoke<'a>(&'a self, _prefix: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Gives a lease back, if `holder` still has it.
    fn release<'a>(&'a self, _key: &'a str, _holder: u128) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl fmt::Debug for dyn Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("usage", &self.usage_now()).finish_non_exhaustive()
    }
}

/// How long an entry lives.
///
/// ```
/// use std::time::Duration;
/// use zato_core::cache::Lifetime;
///
/// assert_eq!(Lifetime::from(Some(Duration::from_secs(60))), Lifetime::For(Duration::from_secs(60)));
/// assert_eq!(Lifetime::from(None), Lifetime::Forever);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// For so long from now on.
    For(Duration),
    /// Until it is deleted, or evicted by others.
    Forever,
    /// As long as the entry that it replaces had still to live; if there is none, for so long, or for ever.
    KeptOr(Option<Duration>),
}

impl From<Option<Duration>> for Lifetime {
    fn from(time: Option<Duration>) -> Self {
        time.map_or(Self::Forever, Self::For)
    }
}

/// Some of the keys of a store.
///
/// ```
/// use zato_core::cache::Page;
///
/// let page = Page { keys: vec!["rates:2013".to_owned()], next: None };
/// assert!(page.next.is_none(), "this was the last one");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys; one may be in several pages.
    pub keys: Vec<String>,
    /// Where the next page begins, in words of the store's own; `None` after the last.
    pub next: Option<String>,
}

/// What is known of an entry beside its value: what Zato calls `details`.
///
/// A store in the process knows all of it; of one that is kept elsewhere, what that tells.
///
/// ```
/// use zato_core::cache::Cache;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let cache = Cache::fake();
/// cache.set("2013", &1.25).await?;
/// let _: Option<f64> = cache.get("2013").await?;
/// let details = cache.entry("2013").await?.expect("it was set");
/// assert_eq!((details.size, details.hits, details.expiry), (4, Some(1), None));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryDetails {
    /// How long its value is, in bytes.
    pub size: u64,
    /// How often it was read since it was set.
    pub hits: Option<u64>,
    /// When it was read last.
    pub last_read: Option<DateTime<Utc>>,
    /// When it was read the time before that.
    pub prev_read: Option<DateTime<Utc>>,
    /// When it was set.
    pub last_write: Option<DateTime<Utc>>,
    /// For how long it was set.
    pub expiry: Option<Duration>,
    /// When it will be gone; `None` if it lives for ever.
    pub expires_at: Option<DateTime<Utc>>,
}

impl EntryDetails {
    /// Starts with an entry of some size that lives for ever and of which nothing else is known.
    #[must_use]
    pub fn of_size(size: u64) -> Self {
        Self { size, ..Self::default() }
    }
}

/// How much is in a store, as far as it knows.
///
/// ```
/// use zato_core::cache::Usage;
///
/// assert_eq!(Usage::default().entries, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// How many entries there are.
    pub entries: Option<u64>,
    /// How long their keys and values are together.
    pub bytes: Option<u64>,
    /// How many were removed to make room.
    pub evictions: u64,
    /// How many were removed since their time was over.
    pub expirations: u64,
}
