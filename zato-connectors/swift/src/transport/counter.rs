use std::{fmt, sync::Arc};

use crate::{meter::Meter, progress::Leg};

/// Counts what is sent of one request.
pub(crate) struct Counter {
    meter: Arc<Meter>,
    leg: Leg,
    sent: u64,
}

impl Counter {
    pub(crate) fn new(meter: Arc<Meter>, leg: Leg) -> Self {
        Self { meter, leg, sent: 0 }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.sent += bytes;
        self.meter.sent(bytes);
        self.leg.reached(self.sent);
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").field("sent", &self.sent).finish_non_exhaustive()
    }
}
