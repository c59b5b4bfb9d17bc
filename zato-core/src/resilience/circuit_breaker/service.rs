use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tower::Service;

use super::{Breaker, CircuitBreakerFuture};
use crate::{
    error::{Error, Result},
    resilience::{Decisions, OutgoingRequest, OutgoingResponse, decisions::Refusal},
};

/// A service that isn't called while too many of its calls fail.
///
/// A call that is not made fails at once with [`Kind::Unavailable`](crate::Kind::Unavailable) and with what is left of the
/// pause. What counts as a failure is what the [`Verdict`](crate::resilience::Verdict) says, and a call that is dropped
/// after its [deadline](OutgoingRequest::deadline): this stands inside the timeout, which drops what takes too long.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use tower::{Layer, ServiceExt, service_fn};
/// use zato_core::{Error, resilience::{Decisions, OutgoingRequest, OutgoingResponse, Repeat}};
/// use zato_core::resilience::circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer};
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
/// let layer = CircuitBreakerLayer::new(&CircuitBreakerConfig::default(), &Arc::new(Decisions::new("CRM")));
/// let service = layer.layer(service_fn(async |_: Ask| Err::<Answer, _>(Error::upstream("reset"))));
/// for _ in 0..10 {
///     assert_eq!(service.clone().oneshot(Ask).await.err().unwrap().message(), "reset");
/// }
/// let refused = service.oneshot(Ask).await.err().unwrap();
/// assert_eq!(refused.message(), "the connection's circuit breaker is open");
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct CircuitBreaker<S> {
    pub(super) inner: S,
    pub(super) breaker: Option<(Arc<Breaker>, Arc<Decisions>)>,
}

impl<S, Req> Service<Req> for CircuitBreaker<S>
where
    S: Service<Req, Error = Error>,
    S::Response: OutgoingResponse,
    Req: OutgoingRequest,
{
    type Response = S::Response;
    type Error = Error;
    type Future = CircuitBreakerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let Some((breaker, decisions)) = &self.breaker else {
            return CircuitBreakerFuture::made(self.inner.call(request), None);
        };
        match breaker.enter(request.deadline()) {
            Ok(passage) => CircuitBreakerFuture::made(self.inner.call(request), Some(passage)),
            Err(wait) => CircuitBreakerFuture::refused(decisions.refuse(Refusal::CircuitBreaker, Some(wait))),
        }
    }
}
