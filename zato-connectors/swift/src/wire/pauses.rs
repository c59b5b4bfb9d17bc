use std::time::Duration;

use super::Rules;

/// The pauses between the attempts of one request: each twice as long as the one before, and half of each random.
#[derive(Debug)]
pub(crate) struct Pauses {
    left: u32,
    next: Duration,
    longest: Duration,
    renewals: u32,
}

/// How often a request is made once more with a new token, before another pause: a server that is started anew may do so twice.
const RENEWALS: u32 = 3;

impl Pauses {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self { left: rules.retries, next: rules.starting_backoff, longest: rules.max_backoff, renewals: 0 }
    }

    /// Notes that the token was not accepted, and returns whether that may be tried with another one.
    pub(crate) fn renewed(&mut self) -> bool {
        self.renewals += 1;
        self.renewals <= RENEWALS
    }

    /// Returns how long to wait before the next attempt, if there is to be one: no less than the server asks for, and none if
    /// it asks for more than the longest pause.
    pub(crate) fn next(&mut self, random: u128, asked: Option<Duration>) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        self.renewals = 0;
        let pause = self.next.min(self.longest);
        self.next = pause.saturating_mul(2);
        let share = f64::from(u32::try_from(random & 0xffff).unwrap_or(0)) / f64::from(0x1_0000_u32);
        let pause = pause / 2 + pause.mul_f64(share) / 2;
        match asked {
            Some(asked) if asked > self.longest => None,
            Some(asked) => Some(pause.max(asked)),
            None => Some(pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(retries: u32) -> Pauses {
        let second = Duration::from_secs(1);
        Pauses { left: retries, next: second, longest: second * 8, renewals: 0 }
    }

    #[test]
    fn they_double_up_to_the_longest_and_end() {
        let mut pauses = pauses(5);
        let all: Vec<_> = std::iter::from_fn(|| pauses.next(0, None)).map(|pause| pause.as_millis()).collect();
        assert_eq!(all, [500, 1000, 2000, 4000, 4000], "at the least; at the most twice as long");
    }

    #[test]
    fn what_the_server_asks_for_is_heeded_as_far_as_it_is_meant_to_be() {
        let mut pauses = pauses(5);
        assert_eq!(pauses.next(0, Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert_eq!(pauses.next(0, Some(Duration::from_secs(9))), None);
        for _ in 0..2 {
            assert!((0..RENEWALS).all(|_| pauses.renewed()) && !pauses.renewed());
            assert!(pauses.next(0, None).is_some(), "after a pause it may be another token that has ended");
        }
    }
}
