//! Whether the brokers of tests do what tests of AMQP rely on, with a client that nobody here wrote.

use std::{path::Path, time::Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    partner::PIKA,
    rabbitmq::{Broker, Connection, Queue, until},
};

/// How long the client waits, in seconds: for messages that come, longer than it takes.
const SECONDS: &str = "20";

fn message(exchange: &str, routing_key: &str, body: &[u8], properties: &Value) -> Value {
    json!({
        "exchange": exchange, "routing_key": routing_key, "body": BASE64.encode(body), "properties": properties,
    })
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a folder of ours is UTF-8")
}

async fn wait_for(broker: &Broker, queue: Queue) {
    let what = format!("{queue:?}");
    until(&what, async || broker.management().queue(&queue.name).await.filter(|seen| *seen == queue)).await;
}

#[tokio::test]
async fn each_test_has_a_virtual_host_of_its_own() {
    let test = "each_test_has_a_virtual_host_of_its_own";
    let Some(broker) = Broker::shared(test).await else { return };
    let other = Broker::shared(test).await.expect("it is here");
    for broker in [&broker, &other] {
        broker.management().declare_queue("orders", json!({})).await;
        broker.management().declare_exchange("events", "topic").await;
        broker.management().bind("events", "orders", "order.*").await;
    }
    let properties = json!({"delivery_mode": 2, "headers": {"attempt": 3}});
    assert!(broker.management().publish("events", "order.new", b"\xff\0", properties.clone()).await);
    assert!(!broker.management().publish("events", "client.new", b"", json!({})).await);
    let one = Queue { name: "orders".to_owned(), messages: 1, ready: 1, ..Queue::default() };
    wait_for(&broker, one.clone()).await;
    assert_eq!(other.management().take("orders", 10).await, []);
    let taken = broker.management().take("orders", 10).await;
    let [taken] = taken.as_slice() else { panic!("one message, not {taken:?}") };
    assert_eq!((taken.exchange.as_str(), taken.routing_key.as_str()), ("events", "order.new"));
    assert_eq!((taken.body.as_slice(), &taken.properties), (&b"\xff\0"[..], &properties));
    assert!(!taken.is_redelivered);
    broker.management().delete_queue("orders").await;
    assert_eq!(broker.management().queue("orders").await, None);
    let (management, vhost) = (broker.management().clone(), other.vhost().to_owned());
    drop(other);
    management.create_vhost(&vhost).await;
    assert_eq!(management.queue("orders").await, None);
    management.delete_vhost(&vhost).await;
}

#[tokio::test]
async fn the_client_on_pika_keeps_every_type() {
    let test = "the_client_on_pika_keeps_every_type";
    let Some(broker) = Broker::shared(test).await else { return };
    broker.management().declare_queue("types", json!({})).await;
    let headers = json!({
        "text": ["S", "Zażółć"], "no-text": ["S", {"base64": "/w=="}], "bytes": ["x", "AP8="], "yes": ["t", true],
        "b": ["b", -128], "B": ["B", 255], "s": ["s", -32768], "u": ["u", 65535], "I": ["I", -2147483648_i64],
        "i": ["i", 4294967295_u64], "l": ["l", i64::MIN], "f": ["f", 0.5], "d": ["d", 0.1],
        "price": ["D", [2, 150]], "when": ["T", 1_700_000_000], "nothing": ["V", null],
        "list": ["A", [["I", 1], ["S", "two"], ["A", []]]],
        "table": ["F", {"inner": ["F", {"deep": ["l", 1]}], "empty": ["F", {}]}],
    });
    let properties = json!({
        "content_type": "application/json", "content_encoding": "gzip", "headers": headers, "delivery_mode": 2,
        "priority": 5, "correlation_id": "c", "reply_to": "r", "expiration": "60000", "message_id": "m",
        "timestamp": 1_700_000_000, "type": "order", "user_id": broker.user(), "app_id": "a",
    });
    let sent = [message("", "types", b"\0body", &properties), message("", "nowhere", b"", &json!({}))];
    let Some(outcomes) = PIKA.lines(test, &["publish", &broker.url(), SECONDS], &sent).await else { return };
    assert_eq!(outcomes, [json!({"outcome": "ack"}), json!({"outcome": "returned"})]);
    let got = PIKA.lines(test, &["consume", &broker.url(), SECONDS, "types", "1"], &[]).await;
    let mut expected = sent[0].clone();
    expected["redelivered"] = json!(false);
    assert_eq!(got.expect("it was here before"), [expected]);
}

#[tokio::test]
async fn tls_is_spoken_with_a_clients_certificate_and_without() {
    let test = "tls_is_spoken_with_a_clients_certificate_and_without";
    let Some(broker) = Broker::shared(test).await else { return };
    broker.management().declare_queue("secret", json!({})).await;
    let sent = [message("", "secret", b"over TLS", &json!({}))];
    let (authority, (certificate, key)) = (path(broker.authority()), broker.client_pair());
    let url = broker.tls_url();
    let publish = ["publish", &url, SECONDS, authority, path(certificate), path(key)];
    let Some(outcomes) = PIKA.lines(test, &publish, &sent).await else { return };
    assert_eq!(outcomes, [json!({"outcome": "ack"})]);
    let consume = ["consume", &url, SECONDS, "secret", "1", authority];
    let got = PIKA.lines(test, &consume, &[]).await.expect("it was here before");
    assert_eq!(got[0]["body"], BASE64.encode("over TLS"));
}

#[tokio::test]
async fn a_connection_is_closed_by_an_operator() {
    let test = "a_connection_is_closed_by_an_operator";
    let Some(broker) = Broker::shared(test).await else { return };
    broker.management().declare_queue("waiting", json!({})).await;
    let url = broker.url();
    let waiting = ["consume", &url, SECONDS, "waiting", "1"];
    let closing = async {
        let consumed = Queue { name: "waiting".to_owned(), consumers: 1, ..Queue::default() };
        wait_for(&broker, consumed).await;
        let is_ours = |it: &Connection| it.state == "running" && it.channels == 1 && !it.is_tls;
        let is_ours = |it: &Connection| is_ours(it) && it.client_name.as_deref() == Some("pika");
        let reported = async || Some(broker.management().connections().await).filter(|all| all.iter().all(is_ours));
        until("a connection", async || reported().await.filter(|all| all.len() == 1)).await;
        assert_eq!(broker.management().close_connections().await, 1);
        until("its end", async || broker.management().connections().await.is_empty().then_some(())).await;
    };
    let client = PIKA.fails(test, &waiting);
    let said = tokio::select! {
        said = client => said,
        () = async { closing.await; std::future::pending().await } => None,
    };
    let Some(said) = said else { return };
    assert!(said.contains("CONNECTION_FORCED - closed by a test"), "{said}");
}

#[tokio::test]
async fn who_may_what_is_up_to_the_test() {
    let test = "who_may_what_is_up_to_the_test";
    let Some(broker) = Broker::shared(test).await else { return };
    let management = broker.management();
    let everything = format!("{}:{}@{}/{}", broker.user(), broker.password(), broker.address(), broker.vhost());
    assert_eq!(broker.url(), format!("amqp://{everything}"));
    let user = broker.vhost();
    management.create_user(user, "changed").await;
    management.set_permissions(broker.vhost(), user, "^mine").await;
    for name in ["mine", "theirs"] {
        management.declare_exchange(name, "fanout").await;
    }
    let url = format!("amqp://{user}:changed@{}/{}", broker.address(), broker.vhost());
    let sent = |exchange| [message(exchange, "", b"", &json!({}))];
    let Some(outcomes) = PIKA.lines(test, &["publish", &url, SECONDS], &sent("mine")).await else { return };
    assert_eq!(outcomes, [json!({"outcome": "returned"})]);
    let refused = PIKA.lines(test, &["publish", &url, SECONDS], &sent("theirs")).await.expect("it was here before");
    assert!(refused[0]["outcome"].as_str().is_some_and(|it| it.contains("ACCESS_REFUSED")), "{refused:?}");
    management.delete_exchange("mine").await;
    let missing = PIKA.lines(test, &["publish", &url, SECONDS], &sent("mine")).await.expect("it was here before");
    assert!(missing[0]["outcome"].as_str().is_some_and(|it| it.contains("NOT_FOUND")), "{missing:?}");
    management.delete_user(user).await;
    let unknown = PIKA.fails(test, &["publish", &url, SECONDS]).await.expect("it was here before");
    assert!(unknown.contains("ACCESS_REFUSED"), "{unknown}");
}

#[tokio::test]
async fn a_broker_of_a_tests_own_is_stopped_killed_paused_and_alarmed() {
    let test = "a_broker_of_a_tests_own_is_stopped_killed_paused_and_alarmed";
    let start = Instant::now();
    let Some(broker) = Broker::own(test).await else { return };
    eprintln!("started after {:?}", start.elapsed());
    let url = broker.url();
    let management = broker.management();
    let publish = ["publish", &url, "2"];
    let kept = |body: &str| [message("", "kept", body.as_bytes(), &json!({"delivery_mode": 2}))];
    management.declare_queue("kept", json!({})).await;
    let Some(outcomes) = PIKA.lines(test, &publish, &kept("first")).await else { return };
    assert_eq!(outcomes, [json!({"outcome": "ack"})]);

    broker.stop().await;
    assert!(TcpStream::connect(broker.address()).await.is_err(), "nobody listens");
    broker.start().await;
    assert_eq!((broker.url(), bodies(&broker).await), (url.clone(), vec!["first".to_owned()]));
    eprintln!("stopped and started after {:?}", start.elapsed());

    PIKA.lines(test, &publish, &kept("second")).await.expect("it was here before");
    broker.kill().await;
    broker.start().await;
    assert_eq!(bodies(&broker).await, ["second"]);
    eprintln!("killed and started after {:?}", start.elapsed());

    broker.pause().await;
    let said = PIKA.fails(test, &publish).await.expect("it was here before");
    assert!(said.to_lowercase().contains("timeout"), "{said}");
    broker.resume().await;
    let outcomes = PIKA.lines(test, &publish, &kept("third")).await;
    assert_eq!(outcomes.expect("it was here before"), [json!({"outcome": "ack"})]);
    eprintln!("paused after {:?}", start.elapsed());

    broker.set_memory_alarm(true).await;
    let outcomes = PIKA.lines(test, &publish, &kept("fourth")).await;
    assert_eq!(outcomes.expect("it was here before"), [json!({"outcome": "blocked"})]);
    broker.set_memory_alarm(false).await;
    let outcomes = PIKA.lines(test, &publish, &kept("fifth")).await;
    assert_eq!(outcomes.expect("it was here before"), [json!({"outcome": "ack"})]);
    eprintln!("alarmed after {:?}", start.elapsed());
}

/// Takes what is in the queue.
async fn bodies(broker: &Broker) -> Vec<String> {
    let taken = broker.management().take("kept", 10).await;
    taken.into_iter().map(|message| String::from_utf8_lossy(&message.body).into_owned()).collect()
}
