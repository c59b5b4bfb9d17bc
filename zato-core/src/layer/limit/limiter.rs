use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit},
    time::Instant,
};

use super::NotBegun;
use crate::{
    channel::BoxFuture,
    error::{Error, Result},
    inspect::{Phases, short},
    resilience::bulkhead::Places,
};

/// How many requests may be in work at once, and how many may wait for that.
#[derive(Debug)]
pub struct Limiter(Places);

impl Limiter {
    /// Makes a limiter with so many places to work and so many to wait.
    #[must_use]
    pub fn new(in_work: usize, waiting: usize) -> Self {
        Self(Places::new(in_work, waiting))
    }

    /// Takes a place to work, or one to wait for it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Kind::Unavailable) if there is neither.
    pub(super) fn enter(&self) -> Result<Place> {
        if let Some(permit) = self.0.take() {
            return Ok(Place::Given(Held::one(permit)));
        }
        let waits = self.wait()?;
        Ok(Place::Awaited(Box::pin(async move { waits.await.map(Held::one).map_err(stopping) })))
    }

    /// Takes a place of a channel's own limiter, and then one of this.
    ///
    /// In this order: who waits for a place of its channel must hold none that others could use, and who waits for one
    /// here keeps only its own channel waiting.
    ///
    /// # Errors
    ///
    /// As [`Limiter::enter`].
    pub(super) fn enter_from(self: &Arc<Self>, channel: &Self) -> Result<Place> {
        let Some(of_channel) = channel.0.take() else {
            let (waits, limiter) = (channel.wait().map_err(told_of_channel)?, Arc::clone(self));
            return Ok(Place::Awaited(Box::pin(async move {
                let of_channel = waits.await.map_err(stopping)?;
                let held = match limiter.enter()? {
                    Place::Given(held) => held,
                    Place::Awaited(waits) => waits.await?,
                };
                Ok(held.and(of_channel))
            })));
        };
        Ok(match self.enter()? {
            Place::Given(held) => Place::Given(held.and(of_channel)),
            Place::Awaited(waits) => {
                Place::Awaited(Box::pin(async move { waits.await.map(|held| held.and(of_channel)) }))
            }
        })
    }

    /// Takes a place to wait.
    fn wait(&self) -> Result<impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send + use<>> {
        let Some(turn) = self.0.wait() else {
            let error = Error::unavailable("too many requests are in work and waiting").with_source(NotBegun);
            return Err(error.with_retry_after(Duration::from_secs(1)));
        };
        Ok(async move {
            let since = Instant::now();
            Phases::note(|phases| phases.is_waiting = true);
            let permit = turn.await;
            // There may be two waits, one for a place of the channel and one for a place of all.
            let waited = short(since.elapsed());
            Phases::note(|phases| (phases.is_waiting, phases.wait) = (false, phases.wait.saturating_add(waited)));
            permit
        })
    }
}

fn told_of_channel(error: Error) -> Error {
    error.with("limit", "channel")
}

fn stopping(_: AcquireError) -> Error {
    Error::unavailable("stopping")
}

/// A place to work, or the wait for one.
pub(super) enum Place {
    Given(Held),
    Awaited(BoxFuture<'static, Result<Held>>),
}

/// What a request in work holds until it has ended.
pub(super) struct Held {
    _of_all: OwnedSemaphorePermit,
    _of_channel: Option<OwnedSemaphorePermit>,
}

impl Held {
    fn one(permit: OwnedSemaphorePermit) -> Self {
        Self { _of_all: permit, _of_channel: None }
    }

    fn and(self, of_channel: OwnedSemaphorePermit) -> Self {
        Self { _of_channel: Some(of_channel), ..self }
    }
}
