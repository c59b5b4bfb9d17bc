use std::{sync::Arc, time::Duration};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::{
    channel::BoxFuture,
    error::{Error, Result},
};

/// How many requests may be in work at once, and how many may wait for that.
#[derive(Debug)]
pub struct Limiter {
    in_work: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Limiter {
    /// Makes a limiter with so many places to work and so many to wait.
    #[must_use]
    pub fn new(in_work: usize, waiting: usize) -> Self {
        let places = |number: usize| Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS)));
        Self { in_work: places(in_work), waiting: places(waiting) }
    }

    /// Takes a place to work, or one to wait for it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Kind::Unavailable) if there is neither.
    pub(super) fn enter(&self) -> Result<Place> {
        if let Ok(permit) = Arc::clone(&self.in_work).try_acquire_owned() {
            return Ok(Place::Given(permit));
        }
        let Ok(waiting) = Arc::clone(&self.waiting).try_acquire_owned() else {
            let error = Error::unavailable("too many requests are in work and waiting");
            return Err(error.with_retry_after(Duration::from_secs(1)));
        };
        let in_work = Arc::clone(&self.in_work);
        Ok(Place::Awaited(Box::pin(async move {
            let permit = in_work.acquire_owned().await;
            drop(waiting);
            permit
        })))
    }
}

/// A place to work, or the wait for one.
pub(super) enum Place {
    Given(OwnedSemaphorePermit),
    Awaited(BoxFuture<'static, Result<OwnedSemaphorePermit, AcquireError>>),
}
