//! The server's time, which is tokio's: a test that pauses it sees tokens and objects expire as soon as it likes.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// How far two timestamps are apart at least: Swift's have five decimals, and the later of two writes is the one that holds.
const TICK: Duration = Duration::from_micros(10);

/// The server's time.
#[derive(Debug)]
pub(super) struct Clock {
    /// When the server was started, by both clocks.
    started: (Instant, Duration),
    last: Duration,
}

/// When something was written, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(Duration);

impl Default for Clock {
    fn default() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { started: (Instant::now(), since_epoch), last: Duration::ZERO }
    }
}

impl Clock {
    /// Returns how long it is since 1970.
    pub(super) fn now(&self) -> Duration {
        self.started.1.saturating_add(self.started.0.elapsed())
    }

    /// Returns the timestamp of what is written now, which no other one has.
    pub(super) fn stamp(&mut self) -> Stamp {
        let now = self.now();
        let truncated = Duration::new(now.as_secs(), now.subsec_micros() / 10 * 10_000);
        self.last = truncated.max(self.last.saturating_add(TICK));
        Stamp(self.last)
    }
}

impl Stamp {
    /// As `X-Timestamp` has it.
    pub(super) fn text(self) -> String {
        format!("{}.{:05}", self.0.as_secs(), self.0.subsec_micros() / 10)
    }

    /// As a listing has it.
    pub(super) fn iso(self) -> String {
        iso(self.0)
    }

    /// In whole seconds, rounded up as Swift does: who asks for what was changed since then does not get it once more.
    pub(super) fn seconds(self) -> u64 {
        self.0.as_secs().saturating_add(u64::from(self.0.subsec_nanos() > 0))
    }

    /// As `Last-Modified` has it.
    pub(super) fn date(self) -> String {
        date(self.seconds())
    }
}

/// Writes a time since 1970 with six decimals.
pub(super) fn iso(since: Duration) -> String {
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let at: DateTime<Utc> = DateTime::from_timestamp(seconds, since.subsec_nanos()).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// Writes seconds since 1970 as headers have dates (RFC 9110 §5.6.7).
pub(super) fn date(seconds: u64) -> String {
    /// The last second of the year 9999, after which there is no such date.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_written_as_swift_does() {
        let stamp = Stamp(Duration::new(1_700_000_000, 123_450_000));
        assert_eq!(stamp.text(), "1700000000.12345");
        assert_eq!(stamp.iso(), "2023-11-14T22:13:20.123450");
        assert_eq!(stamp.date(), "Tue, 14 Nov 2023 22:13:21 GMT");
    }

    #[tokio::test(start_paused = true)]
    async fn no_two_stamps_are_the_same() {
        let mut clock = Clock::default();
        let first = clock.stamp();
        assert!(first < clock.stamp());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(clock.stamp().seconds() >= first.seconds() + 59);
    }
}
