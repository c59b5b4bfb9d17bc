use std::sync::Arc;

use tower::Layer;

use super::{Limit, Limiter};

/// Puts a [`Limit`] around a service; all of one limiter share its places.
#[derive(Clone, Debug)]
pub struct LimitLayer {
    limiter: Arc<Limiter>,
    of_channel: Option<Arc<Limiter>>,
}

impl LimitLayer {
    /// Makes a layer out of a limiter.
    #[must_use]
    pub fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter, of_channel: None }
    }

    /// Asks for a place of a channel's own limiter, too, before one of the other.
    #[must_use]
    pub fn with_channel(self, limiter: Arc<Limiter>) -> Self {
        Self { of_channel: Some(limiter), ..self }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Limit<S> {
        Limit { inner, limiter: Arc::clone(&self.limiter), of_channel: self.of_channel.clone() }
    }
}
