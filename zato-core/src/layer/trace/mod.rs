//! One span per request, with its correlation id on every line, and a line for each that failed.

mod future;
mod layer;
mod marks;
mod service;

use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use self::marks::{each as each_mark, is_made_of_marks, span as marked_span};
pub use self::{future::TraceFuture, layer::TraceLayer, service::Trace};

/// Whether nobody reads a span but for the lines that are written in it.
static LINES_ONLY: AtomicBool = AtomicBool::new(false);

/// Says that nobody reads spans but the log lines of [`run`](crate::app::App::run).
///
/// A request then has marks in place of a span; see `marks.rs`.
pub(crate) fn lines_only() {
    LINES_ONLY.store(true, Ordering::Relaxed);
}

/// Returns whether anybody reads spans; if not, the time to make one is better saved.
///
/// Nobody does as long as our own text lines are all that the program writes, which take what they need from the request
/// itself.
#[must_use]
pub fn spans_are_read() -> bool {
    !is_for_lines_only()
}

fn is_for_lines_only() -> bool {
    LINES_ONLY.load(Ordering::Relaxed)
}
