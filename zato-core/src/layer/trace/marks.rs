//! What every log line of a request carries, where log lines are all that anybody reads.
//!
//! A span costs a request some 2,500 instructions, most of them for a life of its own: a place in a registry, and fields
//! that are formatted and kept in case that a line is written. The marks of a request lie with its future instead, and
//! are put where the thread's log lines find them while that future is polled.
//!
//! A program may still ask for the current span, or open one of its own inside a request; it is given, or put under, a
//! span that is made then. So what it hands over to another task carries the marks there.

use std::{cell::RefCell, fmt, sync::Arc};

use tracing::{Metadata, Span, error_span, field::Empty};

use crate::message::{ChannelInfo, Cid, Head, TraceParent};

/// The marks of one request. Kept small: they change places with those of the thread at every poll.
#[derive(Debug)]
pub(crate) struct Marks {
    cid: Cid,
    channel: Arc<ChannelInfo>,
    trace_id: Option<TraceId>,
    /// There once somebody has asked for it.
    span: Option<Box<Span>>,
}

/// The id of a trace as bytes, which need less room than a number that wants to be aligned.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceId([u8; 16]);

impl TraceId {
    pub(super) fn of(trace: TraceParent) -> Self {
        Self(trace.trace_id().to_be_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

thread_local! {
    /// The marks of the request that this thread is working on.
    static CURRENT: RefCell<Option<Marks>> = const { RefCell::new(None) };
}

impl Marks {
    pub(super) fn of(head: &Head) -> Self {
        let trace_id = head.trace.map(TraceId::of);
        Self { cid: head.cid, channel: Arc::clone(&head.channel), trace_id, span: None }
    }

    /// Hands over names and values.
    ///
    /// # Errors
    ///
    /// What `field` failed with.
    fn each(&self, mut field: impl FnMut(&str, &str) -> fmt::Result) -> fmt::Result {
        field("zato.cid", self.cid.as_str())?;
        field("zato.service", &self.channel.service)?;
        field("zato.channel", &self.channel.name)?;
        match self.trace_id {
            Some(trace_id) => field("trace_id", &trace_id.to_string()),
            None => Ok(()),
        }
    }
}

/// While it is there, the marks are those of the thread.
pub(super) struct Entered<'a> {
    /// The marks from outside while those of this request are the thread's.
    kept: &'a mut Option<Marks>,
}

/// Makes marks those of the thread, until what is returned is dropped.
pub(super) fn enter(marks: &mut Option<Marks>) -> Entered<'_> {
    swap(marks);
    Entered { kept: marks }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        swap(self.kept);
    }
}

fn swap(marks: &mut Option<Marks>) {
    // The thread's own are gone when it ends, and so is whoever would write a line.
    let _ = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), marks));
}

/// Hands over the names and values of the request that this thread is working on, and returns whether there is one.
///
/// # Errors
///
/// What `field` failed with.
pub(crate) fn each(field: impl FnMut(&str, &str) -> fmt::Result) -> Result<bool, fmt::Error> {
    let written = CURRENT.try_with(|current| match &*current.borrow() {
        Some(marks) => marks.each(field).map(|()| true),
        None => Ok(false),
    });
    // The thread ends, and its own values with it.
    written.unwrap_or(Ok(false))
}

/// Returns the span of the request that this thread is working on, making it if it is not there yet.
pub(crate) fn span() -> Option<Span> {
    let current = CURRENT.try_with(|current| {
        let current = current.borrow();
        let Marks { cid, channel, trace_id, span } = current.as_ref()?;
        Some((*cid, Arc::clone(channel), *trace_id, span.as_deref().cloned()))
    });
    let (cid, channel, trace_id, known) = current.ok().flatten()?;
    Some(known.unwrap_or_else(|| {
        // Nothing is borrowed here: whoever takes the span in may ask for the marks.
        let span = span_of(cid, &channel, trace_id);
        CURRENT.with_borrow_mut(|current| {
            if let Some(marks) = current {
                marks.span = Some(Box::new(span.clone()));
            }
        });
        span
    }))
}

/// Makes the span, at a level that no configuration leaves out: it carries, it tells nothing by itself.
fn span_of(cid: Cid, channel: &ChannelInfo, trace_id: Option<TraceId>) -> Span {
    let span = error_span!(
        parent: None,
        "request",
        zato.cid = cid.as_str(),
        zato.service = channel.service.as_str(),
        zato.channel = channel.name.as_str(),
        trace_id = Empty,
    );
    if let Some(trace_id) = trace_id {
        span.record("trace_id", trace_id.to_string());
    }
    span
}

/// Whether a span is one that was made of marks.
pub(crate) fn is_made_of_marks(metadata: &Metadata<'_>) -> bool {
    metadata.name() == "request" && metadata.target() == module_path!()
}
