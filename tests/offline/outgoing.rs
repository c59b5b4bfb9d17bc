//! Outgoing REST connections: what is sent, what comes back, and who is told what when it goes wrong.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use zato::{
    Context, Kind, Raw, Result, Running, Value,
    connection::State,
    http::StatusCode,
    model,
    rest::{Rest, reqwest::multipart},
    service, services,
    testing::{self, FaultProxy},
};

use crate::support::{Answer, assert_answer, cid, until};

/// A partner of ours, which tells what it was sent, or does what the path says.
struct Partner {
    address: String,
    _task: JoinSet<()>,
}

async fn partner() -> Partner {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let mut task = JoinSet::new();
    task.spawn(async move {
        let _ = axum::serve(listener, Router::new().fallback(answer)).await;
    });
    Partner { address, _task: task }
}

async fn answer(request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    match head.uri.path() {
        "/missing" => (StatusCode::NOT_FOUND, [("x-inner", "secret host")], "no such client: secret").into_response(),
        "/undefined" => (StatusCode::from_u16(999).unwrap_or_default(), "{\"name\": \"a\"}").into_response(),
        "/broken" => (StatusCode::INTERNAL_SERVER_ERROR, "stack trace").into_response(),
        "/garbage" => ([("content-type", "application/json")], "{\"name\": tru").into_response(),
        "/other" => Json(json!({"name": 7})).into_response(),
        "/elsewhere" => (StatusCode::FOUND, [("location", "/told")]).into_response(),
        "/circle" => (StatusCode::FOUND, [("location", "/circle")]).into_response(),
        "/stranger" => (StatusCode::FOUND, [("location", "http://localhost:1/")]).into_response(),
        "/large" => vec![b'x'; 20_000].into_response(),
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
        "/pieces" => Body::from_stream(Pieces(0)).into_response(),
        _ => {
            let headers: BTreeMap<_, _> = head
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect();
            Json(json!({
                "method": head.method.as_str(),
                "uri": head.uri.to_string(),
                "headers": headers,
                "body": String::from_utf8_lossy(&body),
            }))
            .into_response()
        }
    }
}

/// Ten pieces without a length.
struct Pieces(u8);

impl zato::futures_core::Stream for Pieces {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0 += 1;
        std::task::Poll::Ready((self.0 <= 10).then(|| Ok(Bytes::from_static(b"0123456789"))))
    }
}

#[model]
#[derive(Debug)]
struct Named {
    name: String,
}

/// Relays to a path, and gives back what came.
#[service(name = "relay")]
async fn relay(ctx: &Context, input: Path, #[out("Partner")] partner: Rest) -> Result<Named> {
    partner.get(ctx).path("path", input.path).await?.error_for_status()?.model()
}

#[model]
struct Path {
    path: String,
}

/// Needs the connection and does nothing.
#[service(name = "needs")]
async fn needs(#[out("Partner")] _partner: Rest) -> Result<()> {
    Ok(())
}

async fn started(partner: &Partner, more: &str) -> Running {
    let yaml = config(&partner.address, more);
    testing::app("outgoing")
        .real_connections()
        .services(services![relay, needs])
        .config_yaml(yaml)
        .start()
        .await
        .expect("it starts")
}

fn config(address: &str, more: &str) -> String {
    format!(
        "channel_rest: [{{name: relay, url_path: '/relay', service: relay}}]\n\
         outgoing_rest:\n  - name: Partner\n    host: {address}\n    url_path: /{{path}}\n{more}"
    )
}

fn told(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map_or_else(String::new, |it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
}

#[tokio::test]
async fn a_call_has_what_it_was_given_and_nothing_of_our_callers() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    headers: {X-Tenant: bank}\n    http_accept: application/json\n").await;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::TestContext::new().header("x-secret", "of our caller").header("cookie", "a=b").build();

    let response = rest.get(&ctx).path("path", "a b/ż").query("q", "x&y").query("q", 7).await?;
    assert_eq!(response.status(), 200);
    let value = response.value()?;
    assert_eq!(told(&value, "/method"), "GET");
    assert_eq!(told(&value, "/uri"), "/a%20b%2F%C5%BC?q=x%26y&q=7");
    let headers: Vec<_> = value["headers"].as_object().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(headers, ["accept", "host", "traceparent", "user-agent", "x-tenant", "x-zato-cid"]);
    assert_eq!(told(&value, "/headers/x-zato-cid"), ctx.cid().as_str());
    assert!(told(&value, "/headers/traceparent").starts_with(&format!("00-00000000{}-", ctx.cid())), "{value}");
    assert_eq!(told(&value, "/headers/accept"), "application/json");

    let response = rest.post(&ctx).path("path", "x").header("x-tenant", "other").model(&json!({"a": [1]})).await?;
    let value = response.value()?;
    assert_eq!((told(&value, "/method"), told(&value, "/body")), ("POST".to_owned(), r#"{"a":[1]}"#.to_owned()));
    assert_eq!(told(&value, "/headers/content-type"), "application/json");
    assert_eq!(told(&value, "/headers/x-tenant"), "other");
    Ok(())
}

#[tokio::test]
async fn every_method_and_every_kind_of_body_goes_out() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    data_format: form\n").await;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::context();
    for (request, method) in [
        (rest.put(&ctx), "PUT"),
        (rest.patch(&ctx), "PATCH"),
        (rest.delete(&ctx), "DELETE"),
        (rest.options(&ctx), "OPTIONS"),
    ] {
        assert_eq!(told(&request.path("path", "x").await?.value()?, "/method"), method);
    }
    assert_eq!(rest.head(&ctx).path("path", "x").await?.bytes().len(), 0);

    #[derive(serde::Serialize)]
    struct Params {
        path: &'static str,
        name: &'static str,
        tags: Vec<u8>,
        none: Option<u8>,
    }
    let params = Params { path: "p", name: "a b", tags: vec![1, 2], none: None };
    assert_eq!(told(&rest.get(&ctx).params(&params).await?.value()?, "/uri"), "/p?name=a+b&tags=1&tags=2");

    let sent = |value: &Value| (told(value, "/headers/content-type"), told(value, "/body"));
    let post = || rest.post(&ctx).path("path", "x");
    let form = post().model(&params).await?.value()?;
    let expected = ("application/x-www-form-urlencoded", "path=p&name=a+b&tags=1&tags=2");
    assert_eq!(sent(&form), (expected.0.to_owned(), expected.1.to_owned()));
    let text = post().text("zażółć").await?.value()?;
    assert_eq!(sent(&text), ("text/plain; charset=utf-8".to_owned(), "zażółć".to_owned()));
    let bytes = post().bytes(&b"abc"[..]).header("content-type", "image/png").await?.value()?;
    assert_eq!(sent(&bytes), ("image/png".to_owned(), "abc".to_owned()));
    let stream = Raw::from_stream(Pieces(8)).with_content_type("text/csv");
    let stream = post().raw(stream).await?.value()?;
    assert_eq!(sent(&stream), ("text/csv".to_owned(), "01234567890123456789".to_owned()));
    let parts = multipart::Form::new().text("a", "1").part("f", multipart::Part::bytes(&b"x"[..]).file_name("f.txt"));
    let parts = post().multipart(parts).await?.value()?;
    assert!(told(&parts, "/headers/content-type").starts_with("multipart/form-data; boundary="), "{parts}");
    assert!(told(&parts, "/body").contains("form-data; name=\"f\"; filename=\"f.txt\"\r\n"), "{parts}");
    assert_ne!(told(&parts, "/headers/content-length"), "", "a form knows its length");
    Ok(())
}

#[tokio::test]
async fn an_answer_is_data_whatever_its_status() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    max_response_size: 10KB\n    timeout: 5s\n").await;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::context();
    let get = |path: &'static str| rest.get(&ctx).path("path", path);

    let missing = get("missing").await?;
    assert_eq!((missing.status().as_u16(), missing.is_success()), (404, false));
    assert_eq!((missing.text()?.as_str(), missing.header("x-inner")), ("no such client: secret", Some("secret host")));
    let error = missing.error_for_status().expect_err("404");
    assert_eq!((error.kind(), error.message()), (Kind::Upstream, "the partner answered 404 Not Found"));
    let error = get("undefined").await?.error_for_status().expect_err("999 is no success");
    assert_eq!(error.kind(), Kind::Upstream);
    assert_eq!(get("elsewhere").await?.status(), 302, "redirects are not followed");

    let error = get("other").await?.model::<Named>().expect_err("a number is no name");
    assert_eq!(
        error.report().to_string(),
        "the partner's answer can't be used: the input can't be used: /name: expected a string, got an integer \
         (status: 200 OK) (connection: Partner)"
    );
    assert_eq!(get("garbage").await?.value().expect_err("half").kind(), Kind::Upstream);
    assert_eq!(get("large").await.expect_err("too large").kind(), Kind::Upstream);
    let larger = get("large").max_response_size("1MB".parse().expect("a size")).await?;
    assert_eq!(larger.bytes().len(), 20_000);

    let streamed = get("pieces").stream().await?.error_for_status()?;
    assert_eq!(streamed.into_body().bytes().await?.len(), 100);
    let mut large = get("large").max_response_size("1B".parse().expect("a size")).stream().await;
    assert_eq!(large.as_mut().expect_err("its length says so").kind(), Kind::Upstream);
    let large = get("pieces").max_response_size("15B".parse().expect("a size")).stream().await?.into_body();
    assert_eq!(large.bytes().await.expect_err("the second piece is too much").kind(), Kind::Upstream);
    Ok(())
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_they_may_and_never_to_somebody_else() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    max_redirects: 3\n").await;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::context();
    let get = |path: &'static str| rest.get(&ctx).path("path", path);
    assert_eq!(told(&get("elsewhere").await?.value()?, "/uri"), "/told");
    assert_eq!(get("stranger").await?.status(), 302);
    let error = get("circle").await.expect_err("it never ends");
    assert_eq!((error.kind(), error.message()), (Kind::Upstream, "the partner redirects too often"));
    Ok(())
}

#[tokio::test]
async fn what_was_done_before_a_redirect_is_not_done_again() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let app = testing::app("outgoing").real_connections().services(services![relay, needs]);
    let app = app.config_yaml(config(&address, "    max_redirects: 3\n")).start().await?;
    let mut once = JoinSet::new();
    // It does what it was asked to, and is gone before it is asked again.
    once.spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a call");
        drop(listener);
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await.expect("a request");
        let moved = "HTTP/1.1 303 See Other\r\nlocation: /told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(moved.as_bytes()).await.expect("it is read");
    });
    let rest: Rest = app.out("Partner")?;
    let error = rest.post(&testing::context()).path("path", "x").text("once").await.expect_err("nobody is there");
    assert_eq!((error.kind(), error.message()), (Kind::Upstream, "the partner can't be reached"));
    let metrics = testing::admin(&app).get("/metrics").await;
    let retries = "zato_connection_retries_total{section=\"outgoing_rest\",name=\"Partner\"} 0";
    assert!(metrics.text().contains(retries), "{}", metrics.text());
    Ok(())
}

#[tokio::test]
async fn the_length_of_what_is_not_sent_is_no_size() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    max_response_size: 10KB\n    http_version: \"1.1\"\n").await;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::context();
    let response = rest.head(&ctx).path("path", "large").await?;
    assert_eq!((response.status().as_u16(), response.header("content-length")), (200, Some("20000")));
    let streamed = rest.head(&ctx).path("path", "large").stream().await?;
    assert_eq!(streamed.into_body().bytes().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn no_time_is_too_long_to_be_given() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "").await;
    let rest: Rest = app.out("Partner")?;
    let streamed = rest.get(&testing::context()).path("path", "pieces").timeout(Duration::MAX).stream().await?;
    assert_eq!(streamed.into_body().bytes().await?.len(), 100);
    Ok(())
}

#[tokio::test]
async fn a_body_that_its_sender_breaks_off_says_nothing_of_the_partner() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    circuit_breaker: {min_calls: 2}\n").await;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::context();
    for _ in 0..5 {
        let late = Raw::from_stream(Late);
        let error = rest.post(&ctx).path("path", "x").raw(late).await.expect_err("the body breaks off");
        assert_eq!(error.kind(), Kind::Timeout, "{error:?}");
    }
    assert_eq!(rest.get(&ctx).path("path", "x").await?.status(), 200, "the circuit breaker has counted none of it");
    Ok(())
}

/// A body whose sender is too slow.
struct Late;

impl zato::futures_core::Stream for Late {
    type Item = Result<Bytes, zato::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(Err(zato::Error::timeout("the body did not arrive in time"))))
    }
}

#[tokio::test]
async fn calls_go_through_a_proxy_if_there_is_one() -> Result<()> {
    let proxy = partner().await;
    // Nobody has that name: who is asked is the proxy.
    let address = proxy.address.replace("http://", "http://us:secret@");
    let app = testing::app("outgoing").real_connections().services(services![relay, needs]);
    let app = app.config_yaml(config("http://partner.invalid", &format!("    proxy: {address}\n"))).start().await?;
    let value = app.out::<Rest>("Partner")?.get(&testing::context()).path("path", "a").await?.value()?;
    assert_eq!(told(&value, "/uri"), "http://partner.invalid/a");
    assert_eq!(told(&value, "/headers/proxy-authorization"), "Basic dXM6c2VjcmV0");
    Ok(())
}

#[tokio::test]
async fn names_are_resolved_anew_since_no_connection_is_used_forever() -> Result<()> {
    let partner = partner().await;
    let (_, address) = partner.address.split_once("//").expect("it has a scheme");
    let proxy = FaultProxy::to(address.parse().expect("an address")).await.expect("a free port");
    let app = testing::app("outgoing").real_connections().services(services![relay, needs]);
    let more = "    max_connection_age: 50ms\n";
    let app = app.config_yaml(config(&format!("http://{}", proxy.address()), more)).start().await?;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::context();
    for calls in 1..=3 {
        rest.get(&ctx).path("path", "a").await?.error_for_status()?;
        assert_eq!(proxy.connections(), calls);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_is_a_span_of_its_own() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "").await;
    let logs = testing::capture_logs();
    app.out::<Rest>("Partner")?.get(&testing::context()).path("path", "missing").await?;
    let events = logs.events();
    let called = events.iter().find(|event| event.message == "called a partner").expect("it is told at DEBUG");
    let span = |name: &str| called.span[name].as_str();
    assert_eq!((span("zato.connection"), span("http.request.method")), ("Partner", "GET"));
    assert_eq!((span("server.address"), span("url.template")), ("127.0.0.1", "/{path}"));
    assert_eq!(called.fields["status"], "404");
    Ok(())
}

#[tokio::test]
async fn our_caller_reads_who_is_to_blame_and_nothing_of_the_partner() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    timeout: 200ms\n").await;
    let client = testing::client(&app);
    let asked = async |path: &str| client.post("/relay", json!({"path": path}).to_string()).await;
    let upstream = "another system that is needed for this failed";
    assert_answer(asked("missing").await, &Answer::problem(502, &cid(1), upstream));
    assert_answer(asked("broken").await, &Answer::problem(502, &cid(3), upstream));
    assert_answer(asked("garbage").await, &Answer::problem(502, &cid(5), upstream));
    assert_answer(asked("other").await, &Answer::problem(502, &cid(7), upstream));
    assert_answer(asked("slow").await, &Answer::problem(504, &cid(9), "the request took too long"));
    assert_answer(asked("..").await, &Answer::problem(400, &cid(11), "dots alone can't stand in a path (path)"));
    drop(partner);
    Ok(())
}

#[tokio::test]
async fn what_a_service_forgets_or_invents_is_ours() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "").await;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::context();
    let failed = async |request: zato::rest::RestRequest<'_>| {
        let error = request.await.expect_err("it can't be sent");
        (error.kind(), error.message().to_owned())
    };
    let ours = |message: &str| (Kind::Internal, message.to_owned());
    assert_eq!(failed(rest.get(&ctx)).await, ours("no value was given for what the path \"/{path}\" needs: path"));
    let invented = rest.get(&ctx).path("path", "x").path("other", "y");
    assert_eq!(failed(invented).await, ours("the path \"/{path}\" has no placeholder \"other\""));
    let header = rest.get(&ctx).path("path", "x").header("x-a", "line\nbreak");
    assert_eq!(failed(header).await, ours("a name or value can't stand in a header"));
    let form = rest.get(&ctx).path("path", "x").form(&json!({"a": {"b": 1}}));
    assert_eq!(failed(form).await.0, Kind::Internal);
    Ok(())
}

#[tokio::test]
async fn an_inactive_or_removed_connection_says_so() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    is_active: false\n").await;
    let rest: Rest = app.out("Partner")?;
    let ctx = testing::context();
    let error = rest.get(&ctx).path("path", "x").await.expect_err("it is inactive");
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Unavailable, "the outgoing_rest connection \"Partner\" is inactive")
    );
    assert_eq!(rest.ping().await.expect_err("it is inactive").kind(), Kind::Unavailable);

    app.apply_yaml(config(&partner.address, "")).await?;
    let rest: Rest = app.out("Partner")?;
    assert_eq!(rest.get(&ctx).path("path", "x").await?.status(), 200);
    let refused = app.apply_yaml("outgoing_rest: []").await.expect_err("a service needs it");
    assert!(refused.to_string().contains("no outgoing_rest connection named \"Partner\""), "{refused}");
    assert_eq!(rest.client()?.get(format!("{}/x", partner.address)).send().await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_ping_tells_status_and_time_and_readiness_if_it_is_regular() -> Result<()> {
    let partner = partner().await;
    let app = started(&partner, "    ping_interval: 20ms\n    ping_path: /elsewhere\n").await;
    let rest: Rest = app.out("Partner")?;
    let ping = rest.ping().await?;
    assert_eq!(ping.status, 302);
    assert!(ping.elapsed > Duration::ZERO);
    let state = || app.connections().into_iter().next().expect("it is configured").state;
    until("it is up", || state().is_up()).await;
    drop(partner);
    until("it is failing", || matches!(&*state(), State::Failing { .. })).await;
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_an_entry_is_told_at_its_place() {
    let refused = async |entry: &str| {
        let yaml = format!("outgoing_rest:\n  - {entry}");
        let started = testing::app("outgoing").real_connections().config_yaml(yaml).start().await;
        started.expect_err("it can't be used").to_string()
    };
    for (entry, expected) in [
        ("{name: A, host: crm}", "configuration:2:21: expected scheme and host, such as https://crm.example.com"),
        ("{name: A, host: 'http://a', url_path: '/{'}", "expected a name in braces"),
        ("{name: A, host: 'http://a', timeout: 0}", "no call can be made in no time; give it some, such as 10s"),
        ("{name: A, host: 'http://a', pool_size: 0}", "configuration:2:44: without a place no call can be made"),
        ("{name: A, host: 'http://a', proxy: nowhere}", "expected the address of a proxy"),
        ("{name: A, host: 'http://a', security: B}", "configuration:2:43: no security definition named \"B\""),
        ("{name: A, host: 'http://a', tiemout: 5s}", "unknown key \"tiemout\"; did you mean \"timeout\"?"),
        ("{name: A, host: 'http://a', headers: {a b: c}}", "expected headers, such as {X-Tenant: bank}"),
    ] {
        let told = refused(entry).await;
        assert!(told.contains(expected), "{entry}: {told}");
    }
}
