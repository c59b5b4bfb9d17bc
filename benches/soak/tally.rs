//! What became of everything that was done.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use crate::histogram::Histogram;

/// How many failures are told in full.
const TOLD: usize = 20;

/// Counts, shared by all clients.
pub(crate) struct Tally {
    start: Instant,
    is_over: AtomicBool,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Since it was last asked for.
    latencies: Histogram,
    failed: u64,
    failures: Vec<String>,
    done: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), is_over: AtomicBool::new(false), counts: Mutex::default() }
    }

    /// Tells well-behaved clients to finish what they are at, and to do no more.
    pub(crate) fn finish(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// A good request was answered right, so long after it was begun.
    pub(crate) fn answered(&self, since: Instant) {
        let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.lock().latencies.add(micros);
    }

    /// Something else was done.
    pub(crate) fn done(&self, what: &'static str) {
        *self.lock().done.entry(what).or_default() += 1;
    }

    /// Something failed that must not.
    pub(crate) fn failed(&self, what: impl Display, why: impl Display) {
        let seconds = self.start.elapsed().as_secs_f64();
        let mut counts = self.lock();
        counts.failed += 1;
        if counts.failures.len() < TOLD {
            counts.failures.push(format!("after {seconds:.1} s: {what}: {why}"));
        }
    }

    /// Takes the latencies since the last time.
    pub(crate) fn latencies(&self) -> Histogram {
        std::mem::take(&mut self.lock().latencies)
    }

    pub(crate) fn failures(&self) -> (u64, Vec<String>) {
        let counts = self.lock();
        (counts.failed, counts.failures.clone())
    }

    /// How often everything else was done.
    pub(crate) fn rest(&self) -> String {
        let told: Vec<String> = self.lock().done.iter().map(|(what, times)| format!("{what} {times}")).collect();
        told.join(", ")
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
