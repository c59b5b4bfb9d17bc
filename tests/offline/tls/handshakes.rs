//! How a connection begins.

use rustls::{
    ProtocolVersion,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use zato::testing;

use super::{
    certificates::{Authority, Pair},
    clients::{Client, OPEN, files, started},
};
use crate::{
    serving::{PING, PREFACE, read_stream},
    support::{Answer, PATIENCE, Wire, assert_answer, cid, until},
};

fn said(number: u64, text: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", text).on_the_wire()
}

#[tokio::test]
async fn both_protocols_are_spoken_as_the_client_wants() {
    let authority = Authority::new("authority");
    let app = started(&files(&authority, "", OPEN)).await;
    assert!(app.addresses()[0].starts_with("https://127.0.0.1:"), "{:?}", app.addresses());
    for protocols in [&[][..], &["http/1.1"]] {
        let mut wire = Client::new(&authority).speaking(protocols).wire(&app).await;
        assert_eq!(wire.get("/caller").await.body, "nobody; no certificate; 127.0.0.1");
        assert_eq!(wire.get("/caller").await.status, 200, "and once more");
    }
    for protocols in [&["h2"][..], &["http/1.1", "h2"]] {
        let mut stream = Client::new(&authority).speaking(protocols).connect(&app).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "the better one, if there is a choice");
        stream.write_all(&[PREFACE, PING].concat()).await.unwrap();
        let (_, data) = read_stream(&mut stream).await;
        assert!(String::from_utf8(data).unwrap().starts_with(r#"{"pong":"zato""#));
    }
    let other = Client::new(&authority).speaking(&["smtp"]).connect(&app).await.unwrap_err();
    assert!(other.to_string().contains("NoApplicationProtocol"), "{other}");
}

#[tokio::test]
async fn a_session_is_resumed() {
    let authority = Authority::new("authority");
    let app = started(&files(&authority, "", OPEN)).await;
    let client = Client::new(&authority);
    for kind in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
        let stream = client.connect(&app).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
        // The ticket comes with the first bytes that are read.
        assert_eq!(Wire::over(stream).get("/caller").await.status, 200);
    }
}

#[tokio::test]
async fn versions_before_the_minimum_are_refused() {
    let authority = Authority::new("authority");
    let old = || Client::of_versions(&authority, None, &[&TLS12]);
    let app = started(&files(&authority, "", OPEN)).await;
    let stream = old().connect(&app).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    let app = started(&files(&authority, ", minimum_version: 1.3", OPEN)).await;
    let refused = old().connect(&app).await.unwrap_err();
    assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
    let stream = Client::of_versions(&authority, None, &[&TLS13]).connect(&app).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn who_forgot_to_speak_tls_is_told() {
    let authority = Authority::new("authority");
    let app = started(&files(&authority, "", OPEN)).await;
    let mut wire = Wire::to(&app).await;
    let expected = Answer::problem(400, &cid(1), "this address speaks HTTPS, and not plain HTTP");
    assert_answer(wire.get("/caller").await, &expected.on_the_wire().header("connection", "close"));
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn garbage_ends_its_connection_and_nobody_elses() {
    let authority = Authority::new("authority");
    let app = started(&files(&authority, "", OPEN)).await;
    let mut good = Client::new(&authority).wire(&app).await;
    for garbage in [
        &b"\0\0\0\0\0"[..],
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\0\x05\x01\0\0\x01\0",
        b"\x15\x03\x01\0\x02\x02\0",
        &[0x16; 70_000],
    ] {
        let mut wire = tokio::net::TcpStream::connect(crate::support::address(&app)).await.unwrap();
        // The app may have ended it before everything is sent.
        let _ = wire.write_all(garbage).await;
        let _ = wire.shutdown().await;
        let mut reply = Vec::new();
        let _ = timeout(PATIENCE, wire.read_to_end(&mut reply)).await.expect("the app ends the connection");
        assert!(reply.is_empty() || reply[0] == 21, "nothing or an alert: {reply:?}");
        assert_eq!(good.get("/caller").await.status, 200);
    }
}

#[tokio::test]
async fn a_handshake_is_waited_for_no_longer_than_for_headers() {
    let authority = Authority::new("authority");
    let logs = testing::capture_logs();
    let file = files(&authority, "", &format!("\n  header_timeout: 150ms{OPEN}"));
    let app = started(&file).await;
    let (mut silent, mut half) = (Wire::to(&app).await, Wire::to(&app).await);
    half.send(b"\x16\x03\x01\x02\0\x01\0").await;
    assert_eq!((silent.rest().await, half.rest().await), (String::new(), String::new()));
    // Whichever of the two looks first: who waits for the handshake, or who watches over all connections.
    let ends = ["a TLS handshake did not end in time", "a connection was quiet for too long and is ended"];
    until("both are told", || logs.events().iter().filter(|event| ends.contains(&event.message.as_str())).count() == 2)
        .await;
    assert_eq!(Client::new(&authority).wire(&app).await.get("/caller").await.status, 200);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_handshake() {
    let authority = Authority::new("authority");
    let app = started(&files(&authority, "", OPEN)).await;
    let mut silent = Wire::to(&app).await;
    let mut good = Client::new(&authority).wire(&app).await;
    assert_eq!(good.get("/caller").await.status, 200);
    assert_eq!(timeout(PATIENCE, app.stop()).await.unwrap(), [""; 0]);
    assert_eq!((silent.rest().await, good.rest().await), (String::new(), String::new()));
}

#[tokio::test]
async fn who_can_not_prove_its_certificate_is_not_let_in() {
    let (authority, other) = (Authority::new("authority"), Authority::new("other"));
    let logs = testing::capture_logs();
    let app = started(&files(&authority, ", client_ca: clients.pem", OPEN)).await;
    let mut wire = Client::with(&authority, &authority.client("partner")).wire(&app).await;
    assert_answer(wire.get("/caller").await, &said(1, "nobody; CN=partner,O=Bank; 127.0.0.1"));
    let refusals = [
        (Client::new(&authority), "peer sent no certificates"),
        (Client::with(&authority, &authority.expired_client("late")), "certificate expired"),
        (Client::with(&authority, &authority.server("localhost")), "extended key usage"),
        (Client::with(&authority, &other.client("stranger")), "UnknownIssuer"),
        (Client::with(&authority, &Pair::self_signed("selfish")), "UnknownIssuer"),
    ];
    for (index, (client, reason)) in refusals.into_iter().enumerate() {
        // With TLS 1.3 a client learns of it with the first bytes that it reads (RFC 8446 §4.4.2.4).
        let is_refused = match client.connect(&app).await {
            Err(_) => true,
            Ok(mut stream) => stream.read_u8().await.is_err(),
        };
        assert!(is_refused, "{reason}");
        let refused =
            || logs.events().into_iter().filter(|event| event.message == "caller refused by its client certificate");
        until("it is told", || refused().count() > index).await;
        let error = refused().next_back().unwrap().fields["error"].clone();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(wire.get("/caller").await.status, 200, "who was let in stays");
}

#[tokio::test]
async fn a_certificate_may_be_optional() {
    let authority = Authority::new("authority");
    let tls = ", client_ca: clients.pem, client_certificates: optional";
    let app = started(&files(&authority, tls, OPEN)).await;
    let mut wire = Client::new(&authority).wire(&app).await;
    assert_answer(wire.get("/caller").await, &said(1, "nobody; no certificate; 127.0.0.1"));
    let mut wire = Client::with(&authority, &authority.client("partner")).wire(&app).await;
    assert_answer(wire.get("/caller").await, &said(2, "nobody; CN=partner,O=Bank; 127.0.0.1"));
    let wrong = Client::with(&authority, &Pair::self_signed("selfish")).connect(&app).await;
    let is_refused = match wrong {
        Err(_) => true,
        Ok(mut stream) => stream.read_u8().await.is_err(),
    };
    assert!(is_refused, "a wrong one is worse than none");
}
