use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::{Recorder, slow::Slow};
use crate::{
    error::Result,
    inspect::{Phases, short},
    message::Reply,
};

pin_project! {
    /// The future of a [`Statistics`](super::Statistics).
    #[derive(Debug)]
    pub struct StatisticsFuture<F> {
        #[pin]
        inner: F,
        running: Running,
        slow: Slow,
        phases: Phases,
    }
}

/// A request in work; one that is dropped before its end was given up by its caller, and counts as an error.
#[derive(Debug)]
struct Running {
    recorder: Arc<Recorder>,
    since: Instant,
    is_over: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.recorder.end(self.since.elapsed(), true);
        }
    }
}

impl<F> StatisticsFuture<F> {
    pub(super) fn new(inner: F, recorder: Arc<Recorder>, since: Instant, slow: Slow) -> Self {
        recorder.start();
        Self { inner, running: Running { recorder, since, is_over: false }, slow, phases: Phases::default() }
    }
}

impl<F> Future for StatisticsFuture<F>
where
    F: Future<Output = Result<Reply>>,
{
    type Output = Result<Reply>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Reply>> {
        let this = self.project();
        let around = this.phases.swap();
        let polled = this.inner.poll(cx);
        *this.phases = around.swap();
        let Poll::Ready(mut output) = polled else { return Poll::Pending };
        let now = Instant::now();
        let (took, is_error) = (now.duration_since(this.running.since), output.is_err());
        this.running.is_over = true;
        this.running.recorder.end(took, is_error);
        Phases::note(|caller| caller.invoked = caller.invoked.saturating_add(short(took)));
        this.slow.check(took, *this.phases);
        if let Ok(reply) = &mut output {
            reply.ended = Some(now);
        }
        Poll::Ready(output)
    }
}
