//! Whatever bytes come: nothing panics, nothing hangs, and whoever asks is answered or hung up on.

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::{runtime::Runtime, time::timeout};
use zato::{Raw, Result, Running, Value, http::Method, model, service, services, testing};

use crate::support::PATIENCE;

#[model]
struct Order {
    id: u32,
    target: Vec<String>,
    note: Option<String>,
}

#[service(name = "order")]
async fn order(order: Order) -> Result<Order> {
    Ok(order)
}

#[service(name = "any")]
async fn any_value(value: Value) -> Result<Value> {
    Ok(value)
}

#[service(name = "raw")]
async fn raw(input: Raw) -> Result<Raw> {
    Ok(input)
}

const CONFIG: &str = "
server: {max_body_size: 10KB}
security: [{name: Login, type: basic_auth, username: a, password: b}]
channel_rest:
  - {name: order, url_path: /order, service: order}
  - {name: order-id, url_path: '/order/{id}', service: order}
  - {name: form, url_path: /form, service: order, data_format: form}
  - {name: any, url_path: /any, service: any}
  - {name: raw, url_path: '/raw/{*rest}', service: raw}
  - {name: image, url_path: '/img-{id}.png', service: raw}
  - {name: secret, url_path: /secret, service: raw, security: Login}
";

/// Runs a property with an app, on a runtime that all of its cases share.
fn check<S: Strategy>(
    strategy: &S,
    property: &impl AsyncFn(&Running, &testing::Client, S::Value) -> Result<(), TestCaseError>,
) {
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let services = services![order, any_value, raw];
    let starting = testing::app("properties").services(services).config_yaml(CONFIG).start();
    let app = runtime.block_on(starting).expect("the app starts");
    let client = testing::client(&app);
    // No file is kept of what failed: the case that is printed goes into a test of its own.
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(strategy, |value| {
        let answered = runtime.block_on(async { timeout(PATIENCE, property(&app, &client, value)).await });
        answered.map_err(|_| TestCaseError::fail("it hangs"))?
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Bytes that look more or less like a request.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = "(GET|POST|HEAD|OPTIONS|BREW|) (/|\\*|/order|/order/[a-z%0-9.]{0,6}|/any|/form|//|http://a/any)(\\?[a-z%=&]{0,9})? HTTP/1\\.[01]\r\n";
    let header = prop_oneof![
        Just("Host: a\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        "Content-Length: (-1|[0-9]{1,3})\r\n",
        "(X-Zato-CID|traceparent|Authorization|Connection|Expect|Cookie): ?[ -~]{0,20}\r\n",
        "[!-~]{0,8}:?[ -~\t]{0,8}\r?\n",
    ];
    let body = prop_oneof![
        "([0-9a-f]{1,3}\r\n[ -~]{0,20}\r\n){0,3}(0\r\n\r\n)?".prop_map(String::into_bytes),
        "[\\[\\]{}\":,a-z0-9 ]{0,40}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    let whole = (line, prop::collection::vec(header, 0..5), body).prop_map(|(line, headers, body)| {
        let mut bytes = format!("{line}{}\r\n", headers.concat()).into_bytes();
        bytes.extend(body);
        bytes
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..200), 4 => whole]
}

#[test]
fn any_bytes_are_answered_or_hung_up_on() {
    check(&prop::collection::vec(request(), 1..3), &async |_, client, requests| {
        let reply = client.bytes(&requests.concat()).await;
        let is_answer = reply.is_empty() || reply.starts_with(b"HTTP/1.");
        prop_assert!(is_answer, "{}", String::from_utf8_lossy(&reply));
        let is_ours = !reply.windows(13).any(|bytes| bytes.starts_with(b"HTTP/1.") && bytes.get(9) == Some(&b'5'));
        prop_assert!(is_ours, "{}", String::from_utf8_lossy(&reply));
        Ok(())
    });
}

#[test]
fn any_path_and_query_is_no_fault_of_ours() {
    let path = prop_oneof![
        "/(order|raw|form|any|secret|zato|img-)(/?[!-~]{0,10}){0,4}",
        "(/[a-z%0-9A-F.+~;=@{}]{0,8}){1,5}",
        "(/[^\\x00-\\x1f]{0,6}){1,3}",
    ];
    let query = prop_oneof![Just(String::new()), "\\?[ -~]{0,30}", "\\?(id|target|note)=[a-z%0-9+&=]{0,12}"];
    let body = prop_oneof![Just(Vec::new()), prop::collection::vec(any::<u8>(), 0..40)];
    let method = prop::sample::select(vec![Method::GET, Method::POST, Method::HEAD, Method::OPTIONS, Method::TRACE]);
    check(&(method, path, query, body), &async |_, client, (method, path, query, body)| {
        let target = format!("{path}{query}");
        // What is no request target never reaches us.
        if target.parse::<zato::http::Uri>().is_err() {
            return Ok(());
        }
        let reply = client.send(method, &target, &[], body).await;
        prop_assert!(!reply.status.is_server_error(), "{target} got {} {}", reply.status, reply.text());
        prop_assert_eq!(reply.header("x-zato-cid").len(), 24);
        Ok(())
    });
}

#[test]
fn any_json_is_taken_or_told_what_is_wrong() {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 64.0)),
        ".{0,8}".prop_map(Value::from),
    ];
    let json = leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("(id|target|note|[a-z/~]{0,3})", inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    check(&json, &async |_, client, value| {
        let reply = client.post("/any", value.to_string()).await;
        prop_assert_eq!((reply.status.as_u16(), reply.json()), (200, value.clone()));
        let reply = client.post("/order", value.to_string()).await;
        let is_told = || reply.json()["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        prop_assert!(reply.status == 200 || (reply.status == 400 && is_told()), "{value}: {}", reply.text());
        Ok(())
    });
}

#[test]
fn any_credentials_are_refused() {
    check(&"[ -~]{0,40}|Basic [A-Za-z0-9+/=]{0,24}", &async |_, client, header| {
        let right = "Basic YTpi";
        let headers = [("authorization", header.as_str())];
        let reply = client.send(Method::GET, "/secret", &headers, "").await;
        prop_assert!(reply.status == 401 || header.trim().eq_ignore_ascii_case(right), "{header}: {}", reply.status);
        Ok(())
    });
}

#[test]
fn any_text_as_configuration_is_applied_or_refused() {
    let line = prop_oneof![
        "[ -~]{0,40}",
        ".{0,20}",
        "(server|channel_rest|security|user_config|include|outgoing_loopback): ?[ -~]{0,30}",
        "  ?-? ?(name|url_path|service|type|password|is_active|method|timeout|bind|log): ?[ -~]{0,20}",
        "  - \\{name: [a-z]{0,2}, url_path: '/[a-z{}*%.]{0,10}', service: (raw|any|no)\\}",
    ];
    let text = prop::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"));
    check(&text, &async |app, client, text| {
        let before = app.generation();
        match app.apply_yaml(text).await {
            Ok(applied) => prop_assert!(applied.generation == before + u64::from(!applied.changes.is_empty())),
            Err(error) => {
                prop_assert_eq!(app.generation(), before);
                prop_assert!(error.to_string().starts_with("the configuration can't be used:\n  "), "{error}");
            }
        }
        prop_assert_eq!(client.get("/zato/ping").await.status, 200);
        Ok(())
    });
}
