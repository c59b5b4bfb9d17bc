use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::Recorder;
use crate::error::Result;

pin_project! {
    /// The future of a [`Statistics`](super::Statistics).
    #[derive(Debug)]
    pub struct StatisticsFuture<F> {
        #[pin]
        inner: F,
        running: Running,
    }
}

/// A request in work; one that is dropped before its end was given up by its caller, and counts as an error.
#[derive(Debug)]
struct Running {
    recorder: Arc<Recorder>,
    since: Instant,
    is_over: bool,
}

impl Running {
    fn end(&mut self, is_error: bool) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.recorder.end(self.since.elapsed(), is_error);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(true);
    }
}

impl<F> StatisticsFuture<F> {
    pub(super) fn new(inner: F, recorder: Arc<Recorder>, since: Instant) -> Self {
        recorder.start();
        Self { inner, running: Running { recorder, since, is_over: false } }
    }
}

impl<F, T> Future for StatisticsFuture<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.project();
        let output = ready!(this.inner.poll(cx));
        this.running.end(output.is_err());
        Poll::Ready(output)
    }
}
