use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time};

use crate::error::Result;

/// Has one caller make what many want: the others wait for that, and are given a clone of it.
///
/// What it fails with is given to all who waited, and forgotten. If the one who makes it is dropped, or panics, another of
/// those who wait takes over. Nobody waits for longer than it has patience: it makes what it wants by itself then.
///
/// ```
/// use std::time::Duration;
/// use zato_core::cache::{Part, SingleFlight};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let flights = SingleFlight::<u32>::default();
/// let patience = Duration::from_secs(15);
/// let slowly = async || {
///     tokio::task::yield_now().await;
///     Ok(42)
/// };
/// let ((one, first), (other, second)) = tokio::join!(
///     flights.run("answer", patience, slowly),
///     flights.run("answer", patience, async || unreachable!("the first one makes it")),
/// );
/// assert_eq!((one.unwrap(), other.unwrap()), (42, 42));
/// assert_eq!((first, second), (Part::Made, Part::Waited));
/// # }
/// ```
pub struct SingleFlight<T> {
    flights: Mutex<HashMap<String, Arc<Flight<T>>>>,
}

/// Whose work a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The caller's own.
    Made,
    /// Another caller's, whom it has waited for.
    Waited,
}

/// What callers of one key wait for.
struct Flight<T> {
    /// Has one permit, for who makes it; is closed when that is done.
    turn: Semaphore,
    outcome: OnceLock<Result<T>>,
}

/// A caller that is on board.
struct Passenger<'a, T> {
    all: &'a SingleFlight<T>,
    key: &'a str,
    flight: Arc<Flight<T>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { flights: Mutex::default() }
    }
}

impl<T: Clone> SingleFlight<T> {
    /// Returns what `make` gives, or what that of another caller gives who wants the same key at the same time.
    ///
    /// # Errors
    ///
    /// Inside the result: what the one `make` failed with that was called.
    ///
    /// # Cancel safety
    ///
    /// When dropped, `make` is dropped where it stands, and another caller begins with its own.
    pub async fn run<F>(&self, key: &str, patience: Duration, make: F) -> (Result<T>, Part)
    where
        F: AsyncFnOnce() -> Result<T>,
    {
        let passenger = self.board(key);
        let flight = &*passenger.flight;
        match time::timeout(patience, flight.turn.acquire()).await {
            Ok(Ok(_turn)) => {
                let outcome = make().await;
                let _ = flight.outcome.set(copy(&outcome));
                // Who comes from now on finds what was made where it is kept.
                passenger.land();
                flight.turn.close();
                (outcome, Part::Made)
            }
            Ok(Err(_)) => match flight.outcome.get() {
                Some(outcome) => (copy(outcome), Part::Waited),
                None => (make().await, Part::Made),
            },
            Err(_) => (make().await, Part::Made),
        }
    }

    /// Has who comes from now on begin anew, and those who wait already go on.
    pub(super) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    /// The same for all keys that begin with a prefix.
    pub(super) fn forget_all(&self, prefix: &str) {
        self.lock().retain(|key, _| !key.starts_with(prefix));
    }

    fn board<'a>(&'a self, key: &'a str) -> Passenger<'a, T> {
        let mut flights = self.lock();
        let flight = match flights.get(key) {
            Some(flight) => Arc::clone(flight),
            None => {
                let flight = Arc::new(Flight { turn: Semaphore::new(1), outcome: OnceLock::new() });
                flights.insert(key.to_owned(), Arc::clone(&flight));
                flight
            }
        };
        Passenger { all: self, key, flight }
    }
}

fn copy<T: Clone>(outcome: &Result<T>) -> Result<T> {
    match outcome {
        Ok(value) => Ok(value.clone()),
        Err(error) => Err(error.copy()),
    }
}

impl<T> SingleFlight<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Flight<T>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Passenger<'_, T> {
    /// Has who comes from now on begin anew.
    fn land(&self) {
        let mut flights = self.all.lock();
        if flights.get(self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(self.key);
        }
    }
}

impl<T> Drop for Passenger<'_, T> {
    fn drop(&mut self) {
        let mut flights = self.all.lock();
        // The last one on board, of a flight that nobody has brought to its end.
        if Arc::strong_count(&self.flight) == 2
            && flights.get(self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            flights.remove(self.key);
        }
    }
}

impl<T> fmt::Debug for SingleFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").field("in_work", &self.lock().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicU32, Ordering::SeqCst},
    };

    use futures_util::{FutureExt, future::join_all, poll};
    use tokio::sync::Notify;

    use super::*;
    use crate::error::{Error, Kind};

    const PATIENCE: Duration = Duration::from_secs(15);

    #[tokio::test]
    async fn a_thousand_who_come_at_once_cause_one() {
        let (flights, made) = (SingleFlight::default(), AtomicU32::new(0));
        let make = async || {
            made.fetch_add(1, SeqCst);
            tokio::task::yield_now().await;
            Ok(made.load(SeqCst))
        };
        let all = join_all((0..1000).map(|_| flights.run("a", PATIENCE, make))).await;
        assert!(all.iter().all(|(outcome, _)| outcome.as_ref().is_ok_and(|made| *made == 1)));
        assert_eq!(all.iter().filter(|(_, part)| *part == Part::Made).count(), 1);
        assert!(flights.lock().is_empty());
        assert_eq!(flights.run("a", PATIENCE, make).await.0.unwrap(), 2, "what was made is not kept here");
    }

    #[tokio::test]
    async fn an_error_goes_to_all_who_waited_with_everything_that_it_says() {
        let flights = SingleFlight::<()>::default();
        let fail = async || {
            tokio::task::yield_now().await;
            Err(Error::upstream("closed").with("connection", "CRM").with_source(fmt::Error))
        };
        for (outcome, _) in join_all((0..3).map(|_| flights.run("a", PATIENCE, fail))).await {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), Kind::Upstream);
            assert!(error.find::<fmt::Error>().is_some());
            assert!(error.report().to_string().starts_with("closed (connection: CRM): "));
        }
        assert!(flights.run("a", PATIENCE, async || Ok(())).await.0.is_ok());
    }

    #[tokio::test]
    async fn another_one_takes_over_from_who_is_dropped_or_panics() {
        let flights = SingleFlight::default();
        let waiting = {
            let mut dropped = Box::pin(flights.run("a", PATIENCE, async || std::future::pending().await));
            assert!(poll!(&mut dropped).is_pending());
            let mut waiting = Box::pin(flights.run("a", PATIENCE, async || Ok(2)));
            assert!(poll!(&mut waiting).is_pending());
            waiting
        };
        assert_eq!(waiting.await.0.unwrap(), 2);

        let go = Notify::new();
        let panics = flights.run("a", PATIENCE, async || {
            go.notified().await;
            panic!("of a service")
        });
        let mut panics = pin!(std::panic::AssertUnwindSafe(panics).catch_unwind());
        assert!(poll!(&mut panics).is_pending());
        let mut waiting = pin!(flights.run("a", PATIENCE, async || Ok(3)));
        assert!(poll!(&mut waiting).is_pending());
        go.notify_one();
        assert!(panics.await.is_err());
        assert_eq!(waiting.await.0.unwrap(), 3);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_longer_than_it_has_patience() {
        let flights = SingleFlight::default();
        let mut stuck = Box::pin(flights.run("a", PATIENCE, async || std::future::pending().await));
        assert!(poll!(&mut stuck).is_pending());
        let begun = time::Instant::now();
        assert_eq!(flights.run("a", PATIENCE, async || Ok(2)).await.0.unwrap(), 2);
        assert_eq!(begun.elapsed().as_secs(), 15);
        drop(stuck);
        assert!(flights.lock().is_empty());
    }
}
