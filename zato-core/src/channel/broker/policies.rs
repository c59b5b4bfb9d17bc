use std::time::Duration;

use super::{FailurePolicy, PolicyConfig, RetryDelay};
use crate::{
    channel::Settlement,
    error::{Error, Kind, Retry},
};

/// What a channel of a broker does with messages, by how their service has ended: what its [`PolicyConfig`] means.
///
/// Attempts are counted from 1 on; how they are, each broker's channel knows.
///
/// ```
/// use zato_core::{Error, channel::broker::{Decision, Policies, PolicyConfig}};
///
/// let policies = Policies::of(PolicyConfig { has_dead_letter: true, ..PolicyConfig::default() });
/// let broken = Error::internal("the ledger is closed");
/// assert!(matches!(policies.of_failure(1, &broken), Decision::Again { after } if after.as_secs() == 5));
/// assert!(matches!(policies.of_failure(10, &broken), Decision::DeadLetter(_)));
/// assert!(matches!(policies.of_failure(1, &Error::invalid_input("no order")), Decision::DeadLetter(_)));
/// ```
#[derive(Clone, Debug)]
pub struct Policies {
    bad_input: FailurePolicy,
    error: FailurePolicy,
    exhausted: FailurePolicy,
    retry_delay: RetryDelay,
    /// `None` for no end.
    max_attempts: Option<u32>,
    has_dead_letter: bool,
}

/// What is done with a message. Whoever carries it out has to know of all there is, so that no more is added lightly.
///
/// ```
/// use zato_core::channel::{Settlement, broker::{Decision, Policies, PolicyConfig}};
///
/// let policies = Policies::of(PolicyConfig::default());
/// assert!(matches!(policies.of_settlement(1, Settlement::Ack), Decision::Done));
/// assert!(!policies.of_settlement(1, Settlement::Requeue { after: None }).is_final());
/// ```
#[derive(Debug)]
pub enum Decision {
    /// It is done with, and is acknowledged.
    Done,
    /// It comes again.
    Again {
        /// Not before this time has passed; at once, if it is zero.
        after: Duration,
    },
    /// It goes where somebody looks at it: to the `dead_letter` that there is.
    DeadLetter(Reason),
    /// The broker is told that nobody wants it.
    Reject(Reason),
    /// It is acknowledged although it was not served.
    Drop(Reason),
}

/// Why a message is given up.
///
/// ```
/// use zato_core::{Error, channel::broker::Reason};
///
/// let reason = Reason::of(&Error::internal("password=hunter2"));
/// assert_eq!((reason.words.as_str(), reason.kind), ("an error has occurred", "internal"));
/// assert!(reason.report.contains("hunter2"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reason {
    /// In one line that anybody may read, of some 1000 bytes at the most: it goes with a dead letter.
    pub words: String,
    /// In one word, such as `invalid_input`: the error's kind; `service` if it was the service that settled the message;
    /// `exhausted` if it came too often without ever having been served.
    pub kind: &'static str,
    /// For the log.
    pub report: String,
}

/// How many attempts a message has that could go to a dead letter, unless its channel says otherwise.
const ATTEMPTS: u32 = 10;

/// How often the broker may have handed a message out, at the least, before it is given up unserved. That is generous, since
/// with many brokers everything that was handed over ahead of its turn counts whenever a connection ends; RabbitMQ 4 has the
/// same limit.
const DELIVERIES: u32 = 20;

/// How long the words of a reason are at the most: they go into headers, for which a broker may have little room (AMQP 0-9-1
/// §4.2.6: one frame, of which 4096 bytes are the least).
const MAX_WORDS: usize = 1000;

impl Policies {
    /// Works out what a configuration means, of which nothing was found that [can't be
    /// meant](PolicyConfig::contradictions).
    #[must_use]
    pub fn of(config: PolicyConfig) -> Self {
        let (last_resort, attempts) = match config.has_dead_letter {
            true => (FailurePolicy::DeadLetter, Some(ATTEMPTS)),
            false => (FailurePolicy::Reject, None),
        };
        Self {
            bad_input: config.on_bad_input.unwrap_or(last_resort),
            error: config.on_error,
            exhausted: config.on_exhausted.unwrap_or(last_resort),
            retry_delay: config.retry_delay,
            max_attempts: config.max_attempts.or(attempts),
            has_dead_letter: config.has_dead_letter,
        }
    }

    /// Decides about a message whose service has failed, by the class of the error: one that is its sender's fault would fail the
    /// same way however often it came, any other may be served another time.
    #[must_use]
    pub fn of_failure(&self, attempt: u32, error: &Error) -> Decision {
        let policy = if is_bad_input(error) { self.bad_input } else { self.error };
        match policy {
            FailurePolicy::Requeue => self.again(attempt, self.delay(attempt), || Reason::of(error)),
            other => decided(other, Reason::of(error)),
        }
    }

    /// Decides about a message that its service has settled itself.
    #[must_use]
    pub fn of_settlement(&self, attempt: u32, settlement: Settlement) -> Decision {
        let given_back = || Reason::of_service("the service gave it back too often");
        match settlement {
            Settlement::Ack => Decision::Done,
            Settlement::Requeue { after } => {
                let after = after.unwrap_or_default().min(RetryDelay::LONGEST);
                self.again(attempt, after, given_back)
            }
            Settlement::Reject => Decision::Reject(Reason::of_service("the service rejected it")),
            Settlement::DeadLetter { reason } if self.has_dead_letter => {
                Decision::DeadLetter(Reason::of_service(&reason))
            }
            // The queue may have dead letters of its own.
            Settlement::DeadLetter { reason } => Decision::Reject(Reason::of_service(&reason)),
        }
    }

    /// Decides about a message whose service has succeeded, and has dropped the [`Delivery`](crate::channel::Delivery) that it
    /// took: nobody knows whether it was dealt with.
    #[must_use]
    pub fn of_unsettled(&self, attempt: u32) -> Decision {
        self.again(attempt, self.delay(attempt), || Reason::of_service("the service did not settle it"))
    }

    /// Decides about a message that has come more often than it may, without its service having said so: one that was
    /// tried often enough before there were fewer attempts, or one that ends the process before it can fail, of which the
    /// broker alone knows how often it has handed that out. `None` if it is to be served.
    #[must_use]
    pub fn before(&self, attempt: u32, deliveries: u32) -> Option<Decision> {
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
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        self.retry_delay.after(attempt)
    }

    /// Decides about a message that is to come again, unless that was its last attempt.
    fn again(&self, attempt: u32, after: Duration, why: impl FnOnce() -> Reason) -> Decision {
        match self.max_attempts {
            Some(max) if attempt >= max => decided(self.exhausted, why()),
            _ => Decision::Again { after },
        }
    }
}

impl Decision {
    /// Returns whether the message is settled for good by it, so that whoever waits for a reply can be told that there is none.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Again { .. })
    }
}

fn decided(policy: FailurePolicy, reason: Reason) -> Decision {
    match policy {
        FailurePolicy::DeadLetter => Decision::DeadLetter(reason),
        FailurePolicy::Ack => Decision::Drop(reason),
        // `requeue` where messages are given up is one of the contradictions.
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
    /// Says what an error says: what its caller may read, with every fault of an input, and the rest in the report.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let faults = error.input_faults().iter().map(ToString::to_string);
        let public = [error.public_message().to_owned()].into_iter().chain(faults).collect::<Vec<_>>().join("; ");
        Self { words: one_line(&public), kind: error.kind().as_str(), report: error.report().to_string() }
    }

    /// Says what the service itself says of it.
    #[must_use]
    pub fn of_service(words: &str) -> Self {
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
    use super::*;
    use crate::{
        config::{from_node, yaml},
        error::Fault,
    };

    fn dying() -> PolicyConfig {
        PolicyConfig { has_dead_letter: true, ..PolicyConfig::default() }
    }

    fn word(decision: &Decision) -> String {
        match decision {
            Decision::Done => "done".to_owned(),
            Decision::Again { after } => format!("again {}", after.as_millis()),
            Decision::DeadLetter(reason) => format!("dead {}", reason.kind),
            Decision::Reject(reason) => format!("reject {}", reason.kind),
            Decision::Drop(reason) => format!("drop {}", reason.kind),
        }
    }

    #[test]
    fn what_can_not_be_used_never_comes_again_and_everything_else_does() {
        let policies = Policies::of(PolicyConfig::default());
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
        let at_once = from_node(&yaml::parse("zato.yaml", "0").unwrap()).unwrap();
        let endless = Policies::of(PolicyConfig { retry_delay: at_once, ..PolicyConfig::default() });
        assert_eq!(word(&endless.of_failure(u32::MAX, &internal)), "again 0");
        assert!(endless.before(u32::MAX, u32::MAX).is_none());
        let ending = Policies::of(dying());
        assert_eq!(word(&ending.of_failure(9, &internal)), "again 5000");
        assert_eq!(word(&ending.of_failure(10, &internal)), "dead internal");
        assert_eq!(word(&ending.of_failure(1, &Error::invalid_input("x"))), "dead invalid_input");
        assert!(ending.before(10, 0).is_none());
        assert_eq!(word(&ending.before(11, 0).unwrap()), "dead exhausted");
        let rejecting =
            Policies::of(PolicyConfig { max_attempts: Some(2), on_exhausted: Some(FailurePolicy::Ack), ..dying() });
        assert_eq!(word(&rejecting.of_failure(2, &internal)), "drop internal");
    }

    #[test]
    fn what_the_broker_has_handed_out_ends_later_than_what_was_tried() {
        let of = |attempts| Policies::of(PolicyConfig { max_attempts: Some(attempts), ..PolicyConfig::default() });
        let once = of(1);
        assert!(once.before(1, DELIVERIES - 1).is_none());
        assert_eq!(word(&once.before(1, DELIVERIES).unwrap()), "reject exhausted");
        let often = of(100);
        assert!(often.before(1, 99).is_none());
        assert_eq!(word(&often.before(1, 100).unwrap()), "reject exhausted");
    }

    #[test]
    fn other_policies_are_followed() {
        let policies = Policies::of(PolicyConfig {
            on_error: FailurePolicy::Reject,
            on_bad_input: Some(FailurePolicy::Ack),
            ..dying()
        });
        assert_eq!(word(&policies.of_failure(1, &Error::internal("x"))), "reject internal");
        assert_eq!(word(&policies.of_failure(1, &Error::invalid_input("x"))), "drop invalid_input");
    }

    #[test]
    fn what_a_service_says_of_its_message_is_done_while_attempts_last() {
        let policies = Policies::of(PolicyConfig { max_attempts: Some(2), ..dying() });
        let of = |attempt, settlement| word(&policies.of_settlement(attempt, settlement));
        let later = || Settlement::Requeue { after: Some(Duration::from_secs(1)) };
        assert_eq!(of(2, Settlement::Ack), "done");
        assert_eq!([of(1, Settlement::Requeue { after: None }), of(1, later())], ["again 0", "again 1000"]);
        assert_eq!(of(1, Settlement::Requeue { after: Some(Duration::MAX) }), "again 86400000");
        assert_eq!(of(2, later()), "dead service");
        assert_eq!(of(1, Settlement::Reject), "reject service");
        let dead_letter = || Settlement::DeadLetter { reason: "not an order".to_owned() };
        assert_eq!(of(1, dead_letter()), "dead service");
        let without = Policies::of(PolicyConfig::default());
        assert_eq!(word(&without.of_settlement(1, dead_letter())), "reject service");
        assert_eq!([1, 2].map(|attempt| word(&policies.of_unsettled(attempt))), ["again 5000", "dead service"]);
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
