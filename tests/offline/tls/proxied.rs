//! The PROXY protocol in front of HTTP and HTTPS.

use tokio::{io::AsyncWriteExt, net::TcpStream};
use zato::{Running, services, testing};

use super::{
    certificates::Authority,
    clients::{Client, OPEN, caller, files, started},
};
use crate::support::{Answer, Wire, address, assert_answer, cid, listening_app, until};

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x01\xbb";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";

async fn plain() -> Running {
    plain_with("").await
}

/// An app with further keys of `server`.
async fn plain_with(keys: &str) -> Running {
    let config = format!("server: {{bind: '127.0.0.1:0', proxy_protocol: on, header_timeout: 150ms{keys}}}{OPEN}");
    listening_app("proxied").services(services![caller]).config_yaml(config).start().await.expect("the app starts")
}

fn said(number: u64, address: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", &format!("nobody; no certificate; {address}")).on_the_wire()
}

#[tokio::test]
async fn the_address_is_the_one_that_the_proxy_speaks_for() {
    let app = plain().await;
    for (number, (header, address)) in
        (1..).zip([(V1, "192.0.2.7"), (V2, "192.0.2.7"), (LOCAL, "127.0.0.1"), (b"PROXY UNKNOWN\r\n", "127.0.0.1")])
    {
        let mut wire = Wire::to(&app).await;
        // With the request in one piece, as a proxy sends them.
        wire.send([header, b"GET /caller HTTP/1.1\r\nHost: a\r\n\r\n"].concat()).await;
        assert_answer(wire.answer().await, &said(number, address));
    }
    let mut wire = Wire::to(&app).await;
    wire.send(V1).await;
    wire.send(V1).await;
    assert!(wire.rest().await.starts_with("HTTP/1.1 400 "), "a second header is no request");
}

#[tokio::test]
async fn who_has_no_header_is_refused() {
    let logs = testing::capture_logs();
    let app = plain().await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /caller HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(wire.rest().await, "");
    let mut half = Wire::to(&app).await;
    half.send("PROXY TCP4 192.0.2.7").await;
    assert_eq!(half.rest().await, "");
    let is_told = |text: &str| logs.events().iter().any(|event| event.message == text);
    until("both are told", || {
        is_told("a connection has no header of the PROXY protocol")
            && is_told("the header of the PROXY protocol did not come in time")
    })
    .await;
}

#[tokio::test]
async fn nobody_but_proxies_that_are_listed_may_connect() {
    let request = [V1, b"GET /caller HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let app = plain_with(", trusted_proxies: [127.0.0.1]").await;
    let mut wire = Wire::to(&app).await;
    wire.send(&request).await;
    assert_answer(wire.answer().await, &said(1, "192.0.2.7"));
    let app = plain_with(", trusted_proxies: [192.0.2.1]").await;
    let mut wire = Wire::to(&app).await;
    wire.send(&request).await;
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn nobody_may_write_a_header_where_none_is_expected() {
    let config = format!("server: {{bind: '127.0.0.1:0'}}{OPEN}");
    let app = listening_app("proxied").services(services![caller]).config_yaml(config).start().await.unwrap();
    for header in [V1, V2] {
        let mut wire = Wire::to(&app).await;
        wire.send([header, b"GET /caller HTTP/1.1\r\nHost: a\r\n\r\n"].concat()).await;
        assert!(wire.rest().await.starts_with("HTTP/1.1 400 "));
    }
}

#[tokio::test]
async fn the_header_comes_before_tls() {
    let authority = Authority::new("authority");
    let app = started(&files(&authority, "", &format!("\n  proxy_protocol: on{OPEN}"))).await;
    for (number, header) in (1..).zip([V1, V2]) {
        let mut stream = TcpStream::connect(address(&app)).await.unwrap();
        stream.write_all(header).await.unwrap();
        let mut wire = Wire::over(Client::new(&authority).connect_over(stream).await.unwrap());
        assert_answer(wire.get("/caller").await, &said(number, "192.0.2.7"));
    }
    assert!(Client::new(&authority).connect(&app).await.is_err(), "TLS alone is no header");
}
