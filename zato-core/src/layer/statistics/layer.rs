use std::{sync::Arc, time::Duration};

use tower::Layer;

use super::{Recorder, Statistics};

/// Puts a [`Statistics`] around a service.
#[derive(Clone, Debug)]
pub struct StatisticsLayer {
    recorder: Arc<Recorder>,
    slow: Duration,
}

impl StatisticsLayer {
    /// Makes a layer that counts in a recorder, and logs requests that take so long or longer.
    #[must_use]
    pub fn new(recorder: Arc<Recorder>, slow: Duration) -> Self {
        Self { recorder, slow }
    }
}

impl<S> Layer<S> for StatisticsLayer {
    type Service = Statistics<S>;

    fn layer(&self, inner: S) -> Statistics<S> {
        Statistics { inner, recorder: Arc::clone(&self.recorder), slow: self.slow }
    }
}
