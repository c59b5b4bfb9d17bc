//! Metrics: what is counted, under which names, in a form that Prometheus reads.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Notify;
use zato::{Error, Raw, Result, Running, http::Method, service, services, testing};

use crate::support::{PATIENCE, Wire, listening_app, until};

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

/// Waits until it is told to go on.
#[service(name = "gate")]
async fn gate(#[state] open: Arc<Notify>) -> Result<()> {
    open.notified().await;
    Ok(())
}

const CONFIG: &str = "
security: [{name: Partner key, type: apikey, password: not-a-secret}]
channel_rest:
  - {name: echo, url_path: '/echo/{id}', service: echo}
  - {name: fail, url_path: /fail, service: fail}
  - {name: gate, url_path: /gate, service: gate}
  - {name: closed, url_path: /closed, service: echo, security: Partner key}
outgoing_loopback:
  - {name: Up}
  - {name: Down, refuse: closed on Sundays}
  - {name: Off, is_active: false}
";

async fn started() -> (Running, testing::Client, Arc<Notify>) {
    let open = Arc::new(Notify::new());
    let app = testing::app("metrics").services(services![echo, fail, gate]).state(Arc::clone(&open));
    let app = app.config_yaml(CONFIG).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, open)
}

/// Every sample by its name and labels, as they are written.
struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// Reads what the app tells, and checks it against the rules of the text format 0.0.4.
    async fn of(app: &Running) -> Self {
        let reply = testing::admin(app).get("/metrics").await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (200, "text/plain; version=0.0.4; charset=utf-8")
        );
        let (mut samples, mut family, mut known) = (BTreeMap::new(), ("", ""), Vec::new());
        for line in reply.text().lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let [keyword, name, rest] = rest.splitn(3, ' ').collect::<Vec<_>>().try_into().expect("three words");
                match keyword {
                    "HELP" => assert!(!known.contains(&name) && !rest.is_empty(), "{line}"),
                    "TYPE" => {
                        assert!(["counter", "gauge", "histogram"].contains(&rest), "{line}");
                        family = (name, rest);
                        known.push(name);
                    }
                    _ => panic!("neither HELP nor TYPE: {line}"),
                }
                continue;
            }
            let (key, value) = line.rsplit_once(' ').expect("a sample has a value");
            let name = key.split_once('{').map_or(key, |(name, _)| name);
            let of_family = match family.1 {
                "histogram" => ["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", family.0)).to_vec(),
                "counter" => {
                    assert!(family.0.ends_with("_total"), "a counter's name ends with _total: {line}");
                    vec![family.0.to_owned()]
                }
                _ => vec![family.0.to_owned()],
            };
            assert!(of_family.iter().any(|known| known == name), "{line} is not of {}", family.0);
            let value = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
            assert_eq!(samples.insert(key.to_owned(), value), None, "twice: {line}");
        }
        Self(samples)
    }

    #[track_caller]
    fn get(&self, key: &str) -> f64 {
        *self.0.get(key).unwrap_or_else(|| panic!("no {key} in {:#?}", self.0.keys()))
    }

    fn starting_with(&self, start: &str) -> Vec<(&str, f64)> {
        self.0.iter().filter(|(key, _)| key.starts_with(start)).map(|(key, value)| (key.as_str(), *value)).collect()
    }
}

fn duration(part: &str, method: &str, status: &str, route: &str, channel: &str) -> String {
    let labels = format!(
        "http_request_method=\"{method}\",http_response_status_code=\"{status}\",http_route=\"{route}\",zato_channel=\"{channel}\""
    );
    format!("http_server_request_duration_seconds_{part}{{{labels}}}")
}

#[tokio::test]
async fn requests_are_counted_by_channel_method_and_status() {
    let (app, client, _) = started().await;
    for id in 0..3 {
        client.post(&format!("/echo/{id}?x={id}"), "four").await;
    }
    client.get("/fail").await;
    client.get("/closed").await;
    client.get("/none/1").await;
    client.get("/none/2").await;
    for method in ["BREW", "WHEN"] {
        client.send(Method::from_bytes(method.as_bytes()).unwrap(), "/echo/1", &[], "").await;
    }
    let samples = Samples::of(&app).await;
    let counts = samples.starting_with("http_server_request_duration_seconds_count");
    let expected = [
        (duration("count", "GET", "401", "/closed", "closed"), 1.0),
        (duration("count", "GET", "404", "", ""), 2.0),
        (duration("count", "GET", "500", "/fail", "fail"), 1.0),
        (duration("count", "POST", "200", "/echo/{id}", "echo"), 3.0),
        (duration("count", "_OTHER", "405", "", ""), 2.0),
    ];
    assert_eq!(counts, expected.iter().map(|(key, value)| (key.as_str(), *value)).collect::<Vec<_>>());
    let of_echo = "{http_route=\"/echo/{id}\",zato_channel=\"echo\"}";
    for (name, value) in [("received", 12.0), ("sent", 12.0)] {
        assert_eq!(samples.get(&format!("zato_channel_{name}_bytes_total{of_echo}")), value);
    }
    let bucket = duration("bucket", "POST", "200", "/echo/{id}", "echo");
    assert_eq!(samples.get(&bucket.replace("\"echo\"}", "\"echo\",le=\"+Inf\"}")), 3.0);
    let sum = samples.get(&duration("sum", "POST", "200", "/echo/{id}", "echo"));
    assert!(sum > 0.0 && sum < PATIENCE.as_secs_f64(), "{sum}");
}

#[tokio::test]
async fn services_are_counted_by_outcome() {
    let (app, client, _) = started().await;
    client.get("/echo/1").await;
    client.get("/fail").await;
    app.invoke_by_name("echo", zato::Value::Null).await.expect("it answers");
    let samples = Samples::of(&app).await;
    for (service, outcome, number) in
        [("echo", "ok", 2.0), ("echo", "error", 0.0), ("fail", "ok", 0.0), ("fail", "error", 1.0)]
    {
        let key = format!("zato_service_requests_total{{zato_service=\"{service}\",outcome=\"{outcome}\"}}");
        assert_eq!(samples.get(&key), number, "{key}");
    }
    assert_eq!(samples.get("zato_service_duration_seconds_count{zato_service=\"echo\"}"), 2.0);
    assert_eq!(samples.get("zato_service_duration_seconds_bucket{zato_service=\"gate\",le=\"+Inf\"}"), 0.0);
}

#[tokio::test]
async fn what_is_in_work_is_told_until_it_has_ended_or_was_given_up() {
    let (app, client, open) = started().await;
    let active = "http_server_active_requests{http_route=\"/gate\",zato_channel=\"gate\"}";
    let of_service = "zato_service_active_requests{zato_service=\"gate\"}";
    let in_work = || app.statistics().iter().any(|one| one.service == "gate" && one.in_flight == 2);
    {
        let two = async { tokio::join!(client.get("/gate"), client.get("/gate")) };
        tokio::pin!(two);
        tokio::select! {
            _ = &mut two => panic!("nobody opened"),
            () = until("both are in work", in_work) => {}
        }
        let samples = Samples::of(&app).await;
        assert_eq!((samples.get(active), samples.get(of_service)), (2.0, 2.0));
        open.notify_one();
        // One of the two ends; the other is given up.
        let one = until("one has ended", || app.statistics().iter().any(|one| one.service == "gate" && one.count == 1));
        tokio::select! {
            _ = &mut two => panic!("only one was let through"),
            () = one => {}
        }
    }
    let samples = Samples::of(&app).await;
    assert_eq!((samples.get(active), samples.get(of_service)), (0.0, 0.0));
    for status in ["204", "499"] {
        assert_eq!(samples.get(&duration("count", "GET", status, "/gate", "gate")), 1.0);
    }
}

#[tokio::test]
async fn numbers_outlive_a_change_and_end_with_their_channel() {
    let (app, client, _) = started().await;
    client.get("/echo/1").await;
    app.apply_yaml(CONFIG.replace("name: fail,", "name: failing,")).await.expect("it is applied");
    client.get("/echo/2").await;
    assert!(app.apply_yaml("channel_rest: [{name: a}]").await.is_err());
    app.reload().await.expect("it is the same");
    let samples = Samples::of(&app).await;
    let key = duration("count", "GET", "200", "/echo/{id}", "echo");
    assert_eq!(samples.get(&key), 2.0);
    assert_eq!(samples.starting_with("http_server_active_requests").len(), 4);
    assert!(samples.starting_with("http_server_active_requests").iter().all(|(key, _)| !key.contains("\"fail\"")));
    assert_eq!(samples.get("zato_config_generation"), 2.0);
    for (result, number) in [("applied", 1.0), ("refused", 1.0)] {
        assert_eq!(samples.get(&format!("zato_config_reloads_total{{result=\"{result}\"}}")), number, "{result}");
    }
    // The clock of the test stands at the start of 2026.
    assert_eq!(samples.get("zato_config_last_reload_timestamp_seconds"), 1_767_225_600.0);
    app.apply_yaml("{}").await.expect("it is applied");
    assert_eq!(Samples::of(&app).await.starting_with("http_server_active_requests"), []);
}

#[tokio::test]
async fn connections_to_others_are_up_or_not() {
    let (app, _, _) = started().await;
    let samples = Samples::of(&app).await;
    let up = samples.starting_with("zato_connection_up");
    let key = |name: &str| format!("zato_connection_up{{section=\"outgoing_loopback\",name=\"{name}\"}}");
    assert_eq!(up, [(&*key("Down"), 0.0), (&*key("Up"), 1.0)], "one that is inactive should not be up");
    assert!(samples.get("zato_connection_failures_total{section=\"outgoing_loopback\",name=\"Down\"}") >= 1.0);
    assert_eq!(samples.get("zato_connection_reconnects_total{section=\"outgoing_loopback\",name=\"Up\"}"), 0.0);
}

#[tokio::test]
async fn connections_of_clients_and_the_process_are_told() {
    let app = listening_app("metrics").config_yaml("server: {bind: '127.0.0.1:0'}").start().await.expect("it starts");
    let mut first = Wire::to(&app).await;
    first.get("/zato/ping").await;
    {
        let mut second = Wire::to(&app).await;
        second.send("GET /zato/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        second.rest().await;
    }
    // The end of a connection is known shortly after its last byte.
    let mut samples = Samples::of(&app).await;
    for _ in 0..1000 {
        if samples.get("zato_http_connections_open") <= 1.0 {
            break;
        }
        tokio::time::sleep(PATIENCE / 10_000).await;
        samples = Samples::of(&app).await;
    }
    assert_eq!(
        (samples.get("zato_http_connections_open"), samples.get("zato_http_connections_accepted_total")),
        (1.0, 2.0)
    );
    assert!(samples.get("tokio_runtime_workers") >= 1.0 && samples.get("tokio_runtime_alive_tasks") >= 1.0);
    if cfg!(target_os = "linux") {
        assert!(samples.get("process_resident_memory_bytes") > 1_000_000.0);
        assert!(samples.get("process_open_fds") > 3.0 && samples.get("process_cpu_seconds_total") >= 0.0);
        let now = std::time::UNIX_EPOCH.elapsed().expect("it is after 1970").as_secs_f64();
        let age = now - samples.get("process_start_time_seconds");
        assert!((-5.0..3600.0).contains(&age), "the process is {age} seconds old");
    }
    let info = format!("zato_info{{app=\"metrics\",version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(samples.get(&info), 1.0);
}
