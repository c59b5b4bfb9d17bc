//! How a statement of SQLite is ended: it looks up now and then whether it may go on.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Until when statements of a connection may run.
#[derive(Debug)]
pub(crate) struct Interrupt(AtomicU64);

/// What moments are counted from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

const NEVER: u64 = u64::MAX;

impl Default for Interrupt {
    fn default() -> Self {
        Self(AtomicU64::new(NEVER))
    }
}

impl Interrupt {
    /// Whether the statement may go on.
    pub(super) fn may_go_on(&self) -> bool {
        let until = self.0.load(Ordering::Relaxed);
        until == NEVER || milliseconds(START.elapsed()) < until
    }

    /// Ends whatever runs after so long.
    pub(crate) fn after(&self, limit: Option<Duration>) {
        let until = limit.map_or(NEVER, |limit| milliseconds(START.elapsed().saturating_add(limit)));
        self.0.store(until, Ordering::Relaxed);
    }

    /// Ends whatever runs now.
    pub(crate) fn now(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER - 1)
}
