//! What stands around every service: tower layers, always ready, that add no allocation to a call.
//!
//! `Stack` is the whole of it as one type, and `stack` the one expression that puts it together.

pub mod limit;
pub mod panic;
pub mod statistics;
pub mod timeout;
pub mod trace;

use std::{sync::Arc, time::Duration};

use tower::ServiceBuilder;

use self::{
    limit::{Limit, LimitLayer},
    panic::{CatchPanic, CatchPanicLayer},
    statistics::{Recorder, Statistics, StatisticsLayer},
    timeout::{Timeout, TimeoutLayer},
    trace::{Trace, TraceLayer},
};

/// A service with every layer of ours around it.
pub(crate) type Stack<S> = Trace<Statistics<Timeout<Limit<CatchPanic<S>>>>>;

/// Puts the layers around a service.
pub(crate) fn stack<S>(service: S, (recorder, slow): (Arc<Recorder>, Duration), limit: LimitLayer) -> Stack<S> {
    ServiceBuilder::new()
        // Outermost, so that whatever a layer below decides stands in the request's span and log.
        .layer(TraceLayer)
        // Counts what the caller sees: also what was refused, and what took too long.
        .layer(StatisticsLayer::new(recorder, slow))
        // Around the limit, so that waiting for a place counts and ends too.
        .layer(TimeoutLayer)
        // Around the panic catcher, so that a panic gives its place back as any other end does.
        .layer(limit)
        // Innermost of ours: the layers above go on as for any other error.
        .layer(CatchPanicLayer)
        .service(service)
}
