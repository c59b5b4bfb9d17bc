//! Where the time of a request goes, noted only where some of it can go: a request that never waits reads no clock for it.
//!
//! What is noted belongs to the request that is being polled, and invocations stand inside one another: each puts its
//! own notes in the place of its caller's while it is polled. A channel of its own between layers would have to pass
//! through every layer of a program as well.

use std::{cell::Cell, time::Duration};

use crate::metrics::micros;

/// What is known of one request, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Phases {
    /// Waiting for a place in work.
    pub(crate) wait: u32,
    /// Whether it still waits for one.
    pub(crate) is_waiting: bool,
    /// Reading the input into the service's model.
    pub(crate) decode: u32,
    /// Writing the reply.
    pub(crate) encode: u32,
    /// In services that this one invoked; more than the whole, if several ran at once.
    pub(crate) invoked: u32,
}

thread_local! {
    static CURRENT: Cell<Phases> = const { Cell::new(Phases { wait: 0, is_waiting: false, decode: 0, encode: 0, invoked: 0 }) };
}

impl Phases {
    /// Makes these the notes of whoever runs on this thread, and returns those that were.
    pub(crate) fn swap(self) -> Self {
        CURRENT.replace(self)
    }

    /// Adds to the notes of the request that runs on this thread.
    pub(crate) fn note(change: impl FnOnce(&mut Self)) {
        let mut phases = CURRENT.get();
        change(&mut phases);
        CURRENT.set(phases);
    }
}

/// Returns a duration in whole microseconds; the longest that there is, an hour, if it is longer.
pub(crate) fn short(duration: Duration) -> u32 {
    u32::try_from(micros(duration)).unwrap_or(u32::MAX)
}
