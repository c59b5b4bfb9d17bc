//! One span per request, with its correlation id on every line, and a line for each that failed.

mod future;
mod layer;
mod service;

use std::sync::atomic::{AtomicBool, Ordering};

pub use self::{future::TraceFuture, layer::TraceLayer, service::Trace};

/// Whether nobody reads a span but for the lines that are written in it.
static LINES_ONLY: AtomicBool = AtomicBool::new(false);

/// Says that nobody reads spans but the log lines of [`run`](crate::app::App::run).
///
/// A span then carries what belongs on every line: the correlation id, the service, the channel. What a collector of spans
/// wants besides (method and route from the start, status and duration of what went well) would be put together for
/// nobody.
pub(crate) fn lines_only() {
    LINES_ONLY.store(true, Ordering::Relaxed);
}

fn is_for_lines_only() -> bool {
    LINES_ONLY.load(Ordering::Relaxed)
}
