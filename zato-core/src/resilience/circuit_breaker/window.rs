use std::time::Duration;

use tokio::time::Instant;

const SLOTS: usize = 10;

/// What became of the calls of some time back, in ten slots, the oldest of which is forgotten as time goes on.
#[derive(Debug)]
pub(super) struct Window {
    slots: [Count; SLOTS],
    total: Count,
    current: usize,
    since: Instant,
    slot: Duration,
}

/// A number of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) calls: u64,
    pub(super) failures: u64,
}

impl Window {
    pub(super) fn new(length: Duration, now: Instant) -> Self {
        // As many as there are slots, which a `u32` holds.
        let slot = (length / 10).max(Duration::from_nanos(1));
        Self { slots: Default::default(), total: Count::default(), current: 0, since: now, slot }
    }

    /// Counts a call, and returns what there is now in all.
    pub(super) fn record(&mut self, is_failure: bool, now: Instant) -> Count {
        if now.saturating_duration_since(self.since) >= self.slot {
            self.advance(now);
        }
        let failures = u64::from(is_failure);
        if let Some(slot) = self.slots.get_mut(self.current) {
            slot.calls += 1;
            slot.failures += failures;
        }
        self.total.calls += 1;
        self.total.failures += failures;
        self.total
    }

    fn advance(&mut self, now: Instant) {
        let steps = now.saturating_duration_since(self.since).as_nanos() / self.slot.as_nanos();
        let over = usize::try_from(steps).unwrap_or(usize::MAX);
        if over >= SLOTS {
            (self.slots, self.total, self.since) = (Default::default(), Count::default(), now);
            return;
        }
        for _ in 0..over {
            self.current = (self.current + 1) % SLOTS;
            self.since += self.slot;
            let forgotten = self.slots.get_mut(self.current).map(std::mem::take).unwrap_or_default();
            self.total.calls -= forgotten.calls;
            self.total.failures -= forgotten.failures;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_has_the_calls_of_its_time_and_no_others(calls in prop::collection::vec((0_u64..3_000, any::<bool>()), 1..200)) {
            let start = Instant::now();
            let (mut window, mut now, mut seen) = (Window::new(Duration::from_secs(10), start), 0, Vec::new());
            for (step, is_failure) in calls {
                now += step;
                seen.push((now, is_failure));
                let count = window.record(is_failure, start + Duration::from_millis(now));
                // A slot is a second: whether the calls of the oldest one count depends on where in it they were.
                let within = |length: u64| seen.iter().filter(|(at, _)| at + length > now).count() as u64;
                prop_assert!(count.calls >= within(9_000) && count.calls <= within(10_000), "{count:?} {seen:?}");
                prop_assert!(count.failures <= count.calls);
            }
        }
    }
}
