//! Who a request is from, where proxies stand in between.

use std::net::SocketAddr;

use http_body_util::BodyExt;
use zato::{
    Context, Result, Running,
    bytes::Bytes,
    http::Request,
    rest::{Body, Peer, RestChannels, http_service},
    service, services, testing,
    tower::ServiceExt,
};

use crate::support::{Wire, address, listening_app};

/// Tells who asks.
#[service(name = "who")]
async fn who(ctx: &Context) -> Result<zato::Value> {
    Ok(ctx.client_address().map(|address| address.to_string()).into())
}

fn config(bind: &str, server: &str) -> String {
    format!("server: {{bind: '{bind}'{server}}}\nchannel_rest: [{{name: who, url_path: /who, service: who}}]")
}

async fn started(server: &str) -> Running {
    let app = listening_app("proxies").services(services![who]);
    app.config_yaml(config("127.0.0.1:0", server)).start().await.expect("the app starts")
}

/// Asks with headers.
async fn ask(app: &Running, headers: &str) -> String {
    let mut wire = Wire::to(app).await;
    wire.send(format!("GET /who HTTP/1.1\r\nHost: a\r\n{headers}\r\n")).await;
    wire.answer().await.body
}

#[tokio::test]
async fn the_word_of_a_proxy_counts_only_if_it_is_trusted() {
    let app = started("").await;
    let forged = "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n";
    assert_eq!(ask(&app, "").await, "\"127.0.0.1\"");
    assert_eq!(ask(&app, forged).await, "\"127.0.0.1\"");
    let bind = address(&app);
    for (server, expected) in [
        (", trusted_proxies: [10.0.0.0/8]", "\"127.0.0.1\""),
        (", trusted_proxies: [127.0.0.0/8]", "\"203.0.113.9\""),
        (", trusted_proxies: [127.0.0.1, 203.0.113.9]", "\"203.0.113.9\""),
        ("", "\"127.0.0.1\""),
    ] {
        app.apply_yaml(config(&bind, server)).await.expect("it is applied");
        assert_eq!(ask(&app, forged).await, expected, "{server}");
    }
}

#[tokio::test]
async fn what_a_client_makes_up_does_not_count() {
    let app = started(", trusted_proxies: [127.0.0.1, 10.0.0.0/8]").await;
    for (headers, expected) in [
        ("X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 203.0.113.9, 10.0.0.7\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 203.0.113.9, unknown\r\n", "127.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9\r\nForwarded: for=198.51.100.1\r\n", "203.0.113.9"),
        ("Forwarded: for=198.51.100.1\r\n", "127.0.0.1"),
        ("X-Real-IP: 198.51.100.1\r\nTrue-Client-IP: 198.51.100.1\r\n", "127.0.0.1"),
    ] {
        assert_eq!(ask(&app, headers).await, format!("\"{expected}\""), "{headers}");
    }
}

#[tokio::test]
async fn the_header_is_the_one_that_is_configured() {
    let app = started(", trusted_proxies: [127.0.0.1], forwarded_header: forwarded").await;
    for (headers, expected) in [
        ("Forwarded: for=\"[2001:db8::9]:4711\";proto=https\r\nX-Forwarded-For: 198.51.100.1\r\n", "2001:db8::9"),
        ("Forwarded: for=_hidden\r\n", "127.0.0.1"),
        ("X-Forwarded-For: 198.51.100.1\r\n", "127.0.0.1"),
    ] {
        assert_eq!(ask(&app, headers).await, format!("\"{expected}\""), "{headers}");
    }
}

#[tokio::test]
async fn a_server_around_us_says_who_is_there() {
    let app = testing::app("proxies").channel(RestChannels::nested()).services(services![who]);
    let app = app.config_yaml(config("127.0.0.1:0", ", trusted_proxies: [10.0.0.0/8]")).start().await.unwrap();
    for (peer, forwarded, expected) in [
        (None, "203.0.113.9", "null"),
        (Some("192.0.2.7:4711"), "203.0.113.9", "\"192.0.2.7\""),
        (Some("10.0.0.1:4711"), "203.0.113.9", "\"203.0.113.9\""),
        (Some("[::ffff:192.0.2.7]:4711"), "203.0.113.9", "\"192.0.2.7\""),
    ] {
        let request = Request::get("/who").header("x-forwarded-for", forwarded);
        let mut request = request.body(Body::from(Bytes::new())).unwrap();
        if let Some(peer) = peer.map(|peer| peer.parse::<SocketAddr>().unwrap()) {
            request.extensions_mut().insert(Peer::new(peer));
        }
        let Ok(reply) = http_service(&app).oneshot(request).await;
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected, "{peer:?}");
    }
}
