use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tracing::{Level, Span, debug, enabled, error, info, record_all, warn};

use super::marks::{self, Marks};
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
        seen: Seen,
        since: Instant,
    }
}

/// What a request is known by in logs.
#[derive(Debug)]
enum Seen {
    Span(Span),
    Marks(Option<Marks>),
}

impl<F> TraceFuture<F> {
    pub(super) fn new(inner: F, span: Span, since: Instant) -> Self {
        Self { inner, seen: Seen::Span(span), since }
    }

    pub(super) fn marked(inner: F, marks: Option<Marks>, since: Instant) -> Self {
        Self { inner, seen: Seen::Marks(marks), since }
    }
}

impl<F> Future for TraceFuture<F>
where
    F: Future<Output = Result<Reply>>,
{
    type Output = Result<Reply>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Reply>> {
        let this = self.project();
        let output = match this.seen {
            Seen::Marks(marks) => {
                let _entered = marks::enter(marks);
                let mut output = ready!(this.inner.poll(cx));
                hand_on(&mut output, marks::span);
                end_marked(&output, *this.since);
                output
            }
            Seen::Span(span) => {
                let _entered = span.enter();
                let mut output = ready!(this.inner.poll(cx));
                hand_on(&mut output, || Some(span.clone()));
                end(&output, span, *this.since);
                output
            }
        };
        Poll::Ready(output)
    }
}

/// Lets a stream log in its request's span, which we have left when its pieces are made.
fn hand_on(output: &mut Result<Reply>, span: impl FnOnce() -> Option<Span>) {
    if let Ok(Some(stream)) = output.as_mut().map(Reply::stream_mut)
        && let Some(span) = span()
    {
        stream.set_span(span);
    }
}

/// Says how a request ended, with its span.
fn end(output: &Result<Reply>, span: &Span, since: Instant) {
    let took = micros(since.elapsed());
    match output {
        Ok(reply) => {
            let status = reply.status().as_u16();
            record_all!(span, http.response.status_code = status, zato.duration_us = took);
            debug!("request done");
        }
        Err(error) => {
            let (status, kind) = (error.kind().status().as_u16(), error.kind().as_str());
            record_all!(span, http.response.status_code = status, "error.type" = kind, zato.duration_us = took);
            let error_text = error.report();
            match Concern::of(error) {
                Concern::Us => error!(error = %error_text, "request failed"),
                Concern::Caller => info!(error = %error_text, "request refused"),
                Concern::Others => warn!(error = %error_text, "request failed"),
            }
        }
    }
}

/// Says how a request ended, in a line alone.
fn end_marked(output: &Result<Reply>, since: Instant) {
    match output {
        Ok(reply) if enabled!(Level::DEBUG) => {
            let (status, took) = (reply.status().as_u16(), micros(since.elapsed()));
            debug!(http.response.status_code = status, zato.duration_us = took, "request done");
        }
        Ok(_) => {}
        Err(error) => {
            let (status, kind) = (error.kind().status().as_u16(), error.kind().as_str());
            let (error_text, took) = (error.report(), micros(since.elapsed()));
            macro_rules! line {
                ($level:ident, $text:literal) => {
                    $level!(
                        error = %error_text,
                        http.response.status_code = status,
                        error.type = kind,
                        zato.duration_us = took,
                        $text
                    )
                };
            }
            match Concern::of(error) {
                Concern::Us => line!(error, "request failed"),
                Concern::Caller => line!(info, "request refused"),
                Concern::Others => line!(warn, "request failed"),
            }
        }
    }
}

/// Whom a failure concerns: a person must act on what is wrong with ourselves; on what another system did, or a caller,
/// not necessarily.
enum Concern {
    Us,
    Caller,
    Others,
}

impl Concern {
    fn of(error: &Error) -> Self {
        match error.kind() {
            Kind::Internal | Kind::Config => Self::Us,
            kind if kind.is_callers() => Self::Caller,
            _ => Self::Others,
        }
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
