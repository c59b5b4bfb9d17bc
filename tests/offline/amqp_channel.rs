//! Queues that are consumed into services, as programs see it: by a broker in the test's own process.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{Duration, Instant, sleep},
};
use zato::{
    Context, Delivery, Error, Raw, Result, Rows, Running,
    amqp::{
        AmqpChannels, Received,
        lapin::{
            BasicProperties,
            types::{AMQPValue, FieldTable},
        },
    },
    connection::State,
    model, service, services, testing,
    testing::Broker,
};

/// What was ordered.
#[model]
#[derive(PartialEq)]
struct Order {
    /// Which.
    id: u64,
    /// How many.
    count: u32,
}

/// What services were called with, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, what: impl Into<String>) {
        self.0.lock().expect("nobody panics with it").push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// Lets a service go on.
#[derive(Clone, Default)]
struct Gate(Arc<Notify>);

/// Takes an order.
#[service(name = "order.take")]
async fn take(input: Order, #[state] seen: Seen) -> Result<()> {
    seen.add(format!("{} x {}", input.count, input.id));
    match input.id {
        0 => Err(Error::invalid_input("no order has the number 0")),
        13 => panic!("13"),
        14 => {
            sleep(Duration::from_secs(3600)).await;
            Ok(())
        }
        15 => Err(Error::unavailable("the store is closed")),
        _ => Ok(()),
    }
}

/// Takes orders one after the other.
#[service(name = "order.import")]
async fn import(mut input: Rows<Order>, #[state] seen: Seen) -> Result<()> {
    while let Some(order) = input.next().await? {
        seen.add(format!("{} x {}", order.count, order.id));
    }
    Ok(())
}

/// Takes whatever it is given, and says what AMQP says of it.
#[service(name = "anything")]
async fn anything(ctx: &Context, input: Raw, #[state] seen: Seen) -> Result<Value> {
    let received = Received::of(ctx).ok_or_else(|| Error::internal("no message of a broker"))?;
    seen.add(format!(
        "{} {} {:?} {} {:?} {:?}",
        String::from_utf8_lossy(&input.bytes().await?),
        ctx.cid(),
        ctx.headers().get("tenant"),
        received.routing_key(),
        received.priority(),
        ctx.trace().map(|trace| trace.to_string()),
    ));
    zato::tracing::info!("anything has come");
    let inner = ctx.invoke::<inner>(()).await?;
    Ok(json!({"attempt": received.attempt(), "inner": inner}))
}

/// Is invoked by another service, so that there is no message.
#[service(name = "inner")]
async fn inner(ctx: &Context) -> Result<Value> {
    Ok(json!({"has_message": Received::of(ctx).is_some(), "cid": ctx.cid()}))
}

/// Settles its messages itself.
#[service(name = "by.hand")]
async fn by_hand(ctx: &Context, input: Raw, #[delivery] delivery: Delivery, #[state] seen: Seen) -> Result<()> {
    let body = String::from_utf8_lossy(&input.bytes().await?).into_owned();
    let attempt = Received::of(ctx).map_or(0, Received::attempt);
    seen.add(format!("{body} {attempt}"));
    match (body.as_str(), attempt) {
        ("dead", _) => delivery.dead_letter("nobody knows").await,
        ("again", 1) => delivery.requeue_after(Duration::from_secs(30)).await,
        _ => delivery.ack().await,
    }
}

/// Waits until it may go on.
#[service(name = "slow")]
async fn slow(input: Raw, #[state] seen: Seen, #[state] gate: Gate) -> Result<()> {
    seen.add(format!("begun {}", String::from_utf8_lossy(&input.bytes().await?)));
    gate.0.notified().await;
    seen.add("ended");
    Ok(())
}

/// Does not wait.
#[service(name = "fast")]
async fn fast(input: Raw, #[state] seen: Seen) -> Result<()> {
    seen.add(format!("fast {}", String::from_utf8_lossy(&input.bytes().await?)));
    Ok(())
}

/// Takes a while.
#[service(name = "brief")]
async fn brief(input: Raw, #[state] seen: Seen) -> Result<()> {
    let body = String::from_utf8_lossy(&input.bytes().await?).into_owned();
    sleep(Duration::from_millis(600)).await;
    seen.add(body);
    Ok(())
}

struct Kit {
    broker: Broker,
    seen: Seen,
    gate: Gate,
}

impl Kit {
    fn new(queues: &[&str]) -> Self {
        let broker = Broker::new();
        for queue in queues {
            broker.declare_queue(queue);
        }
        Self { broker, seen: Seen::default(), gate: Gate::default() }
    }

    fn app(&self) -> zato::App {
        testing::app("bank")
            .services(services![take, import, anything, inner, by_hand, slow, fast, brief])
            .state(self.seen.clone())
            .state(self.gate.clone())
            .fake_definition("main", self.broker.definition())
    }

    async fn started(&self, yaml: &str) -> Running {
        self.app().config_yaml(yaml).start().await.expect("the app starts")
    }
}

/// A channel that consumes a queue called as it is, with further keys.
fn channel(name: &str, more: &str) -> String {
    format!("channel_amqp: [{{name: {name}, definition: main, queue: {name}, {more}}}]")
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(4000), "it takes too long until {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn header(broker: &Broker, queue: &str, name: &str) -> String {
    let messages = broker.messages(queue);
    let [message] = &messages[..] else { panic!("in {queue}: {messages:?}") };
    match message.header(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_format_is_read_into_models() {
    for (format, service, body, expected) in [
        ("json", "order.take", r#"{"id": 7, "count": 2}"#, &["2 x 7"][..]),
        ("xml", "order.take", "<order><id>7</id><count>2</count></order>", &["2 x 7"]),
        ("form", "order.take", "id=7&count=2", &["2 x 7"]),
        ("csv", "order.import", "id,count\n7,2\n8,1\n", &["2 x 7", "1 x 8"]),
    ] {
        let kit = Kit::new(&["orders"]);
        let app = kit.started(&channel("orders", &format!("service: {service}, data_format: {format}"))).await;
        assert!(kit.broker.publish("", "orders", body));
        until("it is served", || !kit.seen.all().is_empty()).await;
        kit.broker.settled().await;
        assert_eq!(kit.seen.all(), expected, "{format}");
        assert_eq!((kit.broker.queue_depth("orders"), app.stop().await), (Some(0), Vec::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_goes_to_the_dead_letters_with_the_place() {
    let kit = Kit::new(&["orders", "dead"]);
    let _app = kit.started(&channel("orders", "service: order.take, dead_letter: {routing_key: dead}")).await;
    for (body, error) in [
        (r#"{"id": "x", "count": 2}"#, "the input can't be used; /id: expected an integer of 0 or more, got a string"),
        (r#"{"id": 0, "count": 2}"#, "no order has the number 0"),
    ] {
        kit.broker.publish("", "orders", body);
        until("it is given up", || kit.broker.queue_depth("dead") == Some(1)).await;
        assert_eq!(header(&kit.broker, "dead", "x-zato-error"), error);
        assert_eq!(header(&kit.broker, "dead", "x-zato-error-kind"), "invalid_input");
        assert_eq!(header(&kit.broker, "dead", "x-zato-service"), "order.take");
        assert_eq!(kit.broker.messages("dead")[0].text(), body);
        kit.broker.delete_queue("dead");
        kit.broker.declare_queue("dead");
    }
    assert_eq!(kit.seen.all(), ["2 x 0"], "what can't be read reaches no service");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_is_too_slow_or_can_not_be_used_now_is_tried_again() {
    for (id, kind) in [(13, "internal"), (14, "timeout"), (15, "unavailable")] {
        let kit = Kit::new(&["orders", "dead"]);
        let more =
            "service: order.take, timeout: 2s, retry_delay: 1s, max_attempts: 3, dead_letter: {routing_key: dead}";
        let _app = kit.started(&channel("orders", more)).await;
        kit.broker.publish("", "orders", format!(r#"{{"id": {id}, "count": 1}}"#));
        until("it is given up", || kit.broker.queue_depth("dead") == Some(1)).await;
        assert_eq!(kit.seen.all(), [format!("1 x {id}"), format!("1 x {id}"), format!("1 x {id}")]);
        assert_eq!(header(&kit.broker, "dead", "x-zato-error-kind"), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_knows_its_message_and_whoever_asks_is_answered() {
    let logs = testing::capture_logs();
    let kit = Kit::new(&["anything", "replies"]);
    kit.broker.declare_exchange("shop", zato::amqp::ExchangeType::Topic);
    kit.broker.bind("anything", "shop", "order.*");
    let _app = kit.started(&channel("anything", "service: anything, data_format: raw")).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut headers = FieldTable::default();
    for (name, value) in [("tenant", "bank"), ("x-zato-cid", "c1"), ("traceparent", trace)] {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    let properties = BasicProperties::default().with_headers(headers).with_priority(7).with_reply_to("replies".into());
    kit.broker.publish_with("shop", "order.new", properties, "hello");
    until("it is answered", || kit.broker.queue_depth("replies") == Some(1)).await;
    kit.broker.settled().await;
    assert_eq!(kit.seen.all(), [format!(r#"hello c1 Some("bank") order.new Some(7) Some("{trace}")"#)]);
    let reply = kit.broker.messages("replies").remove(0);
    let expected = json!({"attempt": 1, "inner": {"has_message": false, "cid": "c1"}});
    assert_eq!(serde_json::from_str::<Value>(reply.text()).expect("JSON"), expected);
    assert_eq!(header(&kit.broker, "replies", "x-zato-cid"), "c1");
    let events = logs.events();
    let noted = events.iter().find(|event| event.message == "anything has come").expect("it was logged");
    for (name, value) in [
        ("zato.cid", "c1"),
        ("zato.channel", "anything"),
        ("messaging.system", "rabbitmq"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "anything"),
    ] {
        assert_eq!(noted.span.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_may_settle_its_messages_itself() {
    let kit = Kit::new(&["orders", "dead"]);
    let _app = kit.started(&channel("orders", "service: by.hand, dead_letter: {routing_key: dead}")).await;
    for body in ["ack", "dead", "again"] {
        kit.broker.publish("", "orders", body);
    }
    until("all are settled", || kit.seen.all().len() == 4).await;
    kit.broker.settled().await;
    assert_eq!(kit.seen.all(), ["ack 1", "dead 1", "again 1", "again 2"]);
    assert_eq!(header(&kit.broker, "dead", "x-zato-error"), "nobody knows");
    assert_eq!(kit.broker.queue_depth("orders.retry.30000"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_changes_loses_nothing_and_interrupts_nobody() {
    let kit = Kit::new(&["orders"]);
    let app = kit.started(&channel("orders", "service: slow, data_format: raw, pool_size: 1")).await;
    kit.broker.publish("", "orders", "1");
    kit.broker.publish("", "orders", "2");
    until("it is in work", || kit.seen.all().len() == 1).await;
    app.apply_yaml(channel("orders", "service: fast, data_format: raw, pool_size: 1")).await.expect("it is sound");
    assert_eq!(kit.broker.unsettled("orders"), 2);
    kit.gate.0.notify_one();
    until("both are served", || kit.seen.all().len() == 3).await;
    kit.broker.settled().await;
    assert_eq!(kit.seen.all(), ["begun 1", "ended", "fast 2"]);
    // Another window is another subscription, and an entry that is gone consumes nothing.
    app.apply_yaml(channel("orders", "service: fast, data_format: raw, prefetch_count: 3")).await.expect("it is sound");
    assert_eq!(kit.broker.consumers("orders"), 1);
    kit.broker.publish("", "orders", "3");
    until("it is served", || kit.seen.all().len() == 4).await;
    app.apply_yaml("{}").await.expect("it is sound");
    until("nobody consumes", || kit.broker.consumers("orders") == 0).await;
    assert_eq!(app.statuses().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_says_what_it_cut_and_the_broker_has_that_again() {
    let kit = Kit::new(&["orders"]);
    let yaml = channel("orders", "service: slow, data_format: raw") + "\nserver: {shutdown_timeout: 2s}";
    let app = kit.started(&yaml).await;
    kit.broker.publish("", "orders", "1");
    until("it is in work", || kit.seen.all().len() == 1).await;
    let cut = app.stop().await;
    assert_eq!(cut[0], "1 messages of the channel \"orders\", which come again", "{cut:?}");
    assert_eq!((kit.broker.queue_depth("orders"), kit.broker.unsettled("orders")), (Some(1), 0));
    assert!(kit.broker.messages("orders")[0].is_redelivered);
    assert_eq!(kit.broker.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn channels_have_states_as_connections_do() {
    let kit = Kit::new(&["orders"]);
    let yaml = "channel_amqp:
  - {name: orders, definition: main, queue: orders, service: fast, data_format: raw}
  - {name: missing, definition: main, queue: missing, service: fast, data_format: raw}
  - {name: off, definition: main, queue: off, service: fast, is_active: false}
  - {name: elsewhere, definition: real, queue: orders, service: fast}
definition_amqp: [{name: real, address: 'amqp://broker.example.com'}]";
    let app = kit.started(yaml).await;
    let state = |name: &str| {
        let mut statuses = app.statuses().into_iter().filter(|status| status.section == "channel_amqp");
        statuses.find(|status| status.name == name).expect("it is configured").state
    };
    assert!(state("orders").is_up());
    assert!(matches!(&*state("missing"), State::Down { error, .. } if error.contains("no queue \"missing\"")));
    assert_eq!((&*state("off"), &*state("elsewhere")), (&State::Inactive, &State::Unfaked));
    assert_eq!(kit.broker.consumers("orders"), 1, "and none of a broker that is not faked");
    assert!(app.channel::<AmqpChannels>().is_some());
}

#[tokio::test]
async fn what_no_channel_can_mean_is_refused_with_its_place() {
    for (more, expected) in [
        ("service: nobody", "no service named \"nobody\""),
        ("service: fast, definition: others", "no definition_amqp named \"others\""),
        (
            "service: fast, pool_size: 0",
            "the pool_size of the channel \"orders\": without a place no message can be served",
        ),
        ("service: fast, on_error: dead_letter", "the on_error of the channel \"orders\": there is no dead_letter"),
        (
            "service: fast, on_bad_input: requeue",
            "the on_bad_input of the channel \"orders\": what can't be used today",
        ),
        (
            "service: fast, dead_letter: {routing_key: orders}",
            "the dead_letter of the channel \"orders\": this is the channel's own queue",
        ),
        ("service: fast, csv: {delimiter: '\"'}", "the csv of the channel \"orders\": "),
        ("service: fast, data_format: soap", "SOAP is spoken by channel_soap"),
        ("service: fast, retry_delay: 2d", "a message waits a day at most"),
    ] {
        let definition = if more.contains("definition") { "" } else { "definition: main, " };
        let yaml = format!("channel_amqp: [{{name: orders, {definition}queue: orders, {more}}}]");
        let error = Kit::new(&[]).app().config_yaml(yaml).start().await.expect_err(more).to_string();
        assert!(error.contains(expected) && error.contains("configuration:1:"), "{more}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_program_holds_messages_and_counts_no_attempts() {
    let kit = Kit::new(&["orders", "dead"]);
    let entry = "service: brief, data_format: raw, max_attempts: 1, dead_letter: {routing_key: dead}";
    let server = "server: {max_concurrent_requests: 1, max_queued_requests: 1}";
    let app = kit.started(&format!("{server}\n{}", channel("orders", entry))).await;
    for number in 0..12 {
        assert!(kit.broker.publish("", "orders", number.to_string()));
    }
    until("all are served", || kit.seen.all().len() == 12).await;
    kit.broker.settled().await;
    assert_eq!((kit.broker.queue_depth("dead"), app.stop().await), (Some(0), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_time_is_over_before_there_is_a_place_was_not_tried() {
    let kit = Kit::new(&["orders", "busy", "dead"]);
    let yaml = "
server: {max_concurrent_requests: 1, max_queued_requests: 100}
channel_amqp:
  - {name: busy, definition: main, queue: busy, service: slow, data_format: raw, timeout: 1h}
  - {name: orders, definition: main, queue: orders, service: fast, data_format: raw, timeout: 1s, max_attempts: 1,
     dead_letter: {routing_key: dead}}
";
    let app = kit.started(yaml).await;
    assert!(kit.broker.publish("", "busy", "1"));
    until("all places are taken", || kit.seen.all() == ["begun 1"]).await;
    assert!(kit.broker.publish("", "orders", "2"));
    sleep(Duration::from_secs(20)).await;
    kit.gate.0.notify_one();
    kit.broker.settled().await;
    assert_eq!(kit.seen.all(), ["begun 1", "ended", "fast 2"]);
    assert_eq!((kit.broker.queue_depth("dead"), app.stop().await), (Some(0), Vec::new()));
}
