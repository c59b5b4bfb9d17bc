use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::latency::Latency;
use crate::metrics::Distribution;

/// The counters of one service, kept over all configurations.
#[derive(Default)]
pub struct Recorder {
    started: AtomicU64,
    ended: AtomicU64,
    errors: AtomicU64,
    latency: Latency,
}

/// The statistics of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceStatistics {
    /// The service's name.
    pub service: String,
    /// How many requests have ended.
    pub count: u64,
    /// How many of them ended with an error.
    pub errors: u64,
    /// How many are in work or waiting now.
    pub in_flight: u64,
    /// Half of the requests took no longer; all latencies are exact to 1 %.
    pub p50: Duration,
    /// 95 of a hundred requests took no longer.
    pub p95: Duration,
    /// 99 of a hundred requests took no longer.
    pub p99: Duration,
    /// The longest that one took.
    pub max: Duration,
}

impl Recorder {
    /// Makes a recorder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what was seen so far.
    #[must_use]
    pub fn read(&self, service: &str) -> ServiceStatistics {
        let [p50, p95, p99] = self.latency.quantiles([500, 950, 990]);
        let (started, ended) = (self.started.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
        ServiceStatistics {
            service: service.to_owned(),
            count: ended,
            errors: self.errors.load(Ordering::Relaxed),
            in_flight: started.saturating_sub(ended),
            p50,
            p95,
            p99,
            max: self.latency.longest(),
        }
    }

    /// Returns how long requests took, in buckets.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        self.latency.distribution()
    }

    /// Returns how many requests are in work or waiting.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.started.load(Ordering::Relaxed).saturating_sub(self.ended.load(Ordering::Relaxed))
    }

    pub(super) fn start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self, took: Duration, is_error: bool) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        if is_error {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.latency.record(took);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("ended", &self.ended).finish_non_exhaustive()
    }
}
