//! Outgoing connections, by the loopback connector: how they stand, fail, are replaced and faked.

use std::sync::Arc;

use tokio::{sync::Notify, task::JoinSet};
use zato::{
    Context, Error, Kind, Raw, Result, Running, connection::Handle, connection::State, loopback::Loopback, service,
    services, testing, testing::TestClock, tracing::Level,
};

use crate::support::{Answer, assert_answer, cid, until};

/// Asks the other side.
#[service(name = "ask")]
async fn ask(input: Raw, #[out("Echo")] echo: &Loopback) -> Result<Raw> {
    Ok(Raw::new(echo.call(input.bytes().await?).await?).with_content_type("text/plain"))
}

/// Asks the other side once it is told to.
#[service(name = "ask.later")]
async fn ask_later(_ctx: &Context, #[out("Echo")] echo: &Loopback, #[state] gate: Arc<Gate>) -> Result<Raw> {
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(Raw::new(echo.call("late").await?).with_content_type("text/plain"))
}

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

fn config(echo: &str) -> String {
    format!(
        "channel_rest:\n  - {{name: ask, url_path: /ask, service: ask}}\n  \
         - {{name: later, url_path: /later, service: ask.later}}\n\
         outgoing_loopback:\n  - {{name: Echo{echo}}}\n  - {{name: Other, reply: other}}\n"
    )
}

async fn started(echo: &str) -> (Running, testing::Client, Arc<Gate>) {
    let door = Arc::new(Gate::default());
    let app = testing::app("connections").services(services![ask, ask_later]).state(Arc::clone(&door));
    let app = app.config_yaml(config(echo)).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, door)
}

fn state(app: &Running, name: &str) -> Arc<State> {
    let status = app.connections().into_iter().find(|status| status.name == name).expect("it is configured");
    assert_eq!(status.section, "outgoing_loopback");
    status.state
}

async fn up(app: &Running, name: &str) -> Arc<State> {
    until("the connection is up", || state(app, name).is_up()).await;
    state(app, name)
}

fn said(number: u64, text: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", text)
}

#[tokio::test]
async fn a_connection_that_is_up_is_used_and_pinged() {
    let (app, client, _) = started("").await;
    up(&app, "Echo").await;
    assert_eq!(state(&app, "Echo").to_string(), "up since 2026-01-01T00:00:00Z");
    assert_answer(client.post("/ask", "hello").await, &said(1, "hello"));
    let echo: Loopback = app.out("Echo").unwrap();
    echo.slot().ping().await.unwrap();
    let error = app.out::<Loopback>("Ecco").unwrap_err();
    let told = "no outgoing_loopback connection named \"Ecco\"; did you mean \"Echo\"? (Echo, Other)";
    assert_eq!((error.kind(), error.message()), (Kind::Config, told));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_down_fails_fast_and_says_why_in_the_log() {
    let logs = testing::capture_logs();
    let (app, client, _) = started(", refuse: closed on Sundays").await;
    until("it was tried", || matches!(*state(&app, "Echo"), State::Down { .. })).await;
    let attempts = match &*state(&app, "Echo") {
        State::Down { attempts, error, .. } => {
            assert_eq!(error, "closed on Sundays");
            *attempts
        }
        other => panic!("{other}"),
    };
    let reply = client.post("/ask", "hello").await;
    let number = reply.header("x-zato-cid").to_owned();
    assert_answer(reply, &Answer::problem(503, &number, "temporarily unavailable").header("retry-after", "1"));
    let event = logs.events().into_iter().rfind(|event| event.message == "request failed").unwrap();
    let told = format!(
        "the outgoing_loopback connection \"Echo\" is down since 2026-01-01T00:00:00Z ({attempts} attempts, last error: \
         closed on Sundays)"
    );
    assert_eq!((event.level, &event.fields["error"], &event.span["zato.cid"]), (Level::WARN, &told, &number));
    let slot = Arc::clone(app.out::<Loopback>("Echo").unwrap().slot());
    assert_eq!(slot.ping().await.unwrap_err().kind(), Kind::Unavailable);
    until("it is tried again", || matches!(&*state(&app, "Echo"), State::Down { attempts, .. } if *attempts > 3)).await;
    let failures: Vec<_> = logs.events().into_iter().filter(|event| event.message == "connection failed").collect();
    assert!(failures.iter().all(|event| event.level == Level::WARN && event.fields["connection"] == "Echo"));
}

#[tokio::test]
async fn an_inactive_connection_refuses_every_call() {
    let (app, client, _) = started(", is_active: false").await;
    assert_eq!(*state(&app, "Echo"), State::Inactive);
    let expected = Answer::problem(503, &cid(1), "temporarily unavailable").header("retry-after", "1");
    assert_answer(client.post("/ask", "hello").await, &expected);
    let error = app.out::<Loopback>("Echo").unwrap().call("x").await.unwrap_err();
    assert_eq!(error.message(), "the outgoing_loopback connection \"Echo\" is inactive");
}

#[tokio::test]
async fn a_change_replaces_a_connection_and_leaves_the_others() {
    let clock = TestClock::at("2026-01-31T12:00:00Z");
    let app =
        testing::app("connections").services(services![ask]).ambient(clock.clone(), testing::SequentialIds::default());
    let first = "outgoing_loopback: [{name: Echo}, {name: Other}]";
    let app = app.config_yaml(first).start().await.unwrap();
    let (echo_before, other_before) = (up(&app, "Echo").await, up(&app, "Other").await);
    let (old, other): (Loopback, Loopback) = (app.out("Echo").unwrap(), app.out("Other").unwrap());
    clock.advance(std::time::Duration::from_secs(60));
    app.apply_yaml("outgoing_loopback: [{name: Echo, reply: new}, {name: Other}]").await.unwrap();
    let echo_after = up(&app, "Echo").await;
    assert_ne!(echo_after, echo_before);
    assert_eq!(state(&app, "Other"), other_before);
    assert!(Arc::ptr_eq(other.slot(), app.out::<Loopback>("Other").unwrap().slot()));
    assert_eq!(app.out::<Loopback>("Echo").unwrap().call("x").await.unwrap(), "new");
    until("the old one is closed", || *old.slot().state() == State::Closed).await;
    assert_eq!(old.call("x").await.unwrap_err().message(), "the outgoing_loopback connection \"Echo\" is closed");
    let error = app.apply_yaml("outgoing_loopback: [{name: Other}]").await.unwrap_err().to_string();
    assert!(error.ends_with("no outgoing_loopback connection named \"Echo\"; known: Other"), "{error}");
}

#[tokio::test]
async fn a_request_keeps_the_connection_that_it_began_with() {
    let (app, client, door) = started(", reply: old").await;
    up(&app, "Echo").await;
    let old: Loopback = app.out("Echo").unwrap();
    let late = client.clone();
    let mut request = JoinSet::new();
    request.spawn(async move { late.get("/later").await });
    door.entered.notified().await;
    app.apply_yaml(config(", reply: new")).await.unwrap();
    up(&app, "Echo").await;
    assert_answer(client.post("/ask", "x").await, &said(2, "new"));
    assert!(old.slot().state().is_up(), "somebody uses it");
    door.open.notify_one();
    assert_answer(request.join_next().await.unwrap().unwrap(), &said(1, "old"));
    until("the old one is closed", || *old.slot().state() == State::Closed).await;
}

#[tokio::test]
async fn a_request_keeps_its_connection_over_several_changes() {
    let (app, client, gate) = started("").await;
    let asked = client.clone();
    let mut requests = JoinSet::new();
    requests.spawn(async move { asked.post("/later", "").await });
    gate.entered.notified().await;

    // The first change keeps the connection, the second replaces it, and the request is older than both.
    let other = config("").replace("reply: other", "reply: another");
    app.apply_yaml(other.clone()).await.expect("the first change");
    app.apply_yaml(other.replace("name: Echo", "name: Echo, reply: new")).await.expect("the second change");
    assert_eq!(client.post("/ask", "x").await.text(), "new");
    tokio::task::yield_now().await;
    gate.open.notify_one();
    let late = requests.join_next().await.expect("the request").expect("it was not cut");
    assert_eq!((late.status.as_u16(), late.text()), (200, "late"));
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_anew() {
    let logs = testing::capture_logs();
    let (app, _, _) = started("").await;
    up(&app, "Echo").await;
    let echo: Loopback = app.out("Echo").unwrap();
    let client = echo.slot().client().unwrap();
    echo.slot().lost(&client, &Error::upstream("the cable was cut"));
    assert!(matches!(&*state(&app, "Echo"), State::Down { error, .. } if error == "the cable was cut"));
    up(&app, "Echo").await;
    assert_eq!(echo.call("again").await.unwrap(), "again", "the same handle");
    assert!(logs.events().iter().any(|event| event.message == "connection lost" && event.level == Level::WARN));
}

#[tokio::test]
async fn a_stop_closes_connections() {
    let (app, _client, _) = started("").await;
    up(&app, "Echo").await;
    let echo: Loopback = app.out("Echo").unwrap();
    assert_eq!(app.stop().await, [""; 0]);
    assert_eq!(*echo.slot().state(), State::Closed);
}

#[tokio::test]
async fn a_fake_stands_in_for_a_connection_configured_or_not() {
    let fake = Loopback::fake(|sent| match sent.as_ref() {
        b"fail" => Err(Error::upstream("the fake fails")),
        _ => Ok(sent),
    });
    for config in ["", "\noutgoing_loopback: [{name: Echo, refuse: never asked}]"] {
        let app = testing::app("connections").services(services![ask]).fake("Echo", &fake);
        let channel = "channel_rest: [{name: ask, url_path: /ask, service: ask}]";
        let app = app.config_yaml(format!("{channel}{config}")).start().await.unwrap();
        let client = testing::client(&app);
        let reply = client.post("/ask", "hello").await;
        assert_eq!((reply.status.as_u16(), reply.text()), (200, "hello"));
        let reply = client.post("/ask", "fail").await;
        let number = reply.header("x-zato-cid").to_owned();
        assert_answer(reply, &Answer::problem(502, &number, "another system that is needed for this failed"));
    }
}
