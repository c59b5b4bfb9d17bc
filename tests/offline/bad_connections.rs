//! What comes over a socket that no client should send: garbage, too much, too slowly, or half.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;
use zato::{Context, Raw, Result, service, services, testing, tracing::Level};

use crate::support::{Answer, PATIENCE, Wire, assert_answer, cid, listening_app, until};

/// Counts the calls whose input it got.
#[service(name = "count")]
async fn count(ctx: &Context, input: Raw, #[state] calls: &Arc<AtomicUsize>) -> Result<Raw> {
    let _ = ctx;
    let bytes = input.bytes().await?;
    calls.fetch_add(1, Ordering::SeqCst);
    Ok(Raw::new(bytes.len().to_string()).with_content_type("text/plain"))
}

/// Gives a reply that no socket holds at once.
#[service(name = "large")]
async fn large() -> Result<Raw> {
    Ok(Raw::new(vec![b'x'; LARGE]))
}

/// Waits for longer than anybody has.
#[service(name = "wait")]
async fn wait(#[state] entered: &Arc<Notify>) -> Result<()> {
    entered.notify_one();
    std::future::pending().await
}

const LARGE: usize = 32 * 1024 * 1024;

const CONFIG: &str = "
server: {bind: '127.0.0.1:0', header_timeout: 200ms, idle_timeout: 200ms, body_timeout: 200ms, write_timeout: 200ms,
  max_body_size: 1KB}
channel_rest:
  - {name: count, url_path: /count, service: count}
  - {name: large, url_path: /large, service: large}
  - {name: wait, url_path: /wait, service: wait}
";

async fn started(config: &str) -> (zato::Running, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let app = listening_app("bad-connections").services(services![count, large, wait]);
    let app = app.state(Arc::clone(&calls)).state(Arc::new(Notify::new()));
    (app.config_yaml(config).start().await.expect("the app starts"), calls)
}

fn counted(number: u64, body: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", body).on_the_wire()
}

#[tokio::test]
async fn garbage_gets_400_and_the_app_goes_on() {
    let (app, calls) = started(CONFIG).await;
    for garbage in [
        &b"\0\0\0\0\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET /count\r\n\r\n",
        b"GET /count HTTP/9.9\r\n\r\n",
        b"G@T /count HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /co unt HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /count HTTP/1.1\r\nHost a\r\n\r\n",
        b"GET /count HTTP/1.1\r\nA\x01B: a\r\n\r\n",
        b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ] {
        let mut wire = Wire::to(&app).await;
        wire.send(garbage).await;
        let rest = wire.rest().await;
        let shown = String::from_utf8_lossy(garbage);
        let is_refused = rest.is_empty() || rest.starts_with("HTTP/1.1 400 Bad Request\r\n");
        assert!(is_refused, "{shown:?} got {rest:?}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_answer(Wire::to(&app).await.post("/count", "ab").await, &counted(1, "2"));
}

#[tokio::test]
async fn a_length_and_chunks_at_once_never_make_two_requests() {
    // RFC 9112 §6.3: what is smuggled behind such a body is no request of its own.
    let (app, calls) = started(CONFIG).await;
    let mut wire = Wire::to(&app).await;
    let smuggled = "GET /count HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    wire.send(format!("{head}0\r\n\r\n{smuggled}")).await;
    let rest = wire.rest().await;
    assert!(rest.matches("HTTP/1.1 ").count() <= 1, "{rest}");
    assert!(calls.load(Ordering::SeqCst) <= 1);
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let (app, calls) = started(CONFIG).await;
    let large = "x".repeat(1_000_000);
    let many = "A: b\r\n".repeat(10_000);
    for head in [
        format!("GET /count HTTP/1.1\r\nA: {large}\r\n\r\n"),
        format!("GET /count HTTP/1.1\r\n{many}\r\n"),
        format!("GET /{large} HTTP/1.1\r\n\r\n"),
    ] {
        let mut wire = Wire::to(&app).await;
        wire.try_send(&head).await;
        let rest = wire.rest().await;
        let is_refused = ["", "HTTP/1.1 431 ", "HTTP/1.1 414 "].iter().any(|start| rest.starts_with(start));
        assert!(is_refused && !rest.contains("200 OK"), "{rest:?}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_answer(Wire::to(&app).await.post("/count", "").await, &counted(1, "0"));
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_before_it_is_there() {
    let (app, calls) = started(CONFIG).await;
    let refused = |number| {
        Answer::problem(413, &cid(number), "the body is larger than 1000 bytes")
            .header("connection", "close")
            .on_the_wire()
    };
    let mut wire = Wire::to(&app).await;
    wire.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n").await;
    assert_answer(wire.answer().await, &refused(1));
    assert_eq!(wire.rest().await, "");

    let mut wire = Wire::to(&app).await;
    wire.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n").await;
    assert_answer(wire.answer().await, &refused(2));
    assert_eq!(wire.rest().await, "");

    let mut wire = Wire::to(&app).await;
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let head = "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    wire.send(format!("{head}{chunk}{chunk}1\r\nx\r\n")).await;
    assert_answer(wire.answer().await, &refused(3));
    assert_eq!(wire.rest().await, "");
    assert_eq!(calls.load(Ordering::SeqCst), 0);

    let mut wire = Wire::to(&app).await;
    wire.send(format!("{head}{chunk}{chunk}0\r\n\r\n")).await;
    assert_answer(wire.answer().await, &counted(4, "1000"));
}

/// A body that fits into no buffer between the two, so that whoever sends it notices when nobody reads any more.
const BODY: usize = 12 * 1024 * 1024;

#[tokio::test]
async fn who_goes_on_sending_still_reads_why_it_was_refused() {
    let app = started("server: {bind: '127.0.0.1:0'}\nchannel_rest: [{name: count, url_path: /count, service: count}]")
        .await
        .0;
    for (path, expected) in [("/count", "HTTP/1.1 413 "), ("/nothing", "HTTP/1.1 404 ")] {
        let mut wire = Wire::to(&app).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY}\r\n\r\n");
        assert!(wire.try_send([head.as_bytes(), &vec![b'x'; BODY]].concat()).await, "it is cut off in {path}");
        assert!(wire.rest().await.starts_with(expected), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on() {
    let (app, _calls) = started(CONFIG).await;
    let mut wire = Wire::to(&app).await;
    wire.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n").await;
    assert_eq!(wire.head().await, Answer { status: 100, headers: Vec::new(), body: String::new() });
    wire.send("ab").await;
    assert_answer(wire.answer().await, &counted(1, "2"));
}

#[tokio::test]
async fn headers_that_do_not_come_end_the_connection() {
    let (app, calls) = started(CONFIG).await;
    for start in ["", "G", "PRI * HTTP/2.0", "GET /count HTTP/1.1\r\nHost: a\r\n"] {
        let mut wire = Wire::to(&app).await;
        wire.send(start).await;
        let rest = wire.rest().await;
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408 "), "{start:?} got {rest:?}");
    }
    let mut wire = Wire::to(&app).await;
    assert_answer(wire.post("/count", "").await, &counted(1, "0"));
    assert_eq!(wire.rest().await, "", "an idle connection is ended");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn headers_that_come_a_byte_at_a_time_end_the_connection() {
    let (app, calls) = started(CONFIG).await;
    let mut wire = Wire::to(&app).await;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    wire.send("GET /count HTTP/1.1\r\nA: ").await;
    let dripping = async {
        loop {
            tick.tick().await;
            if !wire.try_send("x").await {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, dripping).await.expect("the connection is ended");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_waited_for_no_longer_than_its_timeout() {
    let (app, calls) = started(&CONFIG.replace("header_timeout: 200ms", "header_timeout: 20s")).await;
    for (number, head) in (1..).zip(["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"])
    {
        let mut wire = Wire::to(&app).await;
        wire.send(format!("POST /count HTTP/1.1\r\nHost: a\r\n{head}")).await;
        let expected = Answer::problem(408, &cid(number), "the body did not arrive in time")
            .header("connection", "close")
            .on_the_wire();
        assert_answer(wire.answer().await, &expected);
        assert_eq!(wire.rest().await, "");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_connection_that_ends_in_a_body_is_no_request() {
    let logs = testing::capture_logs();
    let (app, calls) = started(CONFIG).await;
    for head in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let mut wire = Wire::to(&app).await;
        wire.send(format!("POST /count HTTP/1.1\r\nHost: a\r\n{head}")).await;
        wire.end().await;
        wire.rest().await;
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    let is_told =
        |logs: &testing::Logs| logs.events().iter().filter(|event| event.message == "request refused").count();
    until("both are logged", || is_told(&logs) == 2).await;
    assert!(logs.events().iter().all(|event| event.level >= Level::INFO), "{logs:?}");
    assert_answer(Wire::to(&app).await.post("/count", "ab").await, &counted(3, "2"));
}

#[tokio::test]
async fn chunks_that_are_malformed_are_no_body() {
    let (app, calls) = started(CONFIG).await;
    for (number, chunks) in (1..).zip(["zz\r\nabc\r\n0\r\n\r\n", "fffffffffffffffffff\r\n", "3\r\nabcdef\r\n0\r\n\r\n"])
    {
        let mut wire = Wire::to(&app).await;
        wire.send(format!("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")).await;
        let expected =
            Answer::problem(400, &cid(number), "the body broke off").header("connection", "close").on_the_wire();
        assert_answer(wire.answer().await, &expected);
        assert_eq!(wire.rest().await, "");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_a_large_reply() {
    let (app, _calls) = started(&CONFIG.replace("200ms", "100ms")).await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(wire.head().await.status, 200);
    // Always something, but it takes longer than a client may be idle.
    let mut left = LARGE;
    for _ in 0..8 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        left -= wire.some(LARGE / 16).await;
    }
    assert_eq!(wire.some(left).await, left);
}

#[tokio::test]
async fn a_stop_waits_for_a_client_that_reads_slowly() {
    let (app, _calls) = started(&CONFIG.replace("200ms", "10m")).await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(wire.head().await.status, 200);
    let mut stopping = tokio::task::JoinSet::new();
    stopping.spawn(app.stop());
    // Longer than a connection may be quiet that nobody waits at.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(wire.some(LARGE).await, LARGE);
    assert_eq!(stopping.join_next().await.unwrap().unwrap(), [""; 0]);
}

/// HTTP/2's preface with empty settings, and `GET /wait` on stream 1.
const WAIT_BY_HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
    \0\0\x0c\x01\x05\0\0\0\x01\x82\x86\x04\x05/wait\x01\x01a";

#[tokio::test]
async fn a_client_that_goes_away_stops_its_service() {
    // By HTTP/2, where going away is not the same as having said everything.
    let entered = Arc::new(Notify::new());
    let app = listening_app("bad-connections").services(services![wait]).state(Arc::clone(&entered));
    let config = "server: {bind: '127.0.0.1:0'}\nchannel_rest: [{name: wait, url_path: /wait, service: wait}]";
    let app = app.config_yaml(config).start().await.unwrap();
    let mut wire = Wire::to(&app).await;
    wire.send(WAIT_BY_HTTP2).await;
    entered.notified().await;
    drop(wire);
    let seen = || app.statistics().first().map(|wait| (wait.count, wait.errors, wait.in_flight));
    until("the service is stopped", || seen() == Some((1, 1, 0))).await;
}

#[tokio::test]
async fn half_a_preface_ends_with_its_client_and_is_read_only_once() {
    let (app, _calls) = started(&CONFIG.replace("200ms", "10m")).await;
    let mut wire = Wire::to(&app).await;
    wire.send("PRI * HT").await;
    wire.end().await;
    assert_eq!(wire.rest().await, "", "the end of the client is seen");
    let mut wire = Wire::to(&app).await;
    for part in ["P", "OST /count HTTP/1.1\r\nHost: a\r\nContent-Le", "ngth: 2\r\n\r\nab"] {
        wire.send(part).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_answer(wire.answer().await, &counted(1, "2"));
}

#[tokio::test]
async fn a_request_has_exactly_one_host() {
    let (app, calls) = started(CONFIG).await;
    let refused = |number| Answer::problem(400, &cid(number), "exactly one Host header is needed").on_the_wire();
    for (number, host) in (1..).zip(["", "Host: a\r\nHost: a\r\n"]) {
        let mut wire = Wire::to(&app).await;
        wire.send(format!("GET /count HTTP/1.1\r\n{host}\r\n")).await;
        assert_answer(wire.answer().await, &refused(number));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    // Before 1.1 there was no such header.
    let mut wire = Wire::to(&app).await;
    wire.send("GET /count HTTP/1.0\r\n\r\n").await;
    assert!(wire.rest().await.starts_with("HTTP/1.0 200 OK\r\n"));
}

#[tokio::test]
async fn a_shorter_timeout_counts_for_connections_that_are_there() {
    let (app, _calls) = started(&CONFIG.replace("200ms", "10m")).await;
    let mut wire = Wire::to(&app).await;
    assert_answer(wire.post("/count", "ab").await, &counted(1, "2"));
    let bind = crate::support::address(&app);
    app.apply_yaml(CONFIG.replace("127.0.0.1:0", &bind)).await.expect("it is applied");
    assert_eq!(wire.rest().await, "");
}
