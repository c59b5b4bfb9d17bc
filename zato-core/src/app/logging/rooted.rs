use tracing::{Dispatch, Event, Metadata, Subscriber, level_filters::LevelFilter, span, subscriber::Interest};
use tracing_core::span::Current;

use crate::layer::trace;

/// A subscriber to whose spans the request that a thread is working on is the root, although that has marks and no span:
/// one is made as soon as somebody asks for the current span, or opens one inside it.
pub(super) struct Rooted<S>(pub(super) S);

impl<S: Subscriber> Subscriber for Rooted<S> {
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let request = || if self.is_outside() { trace::marked_span() } else { None };
        match attributes.is_contextual().then(request).flatten() {
            Some(request) => {
                let (parent, metadata, values) = (request.id(), attributes.metadata(), attributes.values());
                self.0.new_span(&parent.map_or_else(
                    || span::Attributes::new_root(metadata, values),
                    |parent| span::Attributes::child_of(parent, metadata, values),
                ))
            }
            None => self.0.new_span(attributes),
        }
    }

    fn current_span(&self) -> Current {
        let current = self.0.current_span();
        if current.id().is_some() {
            return current;
        }
        let request = trace::marked_span();
        let request = request.as_ref().and_then(|request| request.id().zip(request.metadata()));
        request.map_or(current, |(id, metadata)| Current::new(id, metadata))
    }

    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.0.on_register_dispatch(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.max_level_hint()
    }

    fn record(&self, span: &span::Id, values: &span::Record<'_>) {
        self.0.record(span, values);
    }

    fn record_follows_from(&self, span: &span::Id, follows: &span::Id) {
        self.0.record_follows_from(span, follows);
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.0.event_enabled(event)
    }

    fn event(&self, event: &Event<'_>) {
        self.0.event(event);
    }

    fn enter(&self, span: &span::Id) {
        self.0.enter(span);
    }

    fn exit(&self, span: &span::Id) {
        self.0.exit(span);
    }

    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.0.clone_span(id)
    }

    fn try_close(&self, id: span::Id) -> bool {
        self.0.try_close(id)
    }
}

impl<S: Subscriber> Rooted<S> {
    /// Whether this thread is in no span.
    fn is_outside(&self) -> bool {
        self.0.current_span().id().is_none()
    }
}
