use std::{
    fmt,
    sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tracing::{Span, debug};

use crate::{
    error::Error,
    metrics::{
        Exposition,
        FamilyKind::{Counter, Gauge},
        Labels,
    },
};

/// What the layers of one connection have decided so far, as numbers.
///
/// All layers of a connection share one. It belongs to the connection's client, so that it begins anew with that.
///
/// # Examples
///
/// ```
/// use zato_core::{metrics::Exposition, resilience::Decisions};
///
/// let (decisions, mut exposition) = (Decisions::new("CRM"), Exposition::default());
/// decisions.write(&[("section", "outgoing_rest"), ("name", "CRM")], &mut exposition);
/// let line = "zato_connection_retries_total{section=\"outgoing_rest\",name=\"CRM\"} 0";
/// assert!(exposition.to_string().contains(line));
/// ```
pub struct Decisions {
    connection: String,
    retries: AtomicU64,
    given_up: [AtomicU64; GivenUp::ALL.len()],
    refused: [AtomicU64; Refusal::ALL.len()],
    hedges: AtomicU64,
    hedges_won: AtomicU64,
    opened: AtomicU64,
    /// What [`CircuitState::number`] gives; [`NO_BREAKER`] where there is none.
    circuit: AtomicU8,
    waiting: AtomicU64,
}

const NO_BREAKER: u8 = u8::MAX;

/// Why a call is not made at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    RateLimit,
    Bulkhead,
    CircuitBreaker,
}

impl Refusal {
    const ALL: [Self; 3] = [Self::RateLimit, Self::Bulkhead, Self::CircuitBreaker];

    const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Bulkhead => "bulkhead",
            Self::CircuitBreaker => "circuit_breaker",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::RateLimit => "the connection's rate limit is reached",
            Self::Bulkhead => "too many calls are in work and waiting on the connection",
            Self::CircuitBreaker => "the connection's circuit breaker is open",
        }
    }
}

/// Why a call that could be tried again is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// It has been tried as often as it may be.
    Attempts,
    /// Its time would be over before the next attempt.
    Deadline,
    /// Others have used up what there is.
    Budget,
}

impl GivenUp {
    const ALL: [Self; 3] = [Self::Attempts, Self::Deadline, Self::Budget];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
        }
    }
}

/// How a circuit breaker stands.
///
/// # Examples
///
/// ```
/// use zato_core::resilience::CircuitState;
///
/// assert_eq!(CircuitState::HalfOpen.as_str(), "half-open");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitState {
    /// Calls are made, and counted.
    Closed,
    /// A few calls are made, to find out how the other side is.
    HalfOpen,
    /// No calls are made.
    Open,
}

impl CircuitState {
    /// Returns its name, as logs have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }

    /// Returns its number, as metrics have it: the larger, the worse.
    const fn number(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

impl Decisions {
    /// Begins to count for a connection of a name.
    pub fn new(connection: impl Into<String>) -> Self {
        Self {
            connection: connection.into(),
            retries: AtomicU64::default(),
            given_up: Default::default(),
            refused: Default::default(),
            hedges: AtomicU64::default(),
            hedges_won: AtomicU64::default(),
            opened: AtomicU64::default(),
            circuit: AtomicU8::new(NO_BREAKER),
            waiting: AtomicU64::default(),
        }
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// Returns how the circuit breaker stands; `None` where there is none.
    #[must_use]
    pub fn circuit(&self) -> Option<CircuitState> {
        let states = [CircuitState::Closed, CircuitState::HalfOpen, CircuitState::Open];
        states.into_iter().find(|state| state.number() == self.circuit.load(Relaxed))
    }

    /// Returns how often calls were tried again.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }

    /// Returns how many calls were not made at all, whatever refused them.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.iter().map(|number| number.load(Relaxed)).sum()
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub(super) fn gave_up(&self, why: GivenUp) {
        if let Some(number) = self.given_up.get(why as usize) {
            number.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn hedged(&self) {
        self.hedges.fetch_add(1, Relaxed);
    }

    pub(super) fn hedge_won(&self) {
        self.hedges_won.fetch_add(1, Relaxed);
    }

    pub(super) fn circuit_is(&self, state: CircuitState) {
        if state == CircuitState::Open {
            self.opened.fetch_add(1, Relaxed);
        }
        self.circuit.store(state.number(), Relaxed);
    }

    pub(super) fn waits(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    pub(super) fn waits_no_more(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    /// Counts a call that is not made, and makes the error that says so, with when to come back if that is known.
    ///
    /// The line is for who looks for the reason of one call: what operators need to know is the beginning of a series,
    /// which each layer tells by itself.
    pub(super) fn refuse(&self, why: Refusal, wait: Option<Duration>) -> Error {
        if let Some(number) = self.refused.get(why as usize) {
            number.fetch_add(1, Relaxed);
        }
        Span::current().record("zato.refused", why.as_str());
        debug!(connection = self.connection, reason = why.as_str(), "call refused");
        let error = Error::unavailable(why.message()).with("connection", &self.connection);
        match wait {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    /// Adds the numbers to the metrics of the app, with the labels that name the connection.
    pub fn write(&self, labels: Labels<'_>, exposition: &mut Exposition) {
        for (name, help, number) in [
            ("zato_connection_retries_total", "Calls that were tried once more.", &self.retries),
            (
                "zato_connection_hedges_total",
                "Calls that were sent a second time, since the first was slow.",
                &self.hedges,
            ),
            ("zato_connection_hedges_won_total", "Calls whose second request was answered first.", &self.hedges_won),
        ] {
            exposition.family(Counter, name, help).sample(labels, number.load(Relaxed));
        }
        let with = |reason: &'static str| [labels, &[("reason", reason)]].concat();
        let name = "zato_connection_refused_total";
        let mut refused = exposition.family(Counter, name, "Calls that were not made, by what refused them.");
        for (why, number) in Refusal::ALL.iter().zip(&self.refused) {
            refused.sample(&with(why.as_str()), number.load(Relaxed));
        }
        let name = "zato_connection_retries_given_up_total";
        let mut given_up = exposition.family(Counter, name, "Calls that could be tried again and were not.");
        for (why, number) in GivenUp::ALL.iter().zip(&self.given_up) {
            given_up.sample(&with(why.as_str()), number.load(Relaxed));
        }
        exposition
            .family(Gauge, "zato_connection_waiting_calls", "Calls that wait for a place on a connection.")
            .sample(labels, self.waiting.load(Relaxed));
        let Some(state) = self.circuit() else { return };
        exposition
            .family(Gauge, "zato_connection_circuit_breaker_state", "0 is closed, 1 half-open, 2 open.")
            .sample(labels, u64::from(state.number()));
        exposition
            .family(Counter, "zato_connection_circuit_breaker_opened_total", "How often a circuit breaker has opened.")
            .sample(labels, self.opened.load(Relaxed));
    }
}

impl fmt::Debug for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Decisions");
        debug.field("connection", &self.connection).field("circuit", &self.circuit()).finish_non_exhaustive()
    }
}
