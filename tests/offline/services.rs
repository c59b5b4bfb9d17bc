//! Services among themselves, and the layers around them.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use zato::{
    Binder, Context, Definition, Error, Invoke, Kind, MAX_DEPTH, Raw, Result, Service, Value, model, service, services,
    testing,
    testing::{SequentialIds, TestClock},
    tracing::Level,
};

use crate::support::{Answer, assert_answer, cid};

#[model]
#[derive(Debug, PartialEq)]
struct Number {
    n: i64,
}

/// Doubles a number.
#[service(name = "double")]
async fn double(ctx: &Context, input: Number) -> Result<Number> {
    zato::tracing::info!(n = input.n, cid = %ctx.cid(), "doubling");
    Ok(Number { n: input.n * 2 })
}

fn number(value: &Value) -> i64 {
    value.get("n").and_then(Value::as_i64).expect("a number")
}

/// Doubles three numbers at once, in each of the ways.
#[service(name = "sum")]
async fn sum(ctx: &Context, input: Number, #[invoke] doubled: &Invoke<double>) -> Result<Number> {
    let (first, second, third) = tokio::join!(
        ctx.invoke::<double>(Number { n: input.n }),
        doubled.call(ctx, Number { n: input.n + 1 }),
        ctx.invoke_by_name("double", serde_json::json!({ "n": input.n + 2 })),
    );
    Ok(Number { n: first?.n + second?.n + number(&third?) })
}

/// Invokes itself without an end.
#[service(name = "endless")]
async fn endless(ctx: &Context, input: Number) -> Result<Number> {
    match ctx.invoke_by_name("endless", serde_json::json!({ "n": input.n + 1 })).await {
        Ok(value) => Ok(Number { n: number(&value) }),
        Err(error) => {
            assert_eq!((error.kind(), error.message()), (Kind::Internal, TOO_DEEP));
            Ok(input)
        }
    }
}

const TOO_DEEP: &str = "the service endless stands 32 invocations deep and may not invoke another";

/// Invokes what it is told to.
#[service(name = "invoke")]
async fn invoke(ctx: &Context, input: Value) -> Result<Value> {
    let name = input.get("service").and_then(Value::as_str).unwrap_or_default();
    ctx.invoke_by_name(name, input.get("input").cloned().unwrap_or_default()).await
}

/// Panics.
#[service(name = "panic")]
async fn panic() -> Result<()> {
    let empty: Vec<u8> = Vec::new();
    assert_eq!(empty.len(), 1, "canary-panic");
    Ok(())
}

/// Waits for longer than anybody has.
#[service(name = "wait")]
async fn wait() -> Result<()> {
    std::future::pending().await
}

/// Waits until it is told to go on.
#[service(name = "gate")]
async fn gate(#[state] gate: Arc<Gate>) -> Result<()> {
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(())
}

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

/// Says when it is, and who asks.
#[service(name = "now")]
async fn now(ctx: &Context) -> Result<Raw> {
    Ok(Raw::new(format!("{} {} {}", ctx.now().to_rfc3339(), ctx.cid(), ctx.random())).with_content_type("text/plain"))
}

/// An error of a user's own.
#[derive(Debug)]
enum BankError {
    Unknown,
    Locked,
}

impl From<BankError> for Error {
    fn from(error: BankError) -> Self {
        match error {
            BankError::Unknown => Self::not_found("no such account"),
            BankError::Locked => Self::conflict("locked by user 7").with_public("the account is locked"),
        }
    }
}

/// Fails with an error of its own.
#[service(name = "own-error")]
async fn own_error(input: Number) -> std::result::Result<(), BankError> {
    if input.n == 0 { Err(BankError::Unknown) } else { Err(BankError::Locked) }
}

/// Fails with an error of a library.
#[service(name = "parse")]
async fn parse(input: Raw) -> Result<Number> {
    Ok(Number { n: std::str::from_utf8(&input.bytes().await?)?.parse()? })
}

/// The same as `double`, by hand.
struct ByHand {
    double: Invoke<double>,
}

impl Service for ByHand {
    type Input = Number;
    type Output = Number;

    fn definition() -> Definition {
        Definition::of::<Self>("by-hand").docs("Doubles a number.").invoke::<Invoke<double>>()
    }

    fn bind(binder: &Binder<'_>) -> Result<Self> {
        Ok(Self { double: binder.invoke()? })
    }

    async fn call(&self, ctx: &Context, input: Number) -> Result<Number> {
        self.double.call(ctx, input).await
    }
}

const CONFIG: &str = "
server: {max_concurrent_requests: 1, max_queued_requests: 1}
channel_rest:
  - {name: sum, url_path: /sum, service: sum}
  - {name: endless, url_path: /endless, service: endless}
  - {name: invoke, url_path: /invoke, service: invoke}
  - {name: panic, url_path: /panic, service: panic}
  - {name: wait, url_path: /wait, service: wait}
  - {name: wait-5, url_path: /wait-5, service: wait, timeout: 5s}
  - {name: gate, url_path: /gate, service: gate}
  - {name: now, url_path: /now, service: now}
  - {name: own, url_path: /own, service: own-error}
  - {name: parse, url_path: /parse, service: parse}
  - {name: by-hand, url_path: /by-hand, service: by-hand}
";

async fn started() -> (zato::Running, testing::Client, Arc<Gate>) {
    let door = Arc::new(Gate::default());
    let services = services![double, sum, endless, invoke, panic, wait, gate, now, own_error, parse, ByHand];
    let app = testing::app("services").services(services).state(Arc::clone(&door)).config_yaml(CONFIG);
    let app = app.start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, door)
}

#[tokio::test]
async fn services_invoke_one_another_typed_by_name_and_at_once() {
    let logs = testing::capture_logs();
    let (app, client, _) = started().await;
    assert_answer(client.post("/sum", r#"{"n":1}"#).await, &Answer::json(200, &cid(1), r#"{"n":12}"#));
    assert_answer(client.post("/by-hand", r#"{"n":4}"#).await, &Answer::json(200, &cid(2), r#"{"n":8}"#));
    assert_eq!(app.invoke::<sum>(Number { n: 1 }).await.unwrap(), Number { n: 12 });
    assert_eq!(app.invoke_by_name("sum", serde_json::json!({"n": 1})).await.unwrap(), serde_json::json!({"n": 12}));
    let doubling: Vec<_> = logs.events().into_iter().filter(|event| event.message == "doubling").collect();
    let seen = |field: &str| doubling.iter().map(|event| event.fields[field].clone()).collect::<Vec<_>>();
    let cids = [1, 1, 1, 2, 3, 3, 3, 4, 4, 4].map(cid);
    assert_eq!(seen("cid"), cids, "the same correlation id in all services of a request");
    let spans = |field: &str| doubling.iter().map(|event| event.span[field].clone()).collect::<Vec<_>>();
    assert_eq!(spans("zato.cid"), cids);
    assert_eq!(spans("zato.service"), vec!["double"; 10]);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_said_to_be_missing() {
    let logs = testing::capture_logs();
    let (app, client, _) = started().await;
    let reply = client.post("/invoke", r#"{"service":"doubel","input":{"n":1}}"#).await;
    assert_answer(reply, &Answer::problem(500, &cid(1), "an error has occurred"));
    let told = "no service named \"doubel\"; did you mean \"double\"? (by-hand, double, endless, gate, invoke, now, \
                own-error, panic, parse, sum and 1 more)";
    let event = logs.events().pop().expect("the failure is logged");
    assert_eq!((event.level, event.fields["error"].as_str()), (Level::ERROR, told));
    let error = app.invoke_by_name("doubel", Value::Null).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::NotFound, told));
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_told_to_the_service_that_invokes() {
    let (app, client, _) = started().await;
    let reply = client.post("/invoke", r#"{"service":"double","input":{"n":"x"}}"#).await;
    assert_answer(reply, &Answer::faults(&cid(1), &[("/n", "expected an integer, got a string (value: x)")]));
    let error = app.invoke_by_name("double", serde_json::json!({"n": 1.5})).await.unwrap_err();
    let told = "the input can't be used: /n: expected an integer, got a number with a fraction";
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::InvalidInput, told));
}

#[tokio::test]
async fn services_that_invoke_one_another_without_an_end_are_stopped() {
    let (app, client, _) = started().await;
    let deepest = u64::from(MAX_DEPTH) - 1;
    let expected = Answer::json(200, &cid(1), &format!("{{\"n\":{deepest}}}"));
    assert_answer(client.post("/endless", r#"{"n":0}"#).await, &expected);
    let statistics = app.statistics();
    let endless = statistics.iter().find(|one| one.service == "endless").unwrap();
    assert_eq!((endless.count, endless.errors, endless.in_flight), (u64::from(MAX_DEPTH), 0, 0));
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_app_goes_on() {
    let logs = testing::capture_logs();
    let (app, client, _) = started().await;
    for number in 1..=3 {
        let expected = Answer::problem(500, &cid(number), "an error has occurred");
        assert_answer(client.post("/panic", "").await, &expected);
    }
    let reply = client.post("/invoke", r#"{"service":"panic","input":null}"#).await;
    assert_answer(reply, &Answer::problem(500, &cid(4), "an error has occurred"));
    assert_answer(client.post("/sum", r#"{"n":1}"#).await, &Answer::json(200, &cid(5), r#"{"n":12}"#));
    let event = logs.events().into_iter().find(|event| event.message == "request failed").unwrap();
    assert_eq!((event.level, event.span["zato.cid"].as_str()), (Level::ERROR, cid(1).as_str()));
    let told = "the service panicked: assertion `left == right` failed: canary-panic\n  left: 0\n right: 1";
    assert_eq!(event.fields["error"], told);
    let statistics = app.statistics();
    let panicked = statistics.iter().find(|one| one.service == "panic").unwrap();
    assert_eq!((panicked.count, panicked.errors, panicked.in_flight), (4, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_service_has_as_long_as_its_channel_says() {
    let (app, client, _) = started().await;
    let start = tokio::time::Instant::now();
    let late = |number| Answer::problem(504, &cid(number), "the request took too long");
    assert_answer(client.post("/wait", "").await, &late(1));
    assert_eq!(start.elapsed().as_secs(), 30, "the default");
    assert_answer(client.post("/wait-5", "").await, &late(2));
    assert_eq!(start.elapsed().as_secs(), 35);
    assert_answer(client.post("/invoke", r#"{"service":"wait"}"#).await, &late(3));
    assert_eq!(start.elapsed().as_secs(), 65, "an invoked service ends with the request");
    let statistics = app.statistics();
    let waited = statistics.iter().find(|one| one.service == "wait").unwrap();
    assert_eq!((waited.count, waited.errors, waited.in_flight), (3, 3, 0));
    let exact = |latency: Duration, secs: u64| latency.abs_diff(Duration::from_secs(secs)) < Duration::from_millis(310);
    assert!(exact(waited.p50, 30) && exact(waited.max, 30), "{waited:?}");
}

#[tokio::test]
async fn what_is_too_much_is_refused_at_once() {
    let (app, client, door) = started().await;
    let (first, second) = (client.clone(), client.clone());
    let refused = async {
        door.entered.notified().await;
        // One is in work; another one waits, and is polled first.
        tokio::task::yield_now().await;
        let reply = client.post("/sum", r#"{"n":1}"#).await;
        let gate = app.statistics().into_iter().find(|one| one.service == "gate").unwrap();
        assert_eq!((gate.count, gate.in_flight), (0, 2));
        door.open.notify_one();
        door.entered.notified().await;
        door.open.notify_one();
        reply
    };
    let (first, second, refused) = tokio::join!(first.post("/gate", ""), second.post("/gate", ""), refused);
    assert_answer(first, &Answer::empty(204, &cid(1)));
    assert_answer(second, &Answer::empty(204, &cid(2)));
    assert_answer(refused, &Answer::problem(503, &cid(3), "temporarily unavailable").header("retry-after", "1"));
    assert_answer(client.post("/sum", r#"{"n":1}"#).await, &Answer::json(200, &cid(4), r#"{"n":12}"#));
    let statistics = app.statistics();
    let seen = |name| statistics.iter().find(|one| one.service == name).map(|it| (it.count, it.errors, it.in_flight));
    assert_eq!((seen("gate"), seen("sum"), seen("double")), (Some((2, 0, 0)), Some((2, 1, 0)), Some((3, 0, 0))));
}

#[tokio::test]
async fn a_request_that_its_caller_gives_up_gives_its_place_back() {
    let (app, client, door) = started().await;
    {
        let given_up = client.post("/gate", "");
        tokio::select! {
            _ = given_up => panic!("nobody opens the gate"),
            () = door.entered.notified() => {}
        }
    }
    assert_answer(client.post("/sum", r#"{"n":1}"#).await, &Answer::json(200, &cid(2), r#"{"n":12}"#));
    let gate = app.statistics().into_iter().find(|one| one.service == "gate").unwrap();
    assert_eq!((gate.count, gate.errors, gate.in_flight), (1, 1, 0));
}

#[tokio::test]
async fn any_error_that_converts_is_told_by_its_kind() {
    let logs = testing::capture_logs();
    let (_app, client, _) = started().await;
    assert_answer(client.post("/own", r#"{"n":0}"#).await, &Answer::problem(404, &cid(1), "no such account"));
    assert_answer(client.post("/own", r#"{"n":1}"#).await, &Answer::problem(409, &cid(2), "the account is locked"));
    assert_answer(client.post("/parse", "x").await, &Answer::problem(500, &cid(3), "an error has occurred"));
    assert_answer(client.post("/parse", "7").await, &Answer::json(200, &cid(4), r#"{"n":7}"#));
    let errors: Vec<_> = logs.events().into_iter().filter(|event| event.level <= Level::INFO).collect();
    let errors: Vec<_> =
        errors.iter().filter_map(|event| Some((event.level, event.fields.get("error")?.as_str()))).collect();
    assert_eq!(
        errors,
        [
            (Level::INFO, "no such account"),
            (Level::INFO, "locked by user 7"),
            (Level::ERROR, "unexpected error: invalid digit found in string"),
        ]
    );
}

#[tokio::test]
async fn time_ids_and_chance_are_the_apps() {
    let clock = TestClock::at("2026-01-31T12:00:00Z");
    let app = testing::app("services").services(services![now]).ambient(clock.clone(), SequentialIds::default());
    let app = app.config_yaml("channel_rest: [{name: now, url_path: /now, service: now}]").start().await.unwrap();
    let client = testing::client(&app);
    let said = |number, time: &str, random: u64| {
        Answer::new(200, &cid(number), "text/plain", &format!("{time} {} {random}", cid(number)))
    };
    assert_answer(client.get("/now").await, &said(1, "2026-01-31T12:00:00+00:00", 2));
    clock.advance(Duration::from_secs(90));
    assert_answer(client.get("/now").await, &said(3, "2026-01-31T12:01:30+00:00", 4));
}
