use tower::Layer;

use super::Timeout;

/// Puts a [`Timeout`] around a service.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer;

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout { inner }
    }
}
