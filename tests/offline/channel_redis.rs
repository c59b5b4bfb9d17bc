//! Streams that are consumed into services, as programs see it: by a Redis in the test's own process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{
    sync::Notify,
    time::{Duration, Instant, sleep},
};
use zato::{
    Context, Delivery, Error, Raw, Result, Running,
    connection::State,
    model,
    redis::{Received, Redis, StreamEntry, memory::Memory},
    service, services, testing,
    testing::FakeRedis,
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
async fn take(ctx: &Context, input: Order, #[state] seen: Seen) -> Result<()> {
    let attempt = Received::of(ctx).map_or(0, Received::attempt);
    seen.add(format!("{} x {} {attempt}", input.count, input.id));
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

/// Takes whatever it is given, and says what Redis says of it.
#[service(name = "anything")]
async fn anything(ctx: &Context, input: Raw, #[state] seen: Seen) -> Result<()> {
    let received = Received::of(ctx).ok_or_else(|| Error::internal("no entry of a stream"))?;
    seen.add(format!(
        "{} {} {:?} {} {} {} {:?}",
        String::from_utf8_lossy(&input.bytes().await?),
        ctx.cid(),
        ctx.headers().get("tenant"),
        received.stream(),
        received.group(),
        received.consumer(),
        ctx.trace().map(|trace| trace.to_string()),
    ));
    Ok(())
}

/// Settles its entries itself.
#[service(name = "by.hand")]
async fn by_hand(ctx: &Context, input: Raw, #[delivery] delivery: Delivery, #[state] seen: Seen) -> Result<()> {
    let body = String::from_utf8_lossy(&input.bytes().await?).into_owned();
    let attempt = Received::of(ctx).map_or(0, Received::attempt);
    seen.add(format!("{body} {attempt}"));
    match (body.as_str(), attempt) {
        ("dead", _) => delivery.dead_letter("nobody knows").await,
        ("again", 1) => delivery.requeue_after(Duration::from_secs(30)).await,
        ("dropped", 1) => Ok(()),
        _ => delivery.ack().await,
    }
}

/// Waits until it may go on.
#[service(name = "slow")]
async fn slow(ctx: &Context, input: Raw, #[state] seen: Seen, #[state] gate: Gate) -> Result<()> {
    let attempt = Received::of(ctx).map_or(0, Received::attempt);
    seen.add(format!("begun {} {attempt}", String::from_utf8_lossy(&input.bytes().await?)));
    gate.0.notified().await;
    seen.add("ended");
    Ok(())
}

/// Does not wait.
#[service(name = "fast")]
async fn fast(ctx: &Context, input: Raw, #[state] seen: Seen) -> Result<()> {
    let attempt = Received::of(ctx).map_or(0, Received::attempt);
    seen.add(format!("fast {} {attempt}", String::from_utf8_lossy(&input.bytes().await?)));
    Ok(())
}

struct Kit {
    fake: FakeRedis,
    redis: Redis,
    seen: Seen,
    gate: Gate,
}

impl Kit {
    async fn new() -> Self {
        Self::over(Memory::new()).await
    }

    /// Another program over the same server.
    async fn over(memory: Memory) -> Self {
        let fake = FakeRedis::of(memory, "key_prefix: 'bank:'\nping_interval: 1s").await;
        Self { redis: fake.redis(), fake, seen: Seen::default(), gate: Gate::default() }
    }

    async fn started(&self, yaml: &str) -> Running {
        let app = testing::app("bank")
            .services(services![take, anything, by_hand, slow, fast])
            .state(self.seen.clone())
            .state(self.gate.clone())
            .fake("Shop", &self.redis);
        app.config_yaml(yaml).start().await.expect("the app starts")
    }

    async fn add(&self, payload: &str) -> String {
        self.redis.stream("orders").add(payload).await.expect("it is added")
    }

    async fn all(&self, stream: &str) -> Vec<StreamEntry> {
        self.redis.stream(stream).range("-", "+", 1000).await.expect("it is read")
    }

    async fn pending(&self) -> usize {
        self.redis.stream("orders").group("bank").pending("-", 1000).await.expect("it is read").len()
    }

    async fn until_settled(&self, count: usize) {
        let begun = Instant::now();
        while self.seen.all().len() < count || self.pending().await > 0 {
            assert!(begun.elapsed() < Duration::from_secs(4000), "it takes too long: {:?}", self.seen.all());
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn until_dead(&self) -> StreamEntry {
        let begun = Instant::now();
        loop {
            if let Some(dead) = self.all("orders.dead").await.pop() {
                assert_eq!(self.pending().await, 0, "it is acknowledged in the same step");
                self.redis.delete("orders.dead").await.expect("it is deleted");
                return dead;
            }
            assert!(begun.elapsed() < Duration::from_secs(4000), "it takes too long");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// A channel that consumes orders, with further keys.
fn channel(more: &str) -> String {
    format!("channel_redis: [{{name: orders, connection: Shop, stream: orders, {more}}}]")
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(4000), "it takes too long until {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn field(entry: &StreamEntry, name: &str) -> String {
    entry.field(name).map_or_else(|| "none".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
}

#[tokio::test(start_paused = true)]
async fn what_is_added_is_read_into_models_whenever_that_was() {
    let kit = Kit::new().await;
    kit.redis.stream("orders").add(&Order { id: 7, count: 2 }).await.expect("it is added");
    let _app = kit.started(&channel("service: order.take")).await;
    kit.until_settled(1).await;
    kit.redis.stream("orders").add(&Order { id: 8, count: 1 }).await.expect("it is added");
    kit.redis.stream("orders").add_fields().field("body", r#"{"id": 9, "count": 1}"#).await.expect("it is added");
    kit.until_settled(3).await;
    assert_eq!(kit.seen.all(), ["2 x 7 1", "1 x 8 1", "1 x 9 1"]);
    assert_eq!(kit.all("orders.dead").await, []);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_begins_with_what_is_new_leaves_out_what_was_there() {
    let kit = Kit::new().await;
    kit.add("old").await;
    let _app = kit.started(&channel("service: fast, data_format: raw, start: new")).await;
    kit.add("new").await;
    kit.until_settled(1).await;
    assert_eq!(kit.seen.all(), ["fast new 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_knows_its_entry_and_fields_are_headers_or_the_payload() {
    let kit = Kit::new().await;
    let keys = "service: anything, data_format: raw, group: back-office, consumer: one";
    let _app = kit.started(&channel(keys)).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let add = kit.redis.stream("orders").add("hello").field("tenant", "bank").field("x-zato-cid", "c1");
    add.field("traceparent", trace).await.expect("it is added");
    until("it is served", || kit.seen.all().len() == 1).await;
    let add = kit.redis.stream("orders").add_fields().field("tenant", "shop").field("x-zato-cid", "c2");
    add.field("id", "7").await.expect("it is added");
    until("it is served", || kit.seen.all().len() == 2).await;
    assert_eq!(
        kit.seen.all(),
        [
            format!("hello c1 Some(\"bank\") orders back-office one Some(\"{trace}\")"),
            "{\"id\":\"7\",\"tenant\":\"shop\"} c2 Some(\"shop\") orders back-office one None".to_owned(),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_goes_to_the_dead_letters_with_the_place() {
    let kit = Kit::new().await;
    let _app = kit.started(&channel("service: order.take")).await;
    for (body, error) in [
        (r#"{"id": "x", "count": 2}"#, "the input can't be used; /id: expected an integer of 0 or more, got a string"),
        (r#"{"id": 0, "count": 2}"#, "no order has the number 0"),
    ] {
        let id = kit.add(body).await;
        let dead = kit.until_dead().await;
        let fields = ["payload", "x-zato-error", "x-zato-error-kind", "x-zato-service", "x-zato-channel"];
        let told = fields.map(|name| field(&dead, name));
        assert_eq!(told, [body, error, "invalid_input", "order.take", "orders"]);
        let place = ["x-zato-stream", "x-zato-entry-id", "x-zato-attempts"].map(|name| field(&dead, name));
        assert_eq!(place, ["orders", &id, "1"]);
    }
    assert_eq!(kit.seen.all(), ["2 x 0 1"], "what can't be read reaches no service");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_is_too_slow_or_can_not_be_used_now_is_tried_again() {
    for (id, kind) in [(13, "internal"), (14, "timeout"), (15, "unavailable")] {
        let kit = Kit::new().await;
        let more = "service: order.take, timeout: 2s, retry_delay: [1s, 3m], max_attempts: 3, claim_after: 10s";
        let _app = kit.started(&channel(more)).await;
        let begun = Instant::now();
        kit.add(&format!(r#"{{"id": {id}, "count": 1}}"#)).await;
        let dead = kit.until_dead().await;
        assert_eq!(kit.seen.all(), [format!("1 x {id} 1"), format!("1 x {id} 2"), format!("1 x {id} 3")]);
        assert_eq!(field(&dead, "x-zato-error-kind"), kind);
        assert_eq!(field(&dead, "x-zato-attempts"), "3");
        assert!(
            begun.elapsed() > Duration::from_secs(181),
            "it has waited, and nobody has claimed it: {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_may_settle_its_entries_itself() {
    let kit = Kit::new().await;
    let _app = kit.started(&channel("service: by.hand, data_format: raw, pool_size: 1")).await;
    for body in ["ack", "dead", "again", "dropped"] {
        kit.add(body).await;
    }
    kit.until_settled(6).await;
    let mut seen = kit.seen.all();
    seen.sort_unstable();
    assert_eq!(seen, ["ack 1", "again 1", "again 2", "dead 1", "dropped 1", "dropped 2"]);
    assert_eq!(field(&kit.until_dead().await, "x-zato-error"), "nobody knows");
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_others_wait_is_claimed_by_nobody() {
    let kit = Kit::new().await;
    let other = Kit::over(kit.fake.memory().clone()).await;
    let yaml = channel("service: slow, data_format: raw, claim_after: 3s, timeout: 1h");
    let (_one, _other) = (kit.started(&yaml).await, other.started(&yaml).await);
    kit.add("1").await;
    sleep(Duration::from_secs(60)).await;
    let begun = [kit.seen.all(), other.seen.all()].concat();
    assert_eq!(begun, ["begun 1 1"]);
    kit.gate.0.notify_one();
    other.gate.0.notify_one();
    sleep(Duration::from_secs(10)).await;
    assert_eq!((kit.pending().await, [kit.seen.all(), other.seen.all()].concat().len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn what_a_process_has_left_is_claimed_and_marked_and_its_consumer_forgotten() {
    let kit = Kit::new().await;
    // Somebody who has read and is gone without a word.
    let group = kit.redis.stream("orders").group("bank");
    group.create("0").await.expect("it is made");
    kit.add("1").await;
    kit.add("2").await;
    group.read("gone").count(1).await.expect("it is read");
    let _app = kit.started(&channel("service: fast, data_format: raw, claim_after: 5s")).await;
    until("the second is served", || kit.seen.all().len() == 1).await;
    assert_eq!(kit.seen.all(), ["fast 2 1"]);
    kit.until_settled(2).await;
    assert_eq!(kit.seen.all(), ["fast 2 1", "fast 1 2"]);
    let mut raw = kit.redis.connection().expect("it is up");
    let begun = Instant::now();
    loop {
        let key = raw.key("orders");
        let consumers: Vec<BTreeMap<String, zato::redis::redis_rs::Value>> = zato::redis::redis_rs::cmd("XINFO")
            .arg("CONSUMERS")
            .arg(key)
            .arg("bank")
            .query_async(&mut raw)
            .await
            .unwrap();
        if consumers.len() == 1 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(200), "{consumers:?}");
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_whose_name_lasts_takes_up_what_it_has_left_at_once() {
    let kit = Kit::new().await;
    let group = kit.redis.stream("orders").group("bank");
    group.create("0").await.expect("it is made");
    for body in ["1", "2", "3"] {
        kit.add(body).await;
    }
    let left = group.read("bank-1").count(2).await.expect("it is read");
    kit.redis.stream("orders").delete(&[&left[1].id]).await.expect("it is deleted");
    let _app = kit.started(&channel("service: fast, data_format: raw, consumer: bank-1, pool_size: 1")).await;
    until("all are served", || kit.seen.all().len() == 2).await;
    kit.until_settled(2).await;
    assert_eq!(kit.seen.all(), ["fast 1 2", "fast 3 1"], "what was deleted is acknowledged, too");
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_changes_loses_nothing_and_interrupts_nobody() {
    let kit = Kit::new().await;
    let app = kit.started(&channel("service: slow, data_format: raw, pool_size: 1")).await;
    kit.add("1").await;
    kit.add("2").await;
    until("it is in work", || kit.seen.all().len() == 1).await;
    app.apply_yaml(channel("service: fast, data_format: raw, pool_size: 1")).await.expect("it is sound");
    kit.gate.0.notify_one();
    until("both are served", || kit.seen.all().len() == 3).await;
    assert_eq!(kit.seen.all(), ["begun 1 1", "ended", "fast 2 1"]);
    // Other terms are another consumer of the same name, which leaves alone what the first has in work.
    app.apply_yaml(channel("service: slow, data_format: raw, pool_size: 2")).await.expect("it is sound");
    kit.add("3").await;
    until("it is in work", || kit.seen.all().len() == 4).await;
    app.apply_yaml(channel("service: slow, data_format: raw, pool_size: 3, block: 1s")).await.expect("it is sound");
    kit.add("4").await;
    until("it is in work", || kit.seen.all().len() == 5).await;
    assert_eq!(kit.seen.all()[3..], ["begun 3 1", "begun 4 1"]);
    kit.gate.0.notify_waiters();
    kit.until_settled(7).await;
    // An entry that is gone consumes nothing.
    app.apply_yaml("{}").await.expect("it is sound");
    kit.add("5").await;
    sleep(Duration::from_secs(100)).await;
    let of_channels = app.statuses().iter().filter(|status| status.section == "channel_redis").count();
    assert_eq!((kit.seen.all().len(), of_channels), (7, 0));
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_come_again_is_taken_over_by_a_new_configuration_and_by_others() {
    let kit = Kit::new().await;
    let keys = "service: order.take, retry_delay: 1h, max_attempts: 3, claim_after: 10s";
    let app = kit.started(&channel(keys)).await;
    kit.add(r#"{"id": 15, "count": 1}"#).await;
    until("it was tried", || kit.seen.all().len() == 1).await;
    sleep(Duration::from_secs(60)).await;
    app.apply_yaml(channel(&format!("{keys}, pool_size: 1"))).await.expect("it is sound");
    until("it was tried", || kit.seen.all().len() == 2).await;
    let other = Kit::over(kit.fake.memory().clone()).await;
    let _other = other.started(&channel(keys)).await;
    assert_eq!(app.stop().await, Vec::<String>::new());
    other.until_dead().await;
    assert_eq!(
        (kit.seen.all(), other.seen.all()),
        (vec!["1 x 15 1".into(), "1 x 15 2".into()], vec!["1 x 15 3".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_not_taken_for_deleted_after_a_sign_of_life_that_nobody_was_told_of() {
    let kit = Kit::new().await;
    let keys = "service: order.take, retry_delay: 4s, max_attempts: 2, claim_after: 3s, consumer: one";
    let _app = kit.started(&channel(keys)).await;
    let id = kit.add(r#"{"id": 15, "count": 1}"#).await;
    until("it was tried", || kit.seen.all().len() == 1).await;
    for _ in 0..10 {
        kit.fake.memory().fail_next("xclaim", "LOADING Redis is loading the dataset in memory");
    }
    sleep(Duration::from_millis(3_600)).await;
    // As the channel gives one: the entry is young again, when it is asked for as one that is old.
    let mut raw = kit.redis.connection().expect("it is up");
    let mut sign = zato::redis::redis_rs::cmd("XCLAIM");
    sign.arg(raw.key("orders")).arg(&["bank", "one", "0", &id, "JUSTID"]);
    while sign.query_async::<Vec<String>>(&mut raw).await.is_err() {}
    assert_eq!(field(&kit.until_dead().await, "x-zato-attempts"), "2");
    assert_eq!(kit.seen.all(), ["1 x 15 1", "1 x 15 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_says_what_it_cut_and_others_have_that_again() {
    let kit = Kit::new().await;
    let yaml = channel("service: slow, data_format: raw, claim_after: 20s") + "\nserver: {shutdown_timeout: 4s}";
    let app = kit.started(&yaml).await;
    kit.add("1").await;
    until("it is in work", || kit.seen.all().len() == 1).await;
    let cut = app.stop().await;
    assert_eq!(cut[0], "1 entries of the channel \"orders\", which come again", "{cut:?}");
    let other = Kit::over(kit.fake.memory().clone()).await;
    let _other = other.started(&channel("service: fast, data_format: raw, claim_after: 20s")).await;
    let begun = Instant::now();
    other.until_settled(1).await;
    assert_eq!(other.seen.all(), ["fast 1 2"]);
    assert!(begun.elapsed() < Duration::from_secs(5), "it was given back: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_and_comes_back_loses_nothing() {
    let kit = Kit::new().await;
    let app = kit.started(&channel("service: fast, data_format: raw, claim_after: 5s")).await;
    until("it is up", || app.statuses().iter().all(|status| matches!(*status.state, State::Up { .. }))).await;
    for round in 0..5_u32 {
        kit.add(&round.to_string()).await;
        match round % 3 {
            0 => kit.fake.memory().disconnect_next("xreadgroup"),
            1 => kit.fake.memory().disconnect_next("xack"),
            _ => kit.fake.memory().disconnect_all(),
        }
        kit.fake.memory().refuse(true);
        kit.fake.memory().disconnect_all();
        sleep(Duration::from_secs(3)).await;
        kit.fake.memory().refuse(false);
        until("the connection is up", || kit.redis.connection().is_ok()).await;
    }
    sleep(Duration::from_secs(60)).await;
    kit.until_settled(5).await;
    let seen = kit.seen.all();
    for round in 0..5 {
        let of_round = |entry: &&String| entry.starts_with(&format!("fast {round} "));
        let times: Vec<_> = seen.iter().filter(of_round).collect();
        assert!(!times.is_empty(), "{round} is lost: {seen:?}");
        assert!(times.iter().skip(1).all(|entry| !entry.ends_with(" 1")), "a repeat is marked: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_deleted_is_made_anew_and_a_group_goes_on_where_it_was() {
    let kit = Kit::new().await;
    let _app = kit.started(&channel("service: fast, data_format: raw, start: new")).await;
    kit.add("1").await;
    kit.until_settled(1).await;
    kit.redis.delete("orders").await.expect("it is deleted");
    kit.add("2").await;
    until("it is served", || kit.seen.all().len() == 2).await;
    let mut raw = kit.redis.connection().expect("it is up");
    let destroy = |key: String| {
        let mut command = zato::redis::redis_rs::cmd("XGROUP");
        command.arg("DESTROY").arg(key).arg("bank");
        command
    };
    let _: i64 = destroy(raw.key("orders")).query_async(&mut raw).await.expect("it is destroyed");
    kit.add("3").await;
    until("it is served", || kit.seen.all().len() == 3).await;
    kit.until_settled(3).await;
    assert_eq!(kit.seen.all(), ["fast 1 1", "fast 2 1", "fast 3 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_trimmed_loses_nothing_that_any_group_needs() {
    let kit = Kit::new().await;
    let late = kit.redis.stream("orders").group("late");
    late.create("0").await.expect("it is made");
    let yaml = channel("service: fast, data_format: raw, trim: 2, claim_after: 2s");
    let _app = kit.started(&yaml).await;
    for number in 0..10 {
        kit.add(&number.to_string()).await;
    }
    kit.until_settled(10).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(kit.all("orders").await.len(), 10, "the other group needs them");
    let read = late.read("somebody").count(8).await.expect("it is read");
    late.ack(&[&read[0].id, &read[1].id]).await.expect("it is acknowledged");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(kit.all("orders").await.len(), 8, "six are pending");
}

#[tokio::test(start_paused = true)]
async fn channels_have_states_as_connections_do_and_are_counted() {
    let kit = Kit::new().await;
    let yaml = "outgoing_redis: [{name: Real, host: redis.test}, {name: Off, is_active: false}]
channel_redis:
  - {name: orders, connection: Shop, stream: orders, service: fast, data_format: raw}
  - {name: real, connection: Real, stream: orders, service: fast, data_format: raw}
  - {name: \"off\", connection: \"Off\", stream: orders, service: fast, data_format: raw}";
    let app = kit.started(yaml).await;
    kit.add("1").await;
    kit.until_settled(1).await;
    let state = |name: &str| {
        let statuses = app.statuses();
        let found = statuses.iter().find(|status| status.section == "channel_redis" && status.name == name);
        found.map(|status| status.state.word()).expect("it is there")
    };
    assert_eq!([state("orders"), state("real"), state("off")], ["up", "unfaked", "inactive"]);
    let metrics = testing::admin(&app).get("/metrics").await.text().to_owned();
    for line in [
        "zato_channel_messages_total{section=\"channel_redis\",channel=\"orders\",outcome=\"acked\"} 1\n",
        "zato_channel_messages_in_work{section=\"channel_redis\",channel=\"orders\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_entry_is_told_with_its_place() {
    let kit = Kit::new().await;
    let app = testing::app("bank").services(services![fast]).state(kit.seen.clone()).fake("Shop", &kit.redis);
    let yaml = "channel_redis:
  - {name: a, connection: Shp, stream: orders, service: fast}
  - {name: b, connection: Shop, stream: orders, service: fast, pool_size: 0, dead_letter: orders}";
    let error = app.config_yaml(yaml).start().await.expect_err("it is refused");
    let report = error.report().to_string();
    for words in [
        "2:5: no outgoing_redis named \"Shp\"",
        "the pool_size of the channel \"b\": without a place no entry can be served",
        "the dead_letter of the channel \"b\": this is the channel's own stream",
    ] {
        assert!(report.contains(words), "{words} in {report}");
    }
}
