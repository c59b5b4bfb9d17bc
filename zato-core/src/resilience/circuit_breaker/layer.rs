use std::sync::Arc;

use tower::Layer;

use super::{Breaker, CircuitBreaker, CircuitBreakerConfig};
use crate::resilience::Decisions;

/// Puts a [`CircuitBreaker`] around a service; all of one layer share its state.
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer {
    breaker: Option<(Arc<Breaker>, Arc<Decisions>)>,
}

impl CircuitBreakerLayer {
    /// Makes a layer with a breaker that is closed, or with none if there is to be none.
    #[must_use]
    pub fn new(config: &CircuitBreakerConfig, decisions: &Arc<Decisions>) -> Self {
        let breaker = || (Breaker::new(config.clone(), decisions), Arc::clone(decisions));
        Self { breaker: config.is_active.then(breaker) }
    }

    /// Makes a layer without a breaker.
    #[must_use]
    pub const fn none() -> Self {
        Self { breaker: None }
    }
}

impl<S> Layer<S> for CircuitBreakerLayer {
    type Service = CircuitBreaker<S>;

    fn layer(&self, inner: S) -> CircuitBreaker<S> {
        CircuitBreaker { inner, breaker: self.breaker.clone() }
    }
}
