//! Entries in the process, on moka.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant as StdInstant},
};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use moka::{
    Expiry,
    future::Cache as Entries,
    notification::RemovalCause,
    ops::compute::{CompResult, Op},
    policy::EvictionPolicy,
};
use tokio::time::Instant;

use super::{BoxFuture, CacheConfig, EntryDetails, Lifetime, Page, Store, Usage};
use crate::{ambient::Ambient, error::Result};

/// Keeps entries in the process: so many at most, and of those that were not used for longest the first goes.
///
/// ```
/// use zato_core::cache::{CacheConfig, MemoryStore, Store};
///
/// let store = MemoryStore::new(&CacheConfig::new("rates"));
/// assert_eq!(store.usage_now().entries, Some(0));
/// ```
pub struct MemoryStore {
    entries: Entries<String, Arc<Item>>,
    tallies: Arc<Tallies>,
    ambient: Ambient,
}

/// A value, and what is known of it.
struct Item {
    key_length: usize,
    value: Bytes,
    /// For how long it was set.
    lifetime: Option<Duration>,
    /// When its time is over, by the clock of the runtime, which tests can stop; that of moka, which they can't, only decides
    /// when the memory is given back.
    expires: Expires,
    hits: AtomicU64,
    /// In milliseconds since 1970; 0 for never.
    last_read: AtomicI64,
    prev_read: AtomicI64,
    written: DateTime<Utc>,
}

/// A moment that can be put off, in nanoseconds since the entry was made.
struct Expires {
    made: Instant,
    after: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Expires {
    fn after(time: Option<Duration>) -> Self {
        Self { made: Instant::now(), after: AtomicU64::new(time.map_or(NEVER, nanos)) }
    }

    /// Returns how long there is, `None` for ever.
    fn remaining(&self) -> Option<Duration> {
        let after = self.after.load(Relaxed);
        (after != NEVER).then(|| Duration::from_nanos(after).saturating_sub(self.made.elapsed()))
    }

    fn put_off(&self, by: Duration) {
        self.after.store(nanos(self.made.elapsed().saturating_add(by)), Relaxed);
    }
}

/// More than 500 years are for ever.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER)
}

impl Item {
    fn new(key: &str, value: Bytes, lifetime: Option<Duration>, written: DateTime<Utc>) -> Self {
        Self {
            key_length: key.len(),
            value,
            lifetime,
            expires: Expires::after(lifetime),
            hits: AtomicU64::new(0),
            last_read: AtomicI64::new(0),
            prev_read: AtomicI64::new(0),
            written,
        }
    }

    /// Makes the same entry with another time to live.
    fn with_lifetime(&self, lifetime: Option<Duration>) -> Self {
        Self {
            key_length: self.key_length,
            value: self.value.clone(),
            lifetime,
            expires: Expires::after(lifetime),
            hits: AtomicU64::new(self.hits.load(Relaxed)),
            last_read: AtomicI64::new(self.last_read.load(Relaxed)),
            prev_read: AtomicI64::new(self.prev_read.load(Relaxed)),
            written: self.written,
        }
    }

    fn is_over(&self) -> bool {
        self.expires.remaining().is_some_and(|remaining| remaining.is_zero())
    }

    fn size(&self) -> u64 {
        u64::try_from(self.key_length.saturating_add(self.value.len())).unwrap_or(u64::MAX)
    }

    fn read(&self, now: DateTime<Utc>) {
        self.hits.fetch_add(1, Relaxed);
        let before = self.last_read.swap(now.timestamp_millis(), Relaxed);
        self.prev_read.store(before, Relaxed);
    }

    fn details(&self, now: DateTime<Utc>) -> EntryDetails {
        let moment = |millis: &AtomicI64| {
            Some(millis.load(Relaxed)).filter(|millis| *millis != 0).and_then(DateTime::from_timestamp_millis)
        };
        let remaining = self.expires.remaining().and_then(|remaining| TimeDelta::from_std(remaining).ok());
        EntryDetails {
            size: u64::try_from(self.value.len()).unwrap_or(u64::MAX),
            hits: Some(self.hits.load(Relaxed)),
            last_read: moment(&self.last_read),
            prev_read: moment(&self.prev_read),
            last_write: Some(self.written),
            expiry: self.lifetime,
            expires_at: remaining.and_then(|remaining| now.checked_add_signed(remaining)),
        }
    }
}

/// What moka doesn't count for us.
#[derive(Default)]
struct Tallies {
    bytes: AtomicU64,
    evictions: AtomicU64,
    expirations: AtomicU64,
}

impl Tallies {
    fn removed(&self, item: &Item, cause: RemovalCause) {
        let _ = self.bytes.try_update(Relaxed, Relaxed, |bytes| Some(bytes.saturating_sub(item.size())));
        match cause {
            RemovalCause::Size => drop(self.evictions.fetch_add(1, Relaxed)),
            RemovalCause::Expired => drop(self.expirations.fetch_add(1, Relaxed)),
            RemovalCause::Explicit | RemovalCause::Replaced => {}
        }
    }
}

/// Tells moka when an entry's memory can be given back.
struct Lives;

impl Expiry<String, Arc<Item>> for Lives {
    fn expire_after_create(&self, _: &String, item: &Arc<Item>, _: StdInstant) -> Option<Duration> {
        item.expires.remaining()
    }

    fn expire_after_read(
        &self,
        _: &String,
        item: &Arc<Item>,
        _: StdInstant,
        _: Option<Duration>,
        _: StdInstant,
    ) -> Option<Duration> {
        item.expires.remaining()
    }

    fn expire_after_update(
        &self,
        _: &String,
        item: &Arc<Item>,
        _: StdInstant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        item.expires.remaining()
    }
}

/// How entries are weighed, so that one number bounds how many there are and how long they are together.
struct Scale {
    capacity: u64,
    /// How much any entry weighs at least.
    least: u64,
    /// How many bytes weigh 1: more than one where `max_bytes` is more than moka's weights can tell.
    unit: u64,
}

impl Scale {
    fn of(config: &CacheConfig) -> Self {
        let Some(bytes) = config.max_bytes.map(|bytes| bytes.bytes()) else {
            return Self { capacity: config.max_size, least: 1, unit: u64::MAX };
        };
        let unit = bytes.div_ceil(u64::from(u32::MAX)).max(1);
        let capacity = (bytes / unit).max(1);
        Self { capacity, least: capacity.div_ceil(config.max_size.max(1)), unit }
    }

    fn weight(&self, item: &Item) -> u32 {
        u32::try_from(item.size().div_ceil(self.unit).max(self.least)).unwrap_or(u32::MAX)
    }
}

impl MemoryStore {
    /// Makes an empty store that keeps as much as a configuration says.
    #[must_use]
    pub fn new(config: &CacheConfig) -> Self {
        Self::with(config, Ambient::default())
    }

    /// Makes one that tells times by a clock of somebody else's.
    pub(super) fn with(config: &CacheConfig, ambient: Ambient) -> Self {
        let tallies = Arc::new(Tallies::default());
        let counted = Arc::clone(&tallies);
        let scale = Scale::of(config);
        let entries = Entries::builder()
            .name(&config.name)
            .max_capacity(scale.capacity)
            .weigher(move |_, item: &Arc<Item>| scale.weight(item))
            // What was just set is there, as in Zato; moka's own policy would rather keep what is asked for often.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Lives)
            .eviction_listener(move |_, item: Arc<Item>, cause| counted.removed(&item, cause))
            .build();
        Self { entries, tallies, ambient }
    }

    async fn item(&self, key: &str) -> Option<Arc<Item>> {
        self.entries.get(key).await.filter(|item| !item.is_over())
    }

    /// Makes an item, counted as one that is there.
    fn counted(&self, item: Item) -> Arc<Item> {
        self.tallies.bytes.fetch_add(item.size(), Relaxed);
        Arc::new(item)
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, key: &'a str, extend: Option<Duration>) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move {
            let Some(item) = self.entries.get(key).await.filter(|item| !item.is_over()) else { return Ok(None) };
            item.read(self.ambient.now());
            if let (Some(_), Some(lifetime)) = (extend, item.lifetime) {
                item.expires.put_off(lifetime);
                // So that moka asks for the time again.
                let _ = self.entries.get(key).await;
            }
            Ok(Some(item.value.clone()))
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: Bytes, lifetime: Lifetime) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let new = |time| self.counted(Item::new(key, value.clone(), time, self.ambient.now()));
            match lifetime {
                Lifetime::For(time) => self.entries.insert(key.to_owned(), new(Some(time))).await,
                Lifetime::Forever => self.entries.insert(key.to_owned(), new(None)).await,
                Lifetime::KeptOr(time) => {
                    let upsert = async |before: Option<moka::Entry<String, Arc<Item>>>| {
                        let before = before.map(moka::Entry::into_value).filter(|item| !item.is_over());
                        new(before.map_or(time, |before| before.expires.remaining()))
                    };
                    self.entries.entry_by_ref(key).and_upsert_with(upsert).await;
                }
            }
            Ok(())
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { Ok(self.entries.remove(key).await.is_some_and(|item| !item.is_over())) })
    }

    fn expire<'a>(&'a self, key: &'a str, lifetime: Lifetime) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let change = async |before: Option<moka::Entry<String, Arc<Item>>>| {
                let Some(before) = before.map(moka::Entry::into_value).filter(|item| !item.is_over()) else {
                    return Op::Nop;
                };
                let time = match lifetime {
                    Lifetime::For(time) => Some(time),
                    Lifetime::Forever => None,
                    Lifetime::KeptOr(_) => {
                        return Op::Put(self.counted(before.with_lifetime(before.expires.remaining())));
                    }
                };
                Op::Put(self.counted(before.with_lifetime(time)))
            };
            let done = self.entries.entry_by_ref(key).and_compute_with(change).await;
            Ok(matches!(done, CompResult::ReplacedWith(_)))
        })
    }

    fn contains<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { Ok(self.item(key).await.is_some()) })
    }

    fn details<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<EntryDetails>>> {
        Box::pin(async move { Ok(self.item(key).await.map(|item| item.details(self.ambient.now()))) })
    }

    fn scan<'a>(&'a self, prefix: &'a str, _from: Option<String>) -> BoxFuture<'a, Result<Page>> {
        let found = self.entries.iter().filter(|(key, item)| key.starts_with(prefix) && !item.is_over());
        let keys = found.map(|(key, _)| key.as_str().to_owned()).collect();
        Box::pin(std::future::ready(Ok(Page { keys, next: None })))
    }

    fn clear<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if prefix.is_empty() {
                self.entries.invalidate_all();
                self.entries.run_pending_tasks().await;
                return Ok(());
            }
            for key in self.scan(prefix, None).await?.keys {
                self.entries.invalidate(&key).await;
            }
            Ok(())
        })
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage>> {
        Box::pin(async move {
            self.entries.run_pending_tasks().await;
            Ok(self.usage_now())
        })
    }

    fn usage_now(&self) -> Usage {
        Usage {
            entries: Some(self.entries.entry_count()),
            bytes: Some(self.tallies.bytes.load(Relaxed)),
            evictions: self.tallies.evictions.load(Relaxed),
            expirations: self.tallies.expirations.load(Relaxed),
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("usage", &self.usage_now()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;
    use crate::config::ByteSize;

    fn config(max_size: u64, max_bytes: Option<u64>) -> CacheConfig {
        CacheConfig { max_size, max_bytes: max_bytes.map(ByteSize), ..CacheConfig::new("test") }
    }

    async fn fill(store: &MemoryStore, entries: u64, size: usize) -> Usage {
        for number in 0..entries {
            store.set(&format!("{number:04}"), Bytes::from(vec![7; size]), Lifetime::Forever).await.unwrap();
        }
        store.usage().await.unwrap()
    }

    #[tokio::test]
    async fn there_are_no_more_entries_than_may_be_and_the_newest_are_there() {
        let store = MemoryStore::new(&config(10, None));
        let usage = fill(&store, 100, 6).await;
        assert_eq!((usage.entries, usage.bytes, usage.evictions), (Some(10), Some(100), 90));
        for number in 90..100 {
            assert!(store.contains(&format!("{number:04}")).await.unwrap());
        }
    }

    #[tokio::test]
    async fn both_limits_hold_where_both_are_given() {
        for (max_size, max_bytes, size, left) in
            [(10, 1000, 96, 10), (10, 1000, 196, 5), (100, 1000, 96, 10), (10, 1 << 40, 96, 10)]
        {
            let store = MemoryStore::new(&config(max_size, Some(max_bytes)));
            let usage = fill(&store, 50, size).await;
            assert_eq!(usage.entries, Some(left), "{max_size} entries, {max_bytes} bytes, {size} each");
            assert_eq!(usage.bytes, Some(left * (u64::try_from(size).unwrap() + 4)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_entries_is_that_of_the_runtime() {
        let store = MemoryStore::new(&config(10, None));
        let hour = Duration::from_secs(3600);
        store.set("a", Bytes::new(), Lifetime::For(hour)).await.unwrap();
        time::advance(hour - Duration::from_secs(1)).await;
        assert!(store.get("a", Some(hour)).await.unwrap().is_some());
        time::advance(hour - Duration::from_secs(1)).await;
        assert!(store.contains("a").await.unwrap(), "it was read meanwhile");
        time::advance(Duration::from_secs(1)).await;
        assert!(store.get("a", None).await.unwrap().is_none() && !store.delete("a").await.unwrap());
    }

    #[tokio::test]
    async fn memory_is_given_back_when_the_time_is_over() {
        let store = MemoryStore::new(&config(10, None));
        store.set("a", Bytes::from_static(b"1"), Lifetime::For(Duration::from_millis(20))).await.unwrap();
        for _ in 0..200 {
            time::sleep(Duration::from_millis(10)).await;
            let usage = store.usage().await.unwrap();
            if usage.entries == Some(0) {
                assert_eq!((usage.bytes, usage.expirations), (Some(0), 1));
                return;
            }
        }
        panic!("it is still there");
    }

    #[tokio::test]
    async fn clearing_gives_everything_back() {
        let store = MemoryStore::new(&config(100, None));
        fill(&store, 50, 1).await;
        store.clear("").await.unwrap();
        let usage = store.usage().await.unwrap();
        assert_eq!((usage.entries, usage.bytes, usage.evictions), (Some(0), Some(0), 0));
        assert_eq!(fill(&store, 1, 1).await.entries, Some(1));
    }

    #[tokio::test]
    async fn an_entry_knows_when_it_was_read() {
        let store = MemoryStore::new(&config(10, None));
        store.set("a", Bytes::from_static(b"1"), Lifetime::For(Duration::from_secs(60))).await.unwrap();
        let details = store.details("a").await.unwrap().unwrap();
        assert_eq!((details.hits, details.last_read, details.prev_read), (Some(0), None, None));
        for _ in 0..2 {
            store.get("a", None).await.unwrap();
        }
        let details = store.details("a").await.unwrap().unwrap();
        assert!(
            details.last_read >= details.prev_read
                && details.prev_read >= details.last_write.map(|t| t - TimeDelta::milliseconds(1))
        );
        assert_eq!((details.hits, details.expiry), (Some(2), Some(Duration::from_secs(60))));
        assert!(details.expires_at > details.last_write);
    }
}
