use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;

/// The longest latency that is told apart, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// The counters of one service, kept over all configurations.
pub struct Recorder {
    started: AtomicU64,
    ended: AtomicU64,
    errors: AtomicU64,
    /// Microseconds; two significant digits, which a service takes some 15 KB for.
    latency: Mutex<Histogram<u32>>,
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
    #[expect(clippy::missing_panics_doc, reason = "the bounds of the histogram are constants that it accepts")]
    pub fn new() -> Self {
        let latency = Histogram::new_with_max(LONGEST, 2).expect("an hour in microseconds has two significant digits");
        let (started, ended, errors) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { started, ended, errors, latency: Mutex::new(latency) }
    }

    /// Returns what was seen so far.
    #[must_use]
    pub fn read(&self, service: &str) -> ServiceStatistics {
        let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let quantile = |part: f64| Duration::from_micros(latency.value_at_quantile(part));
        let (started, ended) = (self.started.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
        ServiceStatistics {
            service: service.to_owned(),
            count: ended,
            errors: self.errors.load(Ordering::Relaxed),
            in_flight: started.saturating_sub(ended),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: Duration::from_micros(latency.max()),
        }
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
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST);
        // Held for the time of one addition, and never across an await.
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("ended", &self.ended).finish_non_exhaustive()
    }
}
