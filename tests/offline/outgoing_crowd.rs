//! A thousand callers and a partner that stalls: what is bounded, who notices, and how it ends.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};
use zato::{
    Context, Result, Running,
    http::StatusCode,
    rest::Rest,
    service, services,
    testing::{self, PartnerReply, RestFake, TestReply},
};

/// Asks a partner that may stall.
#[service(name = "ask.stalling")]
async fn ask_stalling(ctx: &Context, #[out("Stalling")] partner: Rest) -> Result<()> {
    partner.get(ctx).await?.error_for_status().map(drop)
}

/// Asks another one.
#[service(name = "ask.other")]
async fn ask_other(ctx: &Context, #[out("Other")] partner: Rest) -> Result<()> {
    partner.get(ctx).await?.error_for_status().map(drop)
}

const CHANNELS: &str = "\
server: {max_concurrent_requests: 5000}
channel_rest:
  - {name: stalling, url_path: /stalling, service: ask.stalling}
  - {name: other, url_path: /other, service: ask.other}
";

/// The stalling partner takes 5 s for each call for as long as it stalls, and the connection waits for 2.
fn partners() -> (RestFake, RestFake) {
    let stalling = RestFake::with_config(
        "name: Stalling\npool_size: 10\nmax_queued_requests: 100\ntimeout: 2s\ncircuit_breaker: {}",
    );
    let other = RestFake::with_config("name: Other");
    other.otherwise(PartnerReply::status(200));
    (stalling, other)
}

async fn started(stalling: &RestFake, other: &RestFake) -> Arc<Running> {
    let app = testing::app("crowd").services(services![ask_stalling, ask_other]).config_yaml(CHANNELS);
    let app = app.fake("Stalling", &stalling.rest()).fake("Other", &other.rest());
    Arc::new(app.start().await.expect("it starts"))
}

/// Sends that many requests at once, and returns the replies with the time that each took.
async fn crowd(app: &Arc<Running>, path: &'static str, callers: usize) -> Vec<(TestReply, Duration)> {
    let mut requests = JoinSet::new();
    for _ in 0..callers {
        let client = testing::client(app);
        requests.spawn(async move {
            let begun = Instant::now();
            (client.get(path).await, begun.elapsed())
        });
    }
    requests.join_all().await
}

fn of_status(replies: &[(TestReply, Duration)], status: StatusCode) -> Vec<&(TestReply, Duration)> {
    replies.iter().filter(|(reply, _)| reply.status == status).collect()
}

/// What operators see of the breaker.
async fn breaker_state(app: &Running) -> String {
    let metrics = testing::admin(app).get("/metrics").await;
    let sample = "zato_connection_circuit_breaker_state{section=\"outgoing_rest\",name=\"Stalling\"} ";
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(sample)).map(str::to_owned);
    line.expect("the metric is there")
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_of_a_partner_that_stalls_are_bounded_and_nobody_else_notices() {
    let (stalling, other) = partners();
    stalling.expect().any_number().reply(PartnerReply::status(200).after(Duration::from_secs(5)));
    let app = started(&stalling, &other).await;

    let mut all = JoinSet::new();
    let crowded = Arc::clone(&app);
    all.spawn(async move { crowd(&crowded, "/stalling", 1000).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (reply, took) in crowd(&app, "/other", 100).await {
        assert_eq!((reply.status, took < Duration::from_millis(100)), (StatusCode::NO_CONTENT, true));
    }
    let replies = all.join_next().await.expect("it was begun").expect("no caller panicked");

    // 10 are asked and never answer, 100 wait until their own time is over, and 890 are told at once.
    assert_eq!(stalling.calls().len(), 10, "no more than the pool are ever under way");
    let slow = of_status(&replies, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(slow.len(), 10);
    let in_time = |took: &Duration| (Duration::from_secs(2)..Duration::from_secs(3)).contains(took);
    assert!(slow.iter().all(|(_, took)| in_time(took)));
    let refused = of_status(&replies, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.iter().all(|(reply, _)| reply.header("retry-after") == "1"));
    let (waited, told): (Vec<_>, Vec<_>) = refused.into_iter().partition(|(_, took)| in_time(took));
    assert_eq!((waited.len(), told.len()), (100, 890));
    assert!(told.iter().all(|(_, took)| *took < Duration::from_millis(100)));
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_refuses_with_when_to_come_back_and_closes_when_the_partner_is_well() {
    let (stalling, other) = partners();
    stalling.expect().times(10).reply(PartnerReply::status(200).after(Duration::from_secs(5)));
    stalling.expect().any_number().reply(PartnerReply::status(200));
    let app = started(&stalling, &other).await;

    assert_eq!(of_status(&crowd(&app, "/stalling", 10).await, StatusCode::GATEWAY_TIMEOUT).len(), 10);
    let refused = crowd(&app, "/stalling", 50).await;
    assert_eq!(of_status(&refused, StatusCode::SERVICE_UNAVAILABLE).len(), 50, "it is open");
    for (reply, took) in &refused {
        assert_eq!((reply.header("retry-after"), *took < Duration::from_millis(100)), ("5", true));
        assert!(!reply.text().contains("Stalling"), "our caller reads nothing of the partner: {}", reply.text());
    }
    assert_eq!(stalling.calls().len(), 10, "nothing goes out while it is open");
    assert_eq!(breaker_state(&app).await, "2", "open");

    tokio::time::sleep(Duration::from_secs(6)).await;
    for _ in 0..3 {
        assert_eq!(crowd(&app, "/stalling", 1).await[0].0.status, StatusCode::NO_CONTENT, "a probe");
    }
    assert_eq!(of_status(&crowd(&app, "/stalling", 100).await, StatusCode::NO_CONTENT).len(), 100);
    assert_eq!(breaker_state(&app).await, "0", "closed");
}
