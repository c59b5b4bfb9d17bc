use std::time::Duration;

/// Growing pauses between attempts: 0.5 s at first, doubled each time, never above 30 s, and half of each random, so
/// that many clients of one server don't all come back at the same moment.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);

    /// Returns how long to wait before the next attempt.
    pub(super) fn next(&mut self, random: u128) -> Duration {
        let doubled = Self::FIRST.saturating_mul(1 << self.attempts.min(10));
        self.attempts = self.attempts.saturating_add(1);
        let longest = doubled.min(Self::LONGEST);
        let share = u32::try_from(random & 0xffff).unwrap_or(0);
        longest / 2 + longest.mul_f64(f64::from(share) / f64::from(0x1_0000_u32)) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let shortest: Vec<u128> = (0..9).map(|_| backoff.next(0).as_millis()).collect();
        assert_eq!(shortest, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
        let longest = backoff.next(u128::MAX);
        assert!(longest > Duration::from_secs(29) && longest <= Duration::from_secs(30), "{longest:?}");
    }
}
