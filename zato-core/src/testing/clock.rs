use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};

use crate::ambient::Clock;

/// A clock that stands still until a test moves it. A clone shows the same time.
///
/// It is the clock that services ask with `ctx.now()`; for timers, pause tokio's with `#[tokio::test(start_paused = true)]`.
///
/// ```
/// use std::time::Duration;
/// use zato_core::{ambient::Clock, testing::TestClock};
///
/// let clock = TestClock::at("2026-01-31T12:00:00Z");
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_rfc3339(), "2026-01-31T12:01:30+00:00");
/// ```
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<DateTime<Utc>>>);

impl TestClock {
    /// Sets a clock to a time, such as `2026-01-31T12:00:00Z`.
    ///
    /// # Panics
    ///
    /// If the text is no time (RFC 3339).
    #[must_use]
    #[track_caller]
    pub fn at(time: &str) -> Self {
        let time: DateTime<Utc> = time.parse().expect("a time such as 2026-01-31T12:00:00Z");
        Self(Arc::new(Mutex::new(time)))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *time += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first moment of 2026.
impl Default for TestClock {
    fn default() -> Self {
        Self::at("2026-01-01T00:00:00Z")
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestClock({})", self.now())
    }
}
