use std::time::Duration;

use tokio::time::Instant;

/// Longer than anybody waits, and short enough for a clock to add.
const FAR: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// When somebody stops waiting, and how long that was in all.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zato_core::resilience::Deadline;
///
/// let deadline = Deadline::after(Duration::from_secs(10));
/// assert!(!deadline.is_over() && deadline.remaining() <= deadline.timeout());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    /// Sets a deadline that is so long from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        Self::since(Instant::now(), timeout)
    }

    /// Sets a deadline that is so long from a moment.
    #[must_use]
    pub fn since(moment: Instant, timeout: Duration) -> Self {
        Self { at: moment + timeout.min(FAR), timeout }
    }

    /// Returns when it is.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// Returns how long it was from the moment that it was set.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns how long it still is: zero once it is over.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Tells whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_comes_nearer_and_is_over() {
        let deadline = Deadline::after(Duration::from_secs(2));
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!((deadline.remaining(), deadline.is_over()), (Duration::from_millis(500), false));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((deadline.remaining(), deadline.is_over()), (Duration::ZERO, true));
        assert!(!Deadline::after(Duration::MAX).is_over());
    }
}
