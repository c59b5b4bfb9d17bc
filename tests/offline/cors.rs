//! Cross-origin resource sharing: what browsers ask, and what they let a page see.

use zato::{Error, Result, Running, http::Method, service, services, testing, testing::Client};

use crate::support::{Answer, assert_answer, cid};

#[service(name = "client.get")]
async fn get_client() -> Result<zato::Value> {
    Ok("a client".into())
}

#[service(name = "client.fail")]
async fn fail() -> Result<()> {
    Err(Error::internal("the disk is full"))
}

const CONFIG: &str = "
security: [{name: Partner, type: apikey, password: not-a-secret}]
channel_rest:
  - name: get
    url_path: /client
    service: client.get
    method: GET
    security: Partner
    cors: {allow_origins: [https://app.example, 'http://localhost:*'], max_age: 10m, allow_credentials: true}
  - {name: post, url_path: /client, service: client.get, method: POST}
  - name: any
    url_path: /any
    service: client.fail
    cors: {allow_origins: '*', allow_methods: [PUT], allow_headers: '*', expose_headers: []}
  - {name: options, url_path: /any, service: client.get, method: OPTIONS}
";

async fn started() -> (Running, Client) {
    let app = testing::app("cors").services(services![get_client, fail]).config_yaml(CONFIG).start().await;
    let app = app.expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

/// Asks what a browser asks before it sends what a page wants to.
async fn preflight(client: &Client, path: &str, origin: &str, method: &str) -> testing::TestReply {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", "x-api-key"),
    ];
    client.send(Method::OPTIONS, path, &headers, "").await
}

fn seen_by(origin: &str, answer: Answer) -> Answer {
    answer
        .header("access-control-allow-credentials", "true")
        .header("access-control-allow-origin", origin)
        .header("access-control-expose-headers", "x-zato-cid")
        .header("vary", "origin")
}

#[tokio::test]
async fn a_browser_is_told_what_a_page_may_do_before_it_has_credentials() {
    let (_app, client) = started().await;
    let vary = "origin, access-control-request-method";
    for (number, origin) in [(1, "https://app.example"), (2, "http://localhost:3000")] {
        let expected = Answer::empty(204, &cid(number))
            .header("access-control-allow-credentials", "true")
            .header("access-control-allow-headers", "authorization, content-type, x-api-key")
            .header("access-control-allow-methods", "GET")
            .header("access-control-allow-origin", origin)
            .header("access-control-max-age", "600")
            .header("vary", vary);
        assert_answer(preflight(&client, "/client", origin, "GET").await, &expected);
    }
    // Others are told nothing, by which a browser knows.
    let other = preflight(&client, "/client", "https://evil.example", "GET").await;
    assert_answer(other, &Answer::empty(204, &cid(3)).header("vary", vary));
    // A channel without it answers as ever, also beside one that has it.
    let without = preflight(&client, "/client", "https://app.example", "POST").await;
    assert_answer(without, &Answer::empty(204, &cid(4)).header("allow", "GET, HEAD, POST, OPTIONS"));
    let elsewhere = preflight(&client, "/nowhere", "https://app.example", "GET").await;
    assert_answer(elsewhere, &Answer::problem(404, &cid(5), "no channel answers this path"));
}

#[tokio::test]
async fn every_page_may_be_allowed() {
    let (_app, client) = started().await;
    let expected = Answer::empty(204, &cid(1))
        .header("access-control-allow-headers", "*")
        .header("access-control-allow-methods", "PUT")
        .header("access-control-allow-origin", "*")
        .header("access-control-max-age", "3600");
    // Although the path has a channel for OPTIONS, which still answers who is no browser.
    assert_answer(preflight(&client, "/any", "https://a.example", "PUT").await, &expected);
    let options = client.send(Method::OPTIONS, "/any", &[("origin", "https://a.example")], "").await;
    assert_answer(options, &Answer::json(200, &cid(2), r#""a client""#));
}

#[tokio::test]
async fn a_page_sees_replies_and_refusals() {
    let (_app, client) = started().await;
    let origin = "https://app.example";
    let allowed = client.send(Method::GET, "/client", &[("origin", origin), ("x-api-key", "not-a-secret")], "").await;
    assert_answer(allowed, &seen_by(origin, Answer::json(200, &cid(1), r#""a client""#)));
    let refused = client.send(Method::GET, "/client", &[("origin", origin)], "").await;
    let expected = Answer::problem(401, &cid(2), "credentials are missing or wrong");
    assert_answer(refused, &seen_by(origin, expected).header("www-authenticate", "ApiKey header=\"x-api-key\""));
    let failed = client.send(Method::POST, "/any", &[("origin", origin)], "").await;
    let expected = Answer::problem(500, &cid(3), "an error has occurred");
    assert_answer(failed, &expected.header("access-control-allow-origin", "*"));

    // To others, and to who is no page, it says that it would depend on that.
    let plain = Answer::json(200, &cid(4), r#""a client""#).header("vary", "origin");
    let headers = [("origin", "https://evil.example"), ("x-api-key", "not-a-secret")];
    assert_answer(client.send(Method::GET, "/client", &headers, "").await, &plain);
    let nobody = client.send(Method::GET, "/client", &[("x-api-key", "not-a-secret")], "").await;
    assert_answer(nobody, &Answer::json(200, &cid(5), r#""a client""#).header("vary", "origin"));
    let without = client.send(Method::POST, "/client", &[("origin", origin)], "").await;
    assert_answer(without, &Answer::json(200, &cid(6), r#""a client""#));
}

#[tokio::test]
async fn what_browsers_refuse_is_refused_when_it_is_configured() {
    for (cors, said) in [
        (
            "{allow_origins: '*', allow_credentials: true}",
            "has cors with allow_credentials and the allow_origins \"*\": list those that may",
        ),
        (
            "{allow_origins: 'https://a.example', allow_headers: '*', allow_credentials: true}",
            "has cors with allow_credentials and the allow_headers \"*\": list those that may",
        ),
        (
            "{allow_origins: '*', allow_methods: [GET, HEAD, PUT]}",
            "has cors with the method PUT, which it does not answer",
        ),
    ] {
        let yaml = format!(
            "channel_rest: [{{name: a, url_path: /a, method: [GET, POST], service: client.get, cors: {cors}}}]"
        );
        let app = testing::app("cors").services(services![get_client]).config_yaml(yaml).start().await;
        let refused = app.expect_err("the configuration is refused").to_string();
        assert_eq!(
            refused,
            format!("the configuration can't be used:\n  configuration:1:16: the channel \"a\" {said}")
        );
    }
}
