use std::sync::Arc;

use tower::{Layer, ServiceBuilder};

use super::{
    Decisions,
    bulkhead::{Bulkhead, BulkheadLayer},
    circuit_breaker::{CircuitBreaker, CircuitBreakerConfig, CircuitBreakerLayer},
    hedge::{Hedge, HedgeLayer, HedgingConfig},
    rate_limit::{RateLimit, RateLimitLayer},
    retry::{Retry, RetryConfig, RetryLayer, RetryPolicy},
    timeout::{Timeout, TimeoutLayer},
};
use crate::{ambient::Ambient, rate::RateLimiter};

/// A service with every layer of a connection around it.
pub type Resilient<S> = Timeout<RateLimit<Bulkhead<Retry<CircuitBreaker<Hedge<S>>>>>>;

/// All layers of one connection, made once when it is prepared. What is not configured is not there.
///
/// # Examples
///
/// ```
/// use tower::{Layer, ServiceExt, service_fn};
/// use zato_core::{Result, ambient::Ambient, resilience::{OutgoingRequest, OutgoingResponse, Repeat, Resilience}};
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
/// let resilience = Resilience::new("CRM", &Ambient::default())
///     .with_bulkhead(20, 1000)
///     .with_retry(&Default::default())
///     .with_circuit_breaker(&Default::default());
/// let service = resilience.layer(service_fn(async |_: Ask| Result::Ok(Answer)));
/// assert!(service.oneshot(Ask).await.is_ok());
/// assert_eq!(resilience.decisions().retries(), 0);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Resilience {
    decisions: Arc<Decisions>,
    ambient: Ambient,
    rate_limit: RateLimitLayer,
    bulkhead: BulkheadLayer,
    retry: RetryLayer,
    circuit_breaker: CircuitBreakerLayer,
    hedge: HedgeLayer,
}

impl Resilience {
    /// Begins with no layer but the timeout, which each request brings itself.
    #[must_use]
    pub fn new(connection: &str, ambient: &Ambient) -> Self {
        Self {
            decisions: Arc::new(Decisions::new(connection)),
            ambient: ambient.clone(),
            rate_limit: RateLimitLayer::none(),
            bulkhead: BulkheadLayer::none(),
            retry: RetryLayer::new(RetryPolicy::never()),
            circuit_breaker: CircuitBreakerLayer::none(),
            hedge: HedgeLayer::none(),
        }
    }

    /// Limits how often calls are made.
    #[must_use]
    pub fn with_rate_limit(self, limiter: Arc<RateLimiter>) -> Self {
        let rate_limit = RateLimitLayer::new(limiter, &self.ambient, &self.decisions);
        Self { rate_limit, ..self }
    }

    /// Makes so many calls at once, and lets so many wait.
    #[must_use]
    pub fn with_bulkhead(self, at_once: usize, queued: usize) -> Self {
        let bulkhead = BulkheadLayer::new(at_once, queued, &self.decisions);
        Self { bulkhead, ..self }
    }

    /// Tries calls again.
    #[must_use]
    pub fn with_retry(self, config: &RetryConfig) -> Self {
        let retry = RetryLayer::new(RetryPolicy::new(config, &self.ambient, &self.decisions));
        Self { retry, ..self }
    }

    /// Leaves the other side alone while it fails.
    #[must_use]
    pub fn with_circuit_breaker(self, config: &CircuitBreakerConfig) -> Self {
        let circuit_breaker = CircuitBreakerLayer::new(config, &self.decisions);
        Self { circuit_breaker, ..self }
    }

    /// Sends a second time what takes long.
    #[must_use]
    pub fn with_hedging(self, config: &HedgingConfig) -> Self {
        let hedge = HedgeLayer::new(config, &self.decisions);
        Self { hedge, ..self }
    }

    /// Returns what the layers have decided so far.
    #[must_use]
    pub fn decisions(&self) -> &Arc<Decisions> {
        &self.decisions
    }
}

impl<S> Layer<S> for Resilience {
    type Service = Resilient<S>;

    fn layer(&self, service: S) -> Resilient<S> {
        ServiceBuilder::new()
            // Outermost: the time of a call is all of it, waiting for a place and for the next attempt as well.
            .layer(TimeoutLayer)
            // Before the bulkhead, so that what is refused never takes a place away from others.
            .layer(self.rate_limit.clone())
            // Around the retries: a call keeps its place while it pauses. With a place per attempt, those that fail would
            // queue again behind new ones, and twice as many calls be under way as there are places.
            .layer(self.bulkhead.clone())
            // Around the breaker, which counts every attempt, and which a retry must not get past.
            .layer(self.retry.clone())
            // Around the hedge: two requests for one answer are one call, of which one may fail.
            .layer(self.circuit_breaker.clone())
            .layer(self.hedge.clone())
            .service(service)
    }
}
