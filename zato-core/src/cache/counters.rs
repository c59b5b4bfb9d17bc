use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Usage;
use crate::metrics::{
    Exposition,
    FamilyKind::{Counter, Gauge},
};

/// What a cache has counted since it was made, and how much is in it.
///
/// ```
/// use zato_core::cache::Cache;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let cache = Cache::fake();
/// cache.set("2013", &1.25).await?;
/// let _: Option<f64> = cache.get("2013").await?;
/// let statistics = cache.statistics().await?;
/// assert_eq!((statistics.hits, statistics.misses, statistics.entries), (1, 0, Some(1)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// How often a value was asked for that was there.
    pub hits: u64,
    /// How often one was asked for that was not.
    pub misses: u64,
    /// How many values were computed.
    pub loads: u64,
    /// How many computations failed.
    pub load_failures: u64,
    /// How many callers were given what another one computed.
    pub coalesced: u64,
    /// How many operations of the store failed.
    pub errors: u64,
    /// How many entries were removed to make room.
    pub evictions: u64,
    /// How many were removed since their time was over.
    pub expirations: u64,
    /// How many entries there are, if the store knows.
    pub entries: Option<u64>,
    /// How long keys and values are together, if the store knows.
    pub bytes: Option<u64>,
}

/// The numbers of a cache: additions, no lock.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) loads: AtomicU64,
    pub(super) load_failures: AtomicU64,
    pub(super) coalesced: AtomicU64,
    pub(super) errors: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Counters {
    pub(super) fn statistics(&self, usage: &Usage) -> Statistics {
        Statistics {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            loads: self.loads.load(Relaxed),
            load_failures: self.load_failures.load(Relaxed),
            coalesced: self.coalesced.load(Relaxed),
            errors: self.errors.load(Relaxed),
            evictions: usage.evictions,
            expirations: usage.expirations,
            entries: usage.entries,
            bytes: usage.bytes,
        }
    }

    pub(super) fn write(&self, usage: &Usage, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        let read = self.statistics(usage);
        let gauges = [
            (read.entries, "zato_cache_entries", "Entries that a cache has."),
            (read.bytes, "zato_cache_bytes", "Bytes in the keys and values that a cache has."),
        ];
        for (value, name, help) in gauges {
            if let Some(value) = value {
                exposition.family(Gauge, name, help).sample(labels, value);
            }
        }
        for (value, name, help) in [
            (read.hits, "zato_cache_hits_total", "Values that were asked for and were there."),
            (read.misses, "zato_cache_misses_total", "Values that were asked for and were not there."),
            (read.loads, "zato_cache_loads_total", "Values that were computed."),
            (read.load_failures, "zato_cache_load_failures_total", "Computations of values that failed."),
            (read.coalesced, "zato_cache_coalesced_total", "Callers who were given what another one computed."),
            (read.errors, "zato_cache_errors_total", "Operations of a cache's store that failed."),
            (read.evictions, "zato_cache_evictions_total", "Entries that were removed to make room."),
            (read.expirations, "zato_cache_expirations_total", "Entries that were removed since their time was over."),
        ] {
            exposition.family(Counter, name, help).sample(labels, value);
        }
    }
}
