//! Slow requests: a line that says where the time went, and none for the others.
//!
//! Time is tokio's and paused, so that it passes at once and to the microsecond.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use hyper::body::{Body, Frame};
use tokio::{sync::mpsc, time::sleep};
use zato::{
    Context, Result, Running, Value, bytes::Bytes, http::Request, rest::http_service, service, services, testing,
    testing::Logs, tower::ServiceExt, tracing::Level,
};

use crate::support::cid;

/// Takes as many milliseconds as it is told to.
#[service(name = "wait")]
async fn wait(input: Value) -> Result<()> {
    sleep(Duration::from_millis(input.as_u64().unwrap_or_default())).await;
    Ok(())
}

/// Takes half a second, and has another one take two of them.
#[service(name = "delegate")]
async fn delegate(ctx: &Context) -> Result<()> {
    sleep(Duration::from_millis(500)).await;
    ctx.invoke::<wait>(2000.into()).await
}

/// A body that comes in pieces.
struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

const CHANNELS: &str = "
channel_rest:
  - {name: wait, url_path: /wait, service: wait}
  - {name: delegate, url_path: /delegate, service: delegate}
";

async fn started(config: &str) -> (Running, testing::Client, Logs) {
    let logs = testing::capture_logs();
    let app = testing::app("slow").services(services![wait, delegate]).config_yaml(format!("{config}{CHANNELS}"));
    let app = app.start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, logs)
}

/// What the lines of slow requests say: the request, and each phase that took any time, in milliseconds.
fn told(logs: &Logs) -> Vec<(String, BTreeMap<String, u64>)> {
    let lines = logs.events().into_iter().filter(|event| event.message == "slow request");
    let line = |event: testing::CapturedEvent| {
        assert_eq!(event.level, Level::WARN);
        let service = event.span.get("zato.service").expect("the line says which service").clone();
        let micros = |(name, value): (&String, &String)| {
            let phase = name.strip_prefix("zato.")?.strip_suffix("_us")?;
            let micros: u64 = value.parse().expect("a number of microseconds");
            // A timer is up to a millisecond late.
            (micros > 0).then(|| (phase.to_owned(), micros / 1000 / 10 * 10))
        };
        (service, event.fields.iter().filter_map(micros).collect())
    };
    lines.map(line).collect()
}

fn phases<const N: usize>(phases: [(&str, u64); N]) -> BTreeMap<String, u64> {
    phases.map(|(name, millis)| (name.to_owned(), millis)).into()
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_is_told_and_a_fast_one_is_not() {
    let (_app, client, logs) = started("").await;
    client.post("/wait", "900").await;
    assert_eq!(told(&logs), []);
    client.post("/wait", "1200").await;
    let expected = phases([("threshold", 1000), ("duration", 1200), ("service", 1200)]);
    assert_eq!(told(&logs), [("wait".to_owned(), expected)]);
    let line = logs.events().into_iter().find(|event| event.message == "slow request").expect("the line");
    assert_eq!((line.span["zato.cid"].as_str(), line.span["zato.channel"].as_str()), (cid(2).as_str(), "wait"));
}

#[tokio::test(start_paused = true)]
async fn a_service_has_a_threshold_of_its_own_or_none() {
    let config = "server: {slow_threshold: 10s}\nservice: [{name: wait, slow_threshold: 100ms}]";
    let (app, client, logs) = started(config).await;
    client.post("/wait", "50").await;
    client.post("/delegate", "").await;
    // The one that was invoked is slow by its own measure; the one that invoked it is not.
    let expected = phases([("threshold", 100), ("duration", 2000), ("service", 2000)]);
    assert_eq!(told(&logs), [("wait".to_owned(), expected)]);
    app.apply_yaml(format!("service: [{{name: wait, slow_threshold: 0}}]{CHANNELS}")).await.expect("it is applied");
    client.post("/wait", "20000").await;
    assert_eq!(told(&logs).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn time_in_other_services_is_told() {
    let (_app, client, logs) = started("service: [{name: wait, slow_threshold: 0}]").await;
    client.post("/delegate", "").await;
    let expected = phases([("threshold", 1000), ("duration", 2500), ("service", 2500), ("invoked", 2000)]);
    assert_eq!(told(&logs), [("delegate".to_owned(), expected)]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_place_is_told_apart() {
    let (_app, client, logs) = started("server: {max_concurrent_requests: 1}").await;
    let (_, _) = tokio::join!(client.post("/wait", "800"), client.post("/wait", "700"));
    let expected = phases([("threshold", 1000), ("duration", 1500), ("wait", 800), ("service", 700)]);
    assert_eq!(told(&logs), [("wait".to_owned(), expected)]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_never_ends_is_no_time_of_the_service() {
    let (_app, client, logs) =
        started("server: {max_concurrent_requests: 1, request_timeout: 3s, slow_threshold: 2s}").await;
    let first = client.post("/wait", "2900");
    let (_, second, _) = tokio::join!(first, client.post("/wait", "200"), client.post("/wait", "5000"));
    assert_eq!(second.status, 504);
    let expected = [
        phases([("threshold", 2000), ("duration", 2900), ("service", 2900)]),
        phases([("threshold", 2000), ("duration", 3000), ("wait", 2900), ("service", 100)]),
        phases([("threshold", 2000), ("duration", 3000), ("wait", 3000)]),
    ];
    assert_eq!(told(&logs).into_iter().map(|(_, phases)| phases).collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_slowly_is_told_apart() {
    let (app, _client, logs) = started("").await;
    let (pieces, body) = mpsc::channel(1);
    let request = Request::post("/wait").body(Pieces(body)).expect("a request");
    let sending = async move {
        sleep(Duration::from_millis(1500)).await;
        pieces.send(Bytes::from("40")).await.expect("somebody reads");
        sleep(Duration::from_millis(500)).await;
        pieces.send(Bytes::from("0")).await.expect("somebody reads");
    };
    let (response, ()) = tokio::join!(http_service(&app).oneshot(request), sending);
    assert_eq!(response.map(|response| response.status().as_u16()), Ok(204));
    let expected = phases([("threshold", 1000), ("duration", 2400), ("body", 2000), ("service", 400)]);
    assert_eq!(told(&logs), [("wait".to_owned(), expected)]);
}

#[tokio::test]
async fn a_threshold_of_an_unknown_service_is_refused() {
    let app = testing::app("slow").services(services![wait, delegate]);
    let refused = app.config_yaml("service: [{name: delegat, slow_threshold: 1s}]").start().await.unwrap_err();
    let expected = "configuration:1:18: no service named \"delegat\"; did you mean \"delegate\"?";
    assert!(refused.to_string().contains(expected), "{refused}");
}
