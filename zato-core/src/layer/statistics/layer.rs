use std::sync::Arc;

use tower::Layer;

use super::{Recorder, Statistics};

/// Puts a [`Statistics`] around a service.
#[derive(Clone, Debug)]
pub struct StatisticsLayer {
    recorder: Arc<Recorder>,
}

impl StatisticsLayer {
    /// Makes a layer that counts in a recorder.
    #[must_use]
    pub fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder }
    }
}

impl<S> Layer<S> for StatisticsLayer {
    type Service = Statistics<S>;

    fn layer(&self, inner: S) -> Statistics<S> {
        Statistics { inner, recorder: Arc::clone(&self.recorder) }
    }
}
