//! Channels that leave it to their callers what goes in and comes out.

use zato::{Raw, Result, http::Method, model, service, services, testing};

use crate::support::{Answer, assert_answer, cid};

#[model]
struct Point {
    x: i64,
    y: Option<i64>,
}

/// Gives back what it gets.
#[service(name = "points.echo")]
async fn echo(input: Vec<Point>) -> Result<Vec<Point>> {
    Ok(input)
}

#[service(name = "points.one")]
async fn one(input: Point) -> Result<Point> {
    Ok(input)
}

/// Says what it gets, whatever that is.
#[service(name = "points.raw")]
async fn raw(input: Raw) -> Result<Raw> {
    Ok(Raw::new(format!("{} bytes", input.bytes().await?.len())).with_content_type("text/plain"))
}

const YAML: &str = "
channel_rest:
  - {name: echo, url_path: /echo, service: points.echo, data_format: negotiate}
  - {name: one, url_path: /one, service: points.one, data_format: negotiate}
  - {name: raw, url_path: /raw, service: points.raw, data_format: negotiate}
  - {name: json, url_path: /json, service: points.one}
";

async fn client() -> (testing::Client, zato::Running) {
    let services = services![echo, one, raw];
    let app = testing::app("points").services(services).config_yaml(YAML).start().await.expect("the app starts");
    (testing::client(&app), app)
}

const CSV: &str = "text/csv; charset=utf-8; header=present";

#[tokio::test]
async fn content_type_decides_what_comes_and_accept_what_goes() {
    let (client, _app) = client().await;
    let json = r#"[{"x":1},{"x":2,"y":3}]"#;
    let csv = "x,y\r\n1,\r\n2,3\r\n";
    for (number, (content_type, body, accept, written, expected)) in [
        ("application/json", json, "text/csv", CSV, csv),
        ("text/csv", csv, "application/json", "application/json", json),
        ("text/csv", csv, "*/*", CSV, csv),
        ("application/vnd.points+json; charset=UTF-8", json, "text/html, */*;q=0.1", "application/json", json),
        ("application/json", json, "application/json;q=0.1, text/csv;q=0.2", CSV, csv),
    ]
    .into_iter()
    .enumerate()
    {
        let headers = [("content-type", content_type), ("accept", accept)];
        let reply = client.send(Method::POST, "/echo", &headers, body).await;
        let expected = Answer::new(200, &cid(number as u64 + 1), written, expected).header("vary", "accept");
        assert_answer(reply, &expected);
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = client.send(Method::POST, "/one", &form, "x=1&y=2").await;
    assert_answer(reply, &Answer::json(200, &cid(6), r#"{"x":1,"y":2}"#).header("vary", "accept"));
    // Without a word, and without a body, it is JSON.
    let expected = Answer::json(200, &cid(7), r#"{"x":1}"#).header("vary", "accept");
    assert_answer(client.post("/one", r#"{"x": 1}"#).await, &expected);
    let text = [("content-type", "text/plain"), ("accept", "text/csv")];
    let reply = client.send(Method::GET, "/one?x=7", &text, "").await;
    assert_answer(reply, &Answer::new(200, &cid(8), CSV, "x,y\r\n7,\r\n").header("vary", "accept"));
}

#[tokio::test]
async fn what_is_on_offer_is_told_to_who_wants_something_else() {
    let (client, _app) = client().await;
    let offer = "application/json, application/xml, text/csv, application/x-www-form-urlencoded, multipart/form-data";
    let refused = |number, detail: &str| {
        Answer::problem(415, &cid(number), detail).header("vary", "accept").header("accept", offer)
    };
    let detail = format!("the Content-Type is none of {offer}, in UTF-8");
    let reply = client.send(Method::POST, "/one", &[("content-type", "text/plain")], "x").await;
    assert_answer(reply, &refused(1, &detail).header("accept-post", offer));
    let reply = client.send(Method::PUT, "/one", &[("content-type", "application/json; charset=latin1")], "{}").await;
    assert_answer(reply, &refused(2, &detail));
    let reply = client.send(Method::GET, "/one?x=1", &[("accept", "image/png, */*;q=0")], "").await;
    let detail = "Accept names none of what a reply can be: application/json, application/xml, text/csv";
    assert_answer(reply, &Answer::problem(406, &cid(3), detail).header("vary", "accept"));
}

#[tokio::test]
async fn a_service_of_bytes_has_nothing_to_negotiate() {
    let (client, _app) = client().await;
    let headers = [("content-type", "image/png"), ("accept", "text/plain")];
    let reply = client.send(Method::POST, "/raw", &headers, "abc").await;
    assert_answer(reply, &Answer::new(200, &cid(1), "text/plain", "3 bytes").header("vary", "accept"));
}

#[tokio::test]
async fn a_channel_of_one_format_does_not_look_at_headers() {
    let (client, _app) = client().await;
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/csv")];
    let reply = client.send(Method::POST, "/json", &headers, r#"{"x": 1}"#).await;
    assert_answer(reply, &Answer::json(200, &cid(1), r#"{"x":1}"#));
}
