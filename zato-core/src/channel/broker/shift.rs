use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TrackedFuture},
};

use super::{Concurrency, Meter, Outcome, Place};

/// How long a consumer waits for the one that it takes over from to have left.
const HANDOVER: Duration = Duration::from_secs(5);

/// From when a consumer begins until it has nothing left to do: its places, what it has in work, and how it is told to end.
///
/// ```
/// use zato_core::channel::broker::{Meter, Shift};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let shift = Shift::new(None, 10);
/// let place = shift.place().await;
/// let work = tokio::spawn(shift.track(async move { drop(place) }));
/// shift.stop.cancel();
/// assert!(shift.is_finished(async { work.await.unwrap_or_default() }, &Meter::default()).await);
/// # }
/// ```
#[derive(Debug)]
pub struct Shift {
    /// Cancelled when no more messages are taken in.
    pub stop: CancellationToken,
    /// Cancelled when the time for what is in work is over.
    pub cut: CancellationToken,
    /// Cancelled when none are taken in any more.
    pub(super) left: CancellationToken,
    works: TaskTracker,
    places: Arc<Concurrency>,
}

impl Shift {
    /// Begins one with so many places: those of the one that it takes over from, if there was one.
    #[must_use]
    pub fn new(before: Option<&Self>, places: usize) -> Self {
        Self {
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
            left: CancellationToken::new(),
            works: TaskTracker::new(),
            places: Concurrency::taken_over(before.map(|before| &before.places), places),
        }
    }

    /// Waits until the one that it takes over from takes in no more, not for long, nor after a stop. `after` is cancelled then.
    pub async fn handed_over(&self, after: Option<CancellationToken>) {
        let Some(after) = after else { return };
        tokio::select! { _ = timeout(HANDOVER, after.cancelled()) => {} () = self.stop.cancelled() => {} }
    }

    /// Waits for a place in work.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn place(&self) -> Place {
        self.places.take().await
    }

    /// Counts work on a message until it has ended, or is dropped.
    pub fn track<F: Future>(&self, work: F) -> TrackedFuture<F> {
        self.works.track_future(work)
    }

    /// Returns how many messages are in work.
    #[must_use]
    pub fn in_work(&self) -> usize {
        self.works.len()
    }

    /// Waits before it is tried again to take messages in; returns whether it is to be.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn pause(&self, pause: Duration) -> bool {
        timeout(pause, self.stop.cancelled()).await.is_err()
    }

    /// Notes that no more messages are taken in: whoever takes over may begin.
    pub fn leave(&self) {
        self.left.cancel();
    }

    /// Waits until what is in work has `ended`, or the time for that is over. Returns false in that case, and has counted what is
    /// left.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn is_finished(&self, ended: impl Future<Output = ()> + Send, meter: &Meter) -> bool {
        tokio::select! {
            biased;
            () = ended => true,
            () = self.cut.cancelled() => {
                meter.count_many(Outcome::Cut, u64::try_from(self.in_work()).unwrap_or(u64::MAX));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_over_waits_until_the_other_has_left_but_not_for_ever() {
        let (before, begun) = (Shift::new(None, 1), Instant::now());
        let next = Shift::new(Some(&before), 1);
        let leaving = async {
            sleep(SECOND).await;
            before.leave();
        };
        tokio::join!(next.handed_over(Some(before.left.clone())), leaving);
        assert_eq!(begun.elapsed(), SECOND);
        next.handed_over(Some(CancellationToken::new())).await;
        assert_eq!(begun.elapsed(), SECOND + HANDOVER);
        let place = before.place().await;
        assert!(timeout(SECOND, next.place()).await.is_err(), "both have the same places");
        drop(place);
        next.stop.cancel();
        next.handed_over(Some(CancellationToken::new())).await;
        assert!(!next.pause(SECOND).await && before.pause(SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_work_when_the_time_is_over_is_not_waited_for() {
        let (shift, meter) = (Shift::new(None, 2), Meter::default());
        let work = Box::pin(shift.track(sleep(SECOND)));
        assert_eq!(shift.in_work(), 1);
        assert!(shift.is_finished(work, &meter).await);
        let endless = Box::pin(shift.track(std::future::pending::<()>()));
        shift.cut.cancel();
        assert!(!shift.is_finished(endless, &meter).await);
        assert!(shift.is_finished(async {}, &meter).await, "nothing is left");
    }
}
