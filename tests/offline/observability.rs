//! What operators see: one span a request, lines at the level that they deserve, and nobody's secrets or payloads.

use zato::{
    Context, Error, Raw, Result,
    http::Method,
    model, service, services, testing,
    testing::{CapturedEvent, Logs},
    tracing::Level,
};

use crate::support::{Answer, assert_answer, cid};

#[model]
struct Order {
    card: String,
    amount: u8,
}

/// Logs in its request's span.
#[service(name = "order.create")]
async fn create(order: Order) -> Result<()> {
    zato::tracing::info!(amount = order.amount, "order taken");
    Ok(())
}

/// Fails the way that it is told to.
#[service(name = "fail")]
async fn fail(input: Raw) -> Result<()> {
    Err(match input.bytes().await?.as_ref() {
        b"invalid" => Error::invalid_input("a caller's mistake"),
        b"forbidden" => Error::forbidden("not for you"),
        b"timeout" => Error::timeout("too slow"),
        b"upstream" => Error::upstream("the CRM failed").with("connection", "CRM"),
        b"unavailable" => Error::unavailable("a full house"),
        _ => Error::internal("a bug of ours").with_source(std::io::Error::other("disk full")),
    })
}

/// Says which trace it is part of, and invokes another one that does.
#[service(name = "trace")]
async fn trace(ctx: &Context, input: Raw) -> Result<Raw> {
    let here = ctx.trace().map_or_else(|| "none".to_owned(), |trace| trace.to_string());
    if input.bytes().await?.is_empty() {
        return Ok(Raw::new(here).with_content_type("text/plain"));
    }
    let inner = ctx.invoke::<trace>(Raw::default()).await?;
    Ok(Raw::new(format!("{here} {}", String::from_utf8_lossy(&inner.bytes().await?))).with_content_type("text/plain"))
}

const CONFIG: &str = "
channel_rest:
  - {name: orders, url_path: '/order/{id}', service: order.create}
  - {name: failing, url_path: /fail, service: fail}
  - {name: tracing, url_path: /trace, service: trace}
";

async fn started() -> (zato::Running, testing::Client, Logs) {
    let logs = testing::capture_logs();
    let app = testing::app("observability").services(services![create, fail, trace]).config_yaml(CONFIG);
    let app = app.start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, logs)
}

fn find(logs: &Logs, message: &str) -> Vec<CapturedEvent> {
    logs.events().into_iter().filter(|event| event.message == message).collect()
}

#[tokio::test]
async fn lines_of_a_request_say_which_it_is() {
    let (_app, client, logs) = started().await;
    let reply = client.post("/order/7?x=1", r#"{"card":"4111","amount":9}"#).await;
    assert_answer(reply, &Answer::empty(204, &cid(1)));
    let [event] = find(&logs, "order taken").try_into().unwrap();
    assert_eq!((event.level, event.fields["amount"].as_str()), (Level::INFO, "9"));
    let span: Vec<_> = event.span.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        span,
        [
            ("http.request.method", "POST"),
            ("http.route", "/order/{id}"),
            ("zato.channel", "orders"),
            ("zato.cid", cid(1).as_str()),
            ("zato.service", "order.create"),
        ]
    );
    let [done] = find(&logs, "request done").try_into().unwrap();
    assert_eq!((done.level, done.span["http.response.status_code"].as_str()), (Level::DEBUG, "204"));
    assert!(done.span["zato.duration_us"].parse::<u64>().is_ok());
    let above_debug: Vec<_> = logs.events().into_iter().filter(|event| event.level < Level::DEBUG).collect();
    assert_eq!(above_debug.len(), 1, "a request that is well is no line of its own at INFO: {above_debug:?}");
}

#[tokio::test]
async fn a_failure_is_one_line_at_the_level_that_it_deserves() {
    let (_app, client, logs) = started().await;
    for (number, (how, status, level, message, kind, error)) in (1..).zip([
        ("invalid", "400", Level::INFO, "request refused", "invalid_input", "a caller's mistake"),
        ("forbidden", "403", Level::INFO, "request refused", "forbidden", "not for you"),
        ("timeout", "504", Level::WARN, "request failed", "timeout", "too slow"),
        ("upstream", "502", Level::WARN, "request failed", "upstream", "the CRM failed (connection: CRM)"),
        ("unavailable", "503", Level::WARN, "request failed", "unavailable", "a full house"),
        ("bug", "500", Level::ERROR, "request failed", "internal", "a bug of ours: disk full"),
    ]) {
        let before = logs.events().len();
        let reply = client.post("/fail", how).await;
        assert_eq!((reply.status.as_str(), reply.header("x-zato-cid")), (status, cid(number).as_str()));
        let new: Vec<_> = logs.events().into_iter().skip(before).collect();
        let [event] = new.try_into().expect("one line");
        assert_eq!((event.level, event.message.as_str()), (level, message), "{how}");
        assert_eq!(event.fields.iter().collect::<Vec<_>>(), [(&"error".to_owned(), &error.to_owned())]);
        let at = |name: &str| event.span[name].as_str();
        assert_eq!((at("http.response.status_code"), at("error.type")), (status, kind));
        assert_eq!((at("zato.cid"), at("zato.service"), at("zato.channel")), (cid(number).as_str(), "fail", "failing"));
        assert_eq!((at("http.request.method"), at("http.route")), ("POST", "/fail"));
        assert!(at("zato.duration_us").parse::<u64>().is_ok());
    }
}

#[tokio::test]
async fn what_no_service_saw_is_logged_for_who_looks_closely() {
    let (_app, client, logs) = started().await;
    client.get("/none?secret=canary-7f3e").await;
    client.send(Method::TRACE, "/fail", &[], "").await;
    client.get("/a/../b").await;
    let refused = find(&logs, "request refused");
    let seen: Vec<_> = refused.iter().map(|event| (event.level, &*event.fields["http.response.status_code"])).collect();
    assert_eq!(seen, [(Level::DEBUG, "404"), (Level::DEBUG, "405"), (Level::DEBUG, "400")]);
    let cids: Vec<_> = refused.iter().map(|event| event.fields["zato.cid"].clone()).collect();
    assert_eq!(cids, [1, 2, 3].map(cid));
}

#[tokio::test]
async fn a_trace_of_the_callers_goes_on() {
    let (_app, client, logs) = started().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let reply = client.send(Method::POST, "/trace", &[("traceparent", parent)], "twice").await;
    assert_answer(reply, &Answer::new(200, &cid(1), "text/plain", &format!("{parent} {parent}")));
    let done = find(&logs, "request done");
    let ids: Vec<_> = done.iter().map(|event| event.span["trace_id"].as_str()).collect();
    assert_eq!(ids, ["4bf92f3577b34da6a3ce929d0e0e4736"; 2], "of the service and of the one that it invoked");
    for (number, bad) in (2..).zip(["", "00-0-0-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"]) {
        let reply = client.send(Method::POST, "/trace", &[("traceparent", bad)], "").await;
        assert_answer(reply, &Answer::new(200, &cid(number), "text/plain", "none"));
    }
    assert!(!find(&logs, "request done").pop().unwrap().span.contains_key("trace_id"));
}

#[tokio::test]
async fn payloads_and_headers_are_never_logged() {
    let (app, client, logs) = started().await;
    let canary = "canary-7f3e";
    let headers = [("authorization", canary), ("cookie", canary), ("x-other", canary), ("x-zato-cid", "kept")];
    for body in [
        format!(r#"{{"card":"{canary}","amount":9}}"#),
        format!(r#"{{"card":"{canary}","amount":"{canary}"}}"#),
        format!(r#"{{"card":"{canary}""#),
        format!("{canary}{canary}"),
        canary.repeat(300_000),
    ] {
        for path in
            ["/order/canary-7f3e?card=canary-7f3e", "/order/1", "/fail", "/none/canary-7f3e", "/%zz/canary-7f3e"]
        {
            client.send(Method::POST, path, &headers, body.clone()).await;
        }
    }
    client.bytes(b"GET /canary-7f3e HTTP/9.9\r\ncanary-7f3e\r\n\r\n").await;
    assert!(app.invoke_by_name("order.create", serde_json::json!({ "card": [canary] })).await.is_err());
    app.stop().await;
    let seen = logs.text();
    assert!(!logs.events().is_empty() && !seen.contains(canary), "{seen}");
}

#[tokio::test]
async fn a_start_a_change_and_a_stop_are_told_to_operators() {
    let logs = testing::capture_logs();
    let app = crate::support::listening_app("observability").services(services![create, fail, trace]);
    let app = app.config_yaml(format!("server: {{bind: '127.0.0.1:0'}}{CONFIG}")).start().await.unwrap();
    let address = app.addresses().remove(0);
    app.apply_yaml(format!("server: {{bind: '127.0.0.1:0'}}{CONFIG}").replace("/fail", "/failing")).await.unwrap();
    app.stop().await;
    let lines: Vec<_> = logs.events().into_iter().filter(|event| event.level <= Level::INFO).collect();
    let words: Vec<_> = lines.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(words, ["listening", "configuration applied", "stopping", "stopped"]);
    assert_eq!((&*lines[0].fields["address"], &*lines[0].fields["app"]), (&*address, "observability"));
    let change = (&*lines[1].fields["generation"], &*lines[1].fields["changes"]);
    assert_eq!(change, ("2", "changed: channel_rest/failing"));
}
