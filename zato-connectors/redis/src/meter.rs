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

use crate::error::RedisErrorKind;

/// How commands ended and how long they took. It outlives the connections that are made one after the other.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    duration: Histogram,
    faults: [AtomicU64; FAULTS.len()],
}

/// What is told apart of what goes wrong.
const FAULTS: [&str; 9] = [
    "connection_lost",
    "timeout",
    "too_many_in_flight",
    "not_allowed",
    "read_only",
    "not_now",
    "cluster_down",
    "out_of_memory",
    "refused",
];

/// How many connections of one's own there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owned {
    pub(crate) used: usize,
    pub(crate) idle: usize,
    pub(crate) waiting: usize,
    pub(crate) subscriptions: usize,
}

impl Meter {
    pub(crate) fn took(&self, duration: Duration) {
        self.duration.record(duration);
    }

    pub(crate) fn failed(&self, kind: RedisErrorKind) {
        let place = FAULTS.iter().position(|word| *word == kind.word());
        if let Some(counter) = place.and_then(|place| self.faults.get(place)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds what was counted.
    pub(crate) fn add_to(
        &self,
        in_flight: usize,
        owned: Owned,
        labels: &[(&'static str, &str)],
        exposition: &mut Exposition,
    ) {
        exposition
            .family(Gauge, "zato_redis_in_flight_commands", "Commands on their way on the connection that all share.")
            .sample(labels, in_flight as u64);
        exposition
            .family(Buckets, "zato_redis_command_duration_seconds", "How long it took until a command was answered.")
            .distribution(labels, &self.duration.read());
        let mut faults = exposition.family(
            Counter,
            "zato_redis_failed_commands_total",
            "Commands that were not done, by what went wrong.",
        );
        for (fault, number) in FAULTS.into_iter().zip(&self.faults) {
            let number = number.load(Ordering::Relaxed);
            if number > 0 {
                faults.sample(&with(labels, ("fault", fault)), number);
            }
        }
        let mut connections = exposition.family(
            Gauge,
            "zato_redis_own_connections",
            "Connections that commands don't share, by what they are for.",
        );
        for (state, number) in [("used", owned.used), ("idle", owned.idle), ("subscription", owned.subscriptions)] {
            connections.sample(&with(labels, ("state", state)), number as u64);
        }
        exposition
            .family(Gauge, "zato_redis_waiting_calls", "Calls that wait for a connection of their own.")
            .sample(labels, owned.waiting as u64);
    }
}

fn with<'a>(labels: &[(&'static str, &'a str)], label: (&'static str, &'a str)) -> Vec<(&'static str, &'a str)> {
    labels.iter().copied().chain([label]).collect()
}
