use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// So many places to work, and so many to wait for one. Who waits first is served first.
#[derive(Debug)]
pub(crate) struct Places {
    at_work: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Places {
    pub(crate) fn new(at_work: usize, waiting: usize) -> Self {
        let places = |number: usize| Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS)));
        Self { at_work: places(at_work), waiting: places(waiting) }
    }

    /// Takes a place to work, if there is one and nobody waits for it.
    pub(crate) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.at_work).try_acquire_owned().ok()
    }

    /// Takes a place to wait for one, if there is one. It is given back with the future, whether that has ended or not.
    pub(crate) fn wait(
        &self,
    ) -> Option<impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send + use<>> {
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        let at_work = Arc::clone(&self.at_work);
        Some(async move {
            let permit = at_work.acquire_owned().await;
            drop(waiting);
            permit
        })
    }
}

/// A place among those at work, which is given back when it is dropped.
///
/// # Examples
///
/// An answer whose body is still to come keeps its place until that has ended:
///
/// ```
/// use zato_core::resilience::{OutgoingResponse, bulkhead::Place};
///
/// struct Download {
///     place: Option<Place>,
/// }
///
/// impl OutgoingResponse for Download {
///     fn hold(&mut self, place: Place) {
///         self.place = Some(place);
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit }
    }
}
