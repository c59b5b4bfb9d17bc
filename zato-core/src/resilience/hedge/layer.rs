use std::sync::Arc;

use tower::Layer;

use super::{Hedge, HedgingConfig, service::Hedging};
use crate::resilience::{Budget, Decisions};

/// Puts a [`Hedge`] around a service; all of one layer share a budget.
#[derive(Clone, Debug)]
pub struct HedgeLayer(Option<Arc<Hedging>>);

impl HedgeLayer {
    /// Makes a layer that sends a second time what takes longer than the delay; nothing, if there is none.
    #[must_use]
    pub fn new(config: &HedgingConfig, decisions: &Arc<Decisions>) -> Self {
        Self(config.delay.map(|delay| {
            let budget = Budget::new(config.budget_percent, config.budget_min_per_second);
            Arc::new(Hedging { delay: *delay, budget, decisions: Arc::clone(decisions) })
        }))
    }

    /// Makes a layer that sends nothing a second time.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }
}

impl<S> Layer<S> for HedgeLayer {
    type Service = Hedge<S>;

    fn layer(&self, inner: S) -> Hedge<S> {
        Hedge { inner, hedging: self.0.clone() }
    }
}
