//! What goes into a service and comes out of it, from JSON, forms, paths and query strings.

use std::collections::BTreeMap;

use zato::{
    Context, Decimal, Raw, Response, Result,
    chrono::{DateTime, NaiveDate, Utc},
    http::{Method, StatusCode},
    model, service, services, testing,
    uuid::Uuid,
};

use crate::support::{Answer, assert_answer, cid};

/// One of nearly everything.
#[model]
struct Everything {
    id: Uuid,
    born: NaiveDate,
    at: DateTime<Utc>,
    balance: Decimal,
    segment: Segment,
    contact: Contact,
    #[serde(rename = "phoneList")]
    phone_list: Vec<Phone>,
    limits: BTreeMap<String, i64>,
    note: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default = "one")]
    version: u8,
}

fn one() -> u8 {
    1
}

#[model]
#[serde(rename_all = "lowercase")]
enum Segment {
    Retail,
    Corporate,
}

#[model]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Contact {
    Mail { address: String },
    Post { street: String, number: Option<u16> },
}

#[model]
struct Phone {
    number: String,
    extension: Option<u16>,
}

#[model]
struct Search {
    target: Vec<String>,
    limit: Option<u32>,
    deep: Option<bool>,
    amount: Option<Decimal>,
    segment: Option<Segment>,
}

#[model(coerce)]
struct Lenient {
    number: i64,
    flag: bool,
    text: String,
    list: Vec<u8>,
}

#[model(deny_unknown)]
struct Denying {
    name: String,
}

/// Where a value came from.
#[model]
struct Source {
    from: String,
}

#[service(name = "everything")]
async fn everything(input: Everything) -> Result<Everything> {
    Ok(input)
}

/// Gives any JSON back.
#[service(name = "any")]
async fn any(input: zato::Value) -> Result<zato::Value> {
    Ok(input)
}

#[service(name = "search")]
async fn search(input: Search) -> Result<Search> {
    Ok(input)
}

#[service(name = "lenient")]
async fn lenient(input: Lenient) -> Result<Lenient> {
    Ok(input)
}

#[service(name = "denying")]
async fn denying(input: Denying) -> Result<Denying> {
    Ok(input)
}

#[service(name = "source")]
async fn source(input: Source) -> Result<Source> {
    Ok(input)
}

/// Turns a list around.
#[service(name = "list")]
async fn list(mut input: Vec<Phone>) -> Result<Vec<Phone>> {
    input.reverse();
    Ok(input)
}

/// Gives bytes back under the name that they came with.
#[service(name = "raw")]
async fn raw(input: Raw) -> Result<Raw> {
    Ok(input)
}

/// Takes nothing and gives nothing.
#[service(name = "nothing")]
async fn nothing() -> Result<()> {
    Ok(())
}

/// Says where it put something.
#[service(name = "created")]
async fn created(input: Source) -> Result<Response<Source>> {
    let response = Response::new(input).status(StatusCode::CREATED);
    Ok(response.header("location", "/things/7").header("x-two", "a").header("x-two", "b"))
}

/// Gives a header that can't be written.
#[service(name = "bad-header")]
async fn bad_header() -> Result<Response<()>> {
    Ok(Response::new(()).header("a b", "c"))
}

/// Takes parameters as a model, and the payload as it came, as SWIFT messages do.
#[service(name = "beside")]
async fn beside(ctx: &Context, input: Search) -> Result<Raw> {
    let payload = String::from_utf8_lossy(ctx.payload());
    Ok(Raw::new(format!("{}: {payload}", input.target.join("+"))).with_content_type("text/plain"))
}

const CONFIG: &str = "
channel_rest:
  - {name: everything, url_path: /everything, service: everything}
  - {name: any, url_path: /any, service: any}
  - {name: search, url_path: /search, service: search}
  - {name: search-form, url_path: /search-form, service: search, data_format: form}
  - {name: lenient, url_path: /lenient, service: lenient}
  - {name: denying, url_path: /denying, service: denying}
  - {name: list, url_path: /list, service: list}
  - {name: raw, url_path: /raw, service: raw}
  - {name: nothing, url_path: /nothing, service: nothing}
  - {name: created, url_path: /created, service: created}
  - {name: bad-header, url_path: /bad-header, service: bad-header}
  - {name: beside, url_path: /beside, service: beside, params_pri: channel-params-over-msg}
  - {name: params, url_path: '/params/{from}', service: source}
  - {name: msg, url_path: '/msg/{from}', service: source, params_pri: msg-over-channel-params}
  - {name: qs, url_path: '/qs/{from}', service: source, url_params_pri: qs-over-path}
  - {name: apart, url_path: '/apart/{from}', service: source, merge_url_params_req: false}
";

async fn started() -> (zato::Running, testing::Client) {
    let services =
        services![everything, any, search, lenient, denying, source, list, raw, nothing, created, bad_header, beside];
    let app = testing::app("models").services(services).config_yaml(CONFIG).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

fn json(number: u64, body: &str) -> Answer {
    Answer::json(200, &cid(number), body)
}

#[tokio::test]
async fn a_model_of_everything_goes_in_and_comes_out() {
    let (_app, client) = started().await;
    let full = r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0c8","born":"2000-02-29","at":"2026-01-31T12:30:00.123456789Z","balance":"12345678901234567.890","segment":"corporate","contact":{"kind":"post","street":"A\u0026B 😀","number":7},"phoneList":[{"number":"1","extension":2},{"number":"3"}],"limits":{"a/b":-1,"z":9223372036854775807},"note":"","tags":["x"],"version":255}"#;
    let out = full.replace("\\u0026", "&");
    assert_answer(client.post("/everything", full).await, &json(1, &out));
    let least = r#"{"limits":{},"phoneList":[],"contact":{"kind":"mail","address":"a@b"},"segment":"retail","balance":0.10,"at":"2026-01-31T14:30:00+02:00","born":"1999-12-31","id":"67E55044-10B1-426F-9247-BB680E5FE0C8","unknown":[{}]}"#;
    let out = r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0c8","born":"1999-12-31","at":"2026-01-31T12:30:00Z","balance":"0.10","segment":"retail","contact":{"kind":"mail","address":"a@b"},"phoneList":[],"limits":{},"tags":[],"version":1}"#;
    assert_answer(client.post("/everything", least).await, &json(2, out));
    let null = least.replace("\"unknown\"", "\"note\":null,\"unknown\"");
    assert_answer(client.post("/everything", null).await, &json(3, out));
}

#[tokio::test]
async fn decimals_are_exact_or_refused() {
    let (_app, client) = started().await;
    let amounts = [
        ("0.1", "0.1"),
        ("1.10", "1.10"),
        ("-0.0000000000000000000000000001", "-0.0000000000000000000000000001"),
        ("12345678901234567.89", "12345678901234567.89"),
        ("\"7.00\"", "7.00"),
        ("1e3", "1000"),
    ];
    for (number, (amount, exact)) in (1..).zip(amounts) {
        let reply = client.post("/search", format!(r#"{{"target":[],"amount":{amount}}}"#)).await;
        assert_answer(reply, &json(number, &format!(r#"{{"target":[],"amount":"{exact}"}}"#)));
    }
    let digits = "expected a decimal number of at most 28 digits (value: 0.12345678901234567890123456789)";
    let reply = client.post("/search", r#"{"target":[],"amount":"0.12345678901234567890123456789"}"#).await;
    assert_answer(reply, &Answer::faults(&cid(7), &[("/amount", digits)]));
}

#[tokio::test]
async fn numbers_with_a_fraction_pass_through_unchanged() {
    let (_app, client) = started().await;
    for (number, digits) in (1..).zip(["0.1", "1.0751161055932768e-231", "9007199254740993.0", "-0.0", "5e-324"]) {
        let reply = client.post("/any", digits).await;
        let exact: f64 = digits.parse().unwrap();
        assert_answer(reply, &json(number, &serde_json::to_string(&exact).unwrap()));
    }
}

#[tokio::test]
async fn repeated_keys_of_a_query_string_make_a_list() {
    let (_app, client) = started().await;
    for (number, (query, body)) in (1..).step_by(2).zip([
        ("target=CRM&target=Billing", r#"{"target":["CRM","Billing"]}"#),
        ("target=CRM", r#"{"target":["CRM"]}"#),
        ("target=a+b&target=%C3%A9%26", r#"{"target":["a b","é&"]}"#),
        ("target=&limit=7&deep=yes&amount=1.50", r#"{"target":[""],"limit":7,"deep":true,"amount":"1.50"}"#),
        ("deep=Off&target=x&segment=retail&other=1", r#"{"target":["x"],"deep":false,"segment":"retail"}"#),
    ]) {
        assert_answer(client.get(&format!("/search?{query}")).await, &json(number, body));
        let reply = client.post("/search-form", query).await;
        assert_answer(reply, &json(number + 1, body));
    }
}

#[tokio::test]
async fn parameters_and_payload_meet_by_the_rules_of_the_channel() {
    let (_app, client) = started().await;
    let body = r#"{"from":"payload"}"#;
    for (number, (path, body, from)) in (1..).zip([
        ("/params/path?from=query", body, "path"),
        ("/params/path?from=query", "", "path"),
        ("/params/path", body, "path"),
        ("/msg/path?from=query", body, "payload"),
        ("/msg/path?from=query", "", "path"),
        ("/qs/path?from=query", body, "query"),
        ("/qs/path", body, "path"),
        ("/apart/path?from=query", body, "payload"),
        ("/created?from=query", body, "query"),
    ]) {
        let reply = client.post(path, body).await;
        let expected = json(number, &format!(r#"{{"from":"{from}"}}"#));
        if path.starts_with("/created") {
            assert_eq!(reply.text(), expected.body);
        } else {
            assert_answer(reply, &expected);
        }
    }
    assert_answer(client.get("/apart/path").await, &Answer::faults(&cid(10), &[("/from", "missing")]));
}

#[tokio::test]
async fn what_comes_from_a_payload_is_strict_unless_the_model_coerces() {
    let (_app, client) = started().await;
    let reply = client.post("/lenient", r#"{"number":" 222","flag":"on","text":7,"list":["1",2]}"#).await;
    assert_answer(reply, &json(1, r#"{"number":222,"flag":true,"text":"7","list":[1,2]}"#));
    for (number, (word, flag)) in (2..).zip([("\"T\"", true), ("\"no\"", false), ("1", true), ("false", false)]) {
        let reply = client.post("/lenient", format!(r#"{{"number":1,"flag":{word},"text":"","list":[]}}"#)).await;
        assert_answer(reply, &json(number, &format!(r#"{{"number":1,"flag":{flag},"text":"","list":[]}}"#)));
    }
    let reply = client.post("/lenient", r#"{"number":"x","flag":"maybe","text":[],"list":["a"]}"#).await;
    let faults = [
        ("/number", "expected an integer, which the text is not (value: x)"),
        ("/flag", "expected a boolean, which the text is not (value: maybe)"),
        ("/text", "expected a string, got a list"),
        ("/list/0", "expected an integer from 0 to 255, which the text is not (value: a)"),
    ];
    assert_answer(reply, &Answer::faults(&cid(6), &faults));
    let reply = client.post("/search", r#"{"target":"CRM","limit":"7","deep":1}"#).await;
    let faults = [
        ("/target", "expected a list, got a string (value: CRM)"),
        ("/limit", "expected an integer from 0 to 4294967295, got a string (value: 7)"),
        ("/deep", "expected a boolean, got an integer (value: 1)"),
    ];
    assert_answer(reply, &Answer::faults(&cid(7), &faults));
}

#[tokio::test]
async fn unknown_keys_are_ignored_or_denied() {
    let (_app, client) = started().await;
    assert_answer(client.post("/search?more=1", r#"{"target":[],"x":{}}"#).await, &json(1, r#"{"target":[]}"#));
    assert_answer(client.post("/denying", r#"{"name":"a"}"#).await, &json(2, r#"{"name":"a"}"#));
    let reply = client.post("/denying?other=1", r#"{"nmae":"a","x":{}}"#).await;
    let mut answer = Answer::from(reply);
    let problem: zato::Value = serde_json::from_str(&answer.body).unwrap();
    let mut paths: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|fault| fault["path"].clone()).collect();
    paths.sort_by_key(ToString::to_string);
    assert_eq!(paths, ["/name", "/nmae", "/other", "/x"]);
    answer.body.clear();
    assert_answer(answer, &Answer::new(400, &cid(3), "application/problem+json", ""));
}

#[tokio::test]
async fn a_top_level_list_goes_in_and_comes_out() {
    let (_app, client) = started().await;
    let reply = client.post("/list", r#"[{"number":"1"},{"number":"2","extension":3}]"#).await;
    assert_answer(reply, &json(1, r#"[{"number":"2","extension":3},{"number":"1"}]"#));
    assert_answer(client.post("/list", "[]").await, &json(2, "[]"));
    // A parameter has no place in a list, and does no harm to one.
    assert_answer(client.post("/list?number=1", r#"[{"number":"1"}]"#).await, &json(3, r#"[{"number":"1"}]"#));
    let reply = client.post("/list", r#"[{"number":"1"},{"number":2},{},7]"#).await;
    let faults = [
        ("/1/number", "expected a string, got an integer (value: 2)"),
        ("/2/number", "missing"),
        ("/3", "expected an object, got an integer (value: 7)"),
    ];
    assert_answer(reply, &Answer::faults(&cid(4), &faults));
    let reply = client.post("/list", r#"{"number":"1"}"#).await;
    assert_answer(reply, &Answer::faults(&cid(5), &[("", "expected a list, got an object")]));
}

#[tokio::test]
async fn the_channel_decides_the_format_and_not_the_content_type() {
    let (_app, client) = started().await;
    let curl = [("Content-Type", "application/x-www-form-urlencoded")];
    let reply = client.send(Method::POST, "/search", &curl, r#"{"target":["curl"]}"#).await;
    assert_answer(reply, &json(1, r#"{"target":["curl"]}"#));
    let reply = client.send(Method::GET, "/search", &[], r#"{"target":["in GET"]}"#).await;
    assert_answer(reply, &json(2, r#"{"target":["in GET"]}"#));
    let reply = client.send(Method::POST, "/search", &[], "\u{feff}{\"target\":[]}").await;
    assert_answer(reply, &json(3, r#"{"target":[]}"#));
    let reply =
        client.send(Method::POST, "/search-form", &[("Content-Type", "application/json")], "target=a\r\n").await;
    assert_answer(reply, &json(4, r#"{"target":["a"]}"#));
}

#[tokio::test]
async fn bytes_nothing_and_own_statuses_go_out_as_they_are() {
    let (_app, client) = started().await;
    let reply = client.send(Method::POST, "/raw", &[("Content-Type", "text/csv; header=absent")], "a,b\n\u{0}").await;
    assert_answer(reply, &Answer::new(200, &cid(1), "text/csv; header=absent", "a,b\n\u{0}"));
    assert_answer(client.post("/raw", "x").await, &Answer::new(200, &cid(2), "application/octet-stream", "x"));
    assert_answer(client.post("/nothing", "whatever {").await, &Answer::empty(204, &cid(3)));
    let created = Answer::json(201, &cid(4), r#"{"from":"a"}"#).header("location", "/things/7");
    let created = created.header("x-two", "a").header("x-two", "b");
    assert_answer(client.post("/created", r#"{"from":"a"}"#).await, &created);
    assert_answer(client.get("/bad-header").await, &Answer::problem(500, &cid(5), "an error has occurred"));
}

#[tokio::test]
async fn a_payload_stands_beside_a_model_of_parameters() {
    let (_app, client) = started().await;
    let reply = client.post("/beside?target=CRM&target=Billing", "").await;
    assert_answer(reply, &Answer::new(200, &cid(1), "text/plain", "CRM+Billing: "));
    let reply = client.post("/beside?target=CRM", r#"{"mt":103}"#).await;
    assert_answer(reply, &Answer::new(200, &cid(2), "text/plain", r#"CRM: {"mt":103}"#));
}
