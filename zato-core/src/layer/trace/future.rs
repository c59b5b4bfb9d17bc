use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tracing::{Level, Span, debug, enabled, error, info, record_all, warn};

use crate::{
    error::{Error, Kind, Result},
    message::Reply,
};

pin_project! {
    /// The future of a [`Trace`](super::Trace).
    #[derive(Debug)]
    pub struct TraceFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        since: Instant,
    }
}

impl<F> TraceFuture<F> {
    pub(super) fn new(inner: F, span: Span, since: Instant) -> Self {
        Self { inner, span, since }
    }
}

impl<F> Future for TraceFuture<F>
where
    F: Future<Output = Result<Reply>>,
{
    type Output = Result<Reply>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Reply>> {
        let this = self.project();
        let _entered = this.span.enter();
        let output = ready!(this.inner.poll(cx));
        let took = || u64::try_from(this.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        match &output {
            Ok(reply) if !super::is_for_lines_only() || enabled!(Level::DEBUG) => {
                let status = reply.status().as_u16();
                record_all!(this.span, http.response.status_code = status, zato.duration_us = took());
                debug!("request done");
            }
            Ok(_) => {}
            Err(error) => {
                let (status, kind) = (error.kind().status().as_u16(), error.kind().as_str());
                record_all!(
                    this.span,
                    http.response.status_code = status,
                    "error.type" = kind,
                    zato.duration_us = took()
                );
                log(error);
            }
        }
        Poll::Ready(output)
    }
}

/// Says what failed: a person must act on an internal error; on what another system did, or a caller, not necessarily.
fn log(error: &Error) {
    let error_text = error.report();
    match error.kind() {
        Kind::Internal | Kind::Config => error!(error = %error_text, "request failed"),
        kind if kind.is_callers() => info!(error = %error_text, "request refused"),
        _ => warn!(error = %error_text, "request failed"),
    }
}
