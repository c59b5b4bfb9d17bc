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

use crate::error::SwiftErrorKind;

/// How requests ended and how long they took. It outlives the connections that are made one after the other.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    duration: Histogram,
    retries: AtomicU64,
    sent: AtomicU64,
    read: AtomicU64,
    faults: [AtomicU64; FAULTS.len()],
}

/// What is told apart of what goes wrong.
const FAULTS: [SwiftErrorKind; 16] = [
    SwiftErrorKind::ConnectionLost,
    SwiftErrorKind::Timeout,
    SwiftErrorKind::TooManyWaiting,
    SwiftErrorKind::NotAuthenticated,
    SwiftErrorKind::NotAllowed,
    SwiftErrorKind::NotFound,
    SwiftErrorKind::Conflict,
    SwiftErrorKind::PreconditionFailed,
    SwiftErrorKind::TooLarge,
    SwiftErrorKind::RangeNotSatisfiable,
    SwiftErrorKind::ChecksumMismatch,
    SwiftErrorKind::RateLimited,
    SwiftErrorKind::NotNow,
    SwiftErrorKind::Full,
    SwiftErrorKind::UnexpectedAnswer,
    SwiftErrorKind::Refused,
];

impl Meter {
    pub(crate) fn took(&self, duration: Duration) {
        self.duration.record(duration);
    }

    pub(crate) fn tried_again(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns a number that changes as long as objects are on their way.
    pub(crate) fn moved(&self) -> u64 {
        self.sent.load(Ordering::Relaxed).wrapping_add(self.read.load(Ordering::Relaxed))
    }

    pub(crate) fn failed(&self, kind: SwiftErrorKind) {
        let place = FAULTS.iter().position(|known| *known == kind);
        if let Some(counter) = place.and_then(|place| self.faults.get(place)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds what was counted; `places` are those in use and all there are.
    pub(crate) fn add_to(&self, places: (usize, usize), labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        exposition
            .family(Gauge, "zato_swift_in_flight_requests", "Requests on their way to the object storage.")
            .sample(labels, places.0 as u64);
        exposition
            .family(Gauge, "zato_swift_places", "Requests that may be on their way at once.")
            .sample(labels, places.1 as u64);
        exposition
            .family(Buckets, "zato_swift_request_duration_seconds", "How long it took until a request was answered.")
            .distribution(labels, &self.duration.read());
        for (name, help, counter) in [
            ("zato_swift_retries_total", "Requests that were made once more.", &self.retries),
            ("zato_swift_sent_bytes_total", "Bytes of objects that were sent.", &self.sent),
            ("zato_swift_read_bytes_total", "Bytes of objects that were read.", &self.read),
        ] {
            exposition.family(Counter, name, help).sample(labels, counter.load(Ordering::Relaxed));
        }
        let mut faults =
            exposition.family(Counter, "zato_swift_failed_requests_total", "Requests that failed, by what went wrong.");
        for (fault, number) in FAULTS.into_iter().zip(&self.faults) {
            let number = number.load(Ordering::Relaxed);
            if number > 0 {
                let labels: Vec<_> = labels.iter().copied().chain([("fault", fault.word())]).collect();
                faults.sample(&labels, number);
            }
        }
    }
}
