//! What becomes of a message, by how its service ended and what its channel is configured with.

use std::time::Duration;

use zato_core::{Error, Kind, Retry};

use crate::config::{AckMode, AmqpChannelConfig, FailurePolicy};

/// What a channel does with messages that were served, and that were not.
#[derive(Clone, Debug)]
pub(super) struct Policies {
    ack_mode: AckMode,
    bad_input: FailurePolicy,
    error: FailurePolicy,
    exhausted: FailurePolicy,
    delays: Vec<Duration>,
    /// `None` for no end.
    max_attempts: Option<u32>,
}

/// What is done with a message.
#[derive(Debug)]
pub(super) enum Decision {
    /// It was served.
    Done(AckMode),
    /// It comes again.
    Again { after: Duration },
    /// It goes where somebody looks at it.
    DeadLetter(Reason),
    /// The broker is told that nobody wants it.
    Reject(Reason),
    /// It is acknowledged all the same.
    Drop(Reason),
}

/// Why a message is given up.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    /// In one line that anybody may read.
    pub(super) words: String,
    /// In one word.
    pub(super) kind: &'static str,
    /// For the log.
    pub(super) report: String,
}

/// How many attempts a message has that could go to a dead letter, unless its channel says otherwise.
const ATTEMPTS: u32 = 10;

/// How often the broker may have handed a message out, at the least, before it is given up unserved. That is generous, since
/// everything that was handed over ahead of its turn counts whenever a connection ends; RabbitMQ 4 has the same limit.
const DELIVERIES: u32 = 20;

/// How long the words of a reason are at the most: headers have to fit into one frame (AMQP 0-9-1 §4.2.6), of which 4096
/// bytes are the least.
const MAX_WORDS: usize = 1000;

impl Policies {
    pub(super) fn of(config: &AmqpChannelConfig) -> Self {
        let (last_resort, attempts) = match config.dead_letter {
            Some(_) => (FailurePolicy::DeadLetter, Some(ATTEMPTS)),
            None => (FailurePolicy::Reject, None),
        };
        Self {
            ack_mode: config.ack_mode,
            bad_input: config.on_bad_input.unwrap_or(last_resort),
            error: config.on_error,
            exhausted: config.on_exhausted.unwrap_or(last_resort),
            delays: config.retry_delay.iter().map(|delay| delay.0).collect(),
            max_attempts: config.max_attempts.or(attempts),
        }
    }

    /// Decides about a message whose service has succeeded.
    pub(super) fn of_success(&self) -> Decision {
        Decision::Done(self.ack_mode)
    }

    /// Decides about a message whose service has failed at an attempt, from 1 on.
    pub(super) fn of_failure(&self, attempt: u32, error: &Error) -> Decision {
        let policy = if is_bad_input(error) { self.bad_input } else { self.error };
        match policy {
            FailurePolicy::Requeue => self.again(attempt, self.delay(attempt), || Reason::of(error)),
            other => decided(other, Reason::of(error)),
        }
    }

    /// Decides about a message that is to come again, unless that was its last attempt.
    pub(super) fn again(&self, attempt: u32, after: Duration, why: impl FnOnce() -> Reason) -> Decision {
        match self.max_attempts {
            Some(max) if attempt >= max => decided(self.exhausted, why()),
            _ => Decision::Again { after },
        }
    }

    /// Decides about a message that has come more often than it may, without its service having said so: one that was
    /// tried often enough before there were fewer attempts, or one that ends the process before it can fail, of which the
    /// broker alone knows how often it has handed that out.
    pub(super) fn before(&self, attempt: u32, deliveries: u32) -> Option<Decision> {
        let max = self.max_attempts?;
        let words = if attempt > max {
            format!("it was tried {max} times and never served")
        } else if deliveries >= max.max(DELIVERIES) {
            format!("it was handed out {deliveries} times and never settled")
        } else {
            return None;
        };
        Some(decided(self.exhausted, Reason { report: words.clone(), words, kind: "exhausted" }))
    }

    /// Returns how long a message waits after an attempt.
    pub(super) fn delay(&self, attempt: u32) -> Duration {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        self.delays.get(index).or(self.delays.last()).copied().unwrap_or_default()
    }
}

fn decided(policy: FailurePolicy, reason: Reason) -> Decision {
    match policy {
        FailurePolicy::DeadLetter => Decision::DeadLetter(reason),
        FailurePolicy::Ack => Decision::Drop(reason),
        // A configuration with `requeue` where messages are given up was refused.
        FailurePolicy::Reject | FailurePolicy::Requeue => Decision::Reject(reason),
    }
}

/// Whether a message would fail the same way however often it came: its sender is to blame, and neither the state of things
/// nor how much there is to do, which are other tomorrow.
fn is_bad_input(error: &Error) -> bool {
    let is_of_state = matches!(error.kind(), Kind::Conflict | Kind::RateLimited);
    error.kind().is_callers() && !is_of_state && error.retry() == Retry::Never
}

impl Reason {
    pub(super) fn of(error: &Error) -> Self {
        let faults = error.input_faults().iter().map(ToString::to_string);
        let public = [error.public_message().to_owned()].into_iter().chain(faults).collect::<Vec<_>>().join("; ");
        Self { words: one_line(&public), kind: error.kind().as_str(), report: error.report().to_string() }
    }

    /// What the service itself says of it.
    pub(super) fn of_service(words: &str) -> Self {
        Self { words: one_line(words), kind: "service", report: words.to_owned() }
    }
}

/// Makes one line of a text, of no more than so many bytes.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        if line.len() + character.len_utf8() > MAX_WORDS {
            line.push('…');
            break;
        }
        line.push(if character.is_control() { ' ' } else { character });
    }
    line
}

#[cfg(test)]
mod tests {
    use zato_core::{
        Fault,
        config::{from_node, yaml},
    };

    use super::*;

    fn policies(more: &str) -> Policies {
        let text = format!("{{name: a, definition: d, queue: q, service: s, {more}}}");
        Policies::of(&from_node(&yaml::parse("zato.yaml", &text).unwrap()).unwrap())
    }

    fn word(decision: &Decision) -> String {
        match decision {
            Decision::Done(mode) => format!("done {mode:?}"),
            Decision::Again { after } => format!("again {}", after.as_millis()),
            Decision::DeadLetter(reason) => format!("dead {}", reason.kind),
            Decision::Reject(reason) => format!("reject {}", reason.kind),
            Decision::Drop(reason) => format!("drop {}", reason.kind),
        }
    }

    #[test]
    fn what_can_not_be_used_never_comes_again_and_everything_else_does() {
        let policies = policies("");
        let of = |error: &Error| word(&policies.of_failure(1, error));
        for kind in [
            Kind::InvalidInput,
            Kind::Unauthenticated,
            Kind::Forbidden,
            Kind::NotFound,
            Kind::TooLarge,
            Kind::UnsupportedMediaType,
        ] {
            assert_eq!(of(&Error::new(kind, "x")), format!("reject {kind}"));
        }
        for kind in [
            Kind::Conflict,
            Kind::RateLimited,
            Kind::Timeout,
            Kind::Unavailable,
            Kind::Upstream,
            Kind::Config,
            Kind::Internal,
        ] {
            assert_eq!(of(&Error::new(kind, "x")), "again 5000", "{kind}");
        }
        let soon = Error::not_found("the order is not here yet").with_retry(Retry::Later);
        assert_eq!(of(&soon), "again 5000", "its service knows better than its kind");
    }

    #[test]
    fn with_a_dead_letter_attempts_end_and_without_one_they_do_not() {
        let internal = Error::internal("x");
        let endless = policies("retry_delay: 0");
        assert_eq!(word(&endless.of_failure(u32::MAX, &internal)), "again 0");
        assert!(endless.before(u32::MAX, u32::MAX).is_none());
        let ending = policies("dead_letter: {routing_key: dead}");
        assert_eq!(word(&ending.of_failure(9, &internal)), "again 5000");
        assert_eq!(word(&ending.of_failure(10, &internal)), "dead internal");
        assert_eq!(word(&ending.of_failure(1, &Error::invalid_input("x"))), "dead invalid_input");
        assert!(ending.before(10, 0).is_none());
        assert_eq!(word(&ending.before(11, 0).unwrap()), "dead exhausted");
        let rejecting = policies("dead_letter: {routing_key: dead}, max_attempts: 2, on_exhausted: ack");
        assert_eq!(word(&rejecting.of_failure(2, &internal)), "drop internal");
    }

    #[test]
    fn what_the_broker_has_handed_out_ends_later_than_what_was_tried() {
        let once = policies("max_attempts: 1");
        assert!(once.before(1, DELIVERIES - 1).is_none());
        assert_eq!(word(&once.before(1, DELIVERIES).unwrap()), "reject exhausted");
        let often = policies("max_attempts: 100");
        assert!(often.before(1, 99).is_none());
        assert_eq!(word(&often.before(1, 100).unwrap()), "reject exhausted");
    }

    #[test]
    fn each_attempt_waits_for_the_next_of_the_delays() {
        let policies = policies("retry_delay: [1s, 10s, 1m]");
        let delays: Vec<_> = (1..=5).map(|attempt| policies.delay(attempt).as_secs()).collect();
        assert_eq!(delays, [1, 10, 60, 60, 60]);
    }

    #[test]
    fn other_policies_are_followed() {
        let policies = policies("on_error: reject, on_bad_input: ack, ack_mode: reject");
        assert_eq!(word(&policies.of_failure(1, &Error::internal("x"))), "reject internal");
        assert_eq!(word(&policies.of_failure(1, &Error::invalid_input("x"))), "drop invalid_input");
        assert_eq!(word(&policies.of_success()), "done Reject");
    }

    #[test]
    fn a_reason_is_one_line_that_anybody_may_read() {
        let ours = Reason::of(&Error::internal("password=hunter2\nand more"));
        assert_eq!((ours.words.as_str(), ours.kind), ("an error has occurred", "internal"));
        assert!(ours.report.contains("hunter2"));
        let faults = vec![Fault::new("/iban", "missing"), Fault::new("/amount", "expected a number")];
        let theirs = Reason::of(&Error::faults(faults));
        assert_eq!(theirs.words, "the input can't be used; /iban: missing; /amount: expected a number");
        let long = Reason::of_service(&format!("a\r\nb{}", "€".repeat(2000)));
        assert!(long.words.starts_with("a  b€") && long.words.ends_with("€…"), "{}", long.words);
        assert!(long.words.len() <= MAX_WORDS + '…'.len_utf8());
    }
}
