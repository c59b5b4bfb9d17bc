use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
    time::{Instant, timeout},
};
use zato_core::{
    Error, Kind, Result,
    connection::{Connector, Handle, Slot},
    service::{Context, Raw},
    testing::{
        Direction::{ToClient, ToServer},
        FaultProxy, LinkFault, context,
    },
};

use super::{PartnerReply, RestFake, prepared};
use crate::outgoing::{Rest, RestConnector, RestResponse};

/// What a fake says at its end.
fn report(fake: &RestFake) -> String {
    fake.script.verdict().expect_err("it was not called as expected")
}

#[tokio::test]
async fn a_call_is_all_that_it_would_be_on_the_network() -> Result<()> {
    let crm = RestFake::with_config(
        "name: CRM\nhost: http://crm.example.com:8080\nurl_path: /clients/{id}?v=1\nheaders: {X-Tenant: bank}",
    );
    crm.expect()
        .put("/clients/{id}?v=1")
        .path("id", "a/b")
        .query("q", "x y")
        .header("x-tenant", "bank")
        .header("content-type", "application/json")
        .json(&json!({"a": [1, 2]}))
        .matching("a correlation id", |call| call.cid().len() == 24)
        .reply_json(json!({"done": true}));
    let (ctx, rest) = (context(), crm.rest());
    let response = rest.put(&ctx).path("id", "a/b").query("q", "x y").json(&json!({"a": [1, 2]})).await?;
    assert_eq!(
        (response.header("content-type"), response.header("content-length")),
        (Some("application/json"), Some("13"))
    );
    assert_eq!(response.value()?, json!({"done": true}));

    let [call] = crm.calls().try_into().expect("one call");
    assert_eq!(call.url.as_str(), "http://crm.example.com:8080/clients/a%2Fb?v=1&q=x+y");
    assert_eq!((call.cid(), call.text().as_str()), (ctx.cid().as_str(), r#"{"a":[1,2]}"#));
    let mut names: Vec<_> = call.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let expected =
        ["accept", "content-length", "content-type", "host", "traceparent", "user-agent", "x-tenant", "x-zato-cid"];
    assert_eq!(names, expected);
    assert_eq!((rest.name(), call.header("host")), ("CRM", Some("crm.example.com:8080")));
    crm.verify();
    Ok(())
}

#[tokio::test]
async fn every_kind_of_body_is_looked_at() -> Result<()> {
    let partner = RestFake::new();
    let path = "/";
    partner.expect().post(path).form(&json!({"b": "x y", "a": 1})).reply_status(201);
    partner.expect().post(path).body("exact").reply_status(202);
    partner.expect().post(path).body_contains("filename=\"f.txt\"").reply_status(203);
    partner.expect().post(path).body("streamed").reply_status(204);
    let (ctx, rest) = (context(), partner.rest());
    let post = || rest.post(&ctx);
    let form = post().form(&json!({"a": 1, "b": "x y"})).await?.status();
    let exact = post().text("exact").await?.status();
    let file = reqwest::multipart::Part::bytes(&b"x"[..]).file_name("f.txt");
    let multipart = post().multipart(reqwest::multipart::Form::new().part("f", file)).await?.status();
    let stream = zato_core::message::ByteStream::new(Once(Some("streamed")));
    let stream = post().raw(Raw::from(stream)).await?.status();
    assert_eq!([form, exact, multipart, stream].map(|status| status.as_u16()), [201, 202, 203, 204]);
    Ok(())
}

#[tokio::test]
async fn a_body_of_ours_that_breaks_off_is_not_the_partners_fault() -> Result<()> {
    let (address, _server) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false).await;
    let (fake, ctx) = (RestFake::new(), context());
    for rest in [networked(address).await?, fake.rest()] {
        let body = zato_core::message::ByteStream::new(Fails);
        let error = rest.post(&ctx).raw(Raw::from(body)).await.expect_err("the body breaks off");
        assert_eq!((error.kind(), error.message()), (Kind::InvalidInput, "the client has gone"));
    }
    Ok(())
}

struct Fails;

impl futures_core::Stream for Fails {
    type Item = Result<bytes::Bytes>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(Err(Error::invalid_input("the client has gone"))))
    }
}

struct Once(Option<&'static str>);

impl futures_core::Stream for Once {
    type Item = Result<bytes::Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.take().map(|text| Ok(text.into())))
    }
}

#[tokio::test]
async fn replies_come_in_their_turn_and_expectations_in_theirs() -> Result<()> {
    let partner = RestFake::with_config("url_path: /{path}");
    let (ctx, rest) = (context(), partner.rest());
    let get = async |path: &str| rest.get(&ctx).path("path", path).await.map(|response| response.status().as_u16());
    let statuses = |all: &[u16]| all.iter().map(|status| PartnerReply::status(*status)).collect::<Vec<_>>();
    partner.expect().get("/a").reply_each(statuses(&[503, 200]));
    partner.expect().get("/b").times(3).reply_each(statuses(&[429, 200]));
    partner
        .expect()
        .get("/c")
        .any_number()
        .reply_with(|call| PartnerReply::status(if call.query().is_empty() { 204 } else { 200 }));
    partner.otherwise(PartnerReply::status(404));
    assert_eq!([get("b").await?, get("a").await?, get("b").await?, get("b").await?], [429, 503, 200, 200]);
    assert_eq!([get("a").await?, get("c").await?, get("a").await?, get("d").await?], [200, 204, 404, 404]);
    partner.verify();

    let partner = RestFake::with_config("url_path: /{path}");
    let rest = partner.rest();
    let get = async |path: &str| rest.get(&ctx).path("path", path).await.map(|response| response.status().as_u16());
    partner.in_order();
    partner.expect().get("/login").reply_status(200);
    partner.expect().get("/news").any_number().reply_status(201);
    partner.expect().get("/logout").reply_status(202);
    let early = get("logout").await.expect_err("nobody has logged in");
    assert_eq!(
        (early.kind(), early.message()),
        (Kind::Internal, "the partner of this test expects no GET http://partner.test/logout")
    );
    assert_eq!(
        [get("login").await?, get("news").await?, get("news").await?, get("logout").await?],
        [200, 201, 201, 202]
    );
    assert!(get("news").await.is_err());
    let report = report(&partner);
    assert!(report.contains("the call is as it should be, but it is not its turn yet"), "{report}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_as_expected_is_told_line_by_line() {
    let partner = RestFake::with_config("name: Payments\nurl_path: /{path}\nheaders: {X-Key: secret}");
    let body = json!({"to": {"iban": "DE1", "name": "A"}, "amounts": [1, 2]});
    partner.expect().get("/balance").query("acc", 1).reply_status(200);
    partner.expect().post("/transfer").query("q", 1).header("x-key", "other").json(&body).reply_status(200);
    partner.expect().post("/text").body("one\ntwo").times(2).reply_status(200);
    let (ctx, rest) = (context(), partner.rest());
    let sent = json!({"to": {"iban": "DE2", "name": "A"}, "amounts": [1], "more": null});
    assert!(rest.post(&ctx).path("path", "transfer").query("q", 2).json(&sent).await.is_err());
    assert!(rest.post(&ctx).path("path", "text").text("one\ntwo").await.is_ok());
    let expected = r#"the partner "Payments" was not called as expected

call 1 was not expected: POST http://partner.test/transfer?q=2
  nearest is expectation 3, which was to come 2 times and came once:
      method POST
    - path   /text
    + path   /transfer
    - body   one
    - body   two
    + body   {"amounts":[1],"more":null,"to":{"iban":"DE2","name":"A"}}
  then expectation 1, which was to come once and never came:
    - method GET
    + method POST
    - path   /balance
    + path   /transfer
    - query  acc=1
    + query  q=2
  then expectation 2, which was to come once and never came:
      method POST
      path   /transfer
    - query  q=1
    + query  q=2
    - header x-key: other
    + header x-key: ******
    - body   /amounts/1 2
    + body   /more null
    - body   /to/iban "DE1"
    + body   /to/iban "DE2"

expectation 1 was to come once and never came: GET /balance acc=1

expectation 2 was to come once and never came: POST /transfer q=1 [x-key] with JSON

expectation 3 was to come 2 times and came once: POST /text with a body
"#;
    let report = report(&partner);
    assert!(report == expected, "{report}");
    partner.verify();
}

#[tokio::test]
async fn an_expectation_that_nobody_meets_fails_the_test() {
    let unmet = std::panic::catch_unwind(|| {
        let partner = RestFake::new();
        partner.expect().get("/").reply_status(200);
        let _kept_by_an_app = partner.rest();
    });
    let unmet = unmet.expect_err("it was dropped unmet");
    let expected = "the partner \"partner\" was not called as expected\n\n\
                    expectation 1 was to come once and never came: GET /\n\nno call came at all\n";
    assert_eq!(unmet.downcast_ref::<String>().map(String::as_str), Some(expected));
    let refused = std::panic::catch_unwind(|| RestFake::with_config("tiemout: 1s")).expect_err("no such key");
    let refused = refused.downcast_ref::<String>().expect("a text");
    assert!(refused.contains("RestFake:1:1: unknown key \"tiemout\"; did you mean \"timeout\"?"), "{refused}");
}

#[tokio::test]
async fn credentials_are_presented_and_never_shown() {
    let basic = "{name: a, type: basic_auth, username: bank, password: s3cret}";
    let partner = RestFake::with_credentials("", basic);
    partner.expect().get("/").header("authorization", "Basic other").reply_status(200);
    assert!(partner.rest().get(&context()).await.is_err());
    assert_eq!(partner.calls()[0].header("authorization"), Some("Basic YmFuazpzM2NyZXQ="));
    let report = report(&partner);
    assert!(report.contains("+ header authorization: ******") && !report.contains("YmFu"), "{report}");
    assert!(!format!("{:?}", partner.calls()).contains("YmFu"));
    let token = "{name: a, type: bearer_token, username: a, password: b, auth_server_url: 'http://localhost:1/'}";
    for (config, definition) in [("security: a", None), ("", Some(token))] {
        let refused = std::panic::catch_unwind(|| RestFake::made(config, definition));
        let refused = refused.expect_err("it can't be used").downcast::<String>().expect("a text");
        assert!(refused.contains("with_credentials") || refused.contains("over the network"), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn delays_go_by_the_clock_of_the_test() -> Result<()> {
    let partner = RestFake::with_config("timeout: 1m\nconnect_timeout: 3s");
    let (ctx, rest) = (context(), partner.rest());
    let pieces = PartnerReply::pieces(["ab", "cd", "ef"]).pausing(Duration::from_secs(5));
    partner.expect().reply_each([
        PartnerReply::text("late").after(Duration::from_secs(30)),
        pieces,
        PartnerReply::not_accepted(),
        PartnerReply::never(),
    ]);
    for (expected, seconds) in [(Ok("late"), 30), (Ok("abcdef"), 10), (Err("accept"), 3), (Err("timeout"), 60)] {
        let begun = Instant::now();
        let heard = rest.get(&ctx).await.and_then(|response| response.text());
        match (&heard, expected) {
            (Ok(heard), Ok(expected)) => assert_eq!(heard, expected),
            (Err(error), Err(expected)) => assert!(error.message().contains(expected), "{error}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(begun.elapsed().as_secs(), seconds, "{expected:?}");
    }
    Ok(())
}

/// A server of ours that answers every request with the same, and hangs up then or waits for more.
async fn server(answer: &'static str, hangs_up: bool) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (address, mut tasks) = (listener.local_addr().expect("it is bound"), JoinSet::new());
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => return,
                    }
                }
                let _ = stream.write_all(answer.as_bytes()).await;
                if !hangs_up {
                    let _ = stream.read_u8().await;
                }
            });
        }
    });
    (address, tasks)
}

const CONFIG: &str = "timeout: 300ms\nconnect_timeout: 100ms\nmax_response_size: 1KB";

/// The handle of a connection that goes over the network.
async fn networked(address: SocketAddr) -> Result<Rest> {
    let prepared = prepared::<RestConnector>("RestFake", &format!("{CONFIG}\nhost: http://{address}"), None)
        .expect("the settings can be used");
    Ok(Rest::from_slot(Slot::up("partner", RestConnector::connect(&prepared).await?)))
}

/// What a service learns of a call.
async fn learnt(ctx: &Context, rest: &Rest) -> (Option<Kind>, String, zato_core::Retry) {
    let called = timeout(Duration::from_secs(5), rest.get(ctx)).await.expect("calls end by themselves");
    let told = |error: Error| (Some(error.kind()), error.message().to_owned(), error.retry());
    called.map_or_else(told, |response: RestResponse| {
        (None, format!("{} {:?}", response.status(), response.text()), zato_core::Retry::Never)
    })
}

#[tokio::test]
async fn a_fake_fails_as_the_network_does() -> Result<()> {
    const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    const HEAD: u64 = 39;
    let whole = || PartnerReply::bytes("0123456789");
    let (ok, short, long) = (
        WHOLE,
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n0123456789",
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789",
    );
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n0";
    let fake = RestFake::with_config(CONFIG);
    let ctx = context();
    for (what, answer, hangs_up, fault, reply) in [
        ("whole", ok, false, LinkFault::None, whole()),
        ("refused", ok, false, LinkFault::Refuse, PartnerReply::refused()),
        #[cfg(target_os = "linux")]
        ("not accepted", ok, false, LinkFault::NotAccept, PartnerReply::not_accepted()),
        ("never", ok, false, LinkFault::Stall, PartnerReply::never()),
        ("reset before", ok, false, LinkFault::ResetAfter(ToServer, 0), PartnerReply::reset()),
        ("reset after", ok, false, LinkFault::ResetAfter(ToClient, 5), PartnerReply::reset()),
        ("closed", ok, false, LinkFault::CutAfter(ToServer, 0), PartnerReply::reset()),
        ("garbage", ok, false, LinkFault::Replace(ToClient, "\u{0}garbage\r\n\r\n".into()), PartnerReply::garbage()),
        ("half", ok, false, LinkFault::CutAfter(ToClient, HEAD + 5), whole().broken_off_after(5)),
        ("half and reset", ok, false, LinkFault::ResetAfter(ToClient, HEAD + 5), whole().broken_off_after(5)),
        ("half and stalled", ok, false, LinkFault::StallAfter(ToClient, HEAD + 5), whole().stalled_after(5)),
        ("too short a length", short, false, LinkFault::None, whole().with_length(4)),
        ("too long a length", long, true, LinkFault::None, whole().with_length(20)),
        ("too long a length, kept", long, false, LinkFault::None, whole().with_length(20).stalled_after(10)),
        ("too large", large, true, LinkFault::None, PartnerReply::bytes(vec![b'0'; 2000])),
    ] {
        let (address, _server) = server(answer, hangs_up).await;
        let proxy = FaultProxy::to(address).await.expect("a free port");
        proxy.set(fault).await;
        fake.expect().get("/").reply(reply);
        let (real, faked) = (learnt(&ctx, &networked(proxy.address()).await?).await, learnt(&ctx, &fake.rest()).await);
        assert_eq!(faked, real, "{what}");
    }
    Ok(())
}
