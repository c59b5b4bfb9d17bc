use std::sync::{Arc, atomic::AtomicBool};

use tower::Layer;

use super::{Bulkhead, Places, service::Hold};
use crate::resilience::Decisions;

/// Puts a [`Bulkhead`] around a service; all of one layer share its places.
#[derive(Clone, Debug)]
pub struct BulkheadLayer(Option<Arc<Hold>>);

impl BulkheadLayer {
    /// Makes a layer with places for so many calls at once, and for so many that wait.
    #[must_use]
    pub fn new(at_once: usize, queued: usize, decisions: &Arc<Decisions>) -> Self {
        let (places, decisions) = (Places::new(at_once, queued), Arc::clone(decisions));
        Self(Some(Arc::new(Hold { places, is_full: AtomicBool::new(false), decisions })))
    }

    /// Makes a layer that lets any number of calls through.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }
}

impl<S> Layer<S> for BulkheadLayer {
    type Service = Bulkhead<S>;

    fn layer(&self, inner: S) -> Bulkhead<S> {
        Bulkhead { inner, hold: self.0.clone() }
    }
}
