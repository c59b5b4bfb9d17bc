//! What a request gets that can't be used: nothing panics, nothing hangs, and the caller reads everything that is wrong.

use std::fmt::Write;

use zato::{Raw, Result, http::Method, model, service, services, testing};

use crate::support::{Answer, assert_answer, cid};

#[model]
struct Order {
    id: u32,
    name: String,
    line_list: Vec<Line>,
    note: Option<String>,
}

#[model]
struct Line {
    sku: String,
    amount: u8,
}

/// Accepts an order.
#[service(name = "order.create")]
async fn create(order: Order) -> Result<Order> {
    Ok(order)
}

/// Accepts any JSON.
#[service(name = "any")]
async fn any(value: zato::Value) -> Result<zato::Value> {
    Ok(value)
}

/// Accepts any bytes.
#[service(name = "raw")]
async fn raw(input: Raw) -> Result<Raw> {
    Ok(Raw::new(input.bytes().await?.len().to_string()).with_content_type("text/plain"))
}

const CONFIG: &str = "
server: {max_body_size: 1KB}
channel_rest:
  - {name: order, url_path: /order, service: order.create}
  - {name: order-by-id, url_path: '/order/{id}', service: order.create}
  - {name: form, url_path: /form, service: order.create, data_format: form}
  - {name: any, url_path: /any, service: any}
  - {name: raw, url_path: /raw, service: raw}
  - {name: small, url_path: /small, service: raw, max_body_size: 4}
";

async fn started(config: &str) -> (zato::Running, testing::Client) {
    let services = services![create, any, raw];
    let app = testing::app("bad-input").services(services).config_yaml(config).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

type Faults<'a> = &'a [(&'a str, &'a str)];

/// Sends each body to `path`, and compares the faults that come back.
async fn assert_faults(path: &str, bodies: &[(&[u8], Faults<'_>)]) {
    let (_app, client) = started(CONFIG).await;
    for (number, (body, faults)) in (1..).zip(bodies) {
        let reply = client.post(path, body.to_vec()).await;
        assert_answer(reply, &Answer::faults(&cid(number), faults));
    }
}

#[tokio::test]
async fn json_that_is_malformed_or_truncated_is_told_with_its_place() {
    let deep = "[".repeat(1_000);
    assert_faults(
        "/order",
        &[
            (b"{", &[("", "malformed JSON: EOF while parsing an object at line 1 column 1")]),
            (b"{\"id\": 1, \"name\": \"a", &[("", "malformed JSON: EOF while parsing a string at line 1 column 20")]),
            (b"{\n\"id\": 1,,", &[("", "malformed JSON: key must be a string at line 2 column 9")]),
            (b"{'id': 1}", &[("", "malformed JSON: key must be a string at line 1 column 2")]),
            (b"{\"id\": 1} {}", &[("", "malformed JSON: trailing characters at line 1 column 11")]),
            (b"{\"id\": 01}", &[("", "malformed JSON: invalid number at line 1 column 9")]),
            (b"{\"id\": NaN}", &[("", "malformed JSON: expected value at line 1 column 8")]),
            (b"id=1", &[("", "malformed JSON: expected value at line 1 column 1")]),
            (b" ", &[("", "malformed JSON: EOF while parsing a value at line 1 column 1")]),
            (b"\0", &[("", "malformed JSON: expected value at line 1 column 1")]),
            (b"{\"name\": \"\xff\"}", &[("", "malformed JSON: invalid unicode code point at line 1 column 11")]),
            (b"{\"name\": \"\\ud800\"}", &[("", "malformed JSON: unexpected end of hex escape at line 1 column 17")]),
            (b"{\"name\": \"a\nb\"}", &[(
                "",
                "malformed JSON: control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0",
            )]),
            (deep.as_bytes(), &[("", "malformed JSON: recursion limit exceeded at line 1 column 128")]),
        ],
    )
    .await;
}

#[tokio::test]
async fn json_of_the_wrong_type_is_told_with_every_place() {
    assert_faults(
        "/order",
        &[
            (b"[]", &[("", "expected an object, got a list")]),
            (b"7", &[("", "expected an object, got an integer (value: 7)")]),
            (b"\"x\"", &[("", "expected an object, got a string (value: x)")]),
            (b"{}", &[("/id", "missing"), ("/name", "missing"), ("/line_list", "missing")]),
            (b"", &[("/id", "missing"), ("/name", "missing"), ("/line_list", "missing")]),
            (b"{\"id\":1,\"name\":\"a\",\"line_list\":[],\"id\":2}", &[("/id", "given more than once")]),
            (
                b"{\"id\":-1,\"name\":null,\"note\":5,\"line_list\":[{\"sku\":\"a\",\"amount\":256},7,{\"amount\":\"1\"}]}",
                &[
                    ("/id", "expected an integer from 0 to 4294967295, got an integer that does not fit (value: -1)"),
                    ("/name", "expected a string, got null"),
                    ("/note", "expected a string, got an integer (value: 5)"),
                    ("/line_list/0/amount", "expected an integer from 0 to 255, got an integer that does not fit (value: 256)"),
                    ("/line_list/1", "expected an object, got an integer (value: 7)"),
                    ("/line_list/2/amount", "expected an integer from 0 to 255, got a string (value: 1)"),
                    ("/line_list/2/sku", "missing"),
                ],
            ),
            (b"{\"id\":1.5,\"name\":\"a\",\"line_list\":{}}", &[
                ("/id", "expected an integer from 0 to 4294967295, got a number with a fraction (value: 1.5)"),
                ("/line_list", "expected a list, got an object"),
            ]),
            (b"{\"id\":1e400,\"name\":\"a\",\"line_list\":[]}", &[(
                "",
                "malformed JSON: number out of range at line 1 column 11",
            )]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_list_of_the_right_length_is_no_object() {
    assert_faults(
        "/order",
        &[
            (b"[1,\"a\",[],null]", &[("", "expected an object, got a list")]),
            (
                b"{\"id\":1,\"name\":\"a\",\"line_list\":[[\"a\",1]]}",
                &[("/line_list/0", "expected an object, got a list")],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_was_sent_is_repeated_where_it_is_wrong_and_nowhere_else() {
    let (_app, client) = started(CONFIG).await;
    let bodies = [
        r#"{"id":1,"name":["canary"],"line_list":{"canary":"canary"}}"#,
        r#"{"id":1,"name":"canary","line_list":[]"#,
        r#"{"id":1,"id":"canary"}"#,
        r#"{"id":1,"line_list":[{"sku":{},"amount":[{"token":"canary"}]}],"note":"canary"}"#,
        "canary",
    ];
    for body in bodies {
        let reply = client.post("/order?name=canary&name=canary2", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(!reply.text().contains("canary"), "{}", reply.text());
    }
    let long = format!(r#"{{"id":"{}","name":"\u0000\u000a","line_list":[]}}"#, "é".repeat(60));
    let shortened = format!("expected an integer from 0 to 4294967295, got a string (value: {}…)", "é".repeat(40));
    assert_answer(client.post("/order", long).await, &Answer::faults(&cid(6), &[("/id", &shortened)]));
}

#[tokio::test]
async fn nesting_has_a_limit_wherever_it_is() {
    let (_app, client) = started("channel_rest: [{name: any, url_path: /any, service: any}]").await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_answer(client.post("/any", nested(127)).await, &Answer::json(200, &cid(1), &nested(127)));
    let too_deep = [("", "malformed JSON: recursion limit exceeded at line 1 column 128")];
    for (number, depth) in [(2, 128), (3, 100_000)] {
        assert_answer(client.post("/any", nested(depth)).await, &Answer::faults(&cid(number), &too_deep));
    }
    let objects = format!("{}1", "{\"a\":".repeat(100_000));
    let too_deep = [("", "malformed JSON: recursion limit exceeded at line 1 column 636")];
    assert_answer(client.post("/any", objects).await, &Answer::faults(&cid(4), &too_deep));
}

#[tokio::test]
async fn parameters_that_can_not_be_used_are_told_together_with_the_body() {
    let (_app, client) = started(CONFIG).await;
    let reply = client.post("/order/x?name=a&name=b&note=", r#"{"line_list":[{"sku":1}]}"#).await;
    let faults = [
        ("/name", "expected one value, got 2"),
        ("/id", "expected an integer from 0 to 4294967295, which the text is not (value: x)"),
        ("/line_list/0/sku", "expected a string, got an integer (value: 1)"),
        ("/line_list/0/amount", "missing"),
    ];
    assert_answer(sorted(reply.into()), &sorted(Answer::faults(&cid(1), &faults)));
}

/// Puts the faults into the order of their places: which of two sources is read first is nobody's business.
fn sorted(mut answer: Answer) -> Answer {
    let mut problem: zato::Value = serde_json::from_str(&answer.body).expect("problem details are JSON");
    let errors = problem.get_mut("errors").and_then(zato::Value::as_array_mut).expect("problem details have errors");
    errors.sort_by_key(|fault| fault.get("path").map(ToString::to_string));
    answer.body = problem.to_string();
    answer
}

#[tokio::test]
async fn percent_encoding_that_is_bad_is_told() {
    let (_app, client) = started(CONFIG).await;
    let digits = "has a '%' that two hexadecimal digits don't follow";
    let utf8 = "is not UTF-8 once it is decoded";
    let queries = [("%", digits), ("a=%", digits), ("a=%4", digits), ("a=%zz", digits), ("%ff=1", utf8)];
    for (number, (query, fault)) in (1..).zip(queries) {
        let reply = client.get(&format!("/order?{query}")).await;
        assert_answer(reply, &Answer::faults(&cid(number), &[("", &format!("the query string {fault}"))]));
    }
    for (number, (body, fault)) in (6..).zip([("id=%", digits), ("id=%fe", utf8)]) {
        let reply = client.post("/form", body).await;
        assert_answer(reply, &Answer::faults(&cid(number), &[("", &format!("the form {fault}"))]));
    }
    let reply = client.post("/form", &b"id=\xff"[..]).await;
    assert_answer(reply, &Answer::faults(&cid(8), &[("", "the form is not UTF-8")]));
}

#[tokio::test]
async fn forms_that_can_not_be_used_are_told_with_every_place() {
    assert_faults(
        "/form",
        &[
            (b"", &[("/id", "missing"), ("/name", "missing"), ("/line_list", "missing")]),
            (
                b"id=x&name=a&name=b",
                &[
                    ("/id", "expected an integer from 0 to 4294967295, which the text is not (value: x)"),
                    ("/name", "expected one value, got 2"),
                    ("/line_list", "missing"),
                ],
            ),
            (b"{\"id\":1}", &[("/id", "missing"), ("/name", "missing"), ("/line_list", "missing")]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused() {
    let (_app, client) = started(CONFIG).await;
    let too_large =
        |number, limit| Answer::problem(413, &cid(number), &format!("the body is larger than {limit} bytes"));
    assert_answer(client.post("/raw", "x".repeat(1_000)).await, &Answer::new(200, &cid(1), "text/plain", "1000"));
    assert_answer(client.post("/raw", "x".repeat(1_001)).await, &too_large(2, 1_000));
    assert_answer(client.post("/small", "1234").await, &Answer::new(200, &cid(3), "text/plain", "4"));
    assert_answer(client.post("/small", "12345").await, &too_large(4, 4));
}

#[tokio::test]
async fn a_body_may_have_2_mib_unless_said_otherwise() {
    let (_app, client) = started("channel_rest: [{name: raw, url_path: /raw, service: raw}]").await;
    let limit = 2 * 1024 * 1024;
    let expected = Answer::new(200, &cid(1), "text/plain", "2097152");
    assert_answer(client.post("/raw", vec![0; limit]).await, &expected);
    let expected = Answer::problem(413, &cid(2), "the body is larger than 2097152 bytes");
    assert_answer(client.post("/raw", vec![0; limit + 1]).await, &expected);
}

#[tokio::test]
async fn many_keys_take_no_longer_than_their_number() {
    let (_app, client) = started("channel_rest: [{name: f, url_path: /f, service: any, data_format: form}]").await;
    let mut form = String::new();
    for number in 0..40_000 {
        let _ = write!(form, "&k{number}=");
    }
    let started = std::time::Instant::now();
    let reply = client.post("/f", form).await;
    assert_eq!(reply.status, 200);
    assert!(started.elapsed() < crate::support::PATIENCE / 2, "took {:?}", started.elapsed());
}

#[tokio::test]
async fn many_parameters_and_many_keys_do_not_multiply() {
    let (_app, client) = started("channel_rest: [{name: any, url_path: /any, service: any}]").await;
    let (mut query, mut body) = (String::new(), String::new());
    for number in 0..10_000 {
        let _ = write!(query, "&q{number}");
    }
    for number in 0..100_000 {
        let _ = write!(body, "\"k{number}\":0,");
    }
    let body = format!("{{{body}\"z\":0}}");
    let too_many = [("", "the query string has more than 256 different names")];
    assert_answer(client.post(&format!("/any?{query}"), body).await, &Answer::faults(&cid(1), &too_many));
    let most: Vec<String> = (0..256).map(|number| format!("n{number:03}=1&n{number:03}=2")).collect();
    let all: Vec<String> = (0..256).map(|number| format!("\"n{number:03}\":[\"1\",\"2\"]")).collect();
    // What is as long as this would be compressed for who asks.
    let expected = Answer::json(200, &cid(2), &format!("{{{}}}", all.join(","))).header("vary", "accept-encoding");
    assert_answer(client.get(&format!("/any?{}", most.join("&"))).await, &expected);
}

#[tokio::test]
async fn a_correlation_id_is_kept_if_it_is_well_formed() {
    let (_app, client) = started(CONFIG).await;
    let longest = "x".repeat(64);
    for own in ["a", "A-1_b.c", &longest, "4f6c0a1e2b3d4c5f6a7b8c9d"] {
        let reply = client.send(Method::POST, "/raw", &[("X-Zato-CID", own)], "").await;
        assert_answer(reply, &Answer::new(200, own, "text/plain", "0"));
        let reply = client.send(Method::GET, "/none", &[("X-Zato-CID", own)], "").await;
        assert_answer(reply, &Answer::problem(404, own, "no channel answers this path"));
    }
    let too_long = "x".repeat(65);
    for (number, bad) in (1..).zip(["", "two words", "a;b", "<script>", "a\"b", &too_long]) {
        let reply = client.send(Method::POST, "/raw", &[("X-Zato-CID", bad)], "").await;
        assert_answer(reply, &Answer::new(200, &cid(number), "text/plain", "0"));
    }
}

#[tokio::test]
async fn errors_have_zatos_form_where_the_configuration_says_so() {
    let config = CONFIG.replace("max_body_size: 1KB", "max_body_size: 1KB, error_format: zato");
    let (_app, client) = started(&config).await;
    let error = |number, status, details: &str| {
        let cid = cid(number);
        Answer::json(status, &cid, &format!(r#"{{"result":"Error","cid":"{cid}","details":"{details}"}}"#))
    };
    assert_answer(client.get("/none").await, &error(1, 404, "no channel answers this path"));
    assert_answer(client.post("/raw", "x".repeat(1_001)).await, &error(2, 413, "the body is larger than 1000 bytes"));
    let details =
        "/id: expected an integer from 0 to 4294967295, got a string (value: a); /name: missing; /line_list: missing";
    assert_answer(client.post("/order", r#"{"id":"a"}"#).await, &error(3, 400, details));
    let expected = error(4, 400, "the path of the request has a segment \\\".\\\" or \\\"..\\\"");
    assert_answer(client.get("/a/..").await, &expected);
    let options = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    let expected = error(5, 405, "the method is not allowed here").header("allow", options);
    assert_answer(client.send(Method::TRACE, "/raw", &[], "").await, &expected);
}
