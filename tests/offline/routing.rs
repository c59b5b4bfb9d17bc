//! Which channel answers which request.

use zato::{Context, Raw, Result, http::Method, service, services, testing};

use crate::support::{Answer, Wire, assert_answer, cid, listening_app};

/// Says through which channel it was reached, and with which path parameters.
#[service(name = "echo.channel")]
async fn echo(ctx: &Context) -> Result<Raw> {
    let params: Vec<String> = ctx.params().path_iter().map(|(name, value)| format!(" {name}={value}")).collect();
    Ok(Raw::new(format!("{}{}", ctx.channel().name, params.concat())).with_content_type("text/plain"))
}

/// Writes a configuration with a channel for each name and path.
fn channels(of: &[(&str, &str)]) -> String {
    let entry =
        |(name, rest): &(&str, &str)| format!("  - {{name: {name}, service: echo.channel, url_path: {rest}}}\n");
    format!("server: {{bind: \"127.0.0.1:0\"}}\nchannel_rest:\n{}", of.iter().map(entry).collect::<String>())
}

async fn started(of: &[(&str, &str)]) -> (zato::Running, testing::Client) {
    let app = testing::app("routing")
        .services(services![echo])
        .config_yaml(channels(of))
        .start()
        .await
        .expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

/// What `start` says of a configuration that it refuses.
async fn refused(of: &[(&str, &str)]) -> String {
    let app = testing::app("routing").services(services![echo]).config_yaml(channels(of)).start().await;
    app.expect_err("the configuration is refused").to_string()
}

fn text(number: u64, body: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", body)
}

fn nothing_here(number: u64) -> Answer {
    Answer::problem(404, &cid(number), "no channel answers this path")
}

fn not_allowed(number: u64, allow: &str) -> Answer {
    Answer::problem(405, &cid(number), "the method is not allowed here").header("allow", allow)
}

const ROUTES: [(&str, &str); 11] = [
    ("rest", "\"/tree/{*path}\""),
    ("branch", "/tree/branch"),
    ("one", "\"/files/{name}\""),
    ("literal", "/files/readme"),
    ("deep", "\"/files/{folder}/index\""),
    ("deep-literal", "/files/readme/history"),
    ("image", "\"/images/img-{id}.png\""),
    ("slash", "/folder/"),
    ("no-slash", "/leaf"),
    ("root", "/"),
    ("two", "\"/a/{first}/b/{second}\""),
];

const FOUND: [(&str, &str); 16] = [
    ("/files/readme", "literal"),
    ("/files/other", "one name=other"),
    ("/files/readm", "one name=readm"),
    ("/files/readmee", "one name=readmee"),
    ("/files/readme/history", "deep-literal"),
    ("/files/readme/index", "deep folder=readme"),
    ("/tree/branch", "branch"),
    ("/tree/branches", "rest path=branches"),
    ("/tree/branch/leaf", "rest path=branch/leaf"),
    ("/tree/a/b/", "rest path=a/b/"),
    ("/images/img-7.png", "image id=7"),
    ("/folder/", "slash"),
    ("/leaf", "no-slash"),
    ("/", "root"),
    ("/a/1/b/2", "two first=1 second=2"),
    ("/a/x%20y/b/z%2Fw", "two first=x y second=z%2Fw"),
];

const NOT_FOUND: [&str; 12] = [
    "/tree/",
    "/files/",
    "/files/readme/other",
    "/folder",
    "/leaf/",
    "/file",
    "/Files/readme",
    "/images/img-7.jpg",
    "/images/",
    "/a/1/b",
    "/a//b/2",
    "//",
];

#[tokio::test]
async fn a_literal_beats_a_parameter_whatever_the_order() {
    let mut backwards = ROUTES;
    backwards.reverse();
    for routes in [ROUTES, backwards] {
        let (_app, client) = started(&routes).await;
        for (number, (path, body)) in (1..).zip(FOUND) {
            assert_answer(client.get(path).await, &text(number, body));
        }
    }
}

#[tokio::test]
async fn what_no_channel_answers_is_not_found_and_not_echoed() {
    let (_app, client) = started(&ROUTES).await;
    for (number, path) in (1..).zip(NOT_FOUND) {
        assert_answer(client.get(path).await, &nothing_here(number));
    }
    let path = "/<script>alert(1)<script>".replace('<', "%3C").replace('>', "%3E");
    let reply = client.get(&path).await;
    assert_answer(reply, &nothing_here(13));
}

#[tokio::test]
async fn braces_in_a_path_that_are_encoded_are_no_parameter() {
    let (_app, client) = started(&[("braces", "\"/a/%7Bid%7D\"")]).await;
    assert_answer(client.get("/a/%7Bid%7D").await, &text(1, "braces"));
    assert_answer(client.get("/a/7").await, &nothing_here(2));
}

#[tokio::test]
async fn each_method_has_its_channel() {
    let (_app, client) = started(&[
        ("read", "/thing, method: GET"),
        ("write", "/thing, method: [PUT, post]"),
        ("rest", "/other"),
        ("remove", "/other, method: DELETE"),
    ])
    .await;
    let found = [(Method::GET, "/thing", "read"), (Method::PUT, "/thing", "write"), (Method::POST, "/thing", "write")];
    let of_any = [Method::GET, Method::POST, Method::PUT, Method::PATCH].map(|method| (method, "/other", "rest"));
    let found = found.into_iter().chain(of_any).chain([(Method::DELETE, "/other", "remove")]);
    let mut number = 0;
    for (method, path, body) in found {
        number += 1;
        assert_answer(client.send(method, path, &[], "").await, &text(number, body));
    }
    for method in [Method::DELETE, Method::PATCH, Method::TRACE, Method::from_bytes(b"BREW").unwrap()] {
        number += 1;
        let expected = not_allowed(number, "GET, HEAD, POST, PUT, OPTIONS");
        assert_answer(client.send(method, "/thing", &[], "").await, &expected);
    }
    let expected = not_allowed(number + 1, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    assert_answer(client.send(Method::from_bytes(b"BREW").unwrap(), "/other", &[], "").await, &expected);
}

#[tokio::test]
async fn options_says_what_is_allowed_unless_a_channel_answers_it() {
    let (_app, client) =
        started(&[("read", "/thing, method: GET"), ("own", "/own, method: OPTIONS"), ("write", "/own, method: POST")])
            .await;
    let expected = Answer::empty(204, &cid(1)).header("allow", "GET, HEAD, OPTIONS");
    assert_answer(client.send(Method::OPTIONS, "/thing", &[], "").await, &expected);
    assert_answer(client.send(Method::OPTIONS, "/own", &[], "").await, &text(2, "own"));
    assert_answer(client.send(Method::OPTIONS, "/none", &[], "").await, &nothing_here(3));
    let all = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    let expected = Answer::empty(204, &cid(4)).header("allow", all);
    assert_answer(client.send(Method::OPTIONS, "*", &[], "").await, &expected);
    assert_answer(client.send(Method::GET, "*", &[], "").await, &nothing_here(5));
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_body() {
    let routes = channels(&[("read", "/thing, method: GET"), ("write", "/write, method: POST")]);
    let app = listening_app("routing").services(services![echo]).config_yaml(routes).start().await.unwrap();
    let mut wire = Wire::to(&app).await;
    wire.send("HEAD /thing HTTP/1.1\r\nHost: test\r\n\r\nHEAD /write HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_answer(wire.head().await, &text(1, "read").on_the_wire().body(""));
    let refused = not_allowed(2, "POST, OPTIONS").on_the_wire();
    assert_answer(wire.head().await, &refused.body(""));
    // What follows is read from its start: no body came in between.
    assert_answer(wire.get("/thing").await, &text(3, "read").on_the_wire());
}

#[tokio::test]
async fn an_inactive_channel_is_as_if_it_were_not_there() {
    let (_app, client) = started(&[
        ("off", "/off, is_active: false"),
        ("on", "/half, method: GET"),
        ("half-off", "/half, method: POST, is_active: false"),
    ])
    .await;
    assert_answer(client.get("/off").await, &nothing_here(1));
    assert_answer(client.send(Method::OPTIONS, "/off", &[], "").await, &nothing_here(2));
    assert_answer(client.get("/half").await, &text(3, "on"));
    assert_answer(client.post("/half", "").await, &nothing_here(4));
    let expected = Answer::empty(204, &cid(5)).header("allow", "GET, HEAD, OPTIONS");
    assert_answer(client.send(Method::OPTIONS, "/half", &[], "").await, &expected);
}

#[tokio::test]
async fn an_inactive_channel_asks_nobody_for_credentials() {
    let security = "security: [{name: key, type: apikey, username: u, password: p}]";
    let channel = "{name: off, url_path: /off, service: echo.channel, security: key, is_active: false}";
    let config = format!("{security}\nchannel_rest: [{channel}]");
    let app = testing::app("routing").services(services![echo]).config_yaml(config).start().await.unwrap();
    assert_answer(testing::client(&app).get("/off").await, &nothing_here(1));
}

#[tokio::test]
async fn of_two_channels_the_active_one_counts() {
    let (on, off) = (("on", "/a, method: GET"), ("off", "/a, method: GET, is_active: false"));
    for routes in [[on, off], [off, on]] {
        let (_app, client) = started(&routes).await;
        assert_answer(client.get("/a").await, &text(1, "on"));
    }
    let (_app, client) = started(&[("all", "/a"), ("off", "/a, method: POST, is_active: false")]).await;
    assert_answer(client.post("/a", "").await, &text(1, "all"));
}

#[tokio::test]
async fn a_timeout_that_no_request_meets_is_refused() {
    let said = "configuration:3:5: the timeout of the channel \"hasty\" is 0, which no request meets";
    let refused = refused(&[("hasty", "/a, timeout: 0")]).await;
    assert_eq!(refused, format!("the configuration can't be used:\n  {said}"));
}

#[tokio::test]
async fn channels_that_can_not_be_told_apart_are_refused_with_both_names() {
    let app = "the configuration can't be used:\n  ";
    for (first, second, said) in [
        (
            "/a",
            "/a",
            "4:5: the channels \"second\" and \"first\" (at configuration:3:5) both answer every method of /a",
        ),
        (
            "\"/a/{x}\", method: GET",
            "\"/a/{y}\", method: [POST, GET]",
            "4:5: the channels \"second\" and \"first\" (at configuration:3:5) both answer GET /a/{y}",
        ),
        (
            "\"/a/{*x}\"",
            "\"/a/{*y}\"",
            "4:5: the channels \"second\" and \"first\" (at configuration:3:5) both answer every method of /a/{*y}",
        ),
        (
            "\"/a/{*x}\"",
            "\"/a/{y}\"",
            "4:5: the url_path /a/{y} of the channel \"second\" can't be told apart from /a/{*x} of the channel \
             \"first\" (at configuration:3:5)",
        ),
        (
            "\"/a/x{id}\"",
            "\"/a/{id}x\"",
            "4:5: the url_path /a/{id}x of the channel \"second\" can't be told apart from /a/x{id} of the channel \
             \"first\" (at configuration:3:5)",
        ),
    ] {
        assert_eq!(refused(&[("first", first), ("second", second)]).await, format!("{app}configuration:{said}"));
    }
    let (_app, client) = started(&[("first", "\"/a/{x}\", method: GET"), ("second", "\"/a/{y}\", method: POST")]).await;
    assert_answer(client.get("/a/1").await, &text(1, "first x=1"));
    assert_answer(client.post("/a/1", "").await, &text(2, "second y=1"));
}

#[tokio::test]
async fn paths_that_can_not_be_used_are_refused() {
    for (path, said) in [
        ("/zato", "starts with \"/zato\", which is kept for channels of the framework"),
        ("/zato/ping", "starts with \"/zato\", which is kept for channels of the framework"),
        ("a", "does not start with \"/\""),
        ("\"/a/{}\"", "has a parameter without a name"),
        ("\"/a/{b\"", "has a \"{\" without a \"}\""),
        ("\"/a/{b}/{b}\"", "has two parameters named \"b\""),
        ("\"/{*a}/b\"", "has {*a} somewhere else than as the whole last segment"),
        ("/a/../b", "has a segment \"..\""),
        ("\"/a?b\"", "has a '?', which is no part of a path"),
        ("/%zz", "has a '%' that two hexadecimal digits don't follow"),
    ] {
        let written = path.trim_matches('"');
        let expected =
            format!("the configuration can't be used:\n  configuration:3:5: the url_path \"{written}\" {said}");
        assert_eq!(refused(&[("bad", path)]).await, expected);
    }
    let (_app, client) = started(&[("near", "/zatopek")]).await;
    assert_answer(client.get("/zatopek").await, &text(1, "near"));
}

#[tokio::test]
async fn ping_answers_without_any_channel() {
    let app = testing::app("routing").start().await.unwrap();
    let client = testing::client(&app);
    let pong = |number| {
        let env = format!(r#"{{"result":"ZATO_OK","cid":"{}","details":""}}"#, cid(number));
        Answer::json(200, &cid(number), &format!(r#"{{"pong":"zato","zato_env":{env}}}"#))
    };
    assert_answer(client.get("/zato/ping").await, &pong(1));
    assert_answer(client.post("/zato/ping", "{}").await, &pong(2));
    let allow = "GET, HEAD, POST, OPTIONS";
    assert_answer(client.send(Method::DELETE, "/zato/ping", &[], "").await, &not_allowed(3, allow));
    let expected = Answer::empty(204, &cid(4)).header("allow", allow);
    assert_answer(client.send(Method::OPTIONS, "/zato/ping", &[], "").await, &expected);
    assert_answer(client.get("/zato/other").await, &nothing_here(5));
}

#[tokio::test]
async fn ping_is_not_taken_by_a_channel_that_takes_everything() {
    let (_app, client) = started(&[("all", "\"/{*rest}\"")]).await;
    assert_answer(client.get("/other").await, &text(1, "all rest=other"));
    let env = format!(r#"{{"result":"ZATO_OK","cid":"{}","details":""}}"#, cid(2));
    let pong = Answer::json(200, &cid(2), &format!(r#"{{"pong":"zato","zato_env":{env}}}"#));
    assert_answer(client.get("/zato/ping").await, &pong);
    assert_answer(client.get("/zato/other").await, &nothing_here(3));
    assert_answer(client.get("/zato").await, &nothing_here(4));
    assert_answer(client.get("/zatopek").await, &text(5, "all rest=zatopek"));
}

#[tokio::test]
async fn nothing_encoded_crosses_a_segment() {
    let (_app, client) = started(&[("one", "\"/a/{x}\""), ("two", "\"/a/{x}/c\""), ("rest", "\"/r/{*rest}\"")]).await;
    let bad = |number, fault: &str| Answer::problem(400, &cid(number), &format!("the path of the request {fault}"));
    let dots = "has a segment \".\" or \"..\"";
    let digits = "has a '%' that two hexadecimal digits don't follow";
    for (number, (path, expected)) in (1..).zip([
        ("/a/b%2Fc", text(1, "one x=b%2Fc")),
        ("/a/b%2fc", text(2, "one x=b%2Fc")),
        ("/a/%252F", text(3, "one x=%2F")),
        ("/a/..", bad(4, dots)),
        ("/a/%2e%2e", bad(5, dots)),
        ("/a/.%2E/c", bad(6, dots)),
        ("/a/./c", bad(7, dots)),
        ("/r/x/../../a/b", bad(8, dots)),
        ("/r/..%2F..%2Fa", text(9, "rest rest=..%2F..%2Fa")),
        ("/a/%", bad(10, digits)),
        ("/a/%2", bad(11, digits)),
        ("/a/%zz", bad(12, digits)),
        ("/a/%ff", bad(13, "is not UTF-8 once it is decoded")),
        ("/a/%C3%A9", text(14, "one x=é")),
        ("/a/a+b", text(15, "one x=a+b")),
    ]) {
        assert_eq!(expected.headers.last().unwrap().1, cid(number));
        assert_answer(client.get(path).await, &expected);
    }
}
