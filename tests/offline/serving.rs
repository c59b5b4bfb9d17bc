//! HTTP over real sockets: connections, protocols, stopping, and servers of somebody else.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
    time::timeout,
};
use zato::{
    Context, Raw, Response, Result, Running, bytes::Bytes, http::StatusCode, rest::RestChannels, service, services,
    testing,
};

use crate::support::{Answer, PATIENCE, Wire, address, assert_answer, cid, listening_app, until};

/// Gives back what it gets.
#[service(name = "echo")]
async fn echo(input: Raw) -> Result<Raw> {
    Ok(Raw::new(input.bytes().await?).with_content_type("text/plain"))
}

/// Waits until it is told to go on.
#[service(name = "gate")]
async fn gate(#[state] gate: Arc<Gate>) -> Result<()> {
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(())
}

/// Answers with a status and with the headers of another system's reply.
#[service(name = "copied")]
async fn copied(ctx: &Context) -> Result<Response<Raw>> {
    let status = ctx.params().path("status").and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok());
    let mut response = Response::new(Raw::new("copied").with_content_type("text/plain"));
    for (name, value) in [
        ("content-length", "999"),
        ("transfer-encoding", "chunked"),
        ("connection", "close, x-hop"),
        ("keep-alive", "timeout=5"),
        ("upgrade", "h2c"),
        ("te", "trailers"),
        ("trailer", "x-sum"),
        ("x-own", "kept"),
    ] {
        response = response.header(name, value);
    }
    Ok(response.status(status.unwrap_or_default()))
}

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

const CHANNELS: &str = "
channel_rest:
  - {name: echo, url_path: /echo, service: echo}
  - {name: gate, url_path: /gate, service: gate}
  - {name: copied, url_path: '/copied/{status}', service: copied}
";

fn config(server: &str) -> String {
    format!("server: {{bind: '127.0.0.1:0'{server}}}{CHANNELS}")
}

fn app() -> (zato::App, Arc<Gate>) {
    let door = Arc::new(Gate::default());
    (listening_app("serving").services(services![echo, gate, copied]).state(Arc::clone(&door)), door)
}

async fn started(server: &str) -> (Running, Arc<Gate>) {
    let (app, door) = app();
    (app.config_yaml(config(server)).start().await.expect("the app starts"), door)
}

fn echoed(number: u64, text: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", text).on_the_wire()
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let (app, _) = started("").await;
    let mut wire = Wire::to(&app).await;
    for number in 1..=20 {
        assert_answer(
            wire.post("/echo", &format!("request {number}")).await,
            &echoed(number, &format!("request {number}")),
        );
    }
    wire.send("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_answer(wire.answer().await, &echoed(21, "").header("connection", "close"));
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let (app, door) = started("").await;
    let mut wire = Wire::to(&app).await;
    let post = |body: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let gate = "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n";
    wire.send(format!("{}{gate}{}{}", post("one"), post("two"), post("three"))).await;
    door.entered.notified().await;
    door.open.notify_one();
    assert_answer(wire.answer().await, &echoed(1, "one"));
    assert_answer(wire.answer().await, &Answer::empty(204, &cid(2)));
    assert_answer(wire.answer().await, &echoed(3, "two"));
    assert_answer(wire.answer().await, &echoed(4, "three"));
}

#[tokio::test]
async fn http_1_0_is_answered_and_the_connection_ends() {
    let (app, _) = started("").await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /echo HTTP/1.0\r\n\r\n").await;
    let rest = wire.rest().await;
    assert!(rest.starts_with("HTTP/1.0 200 OK\r\n"), "{rest}");
}

#[tokio::test]
async fn a_client_that_has_said_everything_gets_its_answer() {
    let (app, door) = started("").await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await;
    door.entered.notified().await;
    wire.end().await;
    // Time for the app to see that, which shows nowhere.
    tokio::time::sleep(Duration::from_millis(50)).await;
    door.open.notify_one();
    assert_answer(wire.answer().await, &Answer::empty(204, &cid(1)));
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_a_place() {
    let (app, door) = started(", max_connections: 2").await;
    let (mut first, mut second, mut third) = (Wire::to(&app).await, Wire::to(&app).await, Wire::to(&app).await);
    first.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await;
    door.entered.notified().await;
    assert_answer(second.post("/echo", "second").await, &echoed(2, "second"));
    third.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nthird").await;
    // Another round on a connection that has a place: by its end the third one would have been answered.
    assert_answer(second.post("/echo", "again").await, &echoed(3, "again"));
    drop(second);
    assert_answer(third.answer().await, &echoed(4, "third"));
    door.open.notify_one();
    assert_answer(first.answer().await, &Answer::empty(204, &cid(1)));
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_takes_no_more_in() {
    let (app, door) = started("").await;
    let address = address(&app);
    let (mut busy, mut idle) = (Wire::to(&app).await, Wire::to(&app).await);
    assert_answer(idle.post("/echo", "a").await, &echoed(1, "a"));
    busy.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await;
    door.entered.notified().await;
    let mut stopping = JoinSet::new();
    stopping.spawn(app.stop());
    assert_eq!(idle.rest().await, "", "an idle connection is ended");
    let refused = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, refused).await.expect("new connections are refused");
    assert!(stopping.try_join_next().is_none(), "a request is in work");
    door.open.notify_one();
    assert_answer(busy.answer().await, &Answer::empty(204, &cid(2)).header("connection", "close"));
    assert_eq!(stopping.join_next().await.unwrap().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_stop_cuts_what_takes_too_long_and_says_so() {
    let logs = testing::capture_logs();
    let (app, door) = started(", shutdown_timeout: 50ms").await;
    let mut wires = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::to(&app).await;
        wire.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await;
        door.entered.notified().await;
        wires.push(wire);
    }
    let cut = app.stop().await;
    assert_eq!(cut, ["2 HTTP connections", "2 requests of the service gate"]);
    for wire in &mut wires {
        assert_eq!(wire.rest().await, "");
    }
    let event = logs.events().into_iter().find(|event| event.message.starts_with("stopped")).unwrap();
    assert_eq!(event.message, "stopped, but not everything had finished");
    assert_eq!(event.fields["cut"], cut.join(", "));
}

#[tokio::test]
async fn an_app_that_is_dropped_ends() {
    let (app, _) = started("").await;
    let address = address(&app);
    let mut wire = Wire::to(&app).await;
    assert_answer(wire.post("/echo", "a").await, &echoed(1, "a"));
    drop(app);
    assert_eq!(wire.rest().await, "");
    let refused = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, refused).await.expect("new connections are refused");
}

#[tokio::test]
async fn an_app_listens_on_a_listener_that_is_handed_in() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bound = listener.local_addr().unwrap();
    let app = testing::app("serving").services(services![echo, gate, copied]).state(Arc::new(Gate::default()));
    // What the configuration says of it doesn't count, now and later.
    let app = app.channel(RestChannels::on(listener)).config_yaml(format!("server: {{bind: nowhere}}{CHANNELS}"));
    let app = app.start().await.unwrap();
    assert_eq!(app.addresses(), [format!("http://{bound}")]);
    assert_answer(Wire::to(&app).await.post("/echo", "a").await, &echoed(1, "a"));
    app.apply_yaml(format!("server: {{bind: elsewhere}}{CHANNELS}")).await.unwrap();
    assert_eq!(app.addresses(), [format!("http://{bound}")]);
    assert_answer(Wire::to(&app).await.post("/echo", "b").await, &echoed(2, "b"));
}

#[tokio::test]
async fn a_router_of_axum_has_the_app_in_it() {
    let app = zato::app("serving").services(services![echo, gate, copied]).state(Arc::new(Gate::default()));
    let app = app.ambient(testing::TestClock::default(), testing::SequentialIds::default());
    let app = app.channel(RestChannels::nested()).config_yaml(CHANNELS).start().await.unwrap();
    assert_eq!(app.addresses(), [""; 0]);
    let router = axum::Router::new()
        .route("/own", axum::routing::get(|| async { "axum's own" }))
        .nest_service("/zato-side", zato::rest::http_service(&app))
        .fallback_service(zato::rest::http_service(&app));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bound = listener.local_addr().unwrap().to_string();
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await });
    let mut wire = Wire::to_address(&bound).await;
    wire.send("GET /own HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(wire.answer().await.body, "axum's own");
    assert_answer(wire.post("/zato-side/echo", "nested").await, &echoed(1, "nested"));
    assert_answer(wire.post("/echo", "fallback").await, &echoed(2, "fallback"));
    let expected = Answer::problem(404, &cid(3), "no channel answers this path").on_the_wire();
    assert_answer(wire.get("/none").await, &expected);
    // Once it has stopped, the server around it is told so.
    assert_eq!(app.stop().await, [""; 0]);
    let stopping = Answer::problem(503, &cid(4), "temporarily unavailable").header("retry-after", "1");
    assert_answer(wire.get("/echo").await, &stopping.on_the_wire());
}

#[tokio::test]
async fn a_stop_waits_for_requests_that_came_through_another_server() {
    let door = Arc::new(Gate::default());
    let app =
        testing::app("serving").services(services![echo, gate, copied]).state(Arc::clone(&door)).config_yaml(CHANNELS);
    let app = app.start().await.unwrap();
    let client = testing::client(&app);
    let late = client.clone();
    let mut requests = JoinSet::new();
    requests.spawn(async move { client.get("/gate").await });
    door.entered.notified().await;
    let mut stopping = JoinSet::new();
    stopping.spawn(app.stop());
    until("the app is closed", || stopping.try_join_next().is_none()).await;
    tokio::task::yield_now().await;
    let expected = Answer::problem(503, &cid(2), "temporarily unavailable").header("retry-after", "1");
    assert_answer(late.get("/echo").await, &expected);
    assert!(stopping.try_join_next().is_none(), "a request is in work");
    door.open.notify_one();
    assert_answer(requests.join_next().await.unwrap().unwrap(), &Answer::empty(204, &cid(1)));
    assert_eq!(stopping.join_next().await.unwrap().unwrap(), [""; 0]);
}

/// What a client of HTTP/2 says first: the preface, and empty settings (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// `GET /zato/ping` on stream 1, as headers that end both headers and stream, none of them in the dynamic table.
pub(crate) const PING: &[u8] = b"\0\0\x11\x01\x05\0\0\0\x01\x82\x86\x04\x0a/zato/ping\x01\x01a";

/// Reads frames until one of a stream has ended it; returns how many frames of each kind there were and the data.
pub(crate) async fn read_stream(stream: &mut (impl AsyncRead + Unpin)) -> (Vec<u8>, Vec<u8>) {
    let (mut kinds, mut data) = (Vec::new(), Vec::new());
    loop {
        let mut head = [0; 9];
        timeout(PATIENCE, stream.read_exact(&mut head)).await.expect("a frame in time").expect("a frame");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("a length fits")];
        stream.read_exact(&mut payload).await.expect("a whole frame");
        kinds.push(head[3]);
        if head[3] == 0 {
            data.extend_from_slice(&payload);
        }
        if head[8] == 1 && head[4] & 1 == 1 {
            return (kinds, data);
        }
    }
}

#[tokio::test]
async fn http_2_is_spoken_with_who_begins_with_it() {
    let (app, _) = started("").await;
    let env = format!(r#"{{"result":"ZATO_OK","cid":"{}","details":""}}"#, cid(1));
    let pong = format!(r#"{{"pong":"zato","zato_env":{env}}}"#);
    let mut stream = TcpStream::connect(address(&app)).await.unwrap();
    // In pieces: who looks at the first bytes only takes it for something else.
    stream.write_all(&PREFACE[..10]).await.unwrap();
    stream.write_all(&PREFACE[10..]).await.unwrap();
    stream.write_all(PING).await.unwrap();
    let (kinds, data) = read_stream(&mut stream).await;
    assert!(kinds.contains(&4) && kinds.contains(&1), "settings and headers: {kinds:?}");
    assert_eq!(String::from_utf8(data).unwrap(), pong);
}

/// Sends a request by HTTP/2, as headers that end both headers and stream, and returns the kinds of frames that came for
/// it, and the data.
async fn by_http2(app: &Running, method: u8, path: &str) -> (Vec<u8>, Vec<u8>) {
    let mut stream = TcpStream::connect(address(app)).await.expect("the app listens");
    let length = u8::try_from(path.len()).expect("a short path");
    let mut request = [PREFACE, &[0, 0, length + 7 + u8::from(method == 0) * 5, 1, 5, 0, 0, 0, 1]].concat();
    // The second of the static table is GET; HEAD is not in it, and is written out (RFC 7541 §6.2.2).
    request.extend_from_slice(if method == 0 { b"\x02\x04HEAD" } else { b"\x82" });
    request.extend_from_slice(&[b"\x86\x04", &[length][..], path.as_bytes(), b"\x01\x01a"].concat());
    stream.write_all(&request).await.expect("the app takes bytes");
    read_stream(&mut stream).await
}

#[tokio::test]
async fn replies_that_have_no_body_have_none_in_http_2_either() {
    let (app, _) = started("").await;
    for (method, path) in [(0, "/zato/ping"), (0, "/copied/200"), (2, "/copied/204"), (2, "/copied/304")] {
        let (kinds, data) = by_http2(&app, method, path).await;
        assert!(kinds.contains(&1) && !kinds.contains(&0), "{path}: headers without data: {kinds:?}");
        assert_eq!(data, b"", "{path}");
    }
    let (_, data) = by_http2(&app, 2, "/copied/200").await;
    assert_eq!(data, b"copied");
}

#[tokio::test]
async fn what_a_service_says_of_a_connection_is_left_out() {
    let logs = testing::capture_logs();
    let (app, _) = started("").await;
    let mut wire = Wire::to(&app).await;
    let own = |number, status, body| Answer::new(status, &cid(number), "text/plain", body).header("x-own", "kept");
    assert_answer(wire.get("/copied/200").await, &own(1, 200, "copied").on_the_wire());
    assert_answer(wire.get("/copied/204").await, &Answer::empty(204, &cid(2)).header("x-own", "kept"));
    assert_answer(wire.get("/copied/304").await, &own(3, 304, ""));
    wire.send("HEAD /copied/200 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_answer(wire.head().await, &own(4, 200, "copied").on_the_wire().body(""));
    for (number, status) in [(5, 100), (6, 101), (7, 199)] {
        let expected = Answer::problem(500, &cid(number), "an error has occurred").on_the_wire();
        assert_answer(wire.get(&format!("/copied/{status}")).await, &expected);
        let is_told = |event: &testing::CapturedEvent| {
            event.message == "the reply can't be sent" && event.fields["zato.cid"] == cid(number)
        };
        assert!(logs.events().iter().any(is_told), "{logs:?}");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_headers_that_do_not_come() {
    let (app, _) = started("").await;
    let (mut idle, mut half) = (Wire::to(&app).await, Wire::to(&app).await);
    half.send("GET /echo HTTP/1.1\r\nHo").await;
    // By the end of a whole request the half one has been taken in, too.
    assert_answer(idle.post("/echo", "a").await, &echoed(1, "a"));
    assert_eq!(timeout(Duration::from_secs(5), app.stop()).await.expect("it stops soon"), [""; 0]);
    assert_eq!(half.rest().await, "");
}

#[tokio::test]
async fn a_service_of_tower_takes_requests_of_any_body() {
    let app = testing::app("serving").services(services![echo, gate, copied]).state(Arc::new(Gate::default()));
    let app = app.config_yaml(CHANNELS).start().await.unwrap();
    let service = zato::rest::http_service(&app);
    let request = zato::http::Request::post("/echo").body(Full::new(Bytes::from_static(b"tower"))).unwrap();
    let Ok(response) = tower::ServiceExt::oneshot(service, request).await;
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "tower");
    assert!(timeout(Duration::from_secs(5), app.stop()).await.is_ok());
}
