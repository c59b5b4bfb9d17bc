//! What a connection counts.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use zato_core::metrics::{
    Exposition,
    FamilyKind::{Counter, Gauge, Histogram as Buckets},
    Histogram,
};

/// How messages ended and how long they took. It outlives the connections that are made one after the other.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    duration: Histogram,
    outcomes: [AtomicU64; OUTCOMES.len()],
}

/// The ends that a message can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Confirmed,
    Unroutable,
    Refused,
    Unsent,
    Unknown,
    Timeout,
    /// It was sent again, after nobody knew what had become of it.
    Again,
}

const OUTCOMES: [&str; 7] = ["confirmed", "unroutable", "refused", "unsent", "unknown", "timeout", "sent_again"];

impl Meter {
    pub(crate) fn count(&self, outcome: Outcome) {
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn took(&self, duration: Duration) {
        self.duration.record(duration);
    }

    /// Adds what was counted, and how many messages are on their way.
    pub(crate) fn add_to(&self, in_flight: usize, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        exposition
            .family(Gauge, "zato_amqp_in_flight_messages", "Messages on their way to a broker, not confirmed yet.")
            .sample(labels, in_flight as u64);
        exposition
            .family(Buckets, "zato_amqp_send_duration_seconds", "How long it took until a message was confirmed.")
            .distribution(labels, &self.duration.read());
        let mut messages = exposition.family(
            Counter,
            "zato_amqp_sent_messages_total",
            "Messages to a broker, by what became of them.",
        );
        for (outcome, number) in OUTCOMES.into_iter().zip(&self.outcomes) {
            let number = number.load(Ordering::Relaxed);
            if number > 0 {
                let labels: Vec<_> = labels.iter().copied().chain([("outcome", outcome)]).collect();
                messages.sample(&labels, number);
            }
        }
    }
}
