use tokio::sync::watch;

use crate::{
    chrono::{DateTime, Utc},
    connection::State,
};

/// How a consumer stands, for readiness and the log.
///
/// ```
/// use zato_core::{channel::broker::Standing, chrono::DateTime};
///
/// let now = DateTime::UNIX_EPOCH;
/// let standing = Standing::default();
/// assert!(standing.failed(now, "there is no queue \"orders\""), "which nobody has been told");
/// assert!(!standing.failed(now, "there is no queue \"orders\""));
/// standing.up(now);
/// assert!(standing.state().is_up());
/// ```
#[derive(Debug)]
pub struct Standing(watch::Sender<State>);

impl Default for Standing {
    /// It has not been tried to consume yet.
    fn default() -> Self {
        Self(watch::Sender::new(State::Connecting))
    }
}

impl Standing {
    /// Notes that it consumes.
    pub fn up(&self, now: DateTime<Utc>) {
        self.0.send_replace(State::Up { since: now });
    }

    /// Notes that it consumed, and does no more.
    pub fn interrupted(&self, now: DateTime<Utc>, error: String) {
        self.0.send_replace(State::Down { since: now, error, attempts: 0 });
    }

    /// Notes that it could not begin to consume. Returns whether that is for another reason than the last time, and worth
    /// telling.
    #[must_use]
    pub fn failed(&self, now: DateTime<Utc>, error: &str) -> bool {
        let (since, attempts, is_new) = match &*self.0.borrow() {
            State::Down { since, attempts, error: before } => (*since, *attempts, before != error),
            _ => (now, 0, true),
        };
        self.0.send_replace(State::Down { since, error: error.to_owned(), attempts: attempts.saturating_add(1) });
        is_new
    }

    /// Waits until it consumes, or has been tried in vain once.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn settled(&self) {
        // It ends with the sender, which is ours.
        let _ = self.0.subscribe().wait_for(|state| *state != State::Connecting).await;
    }

    /// Returns it as that of a connection.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn it_is_down_since_it_was_interrupted_however_often_it_fails_meanwhile() {
        let first = DateTime::UNIX_EPOCH;
        let later = first + std::time::Duration::from_secs(1);
        let standing = Standing::default();
        assert!(standing.settled().now_or_never().is_none());
        standing.up(first);
        assert!(standing.settled().now_or_never().is_some());
        standing.interrupted(first, "closed".to_owned());
        assert!(standing.failed(later, "refused"));
        assert!(!standing.failed(later, "refused"));
        let expected = State::Down { since: first, error: "refused".to_owned(), attempts: 2 };
        assert_eq!(standing.state(), expected);
        standing.up(later);
        assert!(standing.failed(later, "refused"), "it consumed meanwhile");
    }
}
