use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use tower::Service;
use tracing::warn;

use super::{BulkheadFuture, Place, Places, future::Waiting};
use crate::{
    error::{Error, Result},
    resilience::{Decisions, OutgoingRequest, OutgoingResponse, decisions::Refusal},
};

/// A service that makes so many calls at once; so many more wait for a place, first come, first served.
///
/// A call too many is refused at once with [`Kind::Unavailable`](crate::Kind::Unavailable). Waiting is part of the call:
/// it ends with the call's own timeout, and a caller that has gone leaves the queue.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use tower::{Layer, ServiceExt, service_fn};
/// use zato_core::{Kind, Result, resilience::{Decisions, OutgoingRequest, OutgoingResponse, Repeat}};
/// use zato_core::resilience::bulkhead::BulkheadLayer;
///
/// #[derive(Clone)]
/// struct Ask;
/// impl OutgoingRequest for Ask {
///     fn repeat(&self) -> Repeat { Repeat::Safe }
/// }
/// struct Answer;
/// impl OutgoingResponse for Answer {}
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let layer = BulkheadLayer::new(0, 0, &Arc::new(Decisions::new("CRM")));
/// let service = layer.layer(service_fn(async |_: Ask| Result::Ok(Answer)));
/// let full = service.oneshot(Ask).await.err().expect("there is no place");
/// assert_eq!((full.kind(), full.retry_after().is_some()), (Kind::Unavailable, true));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Bulkhead<S> {
    pub(super) inner: S,
    pub(super) hold: Option<Arc<Hold>>,
}

#[derive(Debug)]
pub(super) struct Hold {
    pub(super) places: Places,
    /// Whether a call was refused since one found a place at once: the first is enough for operators.
    pub(super) is_full: AtomicBool,
    pub(super) decisions: Arc<Decisions>,
}

/// When to come back: places are given back all the time.
pub(super) const SOON: Duration = Duration::from_secs(1);

impl Hold {
    fn refuse(&self) -> Error {
        if !self.is_full.swap(true, Relaxed) {
            warn!(connection = self.decisions.connection(), "all places of a connection are taken, refusing calls");
        }
        self.decisions.refuse(Refusal::Bulkhead, Some(SOON))
    }

    fn has_room(&self) {
        if self.is_full.load(Relaxed) {
            self.is_full.store(false, Relaxed);
        }
    }
}

impl<S, Req> Service<Req> for Bulkhead<S>
where
    S: Service<Req, Error = Error> + Clone,
    S::Response: OutgoingResponse,
    Req: OutgoingRequest,
{
    type Response = S::Response;
    type Error = Error;
    type Future = BulkheadFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let Some(hold) = &self.hold else { return BulkheadFuture::made(self.inner.call(request), None) };
        if let Some(permit) = hold.places.take() {
            hold.has_room();
            return BulkheadFuture::made(self.inner.call(request), Some(Place::new(permit)));
        }
        match hold.places.wait() {
            Some(turn) => BulkheadFuture::waits(Waiting::new(Box::pin(turn), self.inner.clone(), request, hold)),
            None => BulkheadFuture::refused(hold.refuse()),
        }
    }
}
