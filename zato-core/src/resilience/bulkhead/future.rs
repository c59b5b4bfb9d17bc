use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tower::Service;

use super::{
    Place,
    service::{Hold, SOON},
};
use crate::{
    error::{Error, Result, Retry},
    resilience::{Decisions, OutgoingRequest, OutgoingResponse, Refusable, decisions::Refusal},
};

pin_project! {
    /// The future of a [`Bulkhead`](super::Bulkhead).
    pub struct BulkheadFuture<S, Req>
    where
        S: Service<Req>,
    {
        // None while it waits.
        #[pin]
        call: Option<Refusable<S::Future>>,
        // Boxed, since few wait and all would carry its size.
        waiting: Option<Box<Waiting<S, Req>>>,
        // Held until the call has ended, however it ends.
        place: Option<Place>,
    }
}

impl<S: Service<Req>, Req> BulkheadFuture<S, Req> {
    pub(super) fn made(call: S::Future, place: Option<Place>) -> Self {
        Self { call: Some(Refusable::made(call)), waiting: None, place }
    }

    pub(super) fn waits(waiting: Waiting<S, Req>) -> Self {
        Self { call: None, waiting: Some(Box::new(waiting)), place: None }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self { call: Some(Refusable::refused(error)), waiting: None, place: None }
    }
}

type Turn = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A call that waits for its place. It is not made before: what stands inside decides by how things are then.
pub(super) struct Waiting<S, Req> {
    turn: Turn,
    place: Option<Place>,
    service: S,
    request: Option<Req>,
    counted: Counted,
}

/// A call that is counted among those that wait, until it is dropped.
struct Counted(Arc<Decisions>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.waits_no_more();
    }
}

impl<S, Req> Waiting<S, Req>
where
    S: Service<Req, Error = Error>,
    Req: OutgoingRequest,
{
    pub(super) fn new(turn: Turn, service: S, request: Req, hold: &Hold) -> Self {
        hold.decisions.waits();
        let counted = Counted(Arc::clone(&hold.decisions));
        Self { turn, place: None, service, request: Some(request), counted }
    }

    /// Waits for a place, and then until the service is ready; makes the call.
    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<Result<(S::Future, Option<Place>)>> {
        // Before anything else, and before the timeout around it looks at its timer: nobody was called, which is another
        // thing than that nobody answered. A crowd's calls time out together, and those in work then give their places to
        // those that wait, which must not be sent only to be dropped a moment later.
        if self.request.as_ref().and_then(OutgoingRequest::deadline).is_some_and(|deadline| deadline.is_over()) {
            return Poll::Ready(Err(self.counted.0.refuse(Refusal::Bulkhead, Some(SOON)).with_retry(Retry::Unsent)));
        }
        if self.place.is_none() {
            let permit = ready!(self.turn.as_mut().poll(cx)).map_err(|_| Error::unavailable("stopping"))?;
            self.place = Some(Place::new(permit));
        }
        ready!(self.service.poll_ready(cx))?;
        let request = self.request.take().expect("a call is made once, since what waits is dropped with it");
        Poll::Ready(Ok((self.service.call(request), self.place.take())))
    }
}

impl<S, Req> Future for BulkheadFuture<S, Req>
where
    S: Service<Req, Error = Error>,
    S::Response: OutgoingResponse,
    Req: OutgoingRequest,
{
    type Output = Result<S::Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(waiting) = this.waiting {
            let made = ready!(waiting.poll_call(cx));
            *this.waiting = None;
            let (call, place) = made?;
            *this.place = place;
            this.call.set(Some(Refusable::made(call)));
        }
        let Some(call) = this.call.as_pin_mut() else {
            return Poll::Ready(Err(Error::internal("polled again after it has failed")));
        };
        let mut result = ready!(call.poll(cx));
        match (this.place.take(), &mut result) {
            (Some(place), Ok(response)) => response.hold(place),
            (place, _) => drop(place),
        }
        Poll::Ready(result)
    }
}

impl<S: Service<Req>, Req> fmt::Debug for BulkheadFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadFuture").field("waits", &self.waiting.is_some()).finish_non_exhaustive()
    }
}
