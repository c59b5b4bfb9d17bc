//! Abuse of HTTP/2: what one connection can ask for without a request, or with many, and who pays for it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};
use zato::{Raw, Result, Running, service, services};

use crate::{
    frames::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, Http2,
        INITIAL_WINDOW_SIZE, NO_ERROR, NONE, PING, PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, get,
        headers, reset,
    },
    support::{PATIENCE, Wire, listening_app, until},
};

#[service(name = "well")]
async fn well() -> Result<()> {
    Ok(())
}

/// Gives a reply that no window holds at once.
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

const LARGE: usize = 1024 * 1024;

async fn started(server: &str) -> Running {
    let app = listening_app("abuse").services(services![well, large, wait]).state(Arc::new(Notify::new()));
    let channels =
        ["well", "large", "wait"].map(|name| format!("{{name: {name}, url_path: /{name}, service: {name}}}"));
    let config = format!("server: {{bind: '127.0.0.1:0'{server}}}\nchannel_rest: [{}]", channels.join(", "));
    app.config_yaml(config).start().await.expect("the app starts")
}

/// Another caller is answered, and soon.
async fn assert_well(app: &Running) {
    let asking = async { Wire::to(app).await.get("/well").await };
    let answer = timeout(Duration::from_secs(5), asking).await.expect("another caller is answered soon");
    assert_eq!(answer.status, 204);
}

/// Sends on and on until the connection ends, while another caller is answered, and returns why it ended.
async fn flood(app: &Running, mut connection: Http2, bytes: &[u8], times: usize) -> Option<u32> {
    for round in 0..times {
        if !connection.try_send(bytes).await {
            break;
        }
        if round % 100 == 0 {
            assert_well(app).await;
        }
    }
    let reason = connection.reason().await;
    assert_well(app).await;
    reason
}

fn in_flight(app: &Running) -> u64 {
    app.statistics().iter().map(|service| service.in_flight).sum()
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let app = started("").await;
    let connection = Http2::to(&app).await;
    let requests: Vec<u8> =
        (0..5_000).flat_map(|number| [get(number * 2 + 1, "/wait"), reset(number * 2 + 1)].concat()).collect();
    assert_eq!(flood(&app, connection, &requests, 1).await, Some(ENHANCE_YOUR_CALM));
    until("nothing is in work any more", || in_flight(&app) == 0).await;
}

#[tokio::test]
async fn requests_beyond_the_number_of_streams_are_refused_and_the_others_go_on() {
    let app = started(", http2: {max_concurrent_streams: 3}").await;
    let mut connection = Http2::to(&app).await;
    for stream in [1, 3, 5, 7] {
        connection.send(get(stream, "/wait")).await;
    }
    let refused = connection.find(|frame| frame.kind == RST_STREAM).await.expect("one is refused");
    // REFUSED_STREAM: it may be sent again (RFC 9113 §8.7).
    assert_eq!((refused.stream, &refused.payload[..]), (7, &[0, 0, 0, 7][..]));
    connection.send([reset(1), get(9, "/well")].concat()).await;
    assert_eq!(connection.status(9).await, Some(204));
    assert_well(&app).await;
}

#[tokio::test]
async fn headers_without_an_end_end_the_connection() {
    let app = started("").await;
    let mut connection = Http2::to(&app).await;
    connection.send(frame(HEADERS, END_STREAM, 1, &headers("GET", "/well", &[]))).await;
    let reason = flood(&app, connection, &frame(CONTINUATION, NONE, 1, &[]), 1_000).await;
    assert_eq!(reason, Some(ENHANCE_YOUR_CALM), "empty ones");

    let mut connection = Http2::to(&app).await;
    connection.send(frame(HEADERS, END_STREAM, 1, &headers("GET", "/well", &[]))).await;
    let header = [&b"\x00\x01a\x7f\x81\x1e"[..], &[b'b'; 4_000]].concat();
    let reason = flood(&app, connection, &frame(CONTINUATION, NONE, 1, &header), 1_000).await;
    assert!([Some(ENHANCE_YOUR_CALM), Some(PROTOCOL_ERROR), Some(9)].contains(&reason), "large ones: {reason:?}");
}

#[tokio::test]
async fn headers_that_are_too_large_or_too_many_are_refused() {
    let app = started("").await;
    let mut connection = Http2::to(&app).await;
    let block = headers("GET", "/well", &[("a", &"b".repeat(16_200))]);
    connection.send(frame(HEADERS, END_STREAM, 1, &block[..10_000])).await;
    connection.send(frame(CONTINUATION, END_HEADERS, 1, &block[10_000..])).await;
    let refused = connection.find(|frame| frame.kind == HEADERS).await.expect("an answer");
    assert!(refused.payload.windows(3).any(|bytes| bytes == b"431") || refused.status().is_none(), "{refused:?}");
    let many = [("a", "b"); 101];
    connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 3, &headers("GET", "/well", &many))).await;
    assert_eq!(connection.status(3).await, None, "no status that stands for itself: 431");
    connection.send(get(5, "/well")).await;
    assert_eq!(connection.status(5).await, Some(204), "the connection goes on");
}

#[tokio::test]
async fn pings_and_settings_are_answered_and_take_nothing_up() {
    let app = started("").await;
    for (kind, payload) in [(PING, &b"12345678"[..]), (SETTINGS, &[0, 3, 0, 0, 0, 9][..])] {
        let mut connection = Http2::to(&app).await;
        let many = frame(kind, NONE, 0, payload).repeat(10_000);
        // Nobody reads the answers: the app stops reading before it stores them.
        let _ = timeout(Duration::from_millis(300), connection.try_send(&many)).await;
        assert_well(&app).await;
        drop(connection);

        let mut connection = Http2::to(&app).await;
        connection.send(frame(kind, NONE, 0, payload).repeat(100)).await;
        for _ in 0..100 {
            connection.find(|frame| frame.kind == kind && frame.flags == ACK).await.expect("an answer for each");
        }
        connection.send(get(1, "/well")).await;
        assert_eq!(connection.status(1).await, Some(204));
    }
}

#[tokio::test]
async fn what_is_no_request_keeps_no_connection() {
    let app = started(", header_timeout: 200ms, idle_timeout: 200ms").await;
    for noise in [
        frame(PING, NONE, 0, b"12345678"),
        frame(SETTINGS, NONE, 0, &[]),
        frame(WINDOW_UPDATE, NONE, 0, &1_u32.to_be_bytes()),
        // A kind that nobody knows, which is to be ignored (RFC 9113 §4.1).
        frame(0xfa, NONE, 0, b"x"),
    ] {
        let mut connection = Http2::to(&app).await;
        connection.send(get(1, "/well")).await;
        assert_eq!(connection.status(1).await, Some(204));
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let noisy = async {
            while connection.try_send(&noise).await {
                tick.tick().await;
            }
        };
        timeout(PATIENCE, noisy).await.unwrap_or_else(|_| panic!("{noise:?} keeps a connection"));
    }
    assert_well(&app).await;
}

#[tokio::test]
async fn a_reply_that_is_not_taken_in_ends_the_connection() {
    let app = started(", write_timeout: 300ms, idle_timeout: 10m, header_timeout: 10m").await;
    let mut connection = Http2::with(&app, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    connection.send(get(1, "/large")).await;
    assert_eq!(connection.status(1).await, Some(200));
    // Not even by a byte now and then, and by pings.
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let byte = [frame(WINDOW_UPDATE, NONE, 1, &1_u32.to_be_bytes()), frame(PING, NONE, 0, b"12345678")].concat();
    let trickling = async {
        while connection.try_send(&byte).await {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, trickling).await.expect("the connection is ended");
    assert_well(&app).await;
}

#[tokio::test]
async fn a_reply_that_is_taken_in_slowly_arrives() {
    let app = started(", write_timeout: 300ms, idle_timeout: 10m, header_timeout: 10m").await;
    let mut connection = Http2::with(&app, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    connection.send(frame(WINDOW_UPDATE, NONE, 0, &(1_u32 << 24).to_be_bytes())).await;
    connection.send(get(1, "/large")).await;
    let (mut taken, part) = (0, LARGE / 16);
    while taken < LARGE {
        connection.send(frame(WINDOW_UPDATE, NONE, 1, &u32::try_from(part).unwrap().to_be_bytes())).await;
        let until = taken + part;
        while taken < until {
            let data = connection.find(|frame| frame.kind == DATA).await.expect("the connection goes on");
            taken += data.payload.len();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(taken, LARGE);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = started(", body_timeout: 100ms").await;
    let mut connection = Http2::to(&app).await;
    connection.send(frame(HEADERS, END_HEADERS, 1, &headers("POST", "/well", &[]))).await;
    connection.send(frame(DATA, NONE, 1, b"{")).await;
    let refused = connection.find(|frame| frame.kind == HEADERS && frame.stream == 1).await.expect("an answer");
    assert!(refused.status().is_none(), "408 has no number of its own: {refused:?}");
    connection.send(get(3, "/well")).await;
    assert_eq!(connection.status(3).await, Some(204));
}

#[tokio::test]
async fn frames_that_break_the_rules_end_the_connection() {
    let app = started("").await;
    for broken in [
        // On a stream that a client can't open, or has not.
        get(2, "/well"),
        frame(DATA, NONE, 1, b"x"),
        // Of a wrong size.
        frame(PING, NONE, 0, b"1234"),
        frame(SETTINGS, NONE, 0, b"12345"),
        frame(WINDOW_UPDATE, NONE, 0, &0_u32.to_be_bytes()),
        frame(DATA, NONE, 1, &[0; 16_385]),
        // Headers that can't be unpacked.
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 20]),
        frame(CONTINUATION, END_HEADERS, 1, b""),
    ] {
        let mut connection = Http2::to(&app).await;
        connection.try_send(&broken).await;
        let reason = connection.reason().await;
        assert!(reason.is_none_or(|reason| reason != NO_ERROR), "{:?} got {reason:?}", &broken[..9]);
        assert_well(&app).await;
    }
}

#[tokio::test]
async fn a_request_names_one_host() {
    let app = started("").await;
    let mut connection = Http2::to(&app).await;
    for (stream, more, status) in [
        (1, &[("host", "test")][..], 204),
        (3, &[("host", "other")], 400),
        (5, &[("host", "test"), ("host", "test")], 400),
    ] {
        let block = headers("GET", "/well", more);
        connection.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)).await;
        assert_eq!(connection.status(stream).await, Some(status), "{more:?}");
    }
    // Without an authority, which is the fourth part.
    connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 7, b"\x82\x86\x04\x05/well")).await;
    assert_eq!(connection.status(7).await, Some(400));
}

#[tokio::test]
async fn a_connection_that_has_served_enough_says_goodbye_and_finishes() {
    let app = started(", max_requests_per_connection: 3").await;
    let mut connection = Http2::to(&app).await;
    for stream in [1, 3] {
        connection.send(get(stream, "/well")).await;
        assert_eq!(connection.status(stream).await, Some(204));
    }
    connection.send(get(5, "/well")).await;
    let goodbye = connection.find(|frame| frame.kind == GOAWAY).await.expect("it is told");
    assert_eq!(goodbye.reason(), Some(NO_ERROR));
    let ping = connection.find(|frame| frame.kind == PING).await.expect("it asks whether that was read");
    assert_eq!(connection.status(5).await, Some(204));
    connection.send(frame(PING, ACK, 0, &ping.payload)).await;
    assert_eq!(connection.reason().await, Some(NO_ERROR));
    assert_well(&app).await;
}
