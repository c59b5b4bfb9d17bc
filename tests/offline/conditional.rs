//! Conditional requests: who has a reply already does not get it again.

use zato::{Raw, Response, Result, Running, http::Method, model, service, services, testing, testing::Client};

use crate::support::{Answer, Wire, assert_answer, cid, listening_app};

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[model]
struct Wanted {
    tag: Option<String>,
    modified: Option<String>,
    status: Option<u16>,
}

#[service(name = "page.get")]
async fn page(input: Wanted) -> Result<Response<Raw>> {
    let mut response = Response::new(Raw::new("a page").with_content_type("text/plain"))
        .header("content-language", "en")
        .header("x-page", "1");
    for (name, value) in [("etag", input.tag), ("last-modified", input.modified)] {
        if let Some(value) = value {
            response = response.header(name, &value);
        }
    }
    Ok(match input.status {
        Some(status) => response.status(status.try_into()?),
        None => response,
    })
}

const CONFIG: &str = "
server: {bind: '127.0.0.1:0'}
channel_rest:
  - {name: page, url_path: /page, service: page.get}
  - {name: tagged, url_path: /tagged, service: page.get, etag: true, cache_control: max-age=60}
";

async fn started() -> (Running, Client) {
    let app = testing::app("conditional").services(services![page]).config_yaml(CONFIG).start().await;
    let app = app.expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

fn whole(number: u64) -> Answer {
    Answer::new(200, &cid(number), "text/plain", "a page").header("content-language", "en").header("x-page", "1")
}

fn same(number: u64) -> Answer {
    Answer::empty(304, &cid(number)).header("x-page", "1")
}

fn failed(number: u64) -> Answer {
    Answer::problem(412, &cid(number), "the condition of the request is not met")
}

#[tokio::test]
async fn who_has_the_reply_gets_304_and_who_wants_another_412() {
    let (_app, client) = started().await;
    let (tag, date) = ("/page?tag=%22v1%22", format!("/page?modified={}", MODIFIED.replace(' ', "%20")));
    let of_tag = |answer: Answer| answer.header("etag", "\"v1\"");
    let of_date = |answer: Answer| answer.header("last-modified", MODIFIED);
    let get = |path: &str, name: &'static str, value: &'static str| {
        let (client, path) = (client.clone(), path.to_owned());
        async move { client.send(Method::GET, &path, &[(name, value)], "").await }
    };
    assert_answer(get(tag, "if-none-match", "\"v0\", W/\"v1\"").await, &of_tag(same(1)));
    assert_answer(get(tag, "if-none-match", "\"v0\"").await, &of_tag(whole(2)));
    assert_answer(get(tag, "if-match", "\"v1\"").await, &of_tag(whole(3)));
    assert_answer(get(tag, "if-match", "\"v0\"").await, &failed(4));
    assert_answer(get(&date, "if-modified-since", MODIFIED).await, &of_date(same(5)));
    assert_answer(get(&date, "if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT").await, &of_date(whole(6)));
    assert_answer(get(&date, "if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT").await, &failed(7));
    assert_answer(get("/page", "if-none-match", "*").await, &whole(8));
}

#[tokio::test]
async fn only_good_replies_to_reading_have_conditions() {
    let (_app, client) = started().await;
    let known = [("if-none-match", "\"v1\"")];
    let reply = client.send(Method::HEAD, "/page?tag=%22v1%22", &known, "").await;
    assert_answer(reply, &same(1).header("etag", "\"v1\""));
    let reply = client.send(Method::POST, "/page?tag=%22v1%22", &known, "{}").await;
    assert_answer(reply, &whole(2).header("etag", "\"v1\""));
    let reply = client.send(Method::GET, "/page?tag=%22v1%22&status=404", &known, "").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (404, "a page"));
    // What is no tag names nothing.
    let reply = client.send(Method::GET, "/page?tag=v1", &[("if-none-match", "v1")], "").await;
    assert_answer(reply, &whole(4).header("etag", "v1"));
}

#[tokio::test]
async fn a_channel_makes_validators_of_the_bytes() {
    let (_app, client) = started().await;
    let first = client.get("/tagged").await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("\"6-") && tag.len() == 20, "{tag}");
    assert_answer(first, &whole(1).header("etag", &tag).header("cache-control", "max-age=60"));
    let again = client.send(Method::GET, "/tagged", &[("if-none-match", &tag)], "").await;
    assert_answer(again, &same(2).header("etag", &tag).header("cache-control", "max-age=60"));
    // The service's own counts more, and what is no reading has none.
    assert_eq!(client.get("/tagged?tag=%22v1%22").await.header("etag"), "\"v1\"");
    assert_eq!(client.post("/tagged", "{}").await.headers.get("etag"), None);
    assert_eq!(client.get("/tagged?status=404").await.headers.get("etag"), None);
}

#[tokio::test]
async fn over_a_connection_a_304_ends_with_its_headers() -> Result<()> {
    let app = listening_app("conditional").services(services![page]).config_yaml(CONFIG).start().await?;
    let mut wire = Wire::to(&app).await;
    for number in 1..=2 {
        wire.send("GET /page?tag=%22v1%22 HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"v1\"\r\n\r\n").await;
        assert_answer(wire.head().await, &same(number).header("etag", "\"v1\""));
    }
    assert_answer(wire.get("/page").await, &whole(3).on_the_wire());
    Ok(())
}
