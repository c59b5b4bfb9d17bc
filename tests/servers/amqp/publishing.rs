//! What becomes of a message is told of that message, whatever becomes of the others.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;
use zato::{
    Error, Kind, Result, Running,
    amqp::{Amqp, AmqpMessage, Sent},
    testing::{Direction::ToClient, FaultProxy, LinkFault},
};

use super::{SLACK, all_up, config, status};
use crate::rabbitmq::{Broker, Queue, until};

/// A connection that is called `Out`, with more keys.
async fn started(url: &str, keys: &str) -> Arc<Running> {
    let outgoing = format!("outgoing_amqp:\n  - name: Out\n    definition: main\n    routing_key: in\n{keys}");
    let app = super::app("publishing").config_yaml(config(url, "", &outgoing));
    let app = app.start().await.expect("it starts");
    all_up(&app).await;
    Arc::new(app)
}

async fn send(app: &Running, message: AmqpMessage<'_>) -> Result<Sent> {
    app.out::<Amqp>("Out")?.send(&app.context(), message).await
}

/// Waits until so many messages are in a queue, and no others.
async fn are_in(broker: &Broker, queue: &str, count: u64) {
    let queue = Queue { name: queue.to_owned(), messages: count, ready: count, ..Queue::default() };
    let is_there = async || broker.management().queue(&queue.name).await.filter(|seen| *seen == queue);
    until(&format!("{queue:?}"), is_there).await;
}

/// The kind and the words of an error.
fn words(error: &Error) -> (Kind, &str) {
    (error.kind(), error.message())
}

#[tokio::test]
async fn a_message_that_no_queue_is_bound_for_is_an_error_unless_that_is_all_right() {
    let Some(broker) = Broker::shared("a_message_that_no_queue_is_bound_for").await else { return };
    broker.management().declare_exchange("events", "topic").await;
    let app = started(&broker.url(), "").await;
    let error = send(&app, AmqpMessage::text("a")).await.expect_err("there is no queue");
    assert_eq!(words(&error), (Kind::Upstream, "there is no queue \"in\" (NO_ROUTE)"));
    let event = || AmqpMessage::text("a").exchange("events").routing_key("order.new");
    let error = send(&app, event()).await.expect_err("no queue is bound");
    let expected =
        "no queue is bound for a message to the exchange \"events\" with the routing key \"order.new\" (NO_ROUTE)";
    assert_eq!(words(&error), (Kind::Upstream, expected));
    send(&app, event().mandatory(false)).await.expect("nobody wants to know");
}

#[tokio::test]
async fn a_message_that_a_full_queue_refuses_is_an_error_and_the_next_one_is_not() {
    let Some(broker) = Broker::shared("a_message_that_a_full_queue_refuses").await else { return };
    broker.management().declare_queue("in", json!({"x-max-length": 1, "x-overflow": "reject-publish"})).await;
    let app = started(&broker.url(), "    retry: true\n").await;
    send(&app, AmqpMessage::text("first")).await.expect("there is a place");
    let error = send(&app, AmqpMessage::text("second")).await.expect_err("the queue is full");
    assert_eq!(words(&error), (Kind::Upstream, "the broker could not take a message to the queue \"in\""));
    assert_eq!(broker.management().take("in", 5).await.len(), 1);
    send(&app, AmqpMessage::text("third")).await.expect("there is a place again");
}

#[tokio::test]
async fn an_exchange_that_is_missing_disturbs_nobody_else() {
    let Some(broker) = Broker::shared("an_exchange_that_is_missing_disturbs_nobody_else").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let app = started(&broker.url(), "").await;
    let mut sending = JoinSet::new();
    for number in 0..550_u32 {
        let app = Arc::clone(&app);
        let is_wrong = number % 11 == 0;
        sending.spawn(async move {
            let message = AmqpMessage::text(number.to_string());
            let message = if is_wrong { message.exchange("nowhere") } else { message };
            (is_wrong, send(&app, message).await)
        });
    }
    while let Some(sent) = sending.join_next().await {
        match sent.expect("it doesn't panic") {
            (false, sent) => assert!(sent.is_ok(), "{sent:?}"),
            (true, sent) => {
                let error = sent.expect_err("there is no such exchange");
                assert_eq!(error.kind(), Kind::Upstream);
                assert!(error.message().starts_with("NOT_FOUND - no exchange 'nowhere'"), "{error}");
            }
        }
    }
    are_in(&broker, "in", 500).await;
    assert_eq!(status(&app, "outgoing_amqp", "Out").reconnects, 0);
}

#[tokio::test]
async fn an_exchange_that_is_deleted_under_its_publishers_costs_retried_messages_of_others_nothing() {
    let Some(broker) = Broker::shared("an_exchange_that_is_deleted_under_its_publishers").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    broker.management().declare_exchange("soon", "fanout").await;
    broker.management().bind("soon", "in", "").await;
    let app = started(&broker.url(), "    retry: true\n").await;
    send(&app, AmqpMessage::text("first").exchange("soon")).await.expect("it is there");
    broker.management().delete_exchange("soon").await;
    let mut sending = JoinSet::new();
    for number in 0..300_u32 {
        let app = Arc::clone(&app);
        sending.spawn(async move {
            let message = AmqpMessage::text(number.to_string());
            let is_wrong = number == 150;
            (is_wrong, send(&app, if is_wrong { message.exchange("soon") } else { message }).await)
        });
    }
    while let Some(sent) = sending.join_next().await {
        match sent.expect("it doesn't panic") {
            (false, sent) => assert!(sent.is_ok(), "{sent:?}"),
            (true, sent) => assert!(sent.is_err(), "{sent:?}"),
        }
    }
    assert_eq!(status(&app, "outgoing_amqp", "Out").reconnects, 0, "the connection stays");
}

#[tokio::test]
async fn what_the_broker_ends_a_channel_for_is_told_to_who_sent_it_and_not_sent_again() {
    let Some(broker) = Broker::shared("what_the_broker_ends_a_channel_for").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let app = started(&broker.url(), "    retry: true\n    timeout: 20s\n").await;
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for number in 0..300_u32 {
        let app = Arc::clone(&app);
        sending.spawn(async move {
            let message = AmqpMessage::text(number.to_string());
            let is_wrong = number % 100 == 50;
            (is_wrong, send(&app, if is_wrong { message.user_id("somebody-else") } else { message }).await)
        });
    }
    while let Some(sent) = sending.join_next().await {
        match sent.expect("it doesn't panic") {
            (false, sent) => assert!(sent.is_ok(), "{sent:?}"),
            (true, sent) => {
                let error = sent.expect_err("it is not who is connected");
                assert_eq!(error.kind(), Kind::Upstream);
                assert!(error.message().contains("user_id property set to 'somebody-else'"), "{error}");
            }
        }
    }
    eprintln!("told after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(15), "nobody has waited for the end of the time");
    assert_eq!(status(&app, "outgoing_amqp", "Out").reconnects, 0, "the connection stays");
    send(&app, AmqpMessage::text("own").user_id(broker.user())).await.expect("that is who is connected");
}

#[tokio::test]
async fn faults_that_end_channels_use_none_of_them_up() {
    let Some(broker) = Broker::shared("faults_that_end_channels_use_none_of_them_up").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let app = started(&broker.url(), "    max_in_flight: 100\n").await;
    let out: Amqp = app.out("Out").expect("it is there");
    // A connection has 2047 channels, one of which ends each time that an exchange is looked for in vain.
    let nowhere = (0..2500).map(|_| AmqpMessage::text("a").exchange("nowhere"));
    let sent = out.send_batch(&app.context(), nowhere).await;
    let is_told = |sent: &Result<Sent>| {
        sent.as_ref().is_err_and(|error| error.message().starts_with("NOT_FOUND - no exchange 'nowhere'"))
    };
    let told = sent.iter().filter(|sent| is_told(sent)).count();
    assert!(told >= 1500, "{told} of 2500 were told why: {:?}", sent.last());
    broker.management().declare_exchange("late", "fanout").await;
    broker.management().bind("late", "in", "").await;
    let late = async || send(&app, AmqpMessage::text("b").exchange("late")).await.ok();
    until("what is there is found", late).await;
    let begun = Instant::now();
    for _ in 0..200 {
        let told = send(&app, AmqpMessage::text("a").exchange("nowhere")).await;
        assert!(is_told(&told), "{told:?}");
        out.ping().await.expect("channels can be opened");
    }
    eprintln!("{told} of 2500 were told why; 200 more in {:?}", begun.elapsed());
}

#[tokio::test]
async fn headers_that_fit_into_no_frame_are_refused_before_they_end_the_connection() {
    let Some(broker) = Broker::shared("headers_that_fit_into_no_frame_are_refused").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let app = started(&broker.url(), "    retry: true\n    timeout: 5s\n").await;
    let error = send(&app, AmqpMessage::text("a").header("large", "x".repeat(200_000))).await;
    let error = error.expect_err("a frame has 128 KiB");
    assert_eq!(error.kind(), Kind::Internal, "{error:?}");
    assert!(error.message().contains("131072"), "{error}");
    assert_eq!(status(&app, "outgoing_amqp", "Out").reconnects, 0, "the connection stays");
    // To the byte: the largest that we let through is not too large for the broker.
    let (mut fits, mut too_large) = (100_000, 200_000);
    let mut taken = 0;
    while too_large - fits > 1 {
        let middle = usize::midpoint(fits, too_large);
        match send(&app, AmqpMessage::text("b").header("large", "x".repeat(middle))).await {
            Ok(_) => (fits, taken) = (middle, taken + 1),
            Err(error) if error.kind() == Kind::Internal => too_large = middle,
            Err(error) => panic!("with {middle} bytes: {error:?}"),
        }
    }
    assert!((130_000..131_072).contains(&fits), "{fits}");
    send(&app, AmqpMessage::text("x".repeat(1_000_000))).await.expect("bodies are cut into frames");
    are_in(&broker, "in", taken + 1).await;
    assert_eq!(status(&app, "outgoing_amqp", "Out").reconnects, 0, "the connection stays");
}

#[tokio::test]
async fn a_message_that_is_larger_than_the_broker_takes_is_told_and_not_sent_again() {
    let Some(broker) = Broker::own("a_message_that_is_larger_than_the_broker_takes").await else { return };
    broker
        .control(&[
            "eval",
            "persistent_term:put(max_message_size, 10000), application:set_env(rabbit, max_message_size, 10000).",
        ])
        .await;
    broker.management().declare_queue("in", json!({})).await;
    let app = started(&broker.url(), "    retry: true\n    timeout: 20s\n").await;
    let begun = Instant::now();
    let error = send(&app, AmqpMessage::text("x".repeat(20_000))).await.expect_err("it is too large");
    assert_eq!(error.kind(), Kind::Upstream);
    assert!(error.message().contains("PRECONDITION_FAILED") && error.message().contains("10000"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15), "nobody has waited for the end of the time");
    send(&app, AmqpMessage::text("x".repeat(9_000))).await.expect("that is small enough");
    assert_eq!(status(&app, "outgoing_amqp", "Out").reconnects, 0, "the connection stays");
}

#[tokio::test]
async fn of_a_batch_of_thousands_each_message_is_told_its_own() {
    let Some(broker) = Broker::shared("of_a_batch_of_thousands_each_message_is_told_its_own").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    for keys in ["    max_in_flight: 200\n", "    max_in_flight: 5000\n    pool_size: 3\n"] {
        let app = started(&broker.url(), keys).await;
        let begun = Instant::now();
        let is_lost = |number: usize| number % 7 == 3 || (2000..2010).contains(&number);
        let messages = (0..5000).map(|number: usize| {
            let message = AmqpMessage::text(number.to_string()).message_id(format!("m-{number}"));
            if is_lost(number) { message.routing_key("nowhere") } else { message }
        });
        let out: Amqp = app.out("Out").expect("it is there");
        let sent = out.send_batch(&app.context(), messages).await;
        eprintln!("5000 in {:?}", begun.elapsed());
        assert_eq!(sent.len(), 5000);
        for (number, sent) in sent.iter().enumerate() {
            match sent {
                Ok(sent) => assert!(!is_lost(number) && sent.message_id == format!("m-{number}"), "{number}"),
                Err(error) => {
                    assert!(is_lost(number), "{number}: {error}");
                    assert_eq!(words(error), (Kind::Upstream, "there is no queue \"nowhere\" (NO_ROUTE)"));
                }
            }
        }
        let arrived = (0..5000).filter(|number| !is_lost(*number)).count() as u64;
        are_in(&broker, "in", arrived).await;
        let taken = broker.management().take("in", 5000).await;
        let numbers: Vec<usize> =
            taken.iter().map(|it| String::from_utf8_lossy(&it.body).parse().expect("a number")).collect();
        assert!(keys.contains("pool_size") || numbers.is_sorted(), "in their order");
    }
}

#[tokio::test]
async fn a_broker_that_does_not_answer_holds_nobody_up_longer_than_the_timeout() {
    let Some(broker) = Broker::shared("a_broker_that_does_not_answer_holds_nobody_up").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let proxy = FaultProxy::to(broker.address().parse().expect("an address")).await.expect("a free port");
    let url = broker.url().replace(broker.address(), &proxy.address().to_string());
    let app = started(&url, "    timeout: 500ms\n    max_in_flight: 10\n").await;
    send(&app, AmqpMessage::text("before")).await.expect("it answers");
    proxy.set(LinkFault::StallAfter(ToClient, 0)).await;
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for number in 0..30_u32 {
        let app = Arc::clone(&app);
        sending.spawn(async move { send(&app, AmqpMessage::text(number.to_string())).await });
    }
    let mut unsent = 0;
    while let Some(sent) = sending.join_next().await {
        let error = sent.expect("it doesn't panic").expect_err("nobody answers");
        assert_eq!(error.kind(), Kind::Timeout, "{error:?}");
        unsent += usize::from(error.message().starts_with("there was no place for it"));
    }
    assert!(begun.elapsed() < Duration::from_secs(2) + SLACK);
    assert_eq!(unsent, 20, "ten are on their way, the others were never sent");
    are_in(&broker, "in", 11).await;
}

#[tokio::test]
async fn who_waits_no_longer_for_a_place_sends_nothing() {
    let Some(broker) = Broker::shared("who_waits_no_longer_for_a_place_sends_nothing").await else { return };
    broker.management().declare_queue("in", json!({})).await;
    let proxy = FaultProxy::to(broker.address().parse().expect("an address")).await.expect("a free port");
    let url = broker.url().replace(broker.address(), &proxy.address().to_string());
    let app = started(&url, "    max_in_flight: 1\n").await;
    proxy.set(LinkFault::StallAfter(ToClient, 0)).await;
    let mut first = JoinSet::new();
    let sender = Arc::clone(&app);
    first.spawn(async move { send(&sender, AmqpMessage::text("first")).await });
    are_in(&broker, "in", 1).await;
    let dropped = tokio::time::timeout(Duration::from_millis(50), send(&app, AmqpMessage::text("dropped"))).await;
    assert!(dropped.is_err(), "the only place is taken");
    proxy.set(LinkFault::None).await;
    let first = first.join_next().await.expect("it is on its way").expect("it doesn't panic");
    first.expect("it is confirmed in the end");
    send(&app, AmqpMessage::text("last")).await.expect("there is a place again");
    let bodies: Vec<_> = broker.management().take("in", 5).await.into_iter().map(|it| it.body).collect();
    assert_eq!(bodies, [b"first".to_vec(), b"last".to_vec()]);
}
