use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Standing;
use crate::config::TokenBucket;

const SECOND: i64 = 1_000_000_000;

/// How full a bucket is, told by when it will be full: one number, and nothing has to be done while nobody asks (the
/// virtual scheduling of the generic cell rate algorithm, ITU-T I.371).
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// In nanoseconds since 1970.
    full_at: i64,
}

impl Level {
    /// A bucket that is full.
    pub(super) const FULL: Self = Self { full_at: i64::MIN };

    /// Says how a client stands, and how long it has to wait: zero if it needn't.
    pub(super) fn look(&self, bucket: TokenBucket, now: DateTime<Utc>) -> (Standing, Duration) {
        let (token, missing) = (token(bucket), self.missing(bucket, now));
        let burst = i64::from(bucket.burst);
        let remaining = burst.saturating_sub(missing.div_euclid(token) + i64::from(missing.rem_euclid(token) > 0));
        let remaining = u64::try_from(remaining).unwrap_or_default();
        let wait = missing.saturating_add(token).saturating_sub(capacity(bucket)).max(0);
        let (window, resets_in) = (nanoseconds(capacity(bucket)), nanoseconds(missing));
        (Standing::new(u64::from(bucket.burst), remaining, window, resets_in, now), nanoseconds(wait))
    }

    pub(super) fn take(&mut self, bucket: TokenBucket, now: DateTime<Utc>) {
        let full_at = nanoseconds_of(now).saturating_add(self.missing(bucket, now));
        self.full_at = full_at.saturating_add(token(bucket));
    }

    /// Returns how long it takes until the bucket is full. An empty one takes longest, whatever the clock says: one that
    /// was wrong once must not shut clients out for as long as it was wrong.
    fn missing(&self, bucket: TokenBucket, now: DateTime<Utc>) -> i64 {
        self.full_at.saturating_sub(nanoseconds_of(now)).clamp(0, capacity(bucket))
    }
}

/// How long a token takes to come, rounded up: never more of them than there should be.
fn token(bucket: TokenBucket) -> i64 {
    let rate = i64::from(bucket.rate.max(1));
    (SECOND + rate - 1) / rate
}

/// How long an empty bucket takes to be full.
fn capacity(bucket: TokenBucket) -> i64 {
    token(bucket).saturating_mul(i64::from(bucket.burst))
}

fn nanoseconds_of(now: DateTime<Utc>) -> i64 {
    now.timestamp_nanos_opt().unwrap_or(i64::MAX)
}

fn nanoseconds(number: i64) -> Duration {
    Duration::from_nanos(u64::try_from(number).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::milliseconds(milliseconds)
    }

    #[test]
    fn a_bucket_empties_at_once_and_fills_with_time() {
        let bucket = TokenBucket { rate: 10, burst: 3 };
        let mut level = Level::FULL;
        for (now, remaining, wait, resets_in) in [
            (0, 3, 0, 0),
            (0, 2, 0, 100),
            (0, 1, 0, 200),
            (0, 0, 100, 300),
            (50, 0, 50, 250),
            (100, 1, 0, 200),
            (100, 0, 100, 300),
            (100_000, 3, 0, 0),
        ] {
            let (standing, waits) = level.look(bucket, at(now));
            let seen = (standing.remaining, waits.as_millis(), standing.resets_in.as_millis());
            assert_eq!(seen, (remaining, wait, resets_in), "{now}");
            assert_eq!((standing.limit, standing.window.as_millis()), (3, 300));
            if waits.is_zero() {
                level.take(bucket, at(now));
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_back_shuts_nobody_out() {
        let bucket = TokenBucket { rate: 1, burst: 2 };
        let mut level = Level::FULL;
        level.take(bucket, at(1_000_000_000));
        let (standing, wait) = level.look(bucket, at(0));
        assert_eq!((standing.remaining, wait.as_secs()), (0, 1));
        assert_eq!(level.look(bucket, at(0)).0.resets_in.as_secs(), 2);
    }

    #[test]
    fn the_largest_and_the_smallest_bucket_work() {
        for bucket in [TokenBucket { rate: 1, burst: u32::MAX }, TokenBucket { rate: u32::MAX, burst: 1 }] {
            let mut level = Level::FULL;
            level.take(bucket, at(0));
            let (standing, _) = level.look(bucket, at(0));
            assert_eq!(standing.remaining, u64::from(bucket.burst) - 1);
        }
    }

    proptest! {
        #[test]
        fn no_time_sees_more_than_burst_and_rate(
            rate in 1_u32..50,
            burst in 1_u32..8,
            steps in prop::collection::vec(0_i64..60, 1..100),
        ) {
            let bucket = TokenBucket { rate, burst };
            let (mut level, mut now, mut taken) = (Level::FULL, 0, Vec::<i64>::new());
            for step in steps {
                now += step;
                let (standing, wait) = level.look(bucket, at(now));
                prop_assert!(standing.remaining <= u64::from(burst));
                prop_assert_eq!(wait.is_zero(), standing.remaining > 0);
                // What is told is true: after the wait there is room, and not before.
                let later = at(now) + TimeDelta::from_std(wait).unwrap();
                prop_assert!(level.look(bucket, later).1.is_zero());
                if wait.is_zero() {
                    level.take(bucket, at(now));
                    taken.push(now);
                }
            }
            for (first, since) in taken.iter().enumerate() {
                for (last, until) in taken.iter().enumerate().skip(first) {
                    let most = i64::from(burst) + (until - since) * i64::from(rate) / 1_000;
                    prop_assert!(i64::try_from(last - first + 1).unwrap() <= most);
                }
            }
        }
    }
}
