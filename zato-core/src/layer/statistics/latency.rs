use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::metrics::{Distribution, micros};

/// A power of two of microseconds has so many buckets, so that the middle of one is no farther from any duration in it
/// than 1/128 of that.
const PARTS: u64 = 64;

/// The longest duration that is told apart, in microseconds: somewhat more than an hour.
const LONGEST: u64 = u32::MAX as u64;

/// How many buckets there are: one for each microsecond below 128, and 64 for each further power of two.
const BUCKETS: usize = 1728;

/// How long many requests took: counted without a lock, exact to 1 %.
///
/// A histogram of a crate would be behind a mutex, or be merged from one per thread; this one is an addition. The 14 KB
/// of its buckets are taken when the first request has ended, so that a service that nobody calls takes none.
#[derive(Default)]
pub(super) struct Latency {
    buckets: OnceLock<Box<[AtomicU64]>>,
    micros: AtomicU64,
    longest: AtomicU64,
}

impl Latency {
    pub(super) fn record(&self, took: Duration) {
        let micros = micros(took);
        let buckets = self.buckets.get_or_init(|| std::iter::repeat_with(AtomicU64::default).take(BUCKETS).collect());
        if let Some(bucket) = buckets.get(index(micros)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
        if micros > self.longest.load(Ordering::Relaxed) {
            self.longest.fetch_max(micros, Ordering::Relaxed);
        }
    }

    pub(super) fn longest(&self) -> Duration {
        Duration::from_micros(self.longest.load(Ordering::Relaxed))
    }

    /// Returns what so many parts of a thousand requests did not take longer than.
    pub(super) fn quantiles<const N: usize>(&self, per_mille: [u64; N]) -> [Duration; N] {
        let counts = self.counts();
        let all: u64 = counts.iter().map(|(_, count)| count).sum();
        per_mille.map(|part| {
            let rank = (all * part).div_ceil(1000).max(1);
            let mut before = 0;
            let found = counts.iter().find(|(_, count)| {
                before += count;
                before >= rank
            });
            // The middle of the last bucket may lie above everything in it.
            Duration::from_micros(found.map_or(0, |(micros, _)| *micros)).min(self.longest())
        })
    }

    /// Sorts the requests into larger buckets; one that is within 1 % of their bounds may be on either side.
    pub(super) fn distribution(&self) -> Distribution {
        Distribution::of(self.counts(), self.micros.load(Ordering::Relaxed))
    }

    /// Returns the middle of each bucket that is not empty, in microseconds, and how many requests are in it.
    fn counts(&self) -> Vec<(u64, u64)> {
        let buckets = self.buckets.get().map(|buckets| &**buckets).unwrap_or_default();
        let counts = (0..).map(middle).zip(buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latency").field("longest", &self.longest()).finish_non_exhaustive()
    }
}

/// Returns the bucket of a duration in microseconds.
fn index(micros: u64) -> usize {
    let micros = micros.min(LONGEST);
    let power = u64::from(micros.max(1).ilog2()).saturating_sub(PARTS.ilog2().into());
    usize::try_from(power * PARTS + (micros >> power)).unwrap_or(usize::MAX)
}

/// Returns the middle of a bucket, in microseconds.
fn middle(index: u64) -> u64 {
    let power = (index / PARTS).saturating_sub(1);
    let lowest = (index - power * PARTS) << power;
    lowest + ((1 << power) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_exact_to_one_percent() {
        let mut micros = 0_u64;
        while micros <= LONGEST {
            let at = index(micros);
            assert!(at < BUCKETS);
            let off = middle(at as u64).abs_diff(micros);
            assert!(off * 128 <= micros, "{micros} is off by {off}");
            micros = micros + 1 + micros / 97;
        }
        assert_eq!((index(LONGEST), index(u64::MAX)), (BUCKETS - 1, BUCKETS - 1));
    }

    #[test]
    fn buckets_follow_one_another() {
        for at in 1..BUCKETS as u64 {
            assert!(middle(at) > middle(at - 1) && index(middle(at)) as u64 == at, "{at}");
        }
    }

    #[test]
    fn quantiles_are_of_those_that_were_recorded() {
        let latency = Latency::default();
        assert_eq!(latency.quantiles([500, 999]), [Duration::ZERO; 2]);
        for millis in 1..=100 {
            latency.record(Duration::from_millis(millis));
        }
        let [half, most] = latency.quantiles([500, 990]);
        assert!(half.abs_diff(Duration::from_millis(50)) < Duration::from_micros(500), "{half:?}");
        assert!(most.abs_diff(Duration::from_millis(99)) < Duration::from_micros(990), "{most:?}");
        assert_eq!(latency.longest(), Duration::from_millis(100));
        let late = Latency::default();
        late.record(Duration::from_micros(65_600));
        assert_eq!(late.quantiles([500]), [Duration::from_micros(65_600)], "never above what was seen");
        let seen = latency.distribution();
        assert_eq!((seen.count(), seen.below(0.025), seen.sum()), (100, 25, Duration::from_millis(5050)));
    }
}
