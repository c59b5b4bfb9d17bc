use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tower::Service;
use tracing::warn;

use crate::{
    ambient::Ambient,
    error::{Error, Result},
    rate::{Decision, RateLimiter},
    resilience::{Decisions, Refusable, decisions::Refusal},
};

/// A service that is called only as often as its limiter allows.
///
/// A call too many is refused at once with [`Kind::Unavailable`](crate::Kind::Unavailable) and when there will be room:
/// our caller knows better than we do whether that is worth waiting for. A call counts once, however often it is tried.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use tower::{Layer, ServiceExt, service_fn};
/// use zato_core::{Result, ambient::Ambient, config::{from_node, yaml}, rate::RateLimiter};
/// use zato_core::resilience::{Decisions, rate_limit::RateLimitLayer};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let rules = from_node(&yaml::parse("zato.yaml", "[{time_range: [{limit: 1, limit_unit: month}]}]")?)?;
/// let decisions = Arc::new(Decisions::new("CRM"));
/// let layer = RateLimitLayer::new(Arc::new(RateLimiter::new(rules)), &Ambient::default(), &decisions);
/// let service = layer.layer(service_fn(async |name: &str| Result::Ok(name.len())));
/// assert_eq!(service.clone().oneshot("CRM").await?, 3);
/// assert!(service.oneshot("CRM").await.unwrap_err().retry_after().is_some());
/// # zato_core::Result::<()>::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    pub(super) inner: S,
    pub(super) limit: Option<Arc<Limit>>,
}

#[derive(Debug)]
pub(super) struct Limit {
    pub(super) limiter: Arc<RateLimiter>,
    pub(super) ambient: Ambient,
    pub(super) decisions: Arc<Decisions>,
}

impl Limit {
    fn check(&self) -> Result<()> {
        // All calls of a connection are one client, the one that nobody knows.
        let (wait, is_first) = match self.limiter.check(None, self.ambient.now()) {
            Decision::Unlimited | Decision::Allowed(_) => return Ok(()),
            Decision::Limited { retry_after, is_first, .. } => (Some(retry_after), is_first),
            Decision::Disallowed => (None, false),
        };
        if is_first {
            warn!(connection = self.decisions.connection(), "rate limit of a connection reached, refusing calls");
        }
        Err(self.decisions.refuse(Refusal::RateLimit, wait))
    }
}

impl<S, Req> Service<Req> for RateLimit<S>
where
    S: Service<Req, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = Refusable<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.limit.as_ref().map_or(Ok(()), |limit| limit.check()) {
            Ok(()) => Refusable::made(self.inner.call(request)),
            Err(error) => Refusable::refused(error),
        }
    }
}
