use std::time::Duration;

use super::RetryConfig;

/// Pauses that grow, each random from nothing up to its longest ("full jitter"): what spreads callers best that failed at
/// the same moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    multiplier: f64,
}

impl Backoff {
    pub(super) fn new(config: &RetryConfig) -> Self {
        Self { first: *config.sleep_time, longest: *config.backoff_threshold, multiplier: config.backoff_multiplier }
    }

    /// What no pause is longer than.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// Returns the pause after so many retries.
    pub(super) fn pause(&self, retries: u32, random: u128) -> Duration {
        let exponent = i32::try_from(retries).unwrap_or(i32::MAX);
        // The multiplier may come to infinity, which is not less than anything.
        let seconds = self.first.as_secs_f64() * self.multiplier.powi(exponent);
        let most = Duration::try_from_secs_f64(seconds).map_or(self.longest, |most| most.min(self.longest));
        share(most, random)
    }

    /// Returns a pause that the other side asked for, and a little more, so that those whom it told the same don't all
    /// come back at the same moment.
    pub(super) fn asked(&self, wait: Duration, random: u128) -> Duration {
        wait.saturating_add(share(self.first, random))
    }
}

/// A random share of a duration, in steps of a 65,536th.
fn share(most: Duration, random: u128) -> Duration {
    let part = u16::try_from(random & 0xffff).unwrap_or_default();
    most.mul_f64(f64::from(part) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_pauses_double_up_to_the_threshold() {
        let backoff = Backoff::new(&RetryConfig::default());
        let longest: Vec<u128> = (0..8).map(|retries| backoff.pause(retries, u128::MAX).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(backoff.pause(u32::MAX, u128::MAX), Duration::from_secs(5));
        assert_eq!(backoff.pause(3, 0), Duration::ZERO);
    }

    #[test]
    fn pauses_are_spread_evenly() {
        let backoff = Backoff::new(&RetryConfig::default());
        let mut random = fastrand::Rng::with_seed(7);
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            let pause = backoff.pause(0, random.u128(..)).as_micros().min(99_999);
            tenths[usize::try_from(pause / 10_000).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|number| (800..1_200).contains(number)), "{tenths:?}");
    }

    proptest! {
        #[test]
        fn no_pause_is_longer_than_it_may_be(
            (first, longest) in (1_u64..10_000, 1_u64..100_000),
            multiplier in 1.0_f64..10.0,
            retries in any::<u32>(),
            random in any::<u128>(),
        ) {
            let (first, longest) = (Duration::from_millis(first), Duration::from_millis(longest));
            let backoff = Backoff { first, longest, multiplier };
            prop_assert!(backoff.pause(retries, random) <= longest);
            prop_assert!(retries > 0 || backoff.pause(retries, random) <= first);
            let asked = backoff.asked(Duration::from_secs(3), random);
            prop_assert!(asked >= Duration::from_secs(3) && asked <= Duration::from_secs(3) + first);
        }
    }
}
