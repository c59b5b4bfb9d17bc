use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The bounds that OpenTelemetry recommends for the durations of requests, in seconds (semantic conventions 1.27,
/// `http.server.request.duration`).
pub const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The same bounds in microseconds.
const MICROS: [u64; 14] = [
    5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000, 2_500_000, 5_000_000,
    7_500_000, 10_000_000,
];

/// How long many things took, counted without a lock or an allocation, in the buckets of [`SECONDS`].
///
/// ```
/// use std::time::Duration;
/// use zato_core::metrics::Histogram;
///
/// let histogram = Histogram::default();
/// histogram.record(Duration::from_millis(7));
/// let seen = histogram.read();
/// assert_eq!((seen.count(), seen.below(0.005), seen.below(0.01)), (1, 0, 1));
/// ```
#[derive(Default)]
pub struct Histogram {
    /// One for each bound, and one for what is above them all.
    buckets: [AtomicU64; MICROS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, took: Duration) {
        let micros = micros(took);
        if let Some(bucket) = self.buckets.get(bucket_of(micros)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Returns what was counted so far.
    #[must_use]
    pub fn read(&self) -> Distribution {
        let counts = self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed));
        Distribution::new(counts, self.micros.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.read(), f)
    }
}

/// How durations are distributed over the buckets of [`SECONDS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Not cumulative.
    counts: [u64; MICROS.len() + 1],
    micros: u64,
}

impl Distribution {
    fn new(counts: [u64; MICROS.len() + 1], micros: u64) -> Self {
        Self { counts, micros }
    }

    /// Sorts numbers of durations, each in microseconds, into the buckets; `micros` is the sum of all durations.
    pub fn of(numbers: impl IntoIterator<Item = (u64, u64)>, micros: u64) -> Self {
        let mut counts = [0; MICROS.len() + 1];
        for (duration, number) in numbers {
            if let Some(count) = counts.get_mut(bucket_of(duration)) {
                *count += number;
            }
        }
        Self::new(counts, micros)
    }

    /// Returns how many durations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns how many durations were not longer than one of the bounds, in seconds.
    #[must_use]
    pub fn below(&self, bound: f64) -> u64 {
        self.counts.iter().zip(SECONDS).filter(|(_, seconds)| *seconds <= bound).map(|(count, _)| count).sum()
    }

    /// Returns the sum of all durations.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros)
    }
}

/// Finds the bucket of a duration, from below, where nearly all of them are.
fn bucket_of(micros: u64) -> usize {
    MICROS.iter().position(|bound| micros <= *bound).unwrap_or(MICROS.len())
}

/// Returns a duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(duration.subsec_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_bucket_whose_bound_it_does_not_pass() {
        let histogram = Histogram::default();
        for micros in [0, 5_000, 5_001, 10_000_000, 10_000_001, u64::from(u32::MAX)] {
            histogram.record(Duration::from_micros(micros));
        }
        let seen = histogram.read();
        let below: Vec<_> = [0.005, 0.01, 7.5, 10.0].map(|bound| seen.below(bound)).to_vec();
        assert_eq!((below, seen.count()), (vec![2, 3, 3, 4], 6));
        assert_eq!(seen.sum(), Duration::from_micros(20_010_002 + u64::from(u32::MAX)));
    }

    #[test]
    fn the_bounds_in_seconds_and_in_microseconds_are_the_same() {
        for (seconds, micros) in SECONDS.into_iter().zip(MICROS) {
            assert_eq!(Duration::from_secs_f64(seconds), Duration::from_micros(micros));
        }
    }
}
