use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::Instant;

/// A token in the unit that is counted in: with millionths, whole microseconds at a rate per second add up exactly.
const TOKEN: u64 = 1_000_000;

/// How many tokens are saved up in good times; what a full second of the minimum adds comes on top.
const SAVED: u64 = 100;

/// How many additional requests there may be: a share of all calls, and some a second in any case.
///
/// A retry helps against a failure here and there. When everything fails, retries multiply the load on a system that
/// can't carry what it has; then this is what ends them, whatever a single call may do.
///
/// tower has a budget as well (0.5.3, `retry/budget/tps_budget.rs`). It takes a lock and reads the clock for every call,
/// rounds a share of 70 % up to 100 %, and hands out more than there is when several ask at once. Here a call that needs
/// nothing adds to one number.
///
/// # Examples
///
/// ```
/// use zato_core::resilience::Budget;
///
/// let budget = Budget::new(20, 0);
/// (0..5).for_each(|_| budget.deposit());
/// assert!(budget.withdraw() && !budget.withdraw());
/// ```
#[derive(Debug)]
pub struct Budget {
    /// What is there, in millionths of a token.
    balance: AtomicU64,
    /// What every call adds.
    share: u64,
    /// What every microsecond adds.
    per_microsecond: u64,
    most: u64,
    since: Instant,
    /// Up to when time has been counted, in microseconds since the beginning.
    counted: AtomicU64,
}

impl Budget {
    /// Makes a budget of a share of all calls in percent, and so many a second beside.
    #[must_use]
    pub fn new(percent: u32, min_per_second: u32) -> Self {
        let (share, per_microsecond) = (u64::from(percent) * TOKEN / 100, u64::from(min_per_second));
        let of_a_second = per_microsecond * TOKEN;
        let saved = if percent == 0 { 0 } else { SAVED * TOKEN };
        Self {
            balance: AtomicU64::new(of_a_second),
            share,
            per_microsecond,
            most: of_a_second + saved,
            since: Instant::now(),
            counted: AtomicU64::new(0),
        }
    }

    /// Counts a call.
    pub fn deposit(&self) {
        self.add(self.share);
    }

    /// Takes what one additional request costs; false if there isn't as much.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.add(self.of_time());
        self.balance.fetch_update(Relaxed, Relaxed, |balance| balance.checked_sub(TOKEN)).is_ok()
    }

    /// Returns what time has added since it was asked last.
    fn of_time(&self) -> u64 {
        if self.per_microsecond == 0 {
            return 0;
        }
        let now = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let before = self.counted.fetch_max(now, Relaxed);
        now.saturating_sub(before).saturating_mul(self.per_microsecond)
    }

    fn add(&self, amount: u64) {
        if amount == 0 {
            return;
        }
        let add = |balance: u64| (balance < self.most).then(|| balance.saturating_add(amount).min(self.most));
        // It fails where there is no room, which is what it is asked for.
        let _ = self.balance.fetch_update(Relaxed, Relaxed, add);
    }
}

/// Names the parts of a budget that can't be used, by their key, and says why; `off` is how to do without.
pub(super) fn out_of_range(percent: u32, min_per_second: u32, off: &str) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    if percent > 100 {
        faults.push(("budget_percent", "\"budget_percent\" must be at most 100".to_owned()));
    }
    if percent == 0 && min_per_second == 0 {
        let message = format!("\"budget_percent\" and \"budget_min_per_second\" can't both be 0; {off}");
        faults.push(("budget_percent", message));
    }
    if min_per_second > 100_000 {
        faults.push(("budget_min_per_second", "\"budget_min_per_second\" must be at most 100000".to_owned()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minimum_comes_with_time() {
        let budget = Budget::new(0, 2);
        let taken = || (0..10).filter(|_| budget.withdraw()).count();
        assert_eq!((taken(), taken()), (2, 0), "those of the first second are there at once");
        for _ in 0..10 {
            advance(Duration::from_millis(100)).await;
            assert!(taken() <= 1);
        }
        advance(Duration::from_millis(250)).await;
        assert_eq!(taken(), 0, "a quarter of a second is half a retry");
        advance(Duration::from_millis(250)).await;
        assert_eq!(taken(), 1);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(), 2, "time that nobody used is not saved up");
    }

    #[test]
    fn threads_get_no_more_than_there_is() {
        let budget = Budget::new(70, 0);
        (0..100).for_each(|_| budget.deposit());
        let take = || (0..100).filter(|_| budget.withdraw()).count();
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 70);
    }

    proptest! {
        #[test]
        fn it_is_never_more_than_the_share(percent in 0_u32..=100, calls in prop::collection::vec(any::<bool>(), 0..500)) {
            let budget = Budget::new(percent, 0);
            let (mut deposits, mut taken) = (0_u64, 0_u64);
            for is_call in calls {
                if is_call {
                    budget.deposit();
                    deposits += 1;
                } else {
                    taken += u64::from(budget.withdraw());
                }
                prop_assert!(taken * 100 <= deposits * u64::from(percent));
            }
        }
    }
}
