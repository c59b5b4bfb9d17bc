//! Bodies that come and go in pieces, through a service that takes or gives a stream.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp},
    sync::{Notify, mpsc},
    task::JoinSet,
    time::timeout,
};
use zato::{
    App, Context, Error, Invoke, Raw, Response, Result, Running,
    bytes::Bytes,
    futures_core::Stream,
    http::{Method, Request, StatusCode},
    loopback::Loopback,
    service, services, testing,
    tracing::{self, Level},
};

use crate::support::{Answer, PATIENCE, Wire, address, assert_answer, cid, listening_app, until};

/// What a test and its services share.
#[derive(Clone, Default)]
struct Stage {
    /// What the service `fed` gives.
    pieces: Arc<Mutex<Option<mpsc::Receiver<Result<&'static str>>>>>,
    /// How many bytes the service `sum` has read.
    read: Arc<AtomicUsize>,
    /// How many pieces the service `endless` has made.
    made: Arc<AtomicUsize>,
    /// What the service `sum` failed with.
    failed: Arc<Mutex<Option<String>>>,
    /// Lets the service `later` go on.
    open: Arc<Notify>,
}

impl Stage {
    fn feed(&self) -> mpsc::Sender<Result<&'static str>> {
        let (sender, receiver) = mpsc::channel(1);
        *self.pieces.lock().expect("nobody panics with it") = Some(receiver);
        sender
    }

    fn failed(&self) -> Option<String> {
        self.failed.lock().expect("nobody panics with it").clone()
    }
}

/// Gives what it is fed, and logs each piece.
struct Fed(mpsc::Receiver<Result<&'static str>>);

impl Stream for Fed {
    type Item = Result<&'static str>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let next = self.0.poll_recv(cx);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            tracing::info!("a piece is made");
            assert!(*piece != "panic", "told to");
        }
        next
    }
}

const PIECE: usize = 64 * 1024;

/// Gives pieces without an end, and counts them.
struct Endless(Arc<AtomicUsize>);

impl Stream for Endless {
    type Item = Result<&'static [u8]>;

    fn poll_next(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(&[b'x'; PIECE])))
    }
}

/// Gives back what it gets, as it comes.
#[service(name = "echo")]
async fn echo(input: Raw) -> Result<Raw> {
    Ok(input)
}

/// Adds up what it gets.
#[service(name = "sum")]
async fn sum(mut input: Raw, #[state] stage: &Stage) -> Result<Raw> {
    let mut sum = 0;
    loop {
        match input.chunk().await {
            Ok(Some(piece)) => sum += piece.len(),
            Ok(None) => return Ok(Raw::new(sum.to_string()).with_content_type("text/plain")),
            Err(error) => {
                *stage.failed.lock().expect("nobody panics with it") = Some(error.message().to_owned());
                return Err(error);
            }
        }
        stage.read.store(sum, Ordering::SeqCst);
    }
}

/// Is done after the first piece.
#[service(name = "first")]
async fn first(mut input: Raw) -> Result<Raw> {
    let length = input.chunk().await?.map_or(0, |piece| piece.len());
    Ok(Raw::new((length > 0).to_string()).with_content_type("text/plain"))
}

/// Gives what the test feeds it.
#[service(name = "fed")]
async fn fed(ctx: &Context, #[state] stage: &Stage) -> Result<Response<Raw>> {
    let pieces =
        stage.pieces.lock().expect("nobody panics with it").take().ok_or_else(|| Error::conflict("nothing to give"))?;
    let raw = Raw::from_stream(Fed(pieces)).with_content_type("text/plain");
    let length = ctx.params().query("length")?.first().and_then(|length| length.parse().ok());
    Ok(Response::new(if let Some(length) = length { raw.with_length(length) } else { raw }))
}

/// Gives more than anybody takes, with a status of the caller's choice.
#[service(name = "endless")]
async fn endless(ctx: &Context, #[state] stage: &Stage) -> Result<Response<Raw>> {
    let status = ctx.params().path("status").and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok());
    let raw = Raw::from_stream(Endless(Arc::clone(&stage.made)));
    let raw = if ctx.uri().is_some_and(|uri| uri.query().is_some()) { raw.with_length(123_456_789_012) } else { raw };
    Ok(Response::new(raw).status(status.unwrap_or_default()))
}

/// Hands its input on to another service, and that one's output back.
#[service(name = "through")]
async fn through(ctx: &Context, input: Raw, #[invoke] echo: Invoke<echo>) -> Result<Raw> {
    echo.call(ctx, input).await
}

/// Gives what a future gives.
struct Later(Option<Pin<Box<dyn Future<Output = Result<Bytes>> + Send>>>);

impl Stream for Later {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let Some(future) = &mut self.0 else { return Poll::Ready(None) };
        let given = ready!(future.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(Some(given))
    }
}

/// Asks another system when it is told to, long after it has returned.
#[service(name = "later")]
async fn later(#[out("Rates")] rates: Loopback, #[state] stage: &Stage) -> Result<Raw> {
    let open = Arc::clone(&stage.open);
    let asking = async move {
        open.notified().await;
        rates.call("EUR").await
    };
    Ok(Raw::from_stream(Later(Some(Box::pin(asking)))))
}

const CHANNELS: &str = "
channel_rest:
  - {name: echo, url_path: /echo, service: echo, max_body_size: 1GiB}
  - {name: through, url_path: /through, service: through, max_body_size: 1GiB}
  - {name: sum, url_path: /sum, service: sum}
  - {name: first, url_path: /first, service: first, max_body_size: 1GiB}
  - {name: fed, url_path: /fed, service: fed}
  - {name: endless, url_path: '/endless/{status}', service: endless}
";

fn app(app: App) -> (App, Stage) {
    let stage = Stage::default();
    let services = services![echo, sum, first, fed, endless, through];
    (app.services(services).state(stage.clone()), stage)
}

async fn started(server: &str) -> (Running, Stage) {
    let (app, stage) = app(listening_app("streaming"));
    let config = format!("server: {{bind: '127.0.0.1:0'{server}}}{CHANNELS}");
    (app.config_yaml(config).start().await.expect("the app starts"), stage)
}

/// More than lies on the way when nobody takes anything: in the buffers of the sockets, in both directions, and ours.
const LARGE: usize = 96 * 1024 * 1024;

/// Sends zeros until nothing more is taken, or so many are, and returns how many were.
async fn pour(writer: &mut tcp::OwnedWriteHalf, most: usize) -> usize {
    let (zeros, mut sent) = (vec![0; PIECE], 0);
    while sent < most {
        let piece = zeros.get(..PIECE.min(most - sent)).expect("a part of a piece");
        match timeout(Duration::from_millis(300), writer.write(piece)).await {
            Ok(written) => sent += written.expect("the connection is open"),
            Err(_) => break,
        }
    }
    sent
}

/// Waits until a number changes no more, and returns it.
async fn settled(number: &AtomicUsize) -> usize {
    let mut before = usize::MAX;
    loop {
        let now = number.load(Ordering::SeqCst);
        if now == before {
            return now;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn large_echo(path: &str) {
    let (app, _) = started("").await;
    let (mut reader, mut writer) = TcpStream::connect(address(&app)).await.expect("the app listens").into_split();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n");
    writer.write_all(head.as_bytes()).await.expect("the connection is open");
    // Nobody reads: what the app has taken is what lies on the way, and it stops taking.
    let sent = pour(&mut writer, LARGE).await;
    assert!(sent < LARGE, "{sent} bytes were taken that nobody has read");
    let reading = async {
        let (mut head, mut end) = (Vec::new(), [0; 1]);
        while !head.ends_with(b"\r\n\r\n") {
            reader.read_exact(&mut end).await.expect("the connection is open");
            head.extend_from_slice(&end);
        }
        let (mut buffer, mut received) = (vec![0; PIECE], 0);
        while received < LARGE {
            received += reader.read(&mut buffer).await.expect("the connection is open");
        }
        (String::from_utf8(head).expect("a head is ASCII"), received)
    };
    let sending = async { pour(&mut writer, LARGE - sent).await };
    let ((head, received), rest) =
        timeout(PATIENCE, async { tokio::join!(reading, sending) }).await.expect("all of it in time");
    assert_eq!((received, sent + rest), (LARGE, LARGE));
    assert!(head.to_lowercase().contains(&format!("\r\ncontent-length: {LARGE}\r\n")), "{head}");
    assert!(!head.to_lowercase().contains("connection: close"), "{head}");
    // All was read, so the connection goes on.
    writer
        .write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab")
        .await
        .expect("the connection is open");
    let mut answer = String::new();
    timeout(PATIENCE, reader.read_to_string(&mut answer)).await.expect("an answer in time").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nab"), "{answer}");
}

#[tokio::test]
async fn a_large_body_goes_through_as_fast_as_it_is_read_and_no_faster() {
    large_echo("/echo").await;
}

#[tokio::test]
async fn a_large_body_goes_through_two_services() {
    large_echo("/through").await;
}

#[tokio::test]
async fn a_reply_is_made_as_fast_as_it_is_read_and_no_faster() {
    let (app, stage) = started("").await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /endless/200 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = Answer::new(200, &cid(1), "application/octet-stream", "").header("transfer-encoding", "chunked");
    assert_answer(wire.head().await, &head);
    let made = settled(&stage.made).await;
    assert!(made * PIECE < LARGE, "{made} pieces were made that nobody has read");
    wire.some(made * PIECE).await;
    assert!(settled(&stage.made).await > made);
    // Who goes away is not written for any longer.
    drop(wire);
    settled(&stage.made).await;
}

#[tokio::test]
async fn a_body_above_the_limit_fails_the_service_that_reads_it() {
    let (app, stage) = started(", max_body_size: 100KB").await;
    let mut wire = Wire::to(&app).await;
    wire.send("POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("ea60\r\n{}\r\n", "x".repeat(60_000));
    wire.send(&chunk).await;
    until("the first piece is read", || stage.read.load(Ordering::SeqCst) == 60_000).await;
    wire.send(&chunk).await;
    let refused = |number| {
        let problem = Answer::problem(413, &cid(number), "the body is larger than 100000 bytes");
        problem.header("connection", "close").on_the_wire()
    };
    assert_answer(wire.answer().await, &refused(1));
    assert_eq!(wire.rest().await, "");
    assert_eq!(stage.failed().unwrap(), "the body is larger than 100000 bytes");

    // One that says so before is refused before the service is asked.
    *stage.failed.lock().unwrap() = None;
    let mut wire = Wire::to(&app).await;
    wire.send("POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n").await;
    assert_answer(wire.answer().await, &refused(2));
    assert_eq!((wire.rest().await.as_str(), stage.failed()), ("", None));
}

#[tokio::test]
async fn a_client_that_breaks_off_fails_the_service_that_reads() {
    let (app, stage) = started("").await;
    for head in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut wire = Wire::to(&app).await;
        wire.send(format!("POST /sum HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n3\r\nabc\r\n")).await;
        until("a piece is read", || stage.read.swap(0, Ordering::SeqCst) > 0).await;
        drop(wire);
        until("the service fails", || stage.failed.lock().unwrap().take().as_deref() == Some("the body broke off"))
            .await;
    }
}

#[tokio::test]
async fn a_client_may_be_silent_only_for_a_while() {
    let (app, stage) = started(", body_timeout: 300ms").await;
    let mut wire = Wire::to(&app).await;
    wire.send("POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    // In all it takes longer than that.
    for number in 1..=5 {
        wire.send("3\r\nabc\r\n").await;
        until("it is read", || stage.read.load(Ordering::SeqCst) == 3 * number).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let late = Answer::problem(408, &cid(1), "the body did not arrive in time").header("connection", "close");
    assert_answer(wire.answer().await, &late.on_the_wire());
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn a_body_that_is_not_read_to_its_end_ends_the_connection() {
    let (app, _) = started("").await;
    for (number, head) in (1..).zip(["Content-Length: 1000000", "Transfer-Encoding: chunked"]) {
        let mut wire = Wire::to(&app).await;
        wire.send(format!("POST /first HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n3\r\nabc\r\n")).await;
        let done = Answer::new(200, &cid(number), "text/plain", "true").header("connection", "close");
        assert_answer(wire.answer().await, &done.on_the_wire());
        assert_eq!(wire.rest().await, "");
    }
}

#[tokio::test]
async fn a_reply_that_fails_midway_is_broken_off_and_logged() {
    let logs = testing::capture_logs();
    let (app, stage) = started("").await;
    let broken: [(&str, Result<&str>, Level, &str); 4] = [
        ("/fed", Err(Error::upstream("the CRM hung up")), Level::WARN, "the CRM hung up"),
        ("/fed", Ok("panic"), Level::ERROR, "the stream of a body panicked"),
        ("/fed?length=3", Ok("cd"), Level::ERROR, "a stream gave more bytes than were announced"),
        ("/fed", Err(Error::not_found("no such row")), Level::INFO, "no such row"),
    ];
    for (number, (path, last, level, said)) in (1..).zip(broken) {
        let feed = stage.feed();
        let mut wire = Wire::to(&app).await;
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        feed.send(Ok("ab")).await.unwrap();
        assert_eq!(wire.head().await.status, 200);
        feed.send(last).await.unwrap();
        let rest = wire.rest().await;
        assert!(rest.contains("ab") && !rest.contains("cd") && !rest.contains("0\r\n\r\n"), "{rest:?}");
        let is_told = || logs.events().into_iter().find(|event| event.fields.get("zato.cid") == Some(&cid(number)));
        until("it is logged", || is_told().is_some()).await;
        let told = is_told().unwrap();
        assert_eq!(
            (told.message.as_str(), told.level, told.fields["error"].as_str()),
            ("reply broken off", level, said)
        );
        assert_eq!(told.fields["zato.channel"], "fed");
    }
    assert_answer(
        Wire::to(&app).await.post("/sum", "abc").await,
        &Answer::new(200, &cid(5), "text/plain", "3").on_the_wire(),
    );
}

#[tokio::test]
async fn what_a_stream_logs_belongs_to_its_request() {
    let logs = testing::capture_logs();
    let (app, stage) = app(testing::app("streaming"));
    let app = app.config_yaml(CHANNELS).start().await.unwrap();
    let feed = stage.feed();
    let reply = testing::client(&app).stream(Method::GET, "/fed", &[], Raw::default()).await;
    feed.send(Ok("ab")).await.unwrap();
    drop(feed);
    assert_eq!(reply.body.bytes().await.unwrap(), "ab");
    let events = logs.events();
    let made = events.iter().find(|event| event.message == "a piece is made").expect("it was logged");
    assert_eq!((made.span["zato.cid"].as_str(), made.span["zato.service"].as_str()), (cid(1).as_str(), "fed"));
}

#[tokio::test]
async fn a_reply_that_has_no_body_is_not_made() {
    let (app, stage) = started("").await;
    let mut wire = Wire::to(&app).await;
    let octets = |number, status| Answer::new(status, &cid(number), "application/octet-stream", "");
    wire.send("HEAD /endless/200?length HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_answer(wire.head().await, &octets(1, 200).header("content-length", "123456789012"));
    wire.send("HEAD /endless/200 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_answer(wire.head().await, &octets(2, 200));
    wire.send("GET /endless/304 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_answer(wire.head().await, &octets(3, 304));
    wire.send("GET /endless/204 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_answer(wire.head().await, &Answer::empty(204, &cid(4)));
    assert_answer(wire.post("/sum", "abc").await, &Answer::new(200, &cid(5), "text/plain", "3").on_the_wire());
    assert_eq!(stage.made.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_length_that_is_known_is_told() {
    let (app, stage) = started("").await;
    let mut wire = Wire::to(&app).await;
    let feed = stage.feed();
    feed.send(Ok("abc")).await.unwrap();
    drop(feed);
    assert_answer(wire.get("/fed?length=3").await, &Answer::new(200, &cid(1), "text/plain", "abc").on_the_wire());
}

#[tokio::test]
async fn a_stop_waits_for_a_reply_that_is_still_made() {
    let (app, stage) = started("").await;
    let feed = stage.feed();
    let mut wire = Wire::to(&app).await;
    wire.send("GET /fed?length=4 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    feed.send(Ok("ab")).await.unwrap();
    assert_eq!(wire.head().await.status, 200);
    let mut stopping = JoinSet::new();
    stopping.spawn(app.stop());
    // Longer than a connection may be quiet that nobody waits at.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    feed.send(Ok("cd")).await.unwrap();
    drop(feed);
    assert_eq!(wire.rest().await, "abcd");
    assert_eq!(stopping.join_next().await.unwrap().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_stop_waits_for_a_reply_that_somebody_elses_server_sends() {
    let (app, stage) = app(testing::app("streaming"));
    let app = app.config_yaml(CHANNELS).start().await.unwrap();
    let feed = stage.feed();
    let mut reply = testing::client(&app).stream(Method::GET, "/fed", &[], Raw::default()).await;
    let mut stopping = JoinSet::new();
    stopping.spawn(app.stop());
    assert!(timeout(Duration::from_millis(200), stopping.join_next()).await.is_err());
    feed.send(Ok("ab")).await.unwrap();
    assert_eq!(reply.body.chunk().await.unwrap().unwrap(), "ab");
    drop(reply);
    let stopped = timeout(PATIENCE, stopping.join_next()).await.unwrap();
    assert_eq!(stopped.unwrap().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_service_may_take_its_time_for_a_piece() {
    let (app, stage) = started(", header_timeout: 200ms, idle_timeout: 200ms, write_timeout: 200ms").await;
    let feed = stage.feed();
    let mut wire = Wire::to(&app).await;
    wire.send("GET /fed?length=4 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    feed.send(Ok("ab")).await.unwrap();
    assert_eq!(wire.head().await.status, 200);
    tokio::time::sleep(Duration::from_millis(700)).await;
    feed.send(Ok("cd")).await.unwrap();
    drop(feed);
    assert_eq!(wire.some(4).await, 4);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_not_written_for_forever() {
    let (app, stage) = started(", header_timeout: 200ms, idle_timeout: 200ms, write_timeout: 200ms").await;
    let idle = Arc::strong_count(&stage.made);
    let mut wire = Wire::to(&app).await;
    wire.send("GET /endless/200 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until("a piece is made", || stage.made.load(Ordering::SeqCst) > 0).await;
    until("the stream is dropped", || Arc::strong_count(&stage.made) == idle).await;
}

#[tokio::test]
async fn streams_go_through_the_test_client_and_through_services() {
    let (app, stage) = app(testing::app("streaming"));
    let app = app.config_yaml(CHANNELS).start().await.unwrap();
    for path in ["/echo", "/through"] {
        let feed = stage.feed();
        let pieces = stage.pieces.lock().unwrap().take().unwrap();
        let body = Raw::from_stream(Fed(pieces));
        let mut reply = testing::client(&app).stream(Method::POST, path, &[("content-type", "text/csv")], body).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/csv"));
        for piece in ["a,b\n", "1,2\n"] {
            feed.send(Ok(piece)).await.unwrap();
            assert_eq!(reply.body.chunk().await.unwrap().unwrap(), piece);
        }
        drop(feed);
        assert!(reply.body.chunk().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_stream_is_handed_over_typed_and_is_no_value() {
    let (app, stage) = app(testing::app("streaming"));
    let app = app.start().await.unwrap();
    let mut reply = app.invoke::<through>(Raw::from_stream(Endless(Arc::clone(&stage.made)))).await.unwrap();
    assert_eq!(reply.chunk().await.unwrap().unwrap().len(), PIECE);
    let _feed = stage.feed();
    let refused = app.invoke_by_name("fed", zato::Value::Null).await.unwrap_err();
    assert_eq!(refused.to_string(), "the service gave a stream, which is no value: invoke it typed");
    assert_eq!(app.invoke_by_name("through", zato::Value::from(7)).await.unwrap(), 7);
}

#[tokio::test]
async fn a_reply_is_made_to_its_end_with_the_configuration_that_it_began_with() {
    let stage = Stage::default();
    let app = testing::app("streaming").services(services![later]).state(stage.clone());
    let config = |reply: &str| {
        format!(
            "outgoing_loopback: [{{name: Rates, reply: {reply}}}]\nchannel_rest: [{{name: later, url_path: /, service: later}}]"
        )
    };
    let app = app.config_yaml(config("old")).start().await.unwrap();
    let client = testing::client(&app);
    let reply = client.stream(Method::GET, "/", &[], Raw::default()).await;
    app.apply_yaml(config("new")).await.unwrap();
    // Long enough for a connection to be closed that nobody uses.
    tokio::time::sleep(Duration::from_millis(200)).await;
    stage.open.notify_one();
    assert_eq!(reply.body.bytes().await.unwrap(), "old");
    stage.open.notify_one();
    assert_eq!(client.get("/").await.text(), "new");
}

#[tokio::test]
async fn http_2_streams_both_ways() {
    let (app, stage) = started("").await;
    let idle = Arc::strong_count(&stage.made);
    let socket = TcpStream::connect(address(&app)).await.unwrap();
    let (mut client, connection) = h2::client::handshake(socket).await.unwrap();
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let post = |path: &str| Request::post(format!("http://a{path}")).body(()).unwrap();

    // What is sent comes back piece by piece, while the request is still being sent.
    let (response, mut sending) = client.send_request(post("/echo"), false).unwrap();
    sending.send_data(Bytes::from_static(b"ab"), false).unwrap();
    let mut receiving = timeout(PATIENCE, response).await.unwrap().unwrap().into_body();
    for (piece, is_last) in [("ab", false), ("cd", true)] {
        assert_eq!(timeout(PATIENCE, receiving.data()).await.unwrap().unwrap().unwrap(), piece);
        if !is_last {
            sending.send_data(Bytes::from_static(b"cd"), true).unwrap();
        }
    }
    assert!(receiving.data().await.is_none_or(|end| end.unwrap().is_empty()));

    // Nothing is made beyond the window that the client gives.
    let (response, _) = client.send_request(Request::get("http://a/endless/200").body(()).unwrap(), true).unwrap();
    let receiving = timeout(PATIENCE, response).await.unwrap().unwrap().into_body();
    let made = settled(&stage.made).await;
    assert!(made * PIECE < 4 * 1024 * 1024, "{made} pieces were made that nobody has read");
    // Given up, the stream is dropped.
    drop(receiving);
    until("the stream is dropped", || Arc::strong_count(&stage.made) == idle).await;

    // An error midway resets the stream, and no other.
    let feed = stage.feed();
    let (response, _) = client.send_request(Request::get("http://a/fed").body(()).unwrap(), true).unwrap();
    feed.send(Ok("ab")).await.unwrap();
    let mut receiving = timeout(PATIENCE, response).await.unwrap().unwrap().into_body();
    assert_eq!(receiving.data().await.unwrap().unwrap(), "ab");
    feed.send(Err(Error::upstream("broken"))).await.unwrap();
    assert!(timeout(PATIENCE, receiving.data()).await.unwrap().unwrap().unwrap_err().is_reset());

    // A client that resets its own fails the service that reads.
    let (_response, mut sending) = client.send_request(post("/sum"), false).unwrap();
    sending.send_data(Bytes::from_static(b"abc"), false).unwrap();
    until("a piece is read", || stage.read.load(Ordering::SeqCst) == 3).await;
    sending.send_reset(h2::Reason::CANCEL);
    until("the service ends", || app.statistics().iter().all(|service| service.in_flight == 0)).await;
}
