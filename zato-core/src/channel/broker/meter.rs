//! What is counted of messages, each channel by itself: additions to numbers that stand ready, no lock, no allocation.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::metrics::{
    Exposition,
    FamilyKind::{Counter, Gauge},
};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Its service has returned.
    Acked,
    /// It comes again after a while.
    Requeued,
    /// It went to the dead letters of its channel.
    DeadLettered,
    /// The server was told that it is not wanted.
    Rejected,
    /// Acknowledged although it was not served.
    Dropped,
    /// Nobody could be told what became of it, since its connection was gone or somebody else had taken it over: it comes again,
    /// or has.
    Stale,
    /// The time for a stop was over before its service had ended: it comes again.
    Cut,
    /// The server has deleted it before anybody had served it.
    Lost,
}

const OUTCOMES: [&str; 8] = ["acked", "requeued", "dead_lettered", "rejected", "dropped", "stale", "cut", "lost"];

/// The meters of every channel of a section, kept over all configurations that have the channel.
#[derive(Debug)]
pub(super) struct Meters {
    section: &'static str,
    known: Mutex<BTreeMap<String, Weak<Meter>>>,
}

/// What is counted of the messages of one channel.
///
/// ```
/// use std::sync::Arc;
/// use zato_core::channel::broker::{Meter, Outcome};
///
/// let meter = Arc::new(Meter::default());
/// let in_work = meter.begin();
/// meter.count(Outcome::Acked);
/// drop(in_work);
/// ```
#[derive(Debug, Default)]
pub struct Meter {
    outcomes: [AtomicU64; OUTCOMES.len()],
    redelivered: AtomicU64,
    in_work: AtomicU64,
    interruptions: AtomicU64,
    failures: AtomicU64,
    lost_replies: AtomicU64,
}

impl Meters {
    pub(super) fn of(section: &'static str) -> Self {
        Self { section, known: Mutex::default() }
    }

    /// Returns the meter of a channel, the same one as long as any configuration has it.
    pub(super) fn meter(&self, channel: &str) -> Arc<Meter> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, meter| meter.strong_count() > 0);
        let place = known.entry(channel.to_owned()).or_default();
        place.upgrade().unwrap_or_else(|| {
            let meter = Arc::default();
            *place = Arc::downgrade(&meter);
            meter
        })
    }

    pub(super) fn write(&self, exposition: &mut Exposition) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (channel, meter) in known.iter().filter_map(|(channel, meter)| Some((channel, meter.upgrade()?))) {
            meter.write([("section", self.section), ("channel", channel)], exposition);
        }
    }
}

impl Meter {
    /// Counts a message of which this became.
    pub fn count(&self, outcome: Outcome) {
        self.count_many(outcome, 1);
    }

    /// Counts so many messages of which this became.
    pub fn count_many(&self, outcome: Outcome, number: u64) {
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.fetch_add(number, Relaxed);
        }
    }

    /// Notes a message that had been delivered before.
    pub fn redelivered(&self) {
        self.redelivered.fetch_add(1, Relaxed);
    }

    /// Notes that a consumer consumes no more though nobody here has ended that.
    pub fn interrupted(&self) {
        self.interruptions.fetch_add(1, Relaxed);
    }

    /// Notes that a consumer could not begin to consume.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// Notes that whoever waits for a reply gets none.
    pub fn lost_reply(&self) {
        self.lost_replies.fetch_add(1, Relaxed);
    }

    /// Returns how often it was interrupted, and how often it could not begin.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.interruptions.load(Relaxed), self.failures.load(Relaxed))
    }

    /// Notes that a message is in work, until what is returned is dropped.
    pub fn begin(self: &Arc<Self>) -> InWork {
        self.in_work.fetch_add(1, Relaxed);
        InWork(Arc::clone(self))
    }

    fn write(&self, labels: [(&str, &str); 2], exposition: &mut Exposition) {
        exposition
            .family(
                Gauge,
                "zato_channel_messages_in_work",
                "Messages that were taken from a broker and are not settled.",
            )
            .sample(&labels, self.in_work.load(Relaxed));
        exposition
            .family(Counter, "zato_channel_redelivered_messages_total", "Messages that a broker had delivered before.")
            .sample(&labels, self.redelivered.load(Relaxed));
        let help = "Messages from a broker, by what became of them.";
        let mut messages = exposition.family(Counter, "zato_channel_messages_total", help);
        for (outcome, number) in OUTCOMES.into_iter().zip(&self.outcomes) {
            let [section, channel] = labels;
            messages.sample(&[section, channel, ("outcome", outcome)], number.load(Relaxed));
        }
        let help = "Replies that could not be sent to whoever waits for them.";
        exposition
            .family(Counter, "zato_channel_lost_replies_total", help)
            .sample(&labels, self.lost_replies.load(Relaxed));
    }
}

/// A message in work, until it is dropped.
#[derive(Debug)]
#[must_use = "a message is in work until this is dropped"]
pub struct InWork(Arc<Meter>);

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.in_work.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_keeps_its_numbers_over_configurations_and_loses_them_with_the_last() {
        let meters = Meters::of("channel_amqp");
        let (old, new) = (meters.meter("orders"), meters.meter("orders"));
        let in_work = old.begin();
        old.count(Outcome::Acked);
        old.redelivered();
        drop(old);
        new.count_many(Outcome::Cut, 2);
        let mut exposition = Exposition::default();
        meters.write(&mut exposition);
        let text = exposition.to_string();
        let line = |name: &str, more: &str, number: u64| {
            let line = format!("{name}{{section=\"channel_amqp\",channel=\"orders\"{more}}} {number}\n");
            assert!(text.contains(&line), "{line} in {text}");
        };
        line("zato_channel_messages_total", ",outcome=\"acked\"", 1);
        line("zato_channel_messages_total", ",outcome=\"cut\"", 2);
        line("zato_channel_messages_total", ",outcome=\"requeued\"", 0);
        line("zato_channel_messages_in_work", "", 1);
        line("zato_channel_redelivered_messages_total", "", 1);
        line("zato_channel_lost_replies_total", "", 0);
        drop((in_work, new));
        let mut exposition = Exposition::default();
        meters.write(&mut exposition);
        assert_eq!(exposition.to_string(), "");
    }
}
