use std::time::Duration;

use tracing::warn;

use crate::{inspect::Phases, metrics::micros};

/// When a request of a service is slow, and how long the body of this one took to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slow {
    pub(super) threshold: Duration,
    pub(super) body: Duration,
}

impl Slow {
    /// Says where the time went, if it was too much; `took` doesn't count the body.
    pub(super) fn check(self, took: Duration, phases: Phases) {
        if took.saturating_add(self.body) >= self.threshold {
            self.tell(took, phases);
        }
    }

    #[cold]
    fn tell(self, took: Duration, phases: Phases) {
        let took = micros(took);
        let [mut wait, decode, encode] = [phases.wait, phases.decode, phases.encode].map(u64::from);
        let mut service = took.saturating_sub(wait).saturating_sub(decode).saturating_sub(encode);
        if phases.is_waiting {
            wait += std::mem::take(&mut service);
        }
        let body = micros(self.body);
        // What took no time is left out of the line.
        let some = |micros: u64| (micros > 0).then_some(micros);
        warn!(
            zato.threshold_us = micros(self.threshold),
            zato.duration_us = body.saturating_add(took),
            zato.body_us = some(body),
            zato.wait_us = some(wait),
            zato.decode_us = some(decode),
            zato.service_us = some(service),
            zato.invoked_us = some(phases.invoked.into()),
            zato.encode_us = some(encode),
            "slow request"
        );
    }
}
