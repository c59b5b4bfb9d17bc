//! The layers together, around a partner that is a function.

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{
    CircuitState, Deadline, OutgoingRequest, OutgoingResponse, Repeat, Resilience, Verdict, bulkhead::Place,
    circuit_breaker::CircuitBreakerConfig, hedge::HedgingConfig, retry::RetryConfig,
};
use crate::{
    ambient::{Ambient, Random},
    config::{self, from_node, yaml},
    error::{Error, Kind, Result, Retry},
    metrics::Exposition,
    rate::RateLimiter,
};

#[derive(Clone, Debug)]
struct Ask {
    repeat: Repeat,
    deadline: Option<Deadline>,
}

impl OutgoingRequest for Ask {
    fn repeat(&self) -> Repeat {
        self.repeat
    }

    fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }
}

fn ask(repeat: Repeat) -> Ask {
    Ask { repeat, deadline: None }
}

fn ask_within(seconds: u64) -> Ask {
    Ask { repeat: Repeat::Safe, deadline: Some(Deadline::after(Duration::from_secs(seconds))) }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    place: Option<Place>,
}

impl Answer {
    fn new(status: u16) -> Self {
        Self { status, retry_after: None, place: None }
    }
}

impl OutgoingResponse for Answer {
    fn verdict(&self) -> Verdict {
        Verdict::of_status(http::StatusCode::from_u16(self.status).unwrap(), self.retry_after)
    }

    fn hold(&mut self, place: Place) {
        self.place = Some(place);
    }
}

/// Pauses are as long as they may be.
struct Longest;

impl Random for Longest {
    fn bits(&self) -> u128 {
        u128::MAX
    }
}

struct RealClock;

impl crate::ambient::Clock for RealClock {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::UNIX_EPOCH
    }
}

fn resilience() -> Resilience {
    Resilience::new("CRM", &Ambient::new(RealClock, Longest))
}

/// A partner that counts its calls, and answers the number of each by a function.
fn partner<F>(
    answer: impl Fn(u32) -> F + Clone + Send + 'static,
) -> (Arc<AtomicU32>, impl Service<Ask, Response = Answer, Error = Error, Future = F> + Clone + Send)
where
    F: Future<Output = Result<Answer>> + Send,
{
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    (calls, service_fn(move |_: Ask| answer(counted.fetch_add(1, SeqCst) + 1)))
}

fn status(code: u16) -> Ready<Result<Answer>> {
    ready(Ok(Answer::new(code)))
}

#[tokio::test(start_paused = true)]
async fn only_what_may_be_sent_twice_is_tried_again() {
    let (unsent, later) = (Error::upstream("refused").with_retry(Retry::Unsent), Error::upstream("reset"));
    for (repeat, error, calls_expected) in [
        (Repeat::Safe, &later, 3),
        (Repeat::Unsent, &later, 1),
        (Repeat::Unsent, &unsent, 3),
        (Repeat::Never, &unsent, 1),
    ] {
        let retry = error.retry();
        let (calls, partner) = partner(move |_| async move { Err(Error::upstream("failed").with_retry(retry)) });
        let resilience = resilience().with_retry(&RetryConfig::default());
        let since = Instant::now();
        let result = resilience.layer(partner).oneshot(ask(repeat)).await;
        assert_eq!(result.unwrap_err().kind(), Kind::Upstream);
        assert_eq!(calls.load(SeqCst), calls_expected, "{repeat:?} {retry:?}");
        let paused = if calls_expected == 3 { 300..=302 } else { 0..=0 };
        assert!(paused.contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_may_change_is_asked_for_again_and_others_are_handed_on() {
    for (code, calls_expected, handed_on) in
        [(200, 1, 200), (404, 1, 404), (500, 1, 500), (429, 2, 200), (502, 2, 200), (503, 2, 200), (504, 2, 200)]
    {
        let (calls, partner) = partner(move |call| status(if call == 1 { code } else { 200 }));
        let service = resilience().with_retry(&RetryConfig::default()).layer(partner);
        assert_eq!(service.oneshot(ask(Repeat::Safe)).await.unwrap().status, handed_on, "{code}");
        assert_eq!(calls.load(SeqCst), calls_expected, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_if_there_is_time_for_it() {
    for (seconds, within, calls_expected, handed_on) in
        [(3, Some(10), 2, 200), (30, Some(10), 1, 503), (30, None, 1, 503)]
    {
        let (calls, partner) = partner(move |call| async move {
            let answer = Answer::new(if call == 1 { 503 } else { 200 });
            Ok(Answer { retry_after: Some(Duration::from_secs(seconds)), ..answer })
        });
        let since = Instant::now();
        let request = within.map_or(ask(Repeat::Safe), ask_within);
        let service = resilience().with_retry(&RetryConfig::default()).layer(partner);
        assert_eq!(service.oneshot(request).await.unwrap().status, handed_on);
        assert_eq!(calls.load(SeqCst), calls_expected);
        let waited = if calls_expected == 2 { seconds } else { 0 };
        assert_eq!(since.elapsed().as_secs(), waited, "it gives up at once");
    }
}

#[tokio::test(start_paused = true)]
async fn no_pause_goes_past_the_deadline() {
    let config = RetryConfig { sleep_time: config::Duration::from_secs(2), ..RetryConfig::default() };
    let (calls, partner) = partner(|_| status(503));
    let since = Instant::now();
    let answer = resilience().with_retry(&config).layer(partner).oneshot(ask_within(3)).await;
    // After the first pause of two seconds there is no time for the second one of four.
    assert_eq!((answer.unwrap().status, calls.load(SeqCst), since.elapsed().as_secs()), (503, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn retries_stay_within_their_share_when_everything_fails() {
    let config = RetryConfig { budget_min_per_second: 0, ..RetryConfig::default() };
    let resilience = resilience().with_retry(&config);
    let (calls, partner) = partner(|_| status(503));
    let service = resilience.layer(partner);
    for _ in 0..1_000 {
        assert_eq!(service.clone().oneshot(ask(Repeat::Safe)).await.unwrap().status, 503);
    }
    assert_eq!(calls.load(SeqCst), 1_200, "a fifth more than there are calls");
    assert_eq!(resilience.decisions().retries(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_bounded_and_nobody_else_notices() {
    let slow = || async {
        sleep(Duration::from_secs(5)).await;
        status(200).await
    };
    let (calls, stalling) = partner(move |_| slow());
    let resilience = resilience().with_bulkhead(10, 100);
    let service = resilience.layer(stalling);
    let mut crowd = JoinSet::new();
    for _ in 0..1_000 {
        crowd.spawn(service.clone().oneshot(ask_within(7)));
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!((calls.load(SeqCst), crowd.len()), (10, 1_000));
    let (_, well) = partner(|_| status(200));
    let other = Resilience::new("Payments", &Ambient::default()).with_bulkhead(10, 100).layer(well);
    let since = Instant::now();
    assert_eq!(other.oneshot(ask(Repeat::Safe)).await.unwrap().status, 200);
    assert_eq!(since.elapsed(), Duration::ZERO);

    let (mut answered, mut refused, mut late) = (0, 0, 0);
    while let Some(result) = crowd.join_next().await {
        match result.unwrap().map_err(|error| (error.kind(), error.retry_after())) {
            Ok(_) => answered += 1,
            Err((Kind::Unavailable, Some(_))) => refused += 1,
            Err((Kind::Timeout, _)) => late += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    // Ten had an answer after 5 s; those who took their places have no time left at 7 s, and neither has the rest of the
    // queue, for whom nobody was called.
    assert_eq!((answered, refused, late), (10, 980, 10));
    assert_eq!(calls.load(SeqCst), 20, "who has no time left is not called for");
    assert_eq!(waiting(&resilience), 0);
    assert_eq!(service.oneshot(ask_within(7)).await.unwrap().status, 200, "all places are back");
}

fn waiting(resilience: &Resilience) -> u32 {
    metric(resilience, "zato_connection_waiting_calls{name=\"CRM\"}")
}

fn metric(resilience: &Resilience, name: &str) -> u32 {
    let mut exposition = Exposition::default();
    resilience.decisions().write(&[("name", "CRM")], &mut exposition);
    let text = exposition.to_string();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_body_is_to_come_keeps_its_place() {
    let (_, partner) = partner(|_| status(200));
    let service = resilience().with_bulkhead(1, 0).layer(partner);
    let answer = service.clone().oneshot(ask(Repeat::Safe)).await.unwrap();
    assert_eq!(service.clone().oneshot(ask(Repeat::Safe)).await.unwrap_err().kind(), Kind::Unavailable);
    drop(answer);
    assert!(service.oneshot(ask(Repeat::Safe)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_partner_that_stalls_opens_the_breaker_and_one_that_is_well_closes_it() {
    let stalls = Arc::new(AtomicU32::new(1));
    let is_stalling = Arc::clone(&stalls);
    let (calls, partner) = partner(move |_| {
        let is_stalling = is_stalling.load(SeqCst) > 0;
        async move {
            sleep(Duration::from_secs(if is_stalling { 60 } else { 0 })).await;
            status(200).await
        }
    });
    let resilience = resilience()
        .with_bulkhead(10, 1_000)
        .with_retry(&RetryConfig::default())
        .with_circuit_breaker(&CircuitBreakerConfig::default());
    let service = resilience.layer(partner);
    let mut crowd = JoinSet::new();
    (0..10).for_each(|_| drop(crowd.spawn(service.clone().oneshot(ask_within(2)))));
    while let Some(result) = crowd.join_next().await {
        assert_eq!(result.unwrap().unwrap_err().kind(), Kind::Timeout);
    }
    assert_eq!(resilience.decisions().circuit(), Some(CircuitState::Open));
    assert_eq!(metric(&resilience, "zato_connection_circuit_breaker_state{name=\"CRM\"}"), 2);
    let refused = service.clone().oneshot(ask_within(2)).await.unwrap_err();
    assert_eq!((refused.kind(), refused.retry_after()), (Kind::Unavailable, Some(Duration::from_secs(5))));
    assert_eq!(calls.load(SeqCst), 10, "an open breaker is not tried again");
    stalls.store(0, SeqCst);
    sleep(Duration::from_secs(5)).await;
    for _ in 0..3 {
        assert_eq!(service.clone().oneshot(ask_within(2)).await.unwrap().status, 200);
    }
    assert_eq!(resilience.decisions().circuit(), Some(CircuitState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_is_sent_a_second_time_and_the_first_good_answer_counts() {
    let config = HedgingConfig { delay: Some(config::Duration::from_millis(200)), ..HedgingConfig::default() };
    for (repeat, first, second, calls_expected, took) in [
        (Repeat::Safe, (100, 200), (0, 200), 1, 100),
        (Repeat::Safe, (1_000, 200), (100, 200), 2, 300),
        (Repeat::Safe, (1_000, 200), (100, 503), 2, 1_000),
        (Repeat::Safe, (300, 503), (300, 200), 2, 500),
        (Repeat::Safe, (250, 200), (1_000, 200), 2, 250),
        (Repeat::Unsent, (1_000, 200), (0, 200), 1, 1_000),
    ] {
        let (calls, partner) = partner(move |call| async move {
            let (millis, code) = if call == 1 { first } else { second };
            sleep(Duration::from_millis(millis)).await;
            status(code).await
        });
        let since = Instant::now();
        let service = resilience().with_hedging(&config).layer(partner);
        assert_eq!(service.oneshot(ask(repeat)).await.unwrap().status, 200);
        let millis = since.elapsed().as_millis();
        assert!((took..=took + 2).contains(&millis), "{first:?} {second:?}: {millis}");
        assert_eq!(calls.load(SeqCst), calls_expected, "{first:?} {second:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn second_requests_stay_within_their_share() {
    let delay = Some(config::Duration::from_millis(10));
    let config = HedgingConfig { delay, budget_percent: 10, budget_min_per_second: 0 };
    let resilience = resilience().with_hedging(&config);
    let (calls, partner) = partner(|_| async {
        sleep(Duration::from_secs(1)).await;
        status(200).await
    });
    let service = resilience.layer(partner);
    for _ in 0..100 {
        assert!(service.clone().oneshot(ask(Repeat::Safe)).await.is_ok());
    }
    assert_eq!(calls.load(SeqCst), 110);
    assert_eq!(metric(&resilience, "zato_connection_hedges_total{name=\"CRM\"}"), 10);
}

#[tokio::test(start_paused = true)]
async fn a_call_too_many_is_refused_with_when_to_come_back() {
    let rules = from_node(&yaml::parse("a.yaml", "[{time_range: [{limit: 2, limit_unit: minute}]}]").unwrap()).unwrap();
    let resilience = resilience().with_rate_limit(Arc::new(RateLimiter::new(rules)));
    let (calls, partner) = partner(|_| status(200));
    let service = resilience.layer(partner);
    for _ in 0..2 {
        assert!(service.clone().oneshot(ask(Repeat::Safe)).await.is_ok());
    }
    let refused = service.oneshot(ask(Repeat::Safe)).await.unwrap_err();
    assert_eq!((refused.kind(), refused.retry_after()), (Kind::Unavailable, Some(Duration::from_secs(60))));
    assert_eq!((calls.load(SeqCst), resilience.decisions().refused()), (2, 1));
    assert_eq!(metric(&resilience, "zato_connection_refused_total{name=\"CRM\",reason=\"rate_limit\"}"), 1);
}

/// Drops calls after every stretch of time in which they can be anywhere: in the queue, with the partner, between two
/// attempts, beside a second request.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let hedging = HedgingConfig { delay: Some(config::Duration::from_millis(30)), ..HedgingConfig::default() };
    let breaker = CircuitBreakerConfig { min_calls: 1_000_000, ..CircuitBreakerConfig::default() };
    let resilience = resilience()
        .with_bulkhead(2, 10)
        .with_retry(&RetryConfig::default())
        .with_circuit_breaker(&breaker)
        .with_hedging(&hedging);
    let (_, failing) = partner(|_| async {
        sleep(Duration::from_millis(50)).await;
        status(503).await
    });
    let service = resilience.layer(failing);
    for millis in (1..600).step_by(7) {
        let mut crowd = JoinSet::new();
        for _ in 0..5 {
            let call = service.clone().oneshot(ask_within(10));
            crowd.spawn(timeout(Duration::from_millis(millis), call));
        }
        while crowd.join_next().await.is_some() {}
        assert_eq!(waiting(&resilience), 0, "{millis}");
    }
    let mut last = JoinSet::new();
    for _ in 0..12 {
        let call = service.clone().oneshot(ask_within(10));
        last.spawn(async { call.await.map(|answer| answer.status) });
    }
    let results = last.join_all().await;
    assert!(results.iter().all(|result| result.as_ref().is_ok_and(|status| *status == 503)), "{results:?}");
}

#[cfg(feature = "testing")]
#[tokio::test(start_paused = true)]
async fn operators_see_what_was_decided() {
    let logs = crate::testing::capture_logs();
    let breaker = CircuitBreakerConfig { min_calls: 3, probes: 1, ..CircuitBreakerConfig::default() };
    let resilience = resilience().with_retry(&RetryConfig::default()).with_circuit_breaker(&breaker);
    let (_, partner) = partner(|call| status(if call <= 3 { 503 } else { 200 }));
    let service = resilience.layer(partner);
    assert_eq!(service.clone().oneshot(ask(Repeat::Safe)).await.unwrap().status, 503);
    assert!(service.clone().oneshot(ask(Repeat::Safe)).await.is_err());
    sleep(Duration::from_secs(5)).await;
    assert!(service.oneshot(ask(Repeat::Safe)).await.is_ok());
    let lines: Vec<_> = logs.events().iter().map(|event| format!("{} {}", event.level, event.message)).collect();
    assert_eq!(
        lines,
        [
            "WARN call failed, trying again",
            "WARN call failed, trying again",
            "WARN circuit breaker opened",
            "DEBUG call not tried again",
            "DEBUG call refused",
            "INFO circuit breaker half-open",
            "INFO circuit breaker closed",
        ]
    );
    assert!(logs.events().iter().all(|event| event.fields["connection"] == "CRM"));
    assert_eq!(logs.events()[1].fields["pause_ms"], "200");
}
