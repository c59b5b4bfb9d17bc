use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    CircuitBreakerConfig,
    window::{Count, Window},
};
use crate::resilience::{CircuitState, Deadline, Decisions, Health};

/// What a circuit breaker knows, and decides by.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use zato_core::resilience::{Decisions, Health, circuit_breaker::{Breaker, CircuitBreakerConfig}};
///
/// let breaker = Breaker::new(CircuitBreakerConfig::default(), &Arc::new(Decisions::new("CRM")));
/// for _ in 0..10 {
///     breaker.enter(None).expect("it is closed").report(Health::Failed);
/// }
/// let wait = breaker.enter(None).unwrap_err();
/// assert!(wait.as_secs() <= 5);
/// ```
#[derive(Debug)]
pub struct Breaker {
    config: CircuitBreakerConfig,
    decisions: Arc<Decisions>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How often the phase has changed: what was begun in an earlier one says nothing of how things are now.
    era: u64,
    /// How often it has opened since it was closed.
    openings: u32,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { at_work: u32, answered: u32 },
}

/// What is to be logged once the lock is released.
enum Change {
    Opened { pause: Duration, count: Option<Count> },
    HalfOpened,
    Closed,
}

impl Breaker {
    /// How soon a call may come back while all probes are at work.
    const PROBED: Duration = Duration::from_secs(1);

    /// Makes a breaker that is closed.
    #[must_use]
    pub fn new(config: CircuitBreakerConfig, decisions: &Arc<Decisions>) -> Arc<Self> {
        decisions.circuit_is(CircuitState::Closed);
        let phase = Phase::Closed(Window::new(*config.window, Instant::now()));
        let state = Mutex::new(State { era: 0, openings: 0, phase });
        Arc::new(Self { config, decisions: Arc::clone(decisions), state })
    }

    /// Asks whether a call may be made, whose caller waits until the deadline.
    ///
    /// # Errors
    ///
    /// How long to wait before asking again.
    pub fn enter(self: &Arc<Self>, deadline: Option<Deadline>) -> Result<Passage, Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut change = None;
        if let Phase::Open { until } = state.phase {
            let now = Instant::now();
            if now < until {
                return Err(until - now);
            }
            state.enter(Phase::HalfOpen { at_work: 0, answered: 0 });
            change = Some(Change::HalfOpened);
        }
        if let Phase::HalfOpen { at_work, answered } = &mut state.phase {
            if at_work.saturating_add(*answered) >= self.config.probes {
                return Err(Self::PROBED);
            }
            *at_work += 1;
        }
        let era = state.era;
        self.tell(change, state);
        Ok(Passage { breaker: Arc::clone(self), era, deadline, is_reported: false })
    }

    /// Returns how it stands. An open one stays so until it is asked for a call after its pause.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        match self.state.lock().unwrap_or_else(PoisonError::into_inner).phase {
            Phase::Closed(_) => CircuitState::Closed,
            Phase::HalfOpen { .. } => CircuitState::HalfOpen,
            Phase::Open { .. } => CircuitState::Open,
        }
    }

    fn report(&self, era: u64, health: Health) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.era != era {
            return;
        }
        let change = match &mut state.phase {
            Phase::Closed(window) => self.count(window, health).map(|count| self.open(&mut state, Some(count))),
            Phase::HalfOpen { at_work, answered } => {
                *at_work = at_work.saturating_sub(1);
                match health {
                    Health::Good if answered.saturating_add(1) >= self.config.probes => Some(self.close(&mut state)),
                    Health::Good => {
                        *answered += 1;
                        None
                    }
                    Health::Failed => Some(self.open(&mut state, None)),
                    Health::Unknown => None,
                }
            }
            // Nobody enters an open one, and whoever entered before did so in another era.
            Phase::Open { .. } => None,
        };
        self.tell(change, state);
    }

    /// Counts a call; gives what there is if that is too much. Only a failure opens, never a call that was answered.
    fn count(&self, window: &mut Window, health: Health) -> Option<Count> {
        let is_failure = match health {
            Health::Good => false,
            Health::Failed => true,
            Health::Unknown => return None,
        };
        let count = window.record(is_failure, Instant::now());
        let share = count.calls.saturating_mul(u64::from(self.config.failure_percent));
        let is_too_much =
            count.failures.saturating_mul(100) >= share && count.calls >= u64::from(self.config.min_calls);
        (is_failure && is_too_much).then_some(count)
    }

    fn open(&self, state: &mut State, count: Option<Count>) -> Change {
        let doubled = self.config.pause.saturating_mul(1 << state.openings.min(30));
        let pause = doubled.min(*self.config.max_pause);
        state.openings = state.openings.saturating_add(1);
        state.enter(Phase::Open { until: Instant::now() + pause });
        Change::Opened { pause, count }
    }

    fn close(&self, state: &mut State) -> Change {
        state.openings = 0;
        state.enter(Phase::Closed(Window::new(*self.config.window, Instant::now())));
        Change::Closed
    }

    /// Tells operators of a change. The metric is set under the lock, so that the last change stays; the line is written
    /// after it.
    fn tell(&self, change: Option<Change>, state: std::sync::MutexGuard<'_, State>) {
        let Some(change) = change else { return };
        self.decisions.circuit_is(match change {
            Change::Opened { .. } => CircuitState::Open,
            Change::HalfOpened => CircuitState::HalfOpen,
            Change::Closed => CircuitState::Closed,
        });
        drop(state);
        let connection = self.decisions.connection();
        match change {
            Change::Opened { pause, count } => {
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                let (calls, failures) = (count.map(|count| count.calls), count.map(|count| count.failures));
                warn!(connection, pause_ms, calls, failures, "circuit breaker opened");
            }
            Change::HalfOpened => info!(connection, "circuit breaker half-open"),
            Change::Closed => info!(connection, "circuit breaker closed"),
        }
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.era += 1;
        self.phase = phase;
    }
}

/// A call that a [`Breaker`] has let through.
///
/// One that is dropped before it was reported tells nothing, and gives back its place among the probes; unless its
/// deadline is over, since then it was dropped because the other side was too slow, which is a failure.
#[derive(Debug)]
pub struct Passage {
    breaker: Arc<Breaker>,
    era: u64,
    deadline: Option<Deadline>,
    is_reported: bool,
}

impl Passage {
    /// Says what the call has told of the other side.
    pub fn report(mut self, health: Health) {
        self.is_reported = true;
        self.breaker.report(self.era, health);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if !self.is_reported {
            let is_late = self.deadline.is_some_and(|deadline| deadline.is_over());
            self.breaker.report(self.era, if is_late { Health::Failed } else { Health::Unknown });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::time::advance;

    use super::*;

    fn breaker() -> Arc<Breaker> {
        Breaker::new(CircuitBreakerConfig::default(), &Arc::new(Decisions::new("CRM")))
    }

    fn calls(breaker: &Arc<Breaker>, number: u32, health: Health) {
        (0..number).for_each(|_| breaker.enter(None).unwrap().report(health));
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_probes_and_closes() {
        let breaker = breaker();
        calls(&breaker, 5, Health::Good);
        calls(&breaker, 4, Health::Failed);
        assert_eq!(breaker.state(), CircuitState::Closed);
        calls(&breaker, 1, Health::Failed);
        assert_eq!(breaker.enter(None).unwrap_err(), Duration::from_secs(5));
        advance(Duration::from_secs(4)).await;
        assert_eq!(breaker.enter(None).unwrap_err(), Duration::from_secs(1));
        advance(Duration::from_secs(1)).await;
        let probes: Vec<_> = (0..3).map(|_| breaker.enter(None).unwrap()).collect();
        assert_eq!(breaker.enter(None).unwrap_err(), Breaker::PROBED);
        probes.into_iter().for_each(|probe| probe.report(Health::Good));
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_until_it_closes() {
        let breaker = breaker();
        calls(&breaker, 10, Health::Failed);
        for pause in [5, 10, 20, 40, 60, 60] {
            assert_eq!(breaker.enter(None).unwrap_err(), Duration::from_secs(pause));
            advance(Duration::from_secs(pause)).await;
            calls(&breaker, 1, Health::Failed);
        }
        advance(Duration::from_secs(60)).await;
        calls(&breaker, 3, Health::Good);
        calls(&breaker, 10, Health::Failed);
        assert_eq!(breaker.enter(None).unwrap_err(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_gives_its_place_back() {
        let breaker = breaker();
        calls(&breaker, 10, Health::Failed);
        advance(Duration::from_secs(5)).await;
        let probes: Vec<_> = (0..3).map(|_| breaker.enter(None).unwrap()).collect();
        drop(probes);
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        calls(&breaker, 2, Health::Unknown);
        calls(&breaker, 3, Health::Good);
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_when_its_time_is_over_has_failed() {
        let breaker = breaker();
        let call = || breaker.enter(Some(Deadline::after(Duration::from_secs(1)))).unwrap();
        drop((0..20).map(|_| call()).collect::<Vec<_>>());
        assert_eq!(breaker.state(), CircuitState::Closed, "their callers have gone");
        let late: Vec<_> = (0..10).map(|_| call()).collect();
        advance(Duration::from_secs(1)).await;
        drop(late);
        assert_eq!(breaker.state(), CircuitState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_begun_before_says_nothing_of_how_things_are_now() {
        let breaker = breaker();
        let slow: Vec<_> = (0..5).map(|_| breaker.enter(None).unwrap()).collect();
        calls(&breaker, 10, Health::Failed);
        advance(Duration::from_secs(5)).await;
        let probe = breaker.enter(None).unwrap();
        slow.into_iter().for_each(|call| call.report(Health::Failed));
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        probe.report(Health::Good);
        calls(&breaker, 2, Health::Good);
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Enter,
        End(usize, Health),
        Drop(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let health = prop_oneof![Just(Health::Good), Just(Health::Failed), Just(Health::Failed), Just(Health::Unknown)];
        prop_oneof![
            4 => Just(Step::Enter),
            4 => (0_usize..8, health).prop_map(|(which, health)| Step::End(which, health)),
            1 => (0_usize..8).prop_map(Step::Drop),
            1 => (0_u64..8_000).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// Whatever happens: an open breaker lets nothing through before its pause is over, never more probes than allowed
        /// are at work, and with good answers it always closes in the end.
        #[test]
        fn it_keeps_its_promises_whatever_happens(steps in prop::collection::vec(step(), 1..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let breaker = breaker();
                let (mut at_work, mut closed_until) = (Vec::<(u64, Passage)>::new(), None::<Instant>);
                for step in steps {
                    let before = breaker.state();
                    match step {
                        Step::Enter => match breaker.enter(None) {
                            Ok(passage) => {
                                prop_assert!(closed_until.is_none_or(|until| Instant::now() >= until));
                                at_work.push((passage.era, passage));
                            }
                            Err(wait) => prop_assert!(before != CircuitState::Closed && wait <= Duration::from_secs(60)),
                        },
                        Step::End(which, health) if !at_work.is_empty() => {
                            let (_, passage) = at_work.swap_remove(which % at_work.len());
                            passage.report(health);
                        }
                        Step::Drop(which) if !at_work.is_empty() => drop(at_work.swap_remove(which % at_work.len())),
                        Step::Wait(millis) => advance(Duration::from_millis(millis)).await,
                        _ => {}
                    }
                    let state = breaker.state();
                    if state == CircuitState::Open && before != CircuitState::Open {
                        closed_until = Some(Instant::now() + breaker.enter(None).unwrap_err());
                    }
                    let era = breaker.state.lock().unwrap().era;
                    let probes = at_work.iter().filter(|(begun, _)| *begun == era).count();
                    prop_assert!(state != CircuitState::HalfOpen || probes <= 3);
                }
                at_work.clear();
                advance(Duration::from_secs(60)).await;
                for _ in 0..3 {
                    breaker.enter(None).expect("its pause is over, and nothing is at work").report(Health::Good);
                }
                prop_assert_eq!(breaker.state(), CircuitState::Closed);
                Ok(())
            })?;
        }
    }
}
