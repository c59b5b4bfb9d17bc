//! The access log: a line for each request, sampled where asked for, and no secrets in it.

use std::collections::BTreeMap;

use zato::{Error, Raw, Result, Running, http::Method, service, services, testing, testing::Logs, tracing::Level};

use crate::support::{PATIENCE, Wire, cid, listening_app, until};

/// Gives back what it gets.
#[service(name = "echo")]
async fn echo(input: Raw) -> Result<Raw> {
    Ok(Raw::new(input.bytes().await?).with_content_type("text/plain"))
}

/// Fails.
#[service(name = "fail")]
async fn fail() -> Result<()> {
    Err(Error::internal("a bug of ours"))
}

/// Never answers.
#[service(name = "hang")]
async fn hang() -> Result<()> {
    std::future::pending().await
}

const CONFIG: &str = "
security: [{name: Partner key, type: apikey, password: not-a-secret}]
channel_rest:
  - {name: echo, url_path: '/echo/{id}', service: echo}
  - {name: fail, url_path: /fail, service: fail}
  - {name: hang, url_path: /hang, service: hang}
  - {name: closed, url_path: /closed, service: echo, security: Partner key}
";

async fn started(access_log: &str) -> (Running, testing::Client, Logs) {
    let logs = testing::capture_logs();
    let config = format!("server: {{access_log: {access_log}}}{CONFIG}");
    let app = testing::app("access").services(services![echo, fail, hang]).config_yaml(config);
    let app = app.start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, logs)
}

fn lines(logs: &Logs) -> Vec<BTreeMap<String, String>> {
    let lines = logs.events().into_iter().filter(|event| event.target == "zato::access");
    lines
        .map(|event| {
            assert_eq!((event.level, event.message.as_str()), (Level::INFO, "request"));
            event.fields
        })
        .collect()
}

/// The lines without what is never the same.
fn stable(mut lines: Vec<BTreeMap<String, String>>) -> Vec<Vec<(String, String)>> {
    for line in &mut lines {
        let took = line.remove("zato.duration_us").expect("each line says how long it took");
        assert!(took.parse::<u64>().is_ok(), "{took}");
    }
    lines.into_iter().map(|line| line.into_iter().collect()).collect()
}

fn line(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    fields.sort();
    fields
}

#[tokio::test]
async fn a_line_says_who_asked_for_what_and_how_it_went() {
    let logs = testing::capture_logs();
    let config = format!("server: {{bind: '127.0.0.1:0', access_log: {{is_active: true}}}}{CONFIG}");
    let app = listening_app("access").services(services![echo, fail, hang]).config_yaml(config);
    let app = app.start().await.expect("the app starts");
    let mut wire = Wire::to(&app).await;
    wire.send("POST /echo/7?key=s3cret HTTP/1.1\r\nHost: a\r\nUser-Agent: \"curl\"\r\nContent-Length: 5\r\n\r\nhello")
        .await;
    assert_eq!(wire.answer().await.status, 200);
    wire.send("HEAD /none?key=s3cret HTTP/1.1\r\nHost: a\r\nX-Zato-CID: kept\r\n\r\n").await;
    assert_eq!(wire.head().await.status, 404);
    let expected = [
        line(&[
            ("client.address", "127.0.0.1"),
            ("http.request.body.size", "5"),
            ("http.request.method", "POST"),
            ("http.response.body.size", "5"),
            ("http.response.status_code", "200"),
            ("network.protocol.version", "1.1"),
            ("url.path", "/echo/7"),
            ("user_agent.original", "\"curl\""),
            ("zato.channel", "echo"),
            ("zato.cid", &cid(1)),
        ]),
        line(&[
            ("client.address", "127.0.0.1"),
            ("http.request.body.size", "0"),
            ("http.request.method", "HEAD"),
            ("http.response.body.size", "0"),
            ("http.response.status_code", "404"),
            ("network.protocol.version", "1.1"),
            ("url.path", "/none"),
            ("zato.cid", "kept"),
        ]),
    ];
    assert_eq!(stable(lines(&logs)), expected);
    assert!(!logs.text().contains("s3cret"));
}

#[tokio::test]
async fn there_is_none_until_it_is_asked_for() {
    let (app, client, logs) = started("{}").await;
    client.get("/echo/1").await;
    assert_eq!(lines(&logs), []);
    app.apply_yaml(format!("server: {{access_log: {{is_active: true}}}}{CONFIG}")).await.expect("it is applied");
    client.get("/echo/2").await;
    assert_eq!(lines(&logs).len(), 1);
}

#[tokio::test]
async fn what_is_refused_has_a_line_too() {
    let (_app, client, logs) = started("{is_active: true}").await;
    for (method, path, key) in [
        (Method::GET, "/none", ""),
        (Method::DELETE, "/zato/ping", ""),
        (Method::GET, "/%zz", ""),
        (Method::POST, "/closed", "wrong"),
        (Method::POST, "/closed", "not-a-secret"),
    ] {
        client.send(method, path, &[("x-api-key", key)], "").await;
    }
    let seen: Vec<_> = lines(&logs)
        .iter()
        .map(|line| (line["http.response.status_code"].clone(), line.get("zato.channel").cloned()))
        .collect();
    let closed = || Some("closed".to_owned());
    let expected = [("404", None), ("405", None), ("400", None), ("401", closed()), ("200", closed())];
    assert_eq!(seen, expected.map(|(status, channel)| (status.to_owned(), channel)));
}

#[tokio::test]
async fn a_sample_leaves_lines_out_but_never_those_of_failures() {
    let (app, client, logs) = started("{is_active: true, sample: 0.5, ignore: [/fail, /echo/ignored]}").await;
    for _ in 0..400 {
        client.get("/echo/1").await;
    }
    let seen = lines(&logs).len();
    assert!((100..300).contains(&seen), "{seen} lines of 400 requests");
    client.get("/echo/ignored").await;
    client.get("/fail").await;
    let paths: Vec<_> = lines(&logs).into_iter().skip(seen).map(|line| line["url.path"].clone()).collect();
    assert_eq!(paths, ["/fail"]);
    app.apply_yaml(format!("server: {{access_log: {{is_active: true, sample: 0}}}}{CONFIG}")).await.expect("applied");
    client.get("/echo/1").await;
    client.get("/fail").await;
    assert_eq!(lines(&logs).len(), seen + 2);
}

#[tokio::test]
async fn a_request_that_its_caller_gives_up_has_a_line() {
    let (app, client, logs) = started("{is_active: true}").await;
    let in_work = || app.statistics().iter().any(|one| one.service == "hang" && one.in_flight == 1);
    {
        let request = client.get("/hang");
        tokio::pin!(request);
        let begun = async { until("the request is in work", in_work).await };
        tokio::select! {
            _ = &mut request => panic!("it never answers"),
            () = begun => {}
        }
        assert!(tokio::time::timeout(PATIENCE / 1000, &mut request).await.is_err());
    }
    let [line] = lines(&logs).try_into().expect("one line");
    assert_eq!((&*line["http.response.status_code"], &*line["zato.channel"]), ("499", "hang"));
}

#[tokio::test]
async fn a_part_that_is_none_is_refused_with_its_place() {
    for sample in ["1.1", "-0.1", ".nan"] {
        let config = format!("server:\n  access_log: {{sample: {sample}}}");
        let refused = testing::app("access").config_yaml(config).start().await.unwrap_err().to_string();
        assert!(refused.contains("configuration:2:24: expected a number from 0 to 1"), "{refused}");
    }
}
