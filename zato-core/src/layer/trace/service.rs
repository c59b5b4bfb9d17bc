use std::task::{Context, Poll};

use tower::Service;
use tracing::{Span, field::Empty, info_span};

use super::{
    TraceFuture,
    marks::{self, Marks, TraceId},
};
use crate::{
    error::Error,
    message::{Head, Message, Reply},
};

/// A service whose every request runs in a span of its own.
///
/// Field names are OpenTelemetry's (semantic conventions 1.27, HTTP server and messaging spans); ours stand under `zato.`.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    pub(super) inner: S,
}

impl<S> Service<Message> for Trace<S>
where
    S: Service<Message, Response = Reply, Error = Error>,
{
    type Response = Reply;
    type Error = Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: Message) -> Self::Future {
        let since = message.head.received;
        if super::is_for_lines_only() {
            let mut marks = Some(Marks::of(&message.head));
            // What is done before the future is there, is done for this request as well.
            let inner = {
                let _entered = marks::enter(&mut marks);
                self.inner.call(message)
            };
            return TraceFuture::marked(inner, marks, since);
        }
        let span = span_of(&message.head);
        TraceFuture::new(self.inner.call(message), span, since)
    }
}

/// Makes the span of a request. One that came over HTTP or from a broker has the fields of that from the start, since every
/// later one costs a look-up.
fn span_of(head: &Head) -> Span {
    let span = match (&head.method, &head.channel.route, head.channel.broker) {
        (Some(method), Some(route), _) => info_span!(
            "request",
            zato.cid = head.cid.as_str(),
            zato.service = head.channel.service.as_str(),
            zato.channel = head.channel.name.as_str(),
            http.request.method = method.as_str(),
            http.route = route.as_str(),
            http.response.status_code = Empty,
            "error.type" = Empty,
            trace_id = Empty,
            zato.duration_us = Empty,
        ),
        (None, Some(queue), Some(broker)) => info_span!(
            "request",
            zato.cid = head.cid.as_str(),
            zato.service = head.channel.service.as_str(),
            zato.channel = head.channel.name.as_str(),
            messaging.system = broker,
            "messaging.operation.type" = "process",
            messaging.destination.name = queue.as_str(),
            "error.type" = Empty,
            trace_id = Empty,
            zato.duration_us = Empty,
        ),
        _ => info_span!(
            "request",
            zato.cid = head.cid.as_str(),
            zato.service = head.channel.service.as_str(),
            zato.channel = head.channel.name.as_str(),
            http.response.status_code = Empty,
            "error.type" = Empty,
            trace_id = Empty,
            zato.duration_us = Empty,
        ),
    };
    if let Some(trace) = head.trace {
        span.record("trace_id", TraceId::of(trace).to_string());
    }
    span
}
