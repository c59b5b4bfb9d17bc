//! Compressed replies, and compressed bodies of requests.

use std::io::{Read, Write};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use zato::{
    Context, Raw, Response, Result, Running,
    http::{Method, StatusCode},
    model, service, services, testing,
    testing::{Client, TestReply},
};

use crate::support::{Answer, Wire, assert_answer, cid, listening_app};

/// How long the reply is to be, and as what it is sent.
#[model]
struct Wanted {
    length: usize,
    content_type: Option<String>,
    header: Option<String>,
    value: Option<String>,
}

fn text(length: usize) -> String {
    "all work and no play ".chars().cycle().take(length).collect()
}

#[service(name = "text.get")]
async fn get_text(input: Wanted) -> Result<Response<Raw>> {
    let content_type = input.content_type.as_deref().unwrap_or("text/plain").parse().ok();
    let response = Response::new(Raw::new(text(input.length)).with_content_type_of(content_type));
    Ok(match (input.header, input.value) {
        (Some(name), Some(value)) => response.header(&name, &value),
        _ => response,
    })
}

/// Says how long the body is, and which of its headers are left.
#[service(name = "body.measure")]
async fn measure(ctx: &Context, mut input: Raw) -> Result<zato::Value> {
    let header =
        |name: &str| ctx.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut length = 0;
    while let Some(piece) = input.chunk().await? {
        length += piece.len();
    }
    Ok([length.to_string(), header("content-encoding"), header("content-length")].join("|").into())
}

/// Gives back what it reads, piece by piece.
#[service(name = "body.echo")]
async fn echo(input: Raw) -> Result<Raw> {
    Ok(Raw::from_stream(input.into_stream()).with_content_type("text/plain"))
}

const CHANNELS: &str = "
channel_rest:
  - {name: text, url_path: /text, service: text.get, method: GET}
  - {name: plain, url_path: /plain, service: text.get, compression: false}
  - {name: gzip, url_path: /gzip, service: text.get, content_encoding: gzip}
  - {name: measure, url_path: /measure, service: body.measure, max_body_size: 1MiB}
  - {name: echo, url_path: /echo, service: body.echo, max_body_size: 1GiB}
";

async fn started(server: &str) -> (Running, Client) {
    let app = testing::app("compression").services(services![get_text, measure, echo]);
    let app = app.config_yaml(format!("server: {server}\n{CHANNELS}")).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

async fn get(client: &Client, path: &str, accept: &str) -> TestReply {
    client.send(Method::GET, path, &[("accept-encoding", accept)], "").await
}

/// What a reply says of its form.
fn form(reply: &TestReply) -> (&str, &str) {
    (reply.header("content-encoding"), reply.header("vary"))
}

fn gunzipped(bytes: &[u8]) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(bytes).read_to_string(&mut text).expect("it is gzip");
    text
}

fn unzstd(bytes: &[u8]) -> String {
    String::from_utf8(zstd::decode_all(bytes).expect("it is zstd")).expect("it is text")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

#[tokio::test]
async fn a_reply_is_compressed_as_its_caller_likes_best() {
    let (_app, client) = started("{}").await;
    for length in [1024, 200_000] {
        let path = format!("/text?length={length}");
        let reply = get(&client, &path, "gzip").await;
        assert_eq!((form(&reply), gunzipped(&reply.body)), (("gzip", "accept-encoding"), text(length)));
        let reply = get(&client, &path, "gzip, deflate, br, zstd").await;
        assert_eq!((form(&reply), unzstd(&reply.body)), (("zstd", "accept-encoding"), text(length)));
        assert!(reply.body.len() < 500, "{} bytes", reply.body.len());
        for accept in ["", "br", "identity, gzip;q=0.5", "gzip;q=0"] {
            let reply = get(&client, &path, accept).await;
            assert_eq!((form(&reply), reply.text()), (("", "accept-encoding"), text(length).as_str()), "{accept:?}");
        }
    }
}

#[tokio::test]
async fn what_gains_nothing_is_left_as_it_is() {
    let (_app, client) = started("{}").await;
    for path in [
        "/text?length=1023",
        "/text?length=0",
        "/text?length=5000&content_type=image/png",
        "/text?length=5000&header=cache-control&value=max-age%3D1,%20no-transform",
        "/text?length=5000&header=content-range&value=bytes%200-4999/5000",
        "/plain?length=5000",
    ] {
        let reply = get(&client, path, "gzip").await;
        assert_eq!(form(&reply), ("", ""), "{path}");
    }
    let own = get(&client, "/text?length=5000&header=content-encoding&value=br", "gzip").await;
    assert_eq!((form(&own), own.text()), (("br", ""), text(5000).as_str()));
    // Who can't take it as it is gets the smallest compressed, too.
    let small = get(&client, "/text?length=2", "gzip, identity;q=0").await;
    assert_eq!((form(&small), gunzipped(&small.body)), (("gzip", "accept-encoding"), "al".to_owned()));
}

#[tokio::test]
async fn a_channel_may_differ_from_the_server() {
    let (_app, client) = started("{compression: {is_active: false}}").await;
    assert_eq!(form(&get(&client, "/text?length=5000", "gzip, zstd").await), ("", ""));
    let own = get(&client, "/gzip?length=5000", "gzip;q=0.5, zstd").await;
    assert_eq!((form(&own), gunzipped(&own.body)), (("gzip", "accept-encoding"), text(5000)));
    assert_eq!(form(&get(&client, "/gzip?length=5000", "").await), ("", "accept-encoding"));

    let (_app, client) = started("{compression: {algorithms: [gzip, zstd], minimum_size: 10}}").await;
    assert_eq!(form(&get(&client, "/text?length=10", "gzip, zstd").await), ("gzip", "accept-encoding"));
    assert_eq!(form(&get(&client, "/text?length=9", "gzip, zstd").await), ("", ""));
}

#[tokio::test]
async fn what_a_reply_says_of_itself_stays_right() {
    let (_app, client) = started("{}").await;
    let tagged = "/text?length=5000&header=etag&value=%22v1%22";
    let reply = get(&client, tagged, "gzip").await;
    assert_eq!((reply.header("etag"), reply.headers.get("content-length")), ("W/\"v1\"", None));
    assert_eq!(get(&client, tagged, "").await.header("etag"), "\"v1\"");
    let weak = "/text?length=5000&header=etag&value=W/%22v1%22";
    assert_eq!(get(&client, weak, "gzip").await.header("etag"), "W/\"v1\"");
    let vary = "/text?length=5000&header=vary&value=Origin,%20Accept-Encoding";
    let reply = get(&client, vary, "gzip").await;
    assert_eq!(reply.headers.get_all("vary").iter().collect::<Vec<_>>(), ["Origin, Accept-Encoding"]);
    // What is sent if the reply has changed, and what if not, have the same validator.
    let headers = [("accept-encoding", "gzip"), ("if-none-match", "W/\"v1\"")];
    let same = client.send(Method::GET, tagged, &headers, "").await;
    let expected = Answer::empty(304, &cid(5)).header("etag", "W/\"v1\"").header("vary", "accept-encoding");
    assert_answer(same, &expected);
}

#[tokio::test]
async fn over_a_connection_the_length_is_that_of_what_is_sent() -> Result<()> {
    let app = listening_app("compression").services(services![get_text, measure, echo]);
    let app = app.config_yaml(format!("server: {{bind: '127.0.0.1:0'}}\n{CHANNELS}")).start().await?;
    let mut wire = Wire::to(&app).await;
    let mut heads = Vec::new();
    for method in ["HEAD", "GET"] {
        let request =
            format!("{method} /text?length=5000 HTTP/1.1\r\nHost: a\r\nX-Zato-CID: c\r\nAccept-Encoding: gzip\r\n\r\n");
        wire.send(request).await;
        heads.push(wire.head().await);
        if method == "GET" {
            let (_, length) = heads[1].headers.iter().find(|(name, _)| name == "content-length").expect("a length");
            wire.some(length.parse().expect("a number")).await;
        }
    }
    assert_eq!(heads[0], heads[1]);
    // What is compressed while it is sent has no length that anybody knows.
    wire.send("HEAD /text?length=500000 HTTP/1.1\r\nHost: a\r\nX-Zato-CID: c\r\nAccept-Encoding: gzip\r\n\r\n").await;
    let mut expected = Answer::new(200, "c", "text/plain", "").header("content-encoding", "gzip");
    expected = expected.header("vary", "accept-encoding");
    assert_answer(wire.head().await, &expected);
    Ok(())
}

async fn post(client: &Client, coding: &str, body: Vec<u8>) -> TestReply {
    client.send(Method::POST, "/measure", &[("content-encoding", coding), ("content-length", "1")], body).await
}

#[tokio::test]
async fn a_service_gets_a_compressed_body_as_if_it_had_never_been() {
    let (_app, client) = started("{}").await;
    let plain = text(300_000);
    let compressed = zstd::encode_all(plain.as_bytes(), 3).expect("memory takes bytes");
    for (coding, body) in [
        ("gzip", gzip(plain.as_bytes())),
        ("X-GZIP", gzip(plain.as_bytes())),
        ("zstd", compressed),
        ("identity, gzip", gzip(plain.as_bytes())),
    ] {
        let reply = post(&client, coding, body).await;
        // It became 100 times as large and more, which is too much unless it is small.
        assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE, "{coding}");
    }
    let (_app, client) = started("{compression: {max_ratio: 100000}}").await;
    let compressed = zstd::encode_all(plain.as_bytes(), 3).expect("memory takes bytes");
    for (coding, body) in
        [("gzip", gzip(plain.as_bytes())), ("zstd", compressed), ("gzip, identity", gzip(plain.as_bytes()))]
    {
        assert_eq!(post(&client, coding, body).await.text(), r#""300000||""#, "{coding}");
    }
    assert_eq!(post(&client, "gzip", gzip(&[b' '; 60_000])).await.text(), r#""60000||""#);
    assert_eq!(post(&client, "gzip", Vec::new()).await.text(), r#""0||""#);
    assert_eq!(post(&client, "identity", b"abc".to_vec()).await.text(), r#""3|identity|1""#);
}

#[tokio::test]
async fn streams_are_decompressed_and_compressed_piece_by_piece() {
    let (_app, client) = started("{compression: {max_ratio: 100000}}").await;
    let plain = text(300_000);
    let headers = [("content-encoding", "gzip"), ("accept-encoding", "zstd")];
    let reply = client.send(Method::POST, "/echo", &headers, gzip(plain.as_bytes())).await;
    assert_eq!((form(&reply), unzstd(&reply.body)), (("zstd", "accept-encoding"), plain));
}

#[tokio::test]
async fn what_can_not_be_decompressed_is_refused_with_what_could() {
    let (_app, client) = started("{}").await;
    let unknown = "the body can be compressed with gzip or zstd, and once";
    for (number, coding) in [(1, "br"), (2, "gzip, gzip"), (3, "gzip;q=1")] {
        let expected = Answer::problem(415, &cid(number), unknown).header("accept-encoding", "gzip, zstd");
        assert_answer(post(&client, coding, gzip(b"abc")).await, &expected);
    }
    let broken = "the body is not what its Content-Encoding says";
    assert_answer(post(&client, "gzip", b"abc".to_vec()).await, &Answer::problem(400, &cid(4), broken));
    let mut cut = gzip(&[b' '; 1000]);
    cut.truncate(15);
    assert_answer(post(&client, "gzip", cut).await, &Answer::problem(400, &cid(5), broken));

    let (_app, client) = started("{compression: {is_active: false}}").await;
    let expected =
        Answer::problem(415, &cid(1), "the body can't be compressed here").header("accept-encoding", "identity");
    assert_answer(post(&client, "gzip", gzip(b"abc")).await, &expected);
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_goes_off() -> Result<()> {
    let app = listening_app("compression").services(services![get_text, measure, echo]);
    let app = app.config_yaml(format!("server: {{bind: '127.0.0.1:0'}}\n{CHANNELS}")).start().await?;
    let zeros = vec![0; 1024 * 1024];
    // A gigabyte each, of which the app sees what is within the limits, however long it goes on.
    let bombs = [("gzip", gzip(&zeros).repeat(1024)), ("zstd", zstd::encode_all(&zeros[..], 19)?.repeat(1024))];
    for (coding, bomb) in bombs {
        let mut wire = Wire::to(&app).await;
        let length = bomb.len();
        wire.send(format!("POST /measure HTTP/1.1\r\nHost: a\r\nX-Zato-CID: c\r\nContent-Length: {length}\r\nContent-Encoding: {coding}\r\n\r\n")).await;
        wire.try_send(&bomb[..length.min(2000)]).await;
        let too_large = "the body becomes too large when it is decompressed";
        let expected = Answer::problem(413, "c", too_large).header("connection", "close").on_the_wire();
        assert_answer(wire.answer().await, &expected);
    }
    // With any ratio, what comes out is limited as what comes in is.
    let app = testing::app("compression").services(services![get_text, measure, echo]);
    let app = app.config_yaml(format!("server: {{compression: {{max_ratio: 1000000}}}}\n{CHANNELS}")).start().await?;
    let client = testing::client(&app);
    let expected = Answer::problem(413, &cid(1), "the body is larger than 1048576 bytes");
    assert_answer(post(&client, "gzip", gzip(&zeros).repeat(2)).await, &expected);
    Ok(())
}

#[tokio::test]
async fn keys_that_contradict_each_other_are_refused() {
    let yaml = "channel_rest: [{name: a, url_path: /a, service: text.get, compression: false, content_encoding: gzip}]";
    let app = testing::app("compression").services(services![get_text]).config_yaml(yaml).start().await;
    let expected = "the configuration can't be used:\n  configuration:1:16: the channel \"a\" has a content_encoding gzip and compression: false: leave one of them out";
    assert_eq!(app.expect_err("the configuration is refused").to_string(), expected);
}
