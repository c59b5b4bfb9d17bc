use std::time::Duration;

/// Growing pauses between attempts: 0.5 s at first, doubled each time up to a longest, and half of each random, so that many
/// clients of one server don't all come back at the same moment.
///
/// ```
/// use std::time::Duration;
///
/// use zato_core::connection::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_secs(5));
/// let pauses: Vec<u128> = (0..6).map(|_| backoff.next(0).as_millis()).collect();
/// assert_eq!(pauses, [250, 500, 1_000, 2_000, 2_500, 2_500], "at the least; at the most twice as long");
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    longest: Duration,
    attempts: u32,
}

impl Backoff {
    /// The longest pause of whoever says nothing else.
    pub const LONGEST: Duration = Duration::from_secs(30);

    /// How long a connection, or whatever else it was that an attempt has brought about, must have stood for its loss to be no
    /// sign of trouble.
    pub const STABLE: Duration = Duration::from_secs(30);

    const FIRST: Duration = Duration::from_millis(500);

    /// Starts with the shortest pause.
    #[must_use]
    pub fn new(longest: Duration) -> Self {
        Self { longest, attempts: 0 }
    }

    /// Returns how long to wait before the next attempt, with [randomness](crate::ambient::Ambient::random) of the app.
    pub fn next(&mut self, random: u128) -> Duration {
        let doubled = Self::FIRST.saturating_mul(1 << self.attempts.min(10));
        self.attempts = self.attempts.saturating_add(1);
        let longest = doubled.min(self.longest);
        let share = u32::try_from(random & 0xffff).unwrap_or(0);
        longest / 2 + longest.mul_f64(f64::from(share) / f64::from(0x1_0000_u32)) / 2
    }

    /// Takes note of how long it has lasted what the last attempt has brought about, and returns whether that was long enough,
    /// [`STABLE`](Self::STABLE): then pauses begin anew. Otherwise they go on growing, so that somebody who takes connections
    /// and drops them is left alone for longer each time.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use zato_core::connection::Backoff;
    ///
    /// let mut backoff = Backoff::default();
    /// let first = backoff.next(0);
    /// assert!(!backoff.lasted(Duration::from_secs(1)) && backoff.next(0) > first);
    /// assert!(backoff.lasted(Backoff::STABLE) && backoff.next(0) == first);
    /// ```
    pub fn lasted(&mut self, stood: Duration) -> bool {
        let is_stable = stood >= Self::STABLE;
        if is_stable {
            self.attempts = 0;
        }
        is_stable
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Self::LONGEST)
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

    #[test]
    fn pauses_begin_anew_after_what_has_lasted_and_go_on_growing_after_what_has_not() {
        let mut backoff = Backoff::default();
        assert_eq!([backoff.next(0), backoff.next(0)].map(|pause| pause.as_millis()), [250, 500]);
        assert!(!backoff.lasted(Backoff::STABLE - Duration::from_millis(1)));
        assert_eq!(backoff.next(0).as_millis(), 1_000);
        assert!(backoff.lasted(Backoff::STABLE));
        assert_eq!(backoff.next(0).as_millis(), 250);
        let mut short = Backoff::new(Duration::from_millis(100));
        assert!(short.lasted(Duration::MAX) && short.next(0).as_millis() == 50, "its longest pause stays");
    }

    #[test]
    fn pauses_are_never_longer_than_the_longest() {
        for longest in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(5), Duration::MAX] {
            let mut backoff = Backoff::new(longest);
            assert!((0..2_000).all(|_| backoff.next(u128::MAX) <= longest), "{longest:?}");
        }
    }
}
