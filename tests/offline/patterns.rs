//! Services that invoke many others, go on in the background, or try again.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use zato::{
    App, Context, Error, Kind, Result, Running, Value,
    loopback::Loopback,
    model,
    patterns::{Fallback, FanoutReply, RetryReply, TargetReply},
    rest::Rest,
    service, services,
    testing::{self, PartnerReply, RestFake},
};

use crate::support::{PATIENCE, cid, until};

#[model]
#[derive(Clone, Debug, PartialEq)]
struct Number {
    n: u64,
}

/// What the services of a test have seen, and what holds them up.
#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
    attempts: AtomicUsize,
    open: Notify,
    /// The kind of a channel, the service, and what it took.
    told: Mutex<Vec<(String, String, Value)>>,
}

impl Seen {
    fn tell(&self, ctx: &Context, what: Value) {
        let told = (ctx.channel().kind.to_owned(), ctx.service().to_owned(), what);
        self.told.lock().expect("nobody panicked with it").push(told);
    }

    fn told(&self) -> Vec<(String, String, Value)> {
        std::mem::take(&mut self.told.lock().expect("nobody panicked with it"))
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }
}

/// One call that runs.
struct Inside(Arc<Seen>);

impl Inside {
    fn enter(seen: &Arc<Seen>) -> Self {
        seen.begun.fetch_add(1, Ordering::Relaxed);
        let running = seen.running.fetch_add(1, Ordering::Relaxed) + 1;
        seen.most.fetch_max(running, Ordering::Relaxed);
        Self(Arc::clone(seen))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Doubles a number, the sooner the larger it is; 13 is none that it likes.
#[service(name = "double")]
async fn double(input: Number, #[state] seen: Arc<Seen>) -> Result<Number> {
    let _inside = Inside::enter(&seen);
    sleep(Duration::from_millis(20_u64.saturating_sub(input.n))).await;
    if input.n == 13 {
        return Err(Error::conflict("13 is unlucky"));
    }
    Ok(Number { n: input.n * 2 })
}

/// Waits until it is let go.
#[service(name = "gate")]
async fn gate(ctx: &Context, input: Value, #[state] seen: Arc<Seen>) -> Result<Value> {
    let _inside = Inside::enter(&seen);
    seen.open.notified().await;
    seen.tell(ctx, input.clone());
    Ok(input)
}

/// Gives back what it gets.
#[service(name = "echo")]
async fn echo(ctx: &Context, input: Value, #[state] seen: Arc<Seen>) -> Result<Value> {
    seen.tell(ctx, json!({ "cid": ctx.cid(), "caller": ctx.caller().map(|caller| &caller.username) }));
    Ok(input)
}

/// Panics.
#[service(name = "panic")]
async fn panic(input: Value) -> Result<Value> {
    panic!("{input} is too much")
}

/// Fails so many times as it is told, and then not.
#[service(name = "flaky")]
async fn flaky(input: Number, #[state] seen: Arc<Seen>) -> Result<Number> {
    match seen.attempts.fetch_add(1, Ordering::Relaxed) {
        attempt if attempt < usize::try_from(input.n)? => Err(Error::upstream("the partner is down")),
        _ => Ok(input),
    }
}

#[service(name = "note")]
async fn note(ctx: &Context, reply: TargetReply, #[state] seen: Arc<Seen>) -> Result<()> {
    seen.tell(ctx, serde_json::to_value(reply)?);
    Ok(())
}

#[service(name = "report")]
async fn report(ctx: &Context, reply: FanoutReply, #[state] seen: Arc<Seen>) -> Result<()> {
    seen.tell(ctx, serde_json::to_value(reply)?);
    Ok(())
}

#[service(name = "retried")]
async fn retried(ctx: &Context, reply: RetryReply, #[state] seen: Arc<Seen>) -> Result<()> {
    seen.tell(ctx, serde_json::to_value(reply)?);
    Ok(())
}

/// Takes what `double` gives.
#[service(name = "doubled")]
async fn doubled(ctx: &Context, input: Number, #[state] seen: Arc<Seen>) -> Result<()> {
    seen.tell(ctx, serde_json::to_value(input)?);
    Ok(())
}

/// Begins what it is told to, and doesn't wait.
#[service(name = "begin")]
async fn begin(ctx: &Context, targets: Vec<Value>) -> Result<Value> {
    let targets = targets.into_iter().map(|name| (name.as_str().unwrap_or_default().to_owned(), 7.into()));
    let ongoing = ctx.fanout(targets).on_target::<note>().on_final::<report>().start()?;
    Ok(json!(ongoing.cid()))
}

/// Begins itself in the background.
#[service(name = "endless")]
async fn endless(ctx: &Context, #[state] seen: Arc<Seen>) -> Result<()> {
    seen.begun.fetch_add(1, Ordering::Relaxed);
    ctx.invoke_async::<endless>(()).start().map(drop)
}

/// Uses its connection once it is let go.
#[service(name = "relay")]
async fn relay(#[out("Echo")] partner: Loopback, #[state] seen: Arc<Seen>) -> Result<Value> {
    let _inside = Inside::enter(&seen);
    seen.open.notified().await;
    Ok(String::from_utf8_lossy(&partner.call("hello").await?).into())
}

fn app(seen: &Arc<Seen>) -> App {
    let services = services![double, gate, echo, panic, flaky, note, report, retried, doubled, begin, endless, relay];
    testing::app("patterns").services(services).state(Arc::clone(seen))
}

const YAML: &str = "{server: {max_background_tasks: 2, shutdown_timeout: 100ms}, outgoing_loopback: [{name: Echo}]}";

async fn started() -> (Running, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    (app(&seen).config_yaml(YAML).start().await.expect("the app starts"), seen)
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Number> {
    numbers.into_iter().map(|n| Number { n })
}

#[tokio::test]
async fn results_come_in_the_order_of_the_inputs_and_so_many_run_at_once() -> Result<()> {
    let (app, seen) = started().await;
    let ctx = app.context();
    let results = ctx.parallel::<double>(numbers([1, 13, 9, 2])).at_most(2).await;
    let results: Vec<_> = results.into_iter().map(|result| result.map_err(|error| error.kind())).collect();
    assert_eq!(results, [Ok(Number { n: 2 }), Err(Kind::Conflict), Ok(Number { n: 18 }), Ok(Number { n: 4 })]);
    assert_eq!(seen.most.load(Ordering::Relaxed), 2);

    let all = ctx.parallel::<double>(numbers(14..54)).or_first_error().await?;
    assert_eq!(all, numbers((14..54).map(|n| n * 2)).collect::<Vec<_>>());
    assert_eq!(seen.most.load(Ordering::Relaxed), 16, "no more at once unless told otherwise");
    Ok(())
}

#[tokio::test]
async fn the_first_error_and_whoever_drops_the_future_cancel_the_rest() {
    let (app, seen) = started().await;
    let ctx = app.context();
    let failed = ctx.parallel::<double>(numbers([1, 13, 2])).at_most(2).or_first_error().await;
    assert_eq!(failed.unwrap_err().message(), "13 is unlucky");
    assert_eq!((seen.begun.load(Ordering::Relaxed), seen.running()), (2, 0), "the third never began");

    let waiting = ctx.parallel_by_name((0..3).map(|n| ("gate", n.into()))).into_future();
    assert!(timeout(Duration::from_millis(10), waiting).await.is_err());
    assert_eq!((seen.begun.load(Ordering::Relaxed), seen.running()), (5, 0));
}

#[tokio::test]
async fn different_services_give_one_set_of_results() -> Result<()> {
    let (app, _seen) = started().await;
    let ctx = app.context();
    let targets = [("double", json!({ "n": 21 })), ("panic", 1.into()), ("doble", 1.into()), ("double", json!({}))];
    let mut results = ctx.parallel_by_name(targets).await;
    let names: Vec<_> = results.iter().map(|(name, result)| (name, result.is_ok())).collect();
    assert_eq!(names, [("double", true), ("panic", false), ("doble", false), ("double", false)]);
    assert_eq!(results.take("double")?, json!({ "n": 42 }));
    let failed = |name: &str, results: &mut zato::patterns::Results| results.take(name).unwrap_err().to_string();
    assert_eq!(failed("panic", &mut results), "the service panicked: 1 is too much");
    assert!(failed("doble", &mut results).starts_with("no service named \"doble\"; did you mean \"double\"?"));
    assert_eq!(failed("double", &mut results), "the input can't be used: /n: missing");
    assert_eq!(failed("echo", &mut results), "no target named \"echo\"; none is defined");
    Ok(())
}

#[tokio::test]
async fn callbacks_are_told_everything() -> Result<()> {
    let (app, seen) = started().await;
    let begun = app.invoke_by_name("begin", json!(["echo", "panic"])).await?;
    assert_eq!(begun, cid(1));
    until("everything has ended", || seen.told.lock().expect("nobody panicked with it").len() == 4).await;
    let now = "2026-01-01T00:00:00Z";
    let echoed = json!({
        "source": "begin", "target": "echo", "response": 7, "ok": true, "req_ts_utc": now, "resp_ts_utc": now,
        "cid": cid(1),
    });
    let panicked = json!({
        "source": "begin", "target": "panic", "ok": false, "exception": "the service panicked: 7 is too much",
        "req_ts_utc": now, "resp_ts_utc": now, "cid": cid(1),
    });
    let all = json!({
        "source": "begin", "req_ts_utc": now, "on_target": ["note"], "on_final": ["report"],
        "data": { "echo": echoed, "panic": panicked },
    });
    let mut told = seen.told();
    let last = told.pop();
    told.sort_by_key(|(kind, _, what)| (kind.clone(), what.to_string()));
    let told_of = |kind: &str, service: &str, what: &Value| (kind.to_owned(), service.to_owned(), what.clone());
    let expected = [
        told_of("fanout-call", "echo", &json!({ "cid": cid(1), "caller": null })),
        told_of("fanout-on-target", "note", &echoed),
        told_of("fanout-on-target", "note", &panicked),
    ];
    assert_eq!(last, Some(told_of("fanout-on-final", "report", &all)));
    assert_eq!(told.len(), 3);
    assert!(expected.iter().all(|one| told.contains(one)), "{told:#?}");

    // Without an end of its own, it is what Zato calls parallel.
    let targets = [("echo", 1.into())];
    let ongoing = app.context().parallel_by_name(targets).on_target::<note>().cid("mine".parse()?).start()?;
    let reply = ongoing.wait().await?;
    assert_eq!((reply.on_final.len(), reply.data["echo"].cid.as_str()), (0, "mine"));
    let kinds: Vec<_> = seen.told().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["parallel-exec-call", "parallel-exec-on-target"]);
    Ok(())
}

#[tokio::test]
async fn what_can_not_work_is_refused_before_anything_begins() {
    let (app, seen) = started().await;
    let ctx = app.context();
    let refused = |result: Result<()>| result.unwrap_err().message().to_owned();
    let unknown = refused(ctx.fanout([("echo", 1.into()), ("ecko", 1.into())]).start().map(drop));
    assert!(unknown.starts_with("no service named \"ecko\"; did you mean \"echo\"?"), "{unknown}");
    let unknown = refused(ctx.fanout([("echo", 1.into())]).on_final_by_name("repor").start().map(drop));
    assert!(unknown.starts_with("no service named \"repor\"; did you mean \"report\"?"), "{unknown}");
    let twice = refused(ctx.fanout([("echo", 1.into()), ("echo", 2.into())]).start().map(drop));
    assert_eq!(
        twice,
        "the target echo is named twice; what is one service with many inputs is invoked with `parallel`"
    );
    assert_eq!(seen.told(), []);
}

#[tokio::test]
async fn a_call_in_the_background_hands_its_output_over() -> Result<()> {
    let (app, seen) = started().await;
    let ctx = app.context();
    ctx.invoke_async::<double>(Number { n: 20 }).callback::<doubled>().start()?.wait().await?;
    let told = ("invoke-async-callback".to_owned(), "doubled".to_owned(), json!({ "n": 40 }));
    assert_eq!(seen.told(), [told]);
    ctx.invoke_async_by_name("echo", 1.into()).callback_by_name("echo").start()?.wait().await?;
    let kinds: Vec<_> = seen.told().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["invoke-async", "invoke-async-callback"]);

    let failed = ctx.invoke_async::<double>(Number { n: 13 }).callback::<doubled>().start()?.wait().await;
    assert_eq!((failed.unwrap_err().kind(), seen.told()), (Kind::Conflict, Vec::new()));
    let slow = ctx.invoke_async_by_name("gate", 1.into()).timeout(Duration::from_millis(5)).start()?.wait().await;
    assert_eq!((slow.unwrap_err().kind(), seen.running()), (Kind::Timeout, 0));
    Ok(())
}

#[tokio::test]
async fn the_background_is_bounded_counted_and_cancelled() -> Result<()> {
    let (app, seen) = started().await;
    let ctx = app.context();
    let first = ctx.invoke_async_by_name("gate", 1.into()).start()?;
    let second = ctx.fanout([("gate", 2.into())]).on_final::<report>().start()?;
    until("both run", || seen.running() == 2).await;
    let full = ctx.invoke_async_by_name("gate", 3.into()).start().unwrap_err();
    assert_eq!((full.kind(), full.retry_after()), (Kind::Unavailable, Some(Duration::from_secs(1))));
    let (ready, metrics) = told_to_operators(&app).await;
    assert_eq!(ready["background"], 2);
    assert!(metrics.contains("zato_background_active_tasks{pattern=\"fanout\"} 1\n"), "{metrics}");
    assert!(metrics.contains("zato_background_refused_total 1\n"), "{metrics}");

    second.cancel();
    assert_eq!(second.wait().await.unwrap_err().kind(), Kind::Unavailable);
    until("the target has ended, too", || seen.running() == 1).await;
    drop(first);
    seen.open.notify_one();
    until("what nobody holds has ended", || seen.running() == 0).await;
    assert_eq!(seen.told().len(), 1, "no callback is told of what was cancelled");

    // What is written about it counts at once.
    app.apply_yaml("server: {max_background_tasks: 0}\noutgoing_loopback: [{name: Echo}]").await?;
    assert!(app.context().invoke_async_by_name("echo", 3.into()).start().is_err());
    let (ready, metrics) = told_to_operators(&app).await;
    assert_eq!(ready.get("background"), None);
    for (pattern, outcome) in [("invoke-async", "ok"), ("fanout", "cancelled")] {
        let line = format!("zato_background_tasks_total{{pattern=\"{pattern}\",outcome=\"{outcome}\"}} 1\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    Ok(())
}

/// What the admin pages say: readiness and metrics.
async fn told_to_operators(app: &Running) -> (Value, String) {
    let admin = testing::admin(app);
    let ready = admin.get("/readyz").await;
    (ready.json(), admin.get("/metrics").await.text().to_owned())
}

#[tokio::test]
async fn a_stop_waits_for_the_background() -> Result<()> {
    let (app, seen) = started().await;
    let ongoing = app.context().invoke_async_by_name("gate", 1.into()).start()?;
    until("it runs", || seen.running() == 1).await;
    let (cut, ()) = tokio::join!(app.stop(), async { seen.open.notify_one() });
    assert_eq!(cut, [""; 0]);
    ongoing.wait().await
}

#[tokio::test]
async fn a_stop_cuts_what_takes_too_long_in_the_background_and_says_so() -> Result<()> {
    let (app, seen) = started().await;
    app.invoke_by_name("begin", json!(["gate"])).await?;
    let ongoing = app.context().invoke_async_by_name("gate", 1.into()).start()?;
    until("both run", || seen.running() == 2).await;
    let cut = app.stop().await;
    assert_eq!(
        cut,
        ["1 invoke-async of the service patterns in the background", "1 fanout of the service begin in the background"]
    );
    assert_eq!((ongoing.wait().await.unwrap_err().kind(), seen.running()), (Kind::Unavailable, 0));
    Ok(())
}

#[tokio::test]
async fn an_app_that_is_dropped_leaves_nothing_in_the_background() -> Result<()> {
    let (app, seen) = started().await;
    let ongoing = app.context().invoke_async_by_name("gate", 1.into()).start()?;
    until("it runs", || seen.running() == 1).await;
    drop(app);
    assert_eq!(ongoing.wait().await.unwrap_err().kind(), Kind::Unavailable);
    until("it has ended", || seen.running() == 0).await;
    Ok(())
}

#[tokio::test]
async fn the_background_keeps_the_configuration_that_it_was_begun_under() -> Result<()> {
    let seen = Arc::<Seen>::default();
    let started = app(&seen).config_yaml("outgoing_loopback: [{name: Echo}]").start().await?;
    let ctx = started.context();
    let ongoing = ctx.invoke_async::<relay>(()).start()?;
    until("it runs", || seen.running() == 1).await;
    drop(ctx);
    started.apply_yaml("outgoing_loopback: [{name: Echo, is_active: false}]").await?;
    // Time for a connection to be closed that nobody keeps.
    sleep(Duration::from_millis(20)).await;
    seen.open.notify_one();
    ongoing.wait().await
}

#[tokio::test]
async fn services_that_begin_themselves_without_an_end_are_stopped() -> Result<()> {
    let (app, seen) = started().await;
    app.invoke::<endless>(()).await?;
    let begun = || seen.begun.load(Ordering::Relaxed);
    until("the last has begun", || begun() == usize::from(zato::MAX_DEPTH)).await;
    assert_eq!(app.stop().await, [""; 0]);
    assert_eq!(begun(), usize::from(zato::MAX_DEPTH));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_may_help_is_tried_again_and_nothing_else() -> Result<()> {
    let (app, seen) = started().await;
    let ctx = app.context();
    let since = Instant::now();
    let reply = ctx.invoke_retry::<flaky>(Number { n: 2 }).repeats(2).pause(Duration::from_secs(10)).await?;
    let took = since.elapsed();
    assert_eq!((reply, seen.attempts.swap(0, Ordering::Relaxed)), (Number { n: 2 }, 3));
    assert!(took >= Duration::from_secs(20) && took <= Duration::from_secs(23), "{took:?}");

    let given_up = ctx.invoke_retry::<flaky>(Number { n: 9 }).repeats(2).await.unwrap_err();
    assert_eq!(given_up.kind(), Kind::Upstream);
    let said = format!("(2/2) retry limit reached for flaky, retry_seconds: 1, orig_cid: {}", ctx.cid());
    assert_eq!(given_up.report().to_string(), format!("{said}: the partner is down"));
    assert_eq!(given_up.public_message(), "another system that is needed for this failed");
    assert_eq!(seen.attempts.swap(0, Ordering::Relaxed), 3);

    let refused = ctx.invoke_retry::<double>(Number { n: 13 }).await.unwrap_err();
    assert_eq!((refused.message(), seen.begun.swap(0, Ordering::Relaxed)), ("13 is unlucky", 1));
    let partner = RestFake::new();
    partner.expect().times(3).reply(PartnerReply::refused());
    let asking =
        testing::app("asking").services(services![asking_partner]).fake("Partner", &partner.rest()).start().await?;
    let unreachable = asking.context().invoke_retry::<asking_partner>(()).repeats(2).await.unwrap_err();
    assert_eq!(unreachable.kind(), Kind::Upstream, "nobody has seen it, so that it is tried again");
    partner.verify();

    let told_to = ctx.invoke_retry::<double>(Number { n: 13 }).repeats(1).retry_if(|_| true).await.unwrap_err();
    assert_eq!((told_to.kind(), seen.begun.load(Ordering::Relaxed)), (Kind::Conflict, 2));
    Ok(())
}

/// Asks another system.
#[service(name = "asking-partner")]
async fn asking_partner(ctx: &Context, #[out("Partner")] partner: Rest) -> Result<()> {
    partner.post(ctx).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn retries_go_on_in_the_background_and_tell_how_they_ended() -> Result<()> {
    let (app, seen) = started().await;
    let ctx = app.context();
    let retry = |n: u64| {
        let retry = ctx.invoke_retry::<flaky>(Number { n }).repeats(1).pause(Duration::from_millis(1500));
        retry.async_fallback::<retried>().context(json!({ "order": 7 }))
    };
    let done = retry(0).await?;
    assert!(matches!(done, Fallback::Done(Number { n: 0 })), "{done:?}");
    assert_eq!(seen.told(), []);

    seen.attempts.store(0, Ordering::Relaxed);
    let Fallback::Ongoing(ongoing) = retry(1).cid("mine".parse()?).await? else { panic!("the first call fails") };
    let now = "2026-01-01T00:00:00Z";
    let mut expected = json!({
        "source": "patterns", "target": "flaky", "retry_repeats": 1, "retry_seconds": 1.5, "orig_cid": ctx.cid(),
        "call_cid": "mine", "context": { "order": 7 }, "response": { "n": 1 }, "ok": true,
        "req_ts_utc": now, "resp_ts_utc": now,
    });
    assert_eq!(serde_json::to_value(ongoing.wait().await?)?, expected);
    let told = |what: &Value| vec![("invoke-async-callback".to_owned(), "retried".to_owned(), what.clone())];
    assert_eq!(seen.told(), told(&expected));

    seen.attempts.store(0, Ordering::Relaxed);
    let reply = retry(9).start()?.wait().await?;
    let members = expected.as_object_mut().expect("an object");
    members.remove("response");
    members.extend([("ok".to_owned(), false.into()), ("call_cid".to_owned(), json!(ctx.cid()))]);
    assert_eq!(serde_json::to_value(reply)?, expected);
    assert_eq!((seen.told(), seen.attempts.load(Ordering::Relaxed)), (told(&expected), 2));
    Ok(())
}

#[tokio::test]
async fn a_program_has_a_context_of_its_own() -> Result<()> {
    let (app, seen) = started().await;
    let (first, second) = (app.context(), app.context());
    assert_ne!(first.cid(), second.cid());
    assert_eq!((first.channel().kind, first.service()), ("program", "patterns"));
    let echoed = timeout(PATIENCE, first.invoke_by_name("echo", 7.into())).await.expect("a reply in time")?;
    assert_eq!((echoed, seen.told()[0].2["cid"].as_str()), (7.into(), Some(first.cid().as_str())));
    Ok(())
}
