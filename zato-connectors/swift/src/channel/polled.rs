//! A container as a consumer polls it: whose it is, how that stands, and when it is polled next.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use zato_core::channel::broker::Standing;

use super::{holds::Holds, lease::Lease};

/// A container that is polled.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) container: Arc<str>,
    pub(super) lease: Lease,
    pub(super) standing: Standing,
    /// When something there is due before the interval is over.
    due: Mutex<Option<Instant>>,
    is_sooner: Notify,
    pub(super) holds: Holds,
}

impl Polled {
    pub(super) fn new(container: &Arc<str>, lease: Lease) -> Self {
        Self {
            container: Arc::clone(container),
            lease,
            standing: Standing::default(),
            due: Mutex::default(),
            is_sooner: Notify::new(),
            holds: Holds::default(),
        }
    }

    /// Notes that something is due after so long.
    pub(super) fn note_due(&self, after: Duration) {
        let at = Instant::now() + after;
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.is_none_or(|before| at < before) {
            *due = Some(at);
            self.is_sooner.notify_one();
        }
    }

    /// Forgets what was due: a poll begins, which sees all of it.
    pub(super) fn begin(&self) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until the container is to be polled again.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub(super) async fn until_due(&self, interval: Duration) {
        let next = Instant::now() + interval;
        loop {
            let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
            let until = due.map_or(next, |due| due.min(next));
            tokio::select! {
                () = sleep_until(until) => return,
                () = self.is_sooner.notified() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Swift,
        channel::{lease::Leases, store::Store},
    };

    async fn polled() -> Polled {
        let fake = Swift::fake().await;
        let store = Store::new(fake.swift(), "state", "invoices");
        let (container, life) = ("CRM".into(), Duration::from_secs(30));
        Polled::new(&container, Leases::of("p".to_owned()).lease(&store, &container, life))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_sooner_is_waited_for_and_nothing_else() {
        let (polled, begun) = (polled().await, Instant::now());
        let minute = Duration::from_secs(60);
        polled.until_due(minute).await;
        assert_eq!(begun.elapsed().as_secs(), 60);
        let sooner = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            polled.note_due(Duration::from_secs(5));
            polled.note_due(Duration::from_secs(7));
        };
        tokio::join!(polled.until_due(minute), sooner);
        assert_eq!(begun.elapsed().as_secs(), 75);
        polled.begin();
        polled.until_due(minute).await;
        assert_eq!(begun.elapsed().as_secs(), 135);
    }
}
