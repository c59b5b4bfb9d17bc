use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tower::Service;

use super::{HedgeFuture, future::Spare};
use crate::{
    error::{Error, Result},
    resilience::{Budget, Decisions, OutgoingRequest, OutgoingResponse, Repeat},
};

/// A service whose requests are sent a second time if no answer has come after a while, provided that they are
/// [safe](Repeat::Safe) to send twice and that the budget allows. The first good answer counts, and the other request is
/// dropped; one that fails waits for the other.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use tower::{Layer, ServiceExt, service_fn};
/// use zato_core::{Result, resilience::{Decisions, OutgoingRequest, OutgoingResponse, Repeat}};
/// use zato_core::resilience::hedge::{HedgeLayer, HedgingConfig};
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
/// let layer = HedgeLayer::new(&HedgingConfig::default(), &Arc::new(Decisions::new("CRM")));
/// let service = layer.layer(service_fn(async |_: Ask| Result::Ok(Answer)));
/// assert!(service.oneshot(Ask).await.is_ok());
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Hedge<S> {
    pub(super) inner: S,
    pub(super) hedging: Option<Arc<Hedging>>,
}

#[derive(Debug)]
pub(super) struct Hedging {
    pub(super) delay: Duration,
    pub(super) budget: Budget,
    pub(super) decisions: Arc<Decisions>,
}

impl<S, Req> Service<Req> for Hedge<S>
where
    S: Service<Req, Error = Error> + Clone,
    S::Response: OutgoingResponse,
    Req: OutgoingRequest,
{
    type Response = S::Response;
    type Error = Error;
    type Future = HedgeFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let hedging = self.hedging.as_ref().filter(|_| request.repeat() == Repeat::Safe);
        let Some(hedging) = hedging else { return HedgeFuture::new(self.inner.call(request), None) };
        hedging.budget.deposit();
        let spare = Spare::new(self.inner.clone(), request.clone(), Arc::clone(hedging));
        HedgeFuture::new(self.inner.call(request), Some(spare))
    }
}
