//! What a connection counts.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;
use zato_core::{
    Kind, Result,
    metrics::{
        Exposition,
        FamilyKind::{Counter, Gauge},
        Histogram,
    },
};

use super::transport::Answer;

/// How calls ended and how long they took.
#[derive(Debug, Default)]
pub(super) struct Meter {
    duration: Histogram,
    in_work: AtomicU64,
    outcomes: [AtomicU64; OUTCOMES.len()],
}

/// The ends of a call: what the partner answered, or why there is no answer.
const OUTCOMES: [&str; 8] = ["2xx", "3xx", "4xx", "5xx", "timeout", "unavailable", "upstream", "other"];

impl Meter {
    /// Notes that a call is in work, until what is returned is dropped.
    pub(super) fn begin(&self, since: Instant) -> Begun<'_> {
        self.in_work.fetch_add(1, Ordering::Relaxed);
        Begun { meter: self, since }
    }

    pub(super) fn add_to(&self, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        exposition
            .family(
                Gauge,
                "zato_connection_active_calls",
                "Calls of a connection that are in work or wait for a place.",
            )
            .sample(labels, self.in_work.load(Ordering::Relaxed));
        exposition
            .family(
                zato_core::metrics::FamilyKind::Histogram,
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
                let labels: Vec<_> = labels.iter().copied().chain([("outcome", outcome)]).collect();
                calls.sample(&labels, number);
            }
        }
    }
}

/// A call in work. One that is dropped before its end is none that has ended.
pub(super) struct Begun<'a> {
    meter: &'a Meter,
    since: Instant,
}

impl Begun<'_> {
    /// Notes how the call ended, and returns how long it took.
    pub(super) fn end(self, answered: &Result<Answer>) -> Duration {
        let elapsed = self.since.elapsed();
        self.meter.duration.record(elapsed);
        let outcome = match answered {
            Ok(answer) => match answer.status.as_u16() {
                ..300 => 0,
                300..400 => 1,
                400..500 => 2,
                500.. => 3,
            },
            Err(error) => match error.kind() {
                Kind::Timeout => 4,
                Kind::Unavailable => 5,
                Kind::Upstream => 6,
                _ => 7,
            },
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
