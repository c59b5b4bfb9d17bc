use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::Service;
use tracing::{Span, debug};

use super::service::Hedging;
use crate::{
    error::{Error, Result},
    resilience::{Health, OutgoingResponse, Verdict},
};

pin_project! {
    /// The future of a [`Hedge`](super::Hedge).
    pub struct HedgeFuture<S, Req>
    where
        S: Service<Req>,
    {
        // None once it has failed, while the second is still awaited.
        #[pin]
        first: Option<S::Future>,
        // Boxed, since most calls have none and all would carry its size.
        spare: Option<Box<Spare<S, Req>>>,
    }
}

/// What a second request needs, and is.
pub(super) struct Spare<S: Service<Req>, Req> {
    hedging: Arc<Hedging>,
    service: S,
    /// Until it is sent, or is not to be.
    request: Option<Req>,
    timer: Option<Pin<Box<Sleep>>>,
    second: Option<Pin<Box<S::Future>>>,
}

impl<S: Service<Req>, Req> Spare<S, Req> {
    pub(super) fn new(service: S, request: Req, hedging: Arc<Hedging>) -> Self {
        Self { hedging, service, request: Some(request), timer: None, second: None }
    }
}

impl<S, Req> Spare<S, Req>
where
    S: Service<Req, Error = Error>,
{
    /// Waits for the moment of the second request, and sends it if the budget allows.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.request.is_none() {
            return Poll::Ready(());
        }
        let delay = self.hedging.delay;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(delay)));
        ready!(timer.as_mut().poll(cx));
        // One that is not ready now is busy, and gets no second request.
        let is_ready = matches!(self.service.poll_ready(cx), Poll::Ready(Ok(())));
        let Some(request) = self.request.take() else { return Poll::Ready(()) };
        let decisions = &self.hedging.decisions;
        if is_ready && self.hedging.budget.withdraw() {
            decisions.hedged();
            Span::current().record("zato.hedged", true);
            debug!(connection = decisions.connection(), "no answer yet, sending a second request");
            self.second = Some(Box::pin(self.service.call(request)));
        }
        Poll::Ready(())
    }

    /// Polls the second request; drops it once it has ended.
    fn poll_second(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Response>> {
        let Some(second) = &mut self.second else { return Poll::Pending };
        let result = ready!(second.as_mut().poll(cx));
        self.second = None;
        Poll::Ready(result)
    }
}

impl<S: Service<Req>, Req> HedgeFuture<S, Req> {
    pub(super) fn new(first: S::Future, spare: Option<Spare<S, Req>>) -> Self {
        Self { first: Some(first), spare: spare.map(Box::new) }
    }
}

impl<S, Req> Future for HedgeFuture<S, Req>
where
    S: Service<Req, Error = Error>,
    S::Response: OutgoingResponse,
{
    type Output = Result<S::Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(first) = this.first.as_mut().as_pin_mut()
            && let Poll::Ready(result) = first.poll(cx)
        {
            let waits = this.spare.as_ref().is_some_and(|spare| spare.second.is_some()) && has_failed(&result);
            if !waits {
                return Poll::Ready(result);
            }
            this.first.set(None);
        }
        let Some(spare) = this.spare else { return Poll::Pending };
        ready!(spare.poll_sent(cx));
        let result = ready!(spare.poll_second(cx));
        if this.first.is_some() {
            if has_failed(&result) {
                return Poll::Pending;
            }
            spare.hedging.decisions.hedge_won();
        }
        Poll::Ready(result)
    }
}

fn has_failed<R: OutgoingResponse>(result: &Result<R>) -> bool {
    Verdict::of(result).health != Health::Good
}

impl<S: Service<Req>, Req> fmt::Debug for HedgeFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_hedged = self.spare.as_ref().is_some_and(|spare| spare.second.is_some());
        f.debug_struct("HedgeFuture").field("is_hedged", &is_hedged).finish_non_exhaustive()
    }
}
