use std::sync::Arc;

use tower::Layer;

use super::{RateLimit, service::Limit};
use crate::{ambient::Ambient, rate::RateLimiter, resilience::Decisions};

/// Puts a [`RateLimit`] around a service.
#[derive(Clone, Debug)]
pub struct RateLimitLayer(Option<Arc<Limit>>);

impl RateLimitLayer {
    /// Makes a layer out of a limiter, which all calls share.
    #[must_use]
    pub fn new(limiter: Arc<RateLimiter>, ambient: &Ambient, decisions: &Arc<Decisions>) -> Self {
        Self(Some(Arc::new(Limit { limiter, ambient: ambient.clone(), decisions: Arc::clone(decisions) })))
    }

    /// Makes a layer that limits nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit { inner, limit: self.0.clone() }
    }
}
