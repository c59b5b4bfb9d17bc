use std::time::Duration;

use chrono::{DateTime, Datelike, Months, NaiveTime, Utc};

use super::Standing;
use crate::config::{FixedWindow, LimitUnit};

/// How late a request may be that was received before another and is counted after it, as happens on several threads.
/// It counts in the window that the other one has opened; were it to open the old one again, each change of windows
/// would hand out more than the limit.
const LATE: i64 = 1;

/// How many requests there were in a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    /// When the window began and when it ends, in seconds since 1970.
    begins: i64,
    ends: i64,
    used: u64,
}

impl Count {
    /// Counts nothing so far.
    pub(super) const EMPTY: Self = Self { begins: i64::MIN, ends: i64::MIN, used: 0 };

    /// Says how a client stands, and how long it has to wait: zero if it needn't.
    pub(super) fn look(&mut self, window: FixedWindow, now: DateTime<Utc>) -> (Standing, Duration) {
        self.turn(window.unit, now);
        let remaining = window.limit.saturating_sub(self.used);
        let length = u64::try_from(self.ends.saturating_sub(self.begins)).unwrap_or_default();
        let end = DateTime::from_timestamp(self.ends, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let left = (end - now).to_std().unwrap_or_default();
        let standing = Standing::new(window.limit, remaining, Duration::from_secs(length), left, now);
        (standing, if remaining > 0 { Duration::ZERO } else { left })
    }

    pub(super) fn take(&mut self) {
        self.used = self.used.saturating_add(1);
    }

    /// Begins to count anew when a window is over; also when the clock was set back by far, or a clock that was wrong
    /// once would shut clients out for as long as it was wrong.
    fn turn(&mut self, unit: LimitUnit, now: DateTime<Utc>) {
        let (begins, ends) = span(unit, now);
        let is_late = begins < self.begins && now.timestamp() >= self.begins.saturating_sub(LATE);
        if begins != self.begins && !is_late {
            *self = Self { begins, ends, used: 0 };
        }
    }
}

/// Returns when the window began that a time is in, and when the next one does, in seconds since 1970.
fn span(unit: LimitUnit, now: DateTime<Utc>) -> (i64, i64) {
    let length = match unit {
        LimitUnit::Second => 1,
        LimitUnit::Minute => 60,
        LimitUnit::Hour => 3_600,
        LimitUnit::Day => 86_400,
        LimitUnit::Month => return month(now),
    };
    let begins = now.timestamp() - now.timestamp().rem_euclid(length);
    (begins, begins + length)
}

fn month(now: DateTime<Utc>) -> (i64, i64) {
    let first = now.date_naive().with_day(1).unwrap_or(now.date_naive());
    let next = first.checked_add_months(Months::new(1)).unwrap_or(chrono::NaiveDate::MAX);
    let second = |day: chrono::NaiveDate| day.and_time(NaiveTime::MIN).and_utc().timestamp();
    (second(first), second(next))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn windows_are_those_of_the_clock() {
        let now = at("2023-11-14T22:13:20Z");
        for (unit, begins, ends) in [
            (LimitUnit::Second, "2023-11-14T22:13:20Z", "2023-11-14T22:13:21Z"),
            (LimitUnit::Minute, "2023-11-14T22:13:00Z", "2023-11-14T22:14:00Z"),
            (LimitUnit::Hour, "2023-11-14T22:00:00Z", "2023-11-14T23:00:00Z"),
            (LimitUnit::Day, "2023-11-14T00:00:00Z", "2023-11-15T00:00:00Z"),
            (LimitUnit::Month, "2023-11-01T00:00:00Z", "2023-12-01T00:00:00Z"),
        ] {
            let (begins, ends) = (at(begins).timestamp(), at(ends).timestamp());
            assert_eq!(span(unit, now), (begins, ends), "{unit:?}");
            assert_eq!(span(unit, DateTime::from_timestamp(ends, 0).unwrap()).0, ends, "a boundary is the next one's");
        }
        for (now, ends) in
            [("2024-02-29T12:00:00Z", "2024-03-01T00:00:00Z"), ("2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z")]
        {
            assert_eq!(span(LimitUnit::Month, at(now)).1, at(ends).timestamp());
        }
    }

    #[test]
    fn a_month_ends_with_its_last_day() {
        let window = FixedWindow { limit: 2, unit: LimitUnit::Month };
        let mut count = Count::EMPTY;
        for (now, remaining, wait) in
            [("2026-01-31T23:59:58Z", 2, 0), ("2026-01-31T23:59:58Z", 1, 0), ("2026-01-31T23:59:58Z", 0, 2)]
        {
            let (standing, waits) = count.look(window, at(now));
            assert_eq!((standing.remaining, waits.as_secs()), (remaining, wait));
            assert_eq!(standing.resets_at, at("2026-02-01T00:00:00Z"));
            assert_eq!(standing.window.as_secs(), 31 * 86_400);
            count.take();
        }
        let (standing, waits) = count.look(window, at("2026-02-01T00:00:00Z"));
        assert_eq!((standing.remaining, waits), (2, Duration::ZERO));
        assert_eq!(standing.window.as_secs(), 28 * 86_400);
    }

    #[test]
    fn a_request_that_is_counted_late_opens_no_window_again() {
        let window = FixedWindow { limit: 1, unit: LimitUnit::Minute };
        let mut count = Count::EMPTY;
        let mut is_allowed = |now: &str| {
            let (_, wait) = count.look(window, at(now));
            if wait.is_zero() {
                count.take();
            }
            wait.is_zero()
        };
        assert!(is_allowed("2026-01-01T00:00:59.900Z"));
        assert!(is_allowed("2026-01-01T00:01:00.000Z"));
        assert!(!is_allowed("2026-01-01T00:00:59.950Z"), "late, and counts with the others");
        assert!(!is_allowed("2026-01-01T00:01:00.100Z"));
        assert!(is_allowed("2026-01-01T00:00:30Z"), "a clock that was set back shuts nobody out");
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_its_limit(limit in 1_u64..5, steps in prop::collection::vec(0_i64..400, 1..200)) {
            let window = FixedWindow { limit, unit: LimitUnit::Second };
            let (mut count, mut now) = (Count::EMPTY, at("2026-01-01T00:00:00Z"));
            let mut allowed = std::collections::BTreeMap::<i64, u64>::new();
            for step in steps {
                now += chrono::TimeDelta::milliseconds(step);
                let (standing, wait) = count.look(window, now);
                let used = allowed.entry(now.timestamp()).or_default();
                prop_assert_eq!(standing.remaining, limit - *used);
                prop_assert_eq!(wait.is_zero(), *used < limit);
                if wait.is_zero() {
                    count.take();
                    *used += 1;
                }
            }
        }
    }
}
