use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// How many messages of a channel are in work at once: its places.
///
/// They are those of the channel, whichever subscription its messages came by: one that follows another takes over its places,
/// so that both together have no more in work than there are, and a single place keeps the order.
///
/// ```
/// use zato_core::channel::broker::Concurrency;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let places = Concurrency::new(1);
/// let place = places.take().await;
/// drop(place); // when the service has returned
/// places.take().await;
/// # }
/// ```
#[derive(Debug)]
pub struct Concurrency {
    free: Semaphore,
    count: Mutex<Count>,
}

#[derive(Debug)]
struct Count {
    wanted: usize,
    /// How many there are more than that, all of them taken: they are gone when they are given back.
    surplus: usize,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
#[must_use = "a place that is dropped is free again"]
pub struct Place(Arc<Concurrency>);

impl Concurrency {
    /// The most places that there can be; whoever wants more has as many.
    pub const MAX: usize = Semaphore::MAX_PERMITS;

    /// Makes so many places, all of them free.
    #[must_use]
    pub fn new(places: usize) -> Arc<Self> {
        let wanted = places.min(Self::MAX);
        Arc::new(Self { free: Semaphore::new(wanted), count: Mutex::new(Count { wanted, surplus: 0 }) })
    }

    /// Returns the places of whoever is taken over from, of which there are so many from now on; new ones if there is nobody.
    #[must_use]
    pub fn taken_over(before: Option<&Arc<Self>>, places: usize) -> Arc<Self> {
        let Some(before) = before else { return Self::new(places) };
        before.resize(places);
        Arc::clone(before)
    }

    /// Has so many places from now on. If there are fewer, those that are taken stay so until they are given back.
    pub fn resize(&self, places: usize) {
        let wanted = places.min(Self::MAX);
        let mut count = self.count();
        if let Some(more) = wanted.checked_sub(count.wanted) {
            let kept = more.min(count.surplus);
            count.surplus -= kept;
            self.free.add_permits(more - kept);
        } else {
            let fewer = count.wanted - wanted;
            count.surplus += fewer - self.free.forget_permits(fewer);
        }
        count.wanted = wanted;
    }

    /// Waits for a place; who has waited longest is given the next one.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn take(self: &Arc<Self>) -> Place {
        match self.free.acquire().await {
            Ok(free) => free.forget(),
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
        Place(Arc::clone(self))
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut count = self.0.count();
        match count.surplus.checked_sub(1) {
            Some(left) => count.surplus = left,
            None => self.0.free.add_permits(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn there_are_as_many_places_as_are_wanted_however_many_are_taken() {
        let places = Concurrency::new(3);
        let take = || places.take().now_or_never();
        let mut taken = vec![take().unwrap(), take().unwrap(), take().unwrap()];
        assert!(take().is_none());
        places.resize(1);
        taken.truncate(1);
        assert!(take().is_none(), "one is wanted, and one is taken");
        places.resize(2);
        taken.push(take().unwrap());
        assert!(take().is_none());
        places.resize(1);
        places.resize(2);
        assert!(take().is_none(), "both are taken still");
        taken.clear();
        let all = [take(), take(), take()].map(|place| place.is_some());
        assert_eq!(all, [true, true, false]);
        places.resize(usize::MAX);
        places.resize(0);
        assert!(take().is_none());
    }
}
