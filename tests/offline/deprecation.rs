//! Headers by configuration: what caches may do, and that a channel will go.

use zato::{Error, Response, Result, Running, service, services, testing, testing::Client};

use crate::support::{Answer, assert_answer, cid};

#[service(name = "client.get")]
async fn get_client() -> Result<zato::Value> {
    Ok("a client".into())
}

#[service(name = "client.own")]
async fn own() -> Result<Response<zato::Value>> {
    let response = Response::new("a client".into()).header("cache-control", "no-store").header("sunset", "soon");
    Ok(response.header("link", "</docs>; rel=\"help\""))
}

#[service(name = "client.fail")]
async fn fail() -> Result<()> {
    Err(Error::not_found("no such client"))
}

const DEPRECATED: &str = "cache_control: max-age=60, is_deprecated: true, deprecation_since: 2025-06-30, \
     deprecation_sunset: 2030-06-30T12:00:00Z, deprecation_successor: /v2/client";

async fn started(entries: &str) -> (Running, Client) {
    let app = testing::app("deprecation").services(services![get_client, own, fail]);
    let app = app.config_yaml(format!("channel_rest:\n{entries}")).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

fn deprecated(answer: Answer) -> Answer {
    answer
        .header("deprecation", "@1751241600")
        .header("link", "</v2/client>; rel=\"successor-version\"")
        .header("sunset", "Sun, 30 Jun 2030 12:00:00 GMT")
}

#[tokio::test]
async fn callers_are_told_that_a_channel_will_go() {
    let entries = format!(
        "  - {{name: a, url_path: /a, service: client.get, {DEPRECATED}}}\n  \
           - {{name: b, url_path: /b, service: client.fail, {DEPRECATED}}}\n  \
           - {{name: c, url_path: /c, service: client.get, is_deprecated: true}}\n  \
           - {{name: d, url_path: /d, service: client.get, deprecation_since: 2025-06-30}}\n"
    );
    let (_app, client) = started(&entries).await;
    let logs = testing::capture_logs();
    let good = deprecated(Answer::json(200, &cid(1), r#""a client""#)).header("cache-control", "max-age=60");
    assert_answer(client.get("/a").await, &good);
    // An error is not kept, and comes from a channel that will go all the same.
    assert_answer(client.get("/b").await, &deprecated(Answer::problem(404, &cid(2), "no such client")));
    let since_ever = Answer::json(200, &cid(3), r#""a client""#).header("deprecation", "@0");
    assert_answer(client.get("/c").await, &since_ever);
    assert_answer(client.get("/d").await, &Answer::json(200, &cid(4), r#""a client""#));
    let told = logs.events().into_iter().filter(|event| event.message == "deprecated channel called");
    assert_eq!(told.count(), 3);
}

#[tokio::test]
async fn what_a_service_says_itself_counts_more() {
    let (_app, client) = started(&format!("  - {{name: a, url_path: /a, service: client.own, {DEPRECATED}}}")).await;
    let reply = client.get("/a").await;
    let values = |name: &str| reply.headers.get_all(name).iter().cloned().collect::<Vec<_>>();
    assert_eq!(
        (values("cache-control"), values("sunset")),
        (vec!["no-store".parse().unwrap()], vec!["soon".parse().unwrap()])
    );
    assert_eq!(values("link"), ["</docs>; rel=\"help\"", "</v2/client>; rel=\"successor-version\""]);
}

#[tokio::test]
async fn an_end_before_the_beginning_is_refused() {
    let yaml = "channel_rest: [{name: a, url_path: /a, service: client.get, is_deprecated: true, \
                deprecation_since: 2030-06-30, deprecation_sunset: 2025-06-30}]";
    let app = testing::app("deprecation").services(services![get_client]).config_yaml(yaml).start().await;
    let expected = "the configuration can't be used:\n  configuration:1:16: the channel \"a\" has a deprecation_sunset before its deprecation_since";
    assert_eq!(app.expect_err("the configuration is refused").to_string(), expected);
}
