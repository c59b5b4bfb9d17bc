//! Connections, subscriptions and channels that are lost, refused or held up, and are back by themselves.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::sync::Semaphore;
use zato::{
    Kind, Raw, Result, Running,
    amqp::{Amqp, AmqpMessage},
    service, services,
    testing::{self, FaultProxy, LinkFault},
};

use super::{BACK_WITHIN, SLACK, all_up, config, status, told};
use crate::rabbitmq::{Broker, Queue, until};

/// What services were given, and whether they may return.
#[derive(Debug)]
struct Taken {
    texts: Mutex<Vec<String>>,
    gate: Semaphore,
}

impl Taken {
    fn open() -> Arc<Self> {
        Arc::new(Self { texts: Mutex::default(), gate: Semaphore::new(Semaphore::MAX_PERMITS) })
    }

    fn closed() -> Arc<Self> {
        Arc::new(Self { texts: Mutex::default(), gate: Semaphore::new(0) })
    }

    fn texts(&self) -> Vec<String> {
        self.texts.lock().expect("nobody panics with it").clone()
    }

    /// Waits until something was taken, and forgets everything.
    async fn arrives(&self, text: &str) {
        let has_arrived = async || self.texts().iter().any(|taken| taken == text).then_some(());
        until(&format!("{text} arrives"), has_arrived).await;
        self.texts.lock().expect("nobody panics with it").clear();
    }
}

/// Takes a message, once it may.
#[service(name = "take")]
async fn take(input: Raw, #[state] taken: &Arc<Taken>) -> Result<()> {
    let text = String::from_utf8_lossy(&input.bytes().await?).into_owned();
    taken.texts.lock().expect("nobody panics with it").push(text);
    taken.gate.acquire().await.expect("nobody closes it").forget();
    Ok(())
}

/// One connection and one channel, on a queue that is called `in`.
const BOTH: &str = "outgoing_amqp: [{name: Out, definition: main, routing_key: in}]\n\
    channel_amqp: [{name: in, definition: main, queue: in, service: take, retry_delay: 100ms}]\n";

async fn started(yaml: String, taken: &Arc<Taken>) -> Running {
    let app = super::app("supervision").services(services![take]).state(Arc::clone(taken));
    app.config_yaml(yaml).start().await.expect("it starts")
}

async fn publish(app: &Running, text: &str) -> Result<()> {
    let out: Amqp = app.out("Out")?;
    out.send(&app.context(), AmqpMessage::text(text)).await.map(drop)
}

/// Waits until something is down, and returns the reason.
async fn down(app: &Running, section: &str, name: &str) -> String {
    until("it is down", async || told(&status(app, section, name).state)).await
}

/// How a proxy changes a URL.
fn by_way_of(proxy: &FaultProxy, broker: &Broker) -> String {
    broker.url().replace(broker.address(), &proxy.address().to_string())
}

async fn proxied(broker: &Broker) -> FaultProxy {
    FaultProxy::to(broker.address().parse().expect("an address")).await.expect("a free port")
}

#[tokio::test]
async fn a_queue_that_is_deleted_under_its_consumer_is_consumed_again_when_it_is_back() {
    let Some(broker) = Broker::shared("a_queue_that_is_deleted_under_its_consumer").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let taken = Taken::open();
    let app = started(config(&broker.url(), "", BOTH), &taken).await;
    all_up(&app).await;
    publish(&app, "first").await.expect("the queue is there");
    taken.arrives("first").await;
    broker.management().delete_queue("in").await;
    let expected =
        "there is no queue \"in\" for the channel \"in\"; declare it in the definition \"main\", or create it";
    let reason = async || told(&status(&app, "channel_amqp", "in").state).filter(|reason| reason == expected);
    until("it is told what to do", reason).await;
    assert!(status(&app, "outgoing_amqp", "Out").state.is_up(), "nothing else is disturbed");
    let error = publish(&app, "lost").await.expect_err("nobody has it");
    assert_eq!(error.message(), "there is no queue \"in\" (NO_ROUTE)");
    broker.management().declare_queue("in", json!({})).await;
    publish(&app, "second").await.expect("the queue is back");
    let begun = Instant::now();
    taken.arrives("second").await;
    assert!(begun.elapsed() < BACK_WITHIN + SLACK);
    all_up(&app).await;
}

#[tokio::test]
async fn a_queue_of_the_definition_is_declared_again_with_the_connection() {
    let Some(broker) = Broker::shared("a_queue_of_the_definition_is_declared_again").await else { return };
    let taken = Taken::open();
    let definition = "    exchanges: [{name: events, type: topic}]\n    \
        queues: [{name: in, bindings: [{exchange: events, routing_key: 'order.*'}]}]\n";
    let app = started(config(&broker.url(), definition, BOTH), &taken).await;
    all_up(&app).await;
    let event = async |text: &str| {
        let out: Amqp = app.out("Out")?;
        out.send(&app.context(), AmqpMessage::text(text).exchange("events").routing_key("order.new")).await
    };
    event("first").await.expect("it is declared and bound");
    taken.arrives("first").await;
    broker.management().delete_queue("in").await;
    let closed = async || (broker.management().close_connections().await == 2).then_some(());
    until("both connections are closed", closed).await;
    until("it is declared again", async || event("second").await.ok()).await;
    taken.arrives("second").await;
}

#[tokio::test]
async fn connections_that_an_operator_closes_are_back() {
    let Some(broker) = Broker::shared("connections_that_an_operator_closes_are_back").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let taken = Taken::open();
    let app = started(config(&broker.url(), "    connection_name: bank\n", BOTH), &taken).await;
    all_up(&app).await;
    let names = async || {
        let connections = broker.management().connections().await;
        let mut names: Vec<_> = connections.into_iter().filter_map(|it| it.client_name).collect();
        names.sort();
        (names == ["bank (consuming)", "bank (publishing)"]).then_some(())
    };
    until("both connections under their name", names).await;
    assert_eq!(broker.management().close_connections().await, 2);
    let begun = Instant::now();
    let reconnected = async || (status(&app, "outgoing_amqp", "Out").reconnects > 0).then_some(());
    until("it is connected anew", reconnected).await;
    until("a message is sent", async || publish(&app, "after").await.ok()).await;
    taken.arrives("after").await;
    assert!(begun.elapsed() < BACK_WITHIN + SLACK);
}

#[tokio::test]
async fn a_password_that_is_corrected_is_in_force_at_once() {
    let Some(broker) = Broker::shared("a_password_that_is_corrected_is_in_force_at_once").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let taken = Taken::open();
    let wrong = config(&broker.url().replace(broker.password(), "wrong"), "", BOTH);
    let app = started(wrong, &taken).await;
    for (section, name) in [("outgoing_amqp", "Out"), ("channel_amqp", "in")] {
        let reason = down(&app, section, name).await;
        assert!(reason.contains("ACCESS_REFUSED"), "{section}: {reason}");
    }
    let error = publish(&app, "none").await.expect_err("nobody is connected");
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    app.apply_yaml(config(&broker.url(), "", BOTH)).await.expect("it is right now");
    all_up(&app).await;
    publish(&app, "first").await.expect("it is connected");
    taken.arrives("first").await;
    // And the other way round: what was up is down, for everybody who names the definition.
    app.apply_yaml(config(&broker.url().replace(broker.password(), "wrong"), "", BOTH)).await.expect("it is readable");
    for (section, name) in [("outgoing_amqp", "Out"), ("channel_amqp", "in")] {
        assert!(down(&app, section, name).await.contains("ACCESS_REFUSED"), "{section}");
    }
}

#[tokio::test]
async fn a_node_that_is_dead_is_passed_over() {
    let Some(broker) = Broker::shared("a_node_that_is_dead_is_passed_over").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let (dead, second) = (proxied(&broker).await, proxied(&broker).await);
    dead.set(LinkFault::Refuse).await;
    let urls = format!("[{}, {}]", by_way_of(&dead, &broker), by_way_of(&second, &broker));
    let taken = Taken::open();
    let app = started(config(&urls, "", BOTH), &taken).await;
    all_up(&app).await;
    publish(&app, "first").await.expect("the second node takes it");
    taken.arrives("first").await;
    dead.set(LinkFault::None).await;
    second.set(LinkFault::Refuse).await;
    until("the first node takes it", async || publish(&app, "second").await.ok()).await;
    taken.arrives("second").await;
}

#[tokio::test]
async fn a_node_that_says_nothing_is_passed_over() {
    let Some(broker) = Broker::shared("a_node_that_says_nothing_is_passed_over").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let silent = proxied(&broker).await;
    silent.set(LinkFault::Stall).await;
    let urls = format!("[{}, {}]", by_way_of(&silent, &broker), broker.url());
    let taken = Taken::open();
    let app = started(config(&urls, "    connect_timeout: 200ms\n", BOTH), &taken).await;
    let up = all_up(&app).await;
    assert!(up < Duration::from_secs(12) + SLACK, "{up:?}");
    publish(&app, "first").await.expect("the second node takes it");
    taken.arrives("first").await;
}

#[tokio::test]
async fn a_link_that_is_half_open_is_found_by_its_heartbeat() {
    let Some(broker) = Broker::shared("a_link_that_is_half_open_is_found_by_its_heartbeat").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let proxy = proxied(&broker).await;
    let taken = Taken::open();
    let yaml = config(&by_way_of(&proxy, &broker), "    heartbeat: 1s\n", BOTH);
    let app = started(yaml, &taken).await;
    all_up(&app).await;
    publish(&app, "first").await.expect("it is up");
    taken.arrives("first").await;
    let begun = Instant::now();
    proxy.set(LinkFault::Forget).await;
    let down = async || told(&status(&app, "channel_amqp", "in").state);
    let reason = until("it is found", down).await;
    assert!(begun.elapsed() < BACK_WITHIN + SLACK);
    assert!(reason.contains("heartbeat"), "{reason}");
    until("a message is sent", async || publish(&app, "second").await.ok()).await;
    taken.arrives("second").await;
    eprintln!("found and back after {:?}", begun.elapsed());
    assert!(begun.elapsed() < BACK_WITHIN + SLACK);
}

#[tokio::test]
async fn while_there_is_a_memory_alarm_publishers_wait_and_consumers_go_on() {
    let Some(broker) = Broker::own("while_there_is_a_memory_alarm").await else { return };
    for queue in ["in", "other"] {
        broker.management().declare_queue(queue, json!({})).await;
    }
    let taken = Taken::open();
    let inactive = BOTH.replace("{name: in,", "{name: in, is_active: false,");
    let app = Arc::new(started(config(&broker.url(), "", &inactive), &taken).await);
    until("it is sent", async || publish(&app, "before").await.ok()).await;
    broker.set_memory_alarm(true).await;
    let out: Amqp = app.out("Out").expect("it is there");
    let to_other = |text: &'static str| AmqpMessage::text(text).routing_key("other");
    // The broker tells who publishes when they do.
    let ctx = app.context();
    let waiting = out.send(&ctx, to_other("waited").timeout(Duration::from_secs(60)));
    let meanwhile = async {
        let blocked = async || {
            let connections = broker.management().connections().await;
            connections.iter().any(|it| it.state == "blocked").then_some(())
        };
        until("the broker takes nothing", blocked).await;
        let short = out.send(&app.context(), to_other("never").timeout(Duration::from_millis(300))).await;
        let error = short.expect_err("the broker takes nothing");
        assert_eq!(error.kind(), Kind::Timeout, "{error:?}");
        app.apply_yaml(config(&broker.url(), "", BOTH)).await.expect("it is applied");
        taken.arrives("before").await;
        let settled = async || broker.management().queue("in").await.filter(|queue| queue.messages == 0);
        until("it is settled", settled).await;
        broker.set_memory_alarm(false).await;
    };
    let (waited, ()) = tokio::join!(waiting, meanwhile);
    waited.expect("the broker takes it when it takes messages again");
    until("another goes", async || publish(&app, "after").await.ok()).await;
    taken.arrives("after").await;
    let bodies: Vec<_> = broker.management().take("other", 10).await.into_iter().map(|it| it.body).collect();
    assert_eq!(bodies, [b"waited".to_vec()], "what was given up is not sent later");
}

#[tokio::test]
async fn an_app_starts_without_its_broker_and_says_so() {
    let Some(broker) = Broker::shared("an_app_starts_without_its_broker_and_says_so").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let proxy = proxied(&broker).await;
    proxy.set(LinkFault::Refuse).await;
    let taken = Taken::open();
    let begun = Instant::now();
    let app = started(config(&by_way_of(&proxy, &broker), "", BOTH), &taken).await;
    let ready = testing::admin(&app).get("/readyz").await;
    let (code, ready) = (ready.status.as_u16(), ready.json());
    assert_eq!((code, &ready["status"]), (200, &json!("degraded")), "{ready}");
    let connections = ready["connections"].as_array().expect("a list");
    let named: Vec<_> = connections.iter().map(|it| (&it["section"], &it["name"], &it["state"])).collect();
    let down = json!("down");
    let (outgoing, channel) = ((json!("outgoing_amqp"), json!("Out")), (json!("channel_amqp"), json!("in")));
    assert_eq!(named, [(&outgoing.0, &outgoing.1, &down), (&channel.0, &channel.1, &down)], "{ready}");
    assert!(
        connections.iter().all(|it| it["error"].as_str().is_some_and(|error| error.contains("refused"))),
        "{ready}"
    );
    assert!(begun.elapsed() < BACK_WITHIN + SLACK, "it does not wait for the broker");
    let begun = Instant::now();
    let error = publish(&app, "none").await.expect_err("nobody is there");
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "at once, not after the timeout of 10 s");
    proxy.set(LinkFault::None).await;
    let begun = Instant::now();
    all_up(&app).await;
    publish(&app, "first").await.expect("it is there");
    taken.arrives("first").await;
    assert!(begun.elapsed() < BACK_WITHIN + SLACK);
    assert_eq!(testing::admin(&app).get("/readyz").await.json()["status"], "ready");
}

#[tokio::test]
async fn a_queue_that_is_there_otherwise_is_told_with_the_difference() {
    let Some(broker) = Broker::shared("a_queue_that_is_there_otherwise_is_told").await else { return };
    broker.management().declare_queue("in", json!({"x-max-length": 5})).await;
    let taken = Taken::open();
    let definition = |length: u8| format!("    queues: [{{name: in, arguments: {{x-max-length: {length}}}}}]\n");
    let app = started(config(&broker.url(), &definition(7), BOTH), &taken).await;
    for (section, name) in [("outgoing_amqp", "Out"), ("channel_amqp", "in")] {
        let reason = down(&app, section, name).await;
        assert!(reason.starts_with("the queue \"in\": "), "{reason}");
        let difference = "inequivalent arg 'x-max-length' for queue 'in'";
        assert!(reason.contains(difference) && reason.contains("'7'") && reason.contains("'5'"), "{reason}");
    }
    app.apply_yaml(config(&broker.url(), &definition(5), BOTH)).await.expect("it is applied");
    all_up(&app).await;
    publish(&app, "first").await.expect("it is there");
    taken.arrives("first").await;
    // One that is looked for and not there.
    let passive = "    queues: [{name: nowhere, passive: true}]\n";
    app.apply_yaml(config(&broker.url(), passive, BOTH)).await.expect("it is applied");
    let reason = down(&app, "channel_amqp", "in").await;
    assert!(reason.starts_with("the queue \"nowhere\": NOT_FOUND"), "{reason}");
    assert_eq!(broker.management().queue("nowhere").await, None, "nothing is declared that nobody asked for");
}

#[tokio::test]
async fn a_queue_that_somebody_consumes_alone_is_taken_over_when_that_one_leaves() {
    let Some(broker) = Broker::shared("a_queue_that_somebody_consumes_alone_is_taken_over").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let (alone, waits) = (Taken::open(), Taken::open());
    let exclusive = BOTH.replace("{name: in,", "{name: in, exclusive: true,");
    let first = started(config(&broker.url(), "", &exclusive), &alone).await;
    all_up(&first).await;
    let second = started(config(&broker.url(), "", &exclusive), &waits).await;
    let reason = down(&second, "channel_amqp", "in").await;
    assert!(reason.starts_with("the queue \"in\" can't be consumed by the channel \"in\": ACCESS_REFUSED"), "{reason}");
    publish(&second, "first").await.expect("publishing goes on");
    alone.arrives("first").await;
    // A new configuration of the one that has it does not lose it.
    first
        .apply_yaml(config(&broker.url(), "", &exclusive.replace("exclusive", "pool_size: 3, exclusive")))
        .await
        .expect("it is applied");
    all_up(&first).await;
    assert_eq!(first.stop().await, [""; 0]);
    all_up(&second).await;
    publish(&second, "second").await.expect("publishing goes on");
    waits.arrives("second").await;
}

#[tokio::test]
async fn a_queue_of_one_connection_alone_is_declared_where_it_is_consumed() {
    let Some(broker) = Broker::shared("a_queue_of_one_connection_alone_is_declared").await else { return };
    let taken = Taken::open();
    let definition = "    queues: [{name: in, exclusive: true, durable: false}]\n";
    let app = started(config(&broker.url(), definition, BOTH), &taken).await;
    all_up(&app).await;
    publish(&app, "first").await.expect("it is there for publishers");
    taken.arrives("first").await;
    until("connections to close", async || (broker.management().close_connections().await == 2).then_some(())).await;
    until("it is back", async || publish(&app, "second").await.ok()).await;
    taken.arrives("second").await;
}

#[tokio::test]
async fn what_the_broker_has_given_up_on_comes_again_and_is_not_acknowledged_late() {
    let Some(broker) = Broker::own("what_the_broker_has_given_up_on_comes_again").await else { return };
    // The broker ends the channel of whoever settles nothing for a second, and looks twice in one.
    for setting in ["consumer_timeout, 1000", "channel_tick_interval, 500"] {
        broker.control(&["eval", &format!("application:set_env(rabbit, {setting}).")]).await;
    }
    broker.management().declare_queue("in", json!({})).await;
    let taken = Taken::closed();
    let app = started(config(&broker.url(), "", BOTH), &taken).await;
    all_up(&app).await;
    publish(&app, "slow").await.expect("the queue is there");
    let came_twice = async || (taken.texts() == ["slow", "slow"]).then_some(());
    until("it comes again", came_twice).await;
    assert_eq!(status(&app, "outgoing_amqp", "Out").reconnects, 0, "the connections stay");
    let consumer = status(&app, "channel_amqp", "in");
    assert!(consumer.reconnects > 0, "{consumer:?}");
    // Both of them end now; the first has nothing to acknowledge any more.
    taken.gate.add_permits(1000);
    let settled = Queue { name: "in".to_owned(), consumers: 1, ..Queue::default() };
    until("it is settled", async || broker.management().queue("in").await.filter(|queue| *queue == settled)).await;
    publish(&app, "quick").await.expect("the queue is there");
    taken.arrives("quick").await;
    all_up(&app).await;
}

/// A file as YAML has it.
fn file(path: &Path) -> String {
    serde_json::to_string(path).expect("a folder of ours is UTF-8")
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own_and_a_client_s_certificate() {
    let Some(broker) = Broker::shared("tls_with_an_authority_of_ones_own").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let (certificate, key) = broker.client_pair();
    let tls = format!(
        "    tls: {{ca: {}, certificate: {}, key: {}}}\n",
        file(broker.authority()),
        file(certificate),
        file(key)
    );
    let taken = Taken::open();
    let app = started(config(&broker.tls_url(), &tls, BOTH), &taken).await;
    all_up(&app).await;
    publish(&app, "over TLS").await.expect("the queue is there");
    taken.arrives("over TLS").await;
    let are_tls = async || {
        let connections = broker.management().connections().await;
        (connections.len() == 2 && connections.iter().all(|it| it.is_tls)).then_some(())
    };
    until("both connections speak TLS", are_tls).await;
}

#[tokio::test]
async fn a_broker_whose_authority_is_unknown_is_refused() {
    let Some(broker) = Broker::shared("a_broker_whose_authority_is_unknown_is_refused").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.pem");
    std::fs::write(&path, other.cert.pem()).expect("a file");
    let taken = Taken::open();
    let tls = |path: &Path| format!("    tls: {{ca: {}}}\n", file(path));
    let app = started(config(&broker.tls_url(), &tls(&path), BOTH), &taken).await;
    for (section, name) in [("outgoing_amqp", "Out"), ("channel_amqp", "in")] {
        let reason = down(&app, section, name).await;
        assert!(reason.contains("certificate") && !reason.contains("not-a-secret"), "{reason}");
    }
    // With the right one it is as if nothing had been.
    app.apply_yaml(config(&broker.tls_url(), &tls(broker.authority()), BOTH)).await.expect("it is applied");
    all_up(&app).await;
    publish(&app, "first").await.expect("the queue is there");
    taken.arrives("first").await;
}
