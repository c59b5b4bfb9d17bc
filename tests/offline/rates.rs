//! How many requests a client may send, and what it is told that sends more.

use std::time::Duration;

use zato::{
    Context, Raw, Result, Running,
    http::Method,
    service, services, testing,
    testing::{SequentialIds, TestClock},
    tracing::Level,
};

use crate::support::{Answer, Wire, assert_answer, cid, listening_app};

/// Says who the caller is.
#[service(name = "who")]
async fn who(ctx: &Context) -> Result<Raw> {
    let caller = ctx.caller().map_or("nobody", |caller| caller.username.as_str());
    Ok(Raw::new(caller.to_owned()).with_content_type("text/plain"))
}

/// An app with a clock that stands at half past a minute, the first of 2026.
async fn started(config: &str) -> (Running, testing::Client, TestClock) {
    let clock = TestClock::at("2026-01-01T00:00:30Z");
    let app = testing::app("rates").services(services![who]);
    let app = app.ambient(clock.clone(), SequentialIds::default()).config_yaml(config).start().await;
    let app = app.expect("the app starts");
    let client = testing::client(&app);
    (app, client, clock)
}

fn fine(number: u64) -> Answer {
    Answer::new(200, &cid(number), "text/plain", "nobody")
}

/// What stands in the headers of a limit of some requests a minute, half a minute before its end.
fn with_quota(answer: Answer, policy: &str, limit: u64, remaining: u64) -> Answer {
    answer
        .header("x-ratelimit-limit", &limit.to_string())
        .header("x-ratelimit-remaining", &remaining.to_string())
        .header("x-ratelimit-reset", "1767225660")
        .header("ratelimit-policy", &format!("\"{policy}\";q={limit};w=60"))
        .header("ratelimit", &format!("\"{policy}\";r={remaining};t=30"))
}

fn limited(number: u64, policy: &str, limit: u64) -> Answer {
    let answer = Answer::problem(429, &cid(number), "too many requests").header("retry-after", "30");
    with_quota(answer, policy, limit, 0)
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_told_when_to_come_back() {
    let logs = testing::capture_logs();
    let (_app, client, clock) = started(
        "channel_rest:
  - {name: a, url_path: /a, service: who, rate_limiting: [{time_range: [{limit: 2, limit_unit: minute}]}]}
  - {name: b, url_path: /b, service: who}",
    )
    .await;
    assert_answer(client.get("/a").await, &fine(1));
    assert_answer(client.get("/a").await, &fine(2));
    assert_answer(client.get("/a").await, &limited(3, "channel", 2));
    assert_answer(client.get("/a").await, &limited(4, "channel", 2));
    assert_answer(client.get("/b").await, &fine(5));
    clock.advance(Duration::from_secs(30));
    assert_answer(client.get("/a").await, &fine(6));
    let told: Vec<_> = logs.events().into_iter().filter(|event| event.message == "rate limit reached").collect();
    let levels: Vec<_> = told.iter().map(|event| (event.level, event.fields["zato.cid"].clone())).collect();
    assert_eq!(
        levels,
        [(Level::INFO, cid(3)), (Level::DEBUG, cid(4))],
        "the log is not filled by whoever sends too much"
    );
    assert_eq!((told[0].fields["limit.of"].as_str(), told[0].fields["limit.name"].as_str()), ("channel", "a"));
}

#[tokio::test]
async fn a_limit_is_told_in_zatos_form_as_well() {
    let (_app, client, ..) = started(
        "server: {error_format: zato}
channel_rest: [{name: a, url_path: /a, service: who, rate_limiting: [{time_range: [{limit: 1, limit_unit: minute}]}]}]",
    )
    .await;
    client.get("/a").await;
    let body = format!(r#"{{"result":"Error","cid":"{}","details":"too many requests"}}"#, cid(2));
    let answer = Answer::new(429, &cid(2), "application/json", &body).header("retry-after", "30");
    assert_answer(client.get("/a").await, &with_quota(answer, "channel", 1, 0));
}

#[tokio::test]
async fn a_bucket_lets_a_few_in_at_once_and_then_some_a_second() {
    let (_app, client, clock) = started(
        "channel_rest: [{name: a, url_path: /a, service: who, rate_limiting: [{time_range: [{rate: 2, burst: 3}]}]}]",
    )
    .await;
    let mut seen = Vec::new();
    for wait in [0, 0, 0, 0, 499, 1, 500, 10_000, 0, 0, 0] {
        clock.advance(Duration::from_millis(wait));
        seen.push(client.get("/a").await.status.as_u16());
    }
    assert_eq!(seen, [200, 200, 200, 429, 429, 200, 200, 200, 200, 200, 429]);
}

#[tokio::test]
async fn clients_are_counted_apart_and_some_let_in_by_nobody() {
    let config = "
server: {bind: '127.0.0.1:0'}
channel_rest:
  - name: a
    url_path: /a
    service: who
    rate_limiting:
      - {cidr_list: [127.0.0.3], time_range: [{disallowed: true}]}
      - {cidr_list: [127.0.0.4]}
      - {cidr_list: [127.0.0.0/8], time_range: [{limit: 1, limit_unit: minute}]}";
    let app = listening_app("rates")
        .services(services![who])
        .ambient(TestClock::at("2026-01-01T00:00:30Z"), SequentialIds::default());
    let app = app.config_yaml(config).start().await.unwrap();
    let mut first = Wire::to(&app).await;
    assert_answer(first.get("/a").await, &fine(1).on_the_wire());
    assert_answer(first.get("/a").await, &limited(2, "channel", 1).on_the_wire());
    assert_answer(Wire::to(&app).await.get("/a").await, &limited(3, "channel", 1).on_the_wire());
    assert_answer(Wire::from("127.0.0.2", &app).await.get("/a").await, &fine(4).on_the_wire());
    let refused = Answer::problem(403, &cid(5), "requests from this address are not allowed");
    assert_answer(Wire::from("127.0.0.3", &app).await.get("/a").await, &refused.on_the_wire());
    let mut free = Wire::from("127.0.0.4", &app).await;
    for number in 6..10 {
        assert_answer(free.get("/a").await, &fine(number).on_the_wire());
    }
}

const PARTNERS: &str = "
server: {max_body_size: 4}
security:
  - {name: Partner, type: apikey, username: partner, password: right, rate_limiting: [{time_range: [{limit: 2, limit_unit: minute}]}]}
  - {name: Other, type: apikey, username: other, password: other}
channel_rest:
  - {name: a, url_path: /a, service: who, security: Partner}
  - {name: b, url_path: /b, service: who, security: Partner}
  - {name: c, url_path: /c, service: who, security: Other}
  - {name: e, url_path: /e, service: who, security: Partner, etag: true}
  - {name: d, url_path: /d, service: who, security: Partner, rate_limiting: [{time_range: [{limit: 3, limit_unit: minute}]}]}
";

async fn keyed(client: &testing::Client, path: &str, key: &str) -> Answer {
    client.send(Method::POST, path, &[("X-API-Key", key)], "").await.into()
}

fn partner(number: u64) -> Answer {
    Answer::new(200, &cid(number), "text/plain", "partner")
}

fn unknown(number: u64) -> Answer {
    let answer = Answer::problem(401, &cid(number), "credentials are missing or wrong");
    answer.header("www-authenticate", "ApiKey header=\"x-api-key\"")
}

#[tokio::test]
async fn a_definition_is_counted_over_its_channels_and_its_callers_know_what_is_left() {
    let (_app, client, clock) = started(PARTNERS).await;
    assert_answer(keyed(&client, "/a", "right").await, &with_quota(partner(1), "security", 2, 1));
    assert_answer(keyed(&client, "/b", "wrong").await, &unknown(2));
    let reply = client.send(Method::POST, "/b", &[("X-API-Key", "right")], "too large").await;
    let answer = Answer::problem(413, &cid(3), "the body is larger than 4 bytes");
    assert_answer(reply, &with_quota(answer, "security", 2, 0));
    assert_answer(keyed(&client, "/a", "right").await, &limited(4, "security", 2));
    assert_answer(keyed(&client, "/a", "wrong").await, &unknown(5));
    assert_answer(keyed(&client, "/c", "other").await, &Answer::new(200, &cid(6), "text/plain", "other"));
    clock.advance(Duration::from_secs(30));
    assert_eq!(keyed(&client, "/b", "right").await.status, 200);
}

#[tokio::test]
async fn who_asked_for_another_reply_knows_what_is_left_too() {
    let (_app, client, _) = started(PARTNERS).await;
    let conditions = |name| [("X-API-Key", "right"), (name, "\"another\"")];
    let failed = Answer::problem(412, &cid(1), "the condition of the request is not met");
    let reply = client.send(Method::GET, "/e", &conditions("If-Match"), "").await;
    assert_answer(reply, &with_quota(failed, "security", 2, 1));
}

#[tokio::test]
async fn passwords_are_guessed_no_faster_than_a_channel_may_be_called() {
    let (_app, client, ..) = started(PARTNERS).await;
    for number in 1..=3 {
        assert_answer(keyed(&client, "/d", "guess").await, &unknown(number));
    }
    assert_answer(keyed(&client, "/d", "guess").await, &limited(4, "channel", 3));
    assert_answer(keyed(&client, "/d", "right").await, &limited(5, "channel", 3));
}

#[tokio::test]
async fn nobody_is_asked_for_a_body_who_sends_too_much() {
    let app = listening_app("rates")
        .services(services![who])
        .ambient(TestClock::at("2026-01-01T00:00:30Z"), SequentialIds::default());
    let config = "server: {bind: '127.0.0.1:0'}
channel_rest: [{name: a, url_path: /a, service: who, rate_limiting: [{time_range: [{limit: 1, limit_unit: minute}]}]}]";
    let app = app.config_yaml(config).start().await.unwrap();
    let mut wire = Wire::to(&app).await;
    assert_answer(wire.get("/a").await, &fine(1).on_the_wire());
    wire.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 429, "and not 100");
}

#[tokio::test]
async fn the_servers_limit_is_for_every_path() {
    let (_app, client, clock) = started(
        "server: {rate_limiting: [{time_range: [{limit: 3, limit_unit: minute}]}]}
channel_rest: [{name: a, url_path: /a, service: who}]",
    )
    .await;
    assert_answer(client.get("/a").await, &fine(1));
    assert_eq!(client.get("/nothing").await.status.as_u16(), 404);
    assert_eq!(client.get("/zato/ping").await.status.as_u16(), 200);
    for (number, path) in [(4, "/a"), (5, "/nothing"), (6, "/zato/ping"), (7, "/%zz")] {
        assert_answer(client.get(path).await, &limited(number, "server", 3));
    }
    clock.advance(Duration::from_secs(30));
    assert_answer(client.get("/a").await, &fine(8));
}

#[tokio::test]
async fn a_new_configuration_gives_nobody_a_new_quota() {
    let config = |limit: u64, more: &str| {
        let rules = |limit: u64| format!("rate_limiting: [{{time_range: [{{limit: {limit}, limit_unit: minute}}]}}]");
        format!(
            "server: {{{}}}\nsecurity: [{{name: P, type: apikey, password: right, {}}}]\nchannel_rest:\n  \
             - {{name: a, url_path: /a, service: who, {}}}\n  - {{name: b, url_path: /b, service: who, security: P}}\n{more}",
            rules(100),
            rules(1),
            rules(limit)
        )
    };
    let more = "  - {name: c, url_path: /c, service: who}\n";
    let (app, client, ..) = started(&config(1, "")).await;
    assert_eq!(client.get("/a").await.status.as_u16(), 200);
    assert_eq!(keyed(&client, "/b", "right").await.status, 200);
    app.apply_yaml(config(1, more)).await.unwrap();
    assert_answer(client.get("/a").await, &limited(3, "channel", 1));
    assert_answer(keyed(&client, "/b", "right").await, &limited(4, "security", 1));
    assert!(app.apply_yaml("channel_rest: [{}]").await.is_err());
    assert_answer(client.get("/a").await, &limited(5, "channel", 1));
    // A channel that is out of force for a while keeps what it has counted.
    app.apply_yaml(config(1, more).replace("service: who, rate", "service: who, is_active: false, rate"))
        .await
        .unwrap();
    assert_eq!(client.get("/a").await.status.as_u16(), 404);
    app.apply_yaml(config(1, more)).await.unwrap();
    assert_answer(client.get("/a").await, &limited(7, "channel", 1));
    // Another limit is counted anew, and only that.
    app.apply_yaml(config(2, more)).await.unwrap();
    assert_answer(client.get("/a").await, &fine(8));
    assert_answer(keyed(&client, "/b", "right").await, &limited(9, "security", 1));
}

#[tokio::test]
async fn limits_that_mean_nothing_are_refused() {
    let text = "server: {rate_limiting: [{time_range: [{limit: 5}]}]}
security: [{name: P, type: apikey, password: x, rate_limiting: [{cidr_list: [home]}]}]";
    let error = testing::app("rates").services(services![who]).config_yaml(text).start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration can't be used:\n  configuration:1:40: \"limit\" needs a \"limit_unit\": second, minute, hour, day \
         or month\n  configuration:2:78: expected an address or a network such as 10.0.0.0/8, 192.0.2.7 or fd00::/8, \
         found \"home\""
    );
}
