//! What a connection counts.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;
use zato_core::{
    Kind,
    metrics::{
        Exposition,
        FamilyKind::{Counter, Gauge, Histogram as Buckets},
        Histogram,
    },
};

/// How statements ended, how long they took, and how long callers waited for a connection.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    duration: Histogram,
    wait: Histogram,
    in_work: AtomicU64,
    waiting: AtomicU64,
    timeouts: AtomicU64,
    outcomes: [AtomicU64; OUTCOMES.len()],
}

/// The ends of a statement.
const OUTCOMES: [&str; 6] = ["ok", "conflict", "timeout", "unavailable", "internal", "other"];

impl Meter {
    /// Notes that a statement is in work, until what is returned is dropped.
    pub(crate) fn begin(&self) -> Begun<'_> {
        self.in_work.fetch_add(1, Ordering::Relaxed);
        Begun { meter: self, since: Instant::now() }
    }

    /// Notes that somebody waits for a connection, until what is returned is dropped.
    pub(crate) fn waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    pub(crate) fn waited(&self, duration: Duration) {
        self.wait.record(duration);
    }

    pub(crate) fn timed_out(&self) {
        self.timeouts.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what was counted. The names of the pool are OpenTelemetry's (Semantic Conventions, Database Client Metrics).
    pub(crate) fn add_to(
        &self,
        (in_use, idle, most): (usize, usize, usize),
        labels: &[(&'static str, &str)],
        exposition: &mut Exposition,
    ) {
        let with = |key, value| labels.iter().copied().chain([(key, value)]).collect::<Vec<_>>();
        let mut count = exposition.family(Gauge, "db_client_connection_count", "Connections to a database, by state.");
        count.sample(&with("state", "used"), in_use as u64);
        count.sample(&with("state", "idle"), idle as u64);
        exposition
            .family(Gauge, "db_client_connection_max", "Connections to a database that there may be.")
            .sample(labels, most as u64);
        exposition
            .family(Gauge, "db_client_connection_pending_requests", "Callers that wait for a connection to a database.")
            .sample(labels, self.waiting.load(Ordering::Relaxed));
        exposition
            .family(
                Counter,
                "db_client_connection_timeouts_total",
                "Callers that got no connection to a database in time.",
            )
            .sample(labels, self.timeouts.load(Ordering::Relaxed));
        exposition
            .family(Buckets, "db_client_connection_wait_time_seconds", "How long callers waited for a connection.")
            .distribution(labels, &self.wait.read());
        exposition
            .family(
                Gauge,
                "zato_connection_active_calls",
                "Calls of a connection that are in work or wait for a place.",
            )
            .sample(labels, self.in_work.load(Ordering::Relaxed));
        exposition
            .family(
                Buckets,
                "zato_connection_call_duration_seconds",
                "How long calls of a connection took, with every attempt.",
            )
            .distribution(labels, &self.duration.read());
        let mut calls = exposition.family(
            Counter,
            "zato_connection_calls_total",
            "Calls of a connection that have ended, by what was answered or why nothing was.",
        );
        for (outcome, number) in OUTCOMES.into_iter().zip(&self.outcomes) {
            let number = number.load(Ordering::Relaxed);
            if number > 0 {
                calls.sample(&with("outcome", outcome), number);
            }
        }
    }
}

/// A statement in work. One that is dropped before its end is none that has ended.
pub(crate) struct Begun<'a> {
    meter: &'a Meter,
    since: Instant,
}

impl Begun<'_> {
    /// Notes how the statement ended, and returns how long it took.
    pub(crate) fn end(self, error: Option<Kind>) -> Duration {
        let elapsed = self.since.elapsed();
        self.meter.duration.record(elapsed);
        let outcome = match error {
            None => 0,
            Some(Kind::Conflict) => 1,
            Some(Kind::Timeout) => 2,
            Some(Kind::Unavailable) => 3,
            Some(Kind::Internal) => 4,
            Some(_) => 5,
        };
        if let Some(counter) = self.meter.outcomes.get(outcome) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        elapsed
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.meter.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Somebody who waits.
pub(crate) struct Waiting<'a>(&'a Meter);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
