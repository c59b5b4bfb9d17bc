use std::sync::Arc;

use tower::Layer;

use super::{Limit, Limiter};

/// Puts a [`Limit`] around a service; all of one limiter share its places.
#[derive(Clone, Debug)]
pub struct LimitLayer {
    limiter: Arc<Limiter>,
}

impl LimitLayer {
    /// Makes a layer out of a limiter.
    #[must_use]
    pub fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Limit<S> {
        Limit { inner, limiter: Arc::clone(&self.limiter) }
    }
}
