//! How many connections there are, over all workers.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{Notify, futures::Notified};

/// Counts the connections of one listener, on whatever threads they are.
#[derive(Default)]
pub(crate) struct Places {
    taken: AtomicUsize,
    freed: Notify,
}

/// One connection's place; free again when it is dropped.
pub(crate) struct Place(Arc<Places>);

impl Places {
    /// Takes a place, if there is one.
    pub(crate) fn take(self: &Arc<Self>, most: usize) -> Option<Place> {
        let more = |taken| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Place(Arc::clone(self)))
    }

    /// Returns what ends when a place is freed; of use only if it was made before looking.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Returns whether all places are taken; if so, `freed` misses none that is freed from now on.
    pub(crate) fn is_full(&self, most: usize, freed: Pin<&mut Notified<'_>>) -> bool {
        let is_full = || self.taken.load(Ordering::SeqCst) >= most;
        is_full() && {
            freed.enable();
            is_full()
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
        // All who wait, not one: that one may have nobody in its queue.
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_place_that_is_freed_wakes_whoever_waits() {
        let places = Arc::<Places>::default();
        let (first, _second) = (places.take(2).unwrap(), places.take(2).unwrap());
        assert!(places.take(2).is_none());
        let (mut one, mut other) = (pin!(places.freed()), pin!(places.freed()));
        assert!(!places.is_full(3, one.as_mut()));
        assert!(places.is_full(2, one.as_mut()) && places.is_full(2, other.as_mut()));
        drop(first);
        one.await;
        other.await;
        assert!(!places.is_full(2, pin!(places.freed())));
    }
}
