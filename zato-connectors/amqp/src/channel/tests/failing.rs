//! What becomes of messages that were not served.

use std::sync::Arc;

use lapin::{BasicProperties, types::AMQPValue};
use tokio::time::{Duration, Instant};
use zato_core::{Error, Result, layer::limit::NotBegun, message::Reply, testing};

use super::kit::{Kit, Notes, Serve, body, header, nothing, service, table, text};
use crate::Received;

/// Notes the seconds since the beginning, the attempt and where the message was published at first, and fails.
fn failing(notes: &Notes, error: impl Fn() -> Result<Reply> + Send + Sync + 'static) -> Serve {
    let (notes, begun, error) = (notes.clone(), Instant::now(), Arc::new(error));
    service(move |message| {
        let received = message.head.extensions.get::<Arc<Received>>().unwrap();
        let seconds = begun.elapsed().as_secs();
        notes.add(format!("{seconds}s {} {}/{}", received.attempt(), received.exchange(), received.routing_key()));
        let result = error();
        async move { result }
    })
}

fn internal() -> Result<Reply> {
    Err(Error::internal("the database is away: password=hunter2"))
}

#[tokio::test(start_paused = true)]
async fn a_failed_message_comes_again_after_its_delays_until_it_is_given_up() {
    let notes = Notes::default();
    let more = "retry_delay: [1s, 10s], max_attempts: 4, dead_letter: {routing_key: dead}";
    let kit = Kit::with(more, failing(&notes, internal));
    kit.declare("dead");
    let headers = table(&[("tenant", text("bank")), ("x-zato-cid", text("c1"))]);
    kit.publish_with("{}", BasicProperties::default().with_message_id("m1".into()).with_headers(headers));
    kit.until("given up", || kit.broker.queue_depth("dead") == Some(1)).await;
    kit.settled().await;
    assert_eq!(notes.all(), ["0s 1 /orders", "1s 2 /orders", "11s 3 /orders", "21s 4 /orders"]);
    let dead = kit.only("dead");
    assert_eq!(dead.0.message_id().as_ref().map(ToString::to_string).as_deref(), Some("m1"));
    for (name, value) in [
        ("tenant", "bank"),
        ("x-zato-cid", "c1"),
        ("x-zato-error", "an error has occurred"),
        ("x-zato-error-kind", "internal"),
        ("x-zato-channel", "orders"),
        ("x-zato-service", "made.up"),
        ("x-zato-queue", "orders"),
        ("x-zato-first-exchange", ""),
        ("x-zato-first-routing-key", "orders"),
        ("x-zato-failed-at", "2026-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(header(&dead, name), Some(text(value)), "{name}");
    }
    assert_eq!(header(&dead, "x-zato-attempts"), Some(AMQPValue::LongLongInt(4)));
    assert_eq!((kit.count("requeued"), kit.count("dead_lettered")), (3, 1));
    assert_eq!(kit.broker.queue_depth("orders.retry.1000"), Some(0), "there is one queue for each delay");
    assert_eq!(kit.broker.queue_depth("orders.retry.10000"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_nothing_brings_a_message_back_at_once() {
    let notes = Notes::default();
    let kit = Kit::with("retry_delay: 0, max_attempts: 3", failing(&notes, internal));
    kit.publish("{}");
    kit.until("given up", || kit.count("rejected") == 1).await;
    kit.settled().await;
    assert_eq!(notes.all(), ["0s 1 /orders", "0s 2 /orders", "0s 3 /orders"]);
    assert_eq!(kit.broker.queue_depth("orders"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_bad_input_never_comes_again() {
    let logs = testing::capture_logs();
    let notes = Notes::default();
    let kit = Kit::with("", failing(&notes, || Err(Error::invalid_input("not an order"))));
    kit.publish_with("{}", BasicProperties::default().with_message_id("m1".into()));
    kit.until("rejected", || kit.count("rejected") == 1).await;
    kit.settled().await;
    assert_eq!(notes.len(), 1);
    let lines = logs.events();
    let line = lines.iter().find(|line| line.message == "a message is rejected").expect("an operator is told");
    assert_eq!(line.level, tracing::Level::ERROR);
    for (name, value) in [("message_id", "m1"), ("bytes", "2"), ("error", "not an order"), ("channel", "orders")] {
        assert_eq!(line.fields.get(name).map(String::as_str), Some(value), "{name} of {line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_dead_letters_have_no_queue_is_not_lost() {
    let notes = Notes::default();
    let more = "dead_letter: {routing_key: dead}, retry_delay: 1s";
    let kit = Kit::with(more, failing(&notes, || Err(Error::invalid_input("not an order"))));
    kit.publish("{}");
    kit.until("tried again", || notes.len() == 3).await;
    assert_eq!(kit.count("dead_lettered"), 0);
    kit.declare("dead");
    kit.until("given up", || kit.broker.queue_depth("dead") == Some(1)).await;
    kit.settled().await;
    assert_eq!(kit.broker.queue_depth("orders"), Some(0));
    assert_eq!(kit.count("dead_lettered"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_put_where_it_waits_is_given_back_later_and_marked_redelivered() {
    let notes = Notes::default();
    let served = notes.clone();
    let begun = Instant::now();
    let kit = Kit::with(
        "retry_delay: 3s",
        service(move |message| {
            let received = message.head.extensions.get::<Arc<Received>>().unwrap();
            served.add(format!("{}s {}", begun.elapsed().as_secs(), received.is_redelivered()));
            let is_first = served.len() == 1;
            async move { if is_first { internal() } else { nothing() } }
        }),
    );
    kit.publish("{}");
    kit.broker.nack_next(1);
    kit.until("served", || kit.count("acked") == 1).await;
    assert_eq!(notes.all(), ["0s false", "3s true"]);
    assert!(
        kit.metrics()
            .contains("zato_channel_redelivered_messages_total{section=\"channel_amqp\",channel=\"orders\"} 1\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_no_messages_keeps_what_failed() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::with(
        "retry_delay: 1s",
        service(move |message| {
            served.add(body(&message));
            let is_first = served.len() == 1;
            async move { if is_first { internal() } else { nothing() } }
        }),
    );
    kit.consuming("orders").await;
    kit.publish("{}");
    kit.broker.block("low on memory");
    kit.until("tried", || notes.len() == 1).await;
    kit.until("tried again", || notes.len() == 2).await;
    kit.until("served", || kit.count("acked") == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_ends_the_process_again_and_again_is_given_up_unserved() {
    let notes = Notes::default();
    let kit = Kit::with("max_attempts: 3, dead_letter: {routing_key: dead}", failing(&notes, internal));
    kit.declare("dead");
    // As the broker counts it, with quorum queues.
    let counted = |count| {
        let headers = table(&[("x-delivery-count", AMQPValue::LongInt(count))]);
        BasicProperties::default().with_headers(headers)
    };
    kit.publish_with("poison", counted(20));
    kit.until("given up", || kit.broker.queue_depth("dead") == Some(1)).await;
    assert_eq!(notes.len(), 0);
    assert_eq!(header(&kit.only("dead"), "x-zato-error-kind"), Some(text("exhausted")));
}

#[tokio::test(start_paused = true)]
async fn what_was_only_handed_over_when_a_connection_ended_was_not_tried() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::new();
    kit.declare_with("jobs", &[("x-queue-type", text("quorum"))]);
    kit.declare("dead");
    let slow = service(move |message| {
        let received = message.head.extensions.get::<Arc<Received>>().unwrap();
        let (served, note) = (served.clone(), format!("{} {}", received.attempt(), received.delivery_count()));
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            served.add(note);
            nothing()
        }
    });
    let more = "pool_size: 1, max_attempts: 1, dead_letter: {routing_key: dead}";
    kit.apply([kit.wanted("jobs", more, slow)]);
    for _ in 0..5 {
        kit.publish_to("jobs", "{}", BasicProperties::default());
    }
    for _ in 0..3 {
        kit.until("handed over", || kit.broker.unsettled("jobs") == 5).await;
        kit.broker.close_connections("maintenance");
        kit.until("given back", || kit.broker.unsettled("jobs") == 0).await;
    }
    kit.until("all served", || notes.len() >= 5 && kit.broker.is_settled()).await;
    assert_eq!(kit.broker.queue_depth("dead"), Some(0));
    let all = notes.all();
    assert_eq!(all.iter().filter(|note| *note == "1 3").count(), 5, "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_or_rejected_by_policy_is_gone() {
    let notes = Notes::default();
    let kit = Kit::with("on_error: ack", failing(&notes, internal));
    kit.publish("{}");
    kit.until("dropped", || kit.count("dropped") == 1).await;
    kit.settled().await;
    let kit = Kit::with("ack_mode: reject", service(|_| async { nothing() }));
    kit.publish("{}");
    kit.until("rejected", || kit.count("rejected") == 1).await;
    kit.settled().await;
    assert_eq!(kit.broker.queue_depth("orders"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn two_copies_of_one_message_id_are_both_kept() {
    let notes = Notes::default();
    let kit =
        Kit::with("retry_delay: 1s, max_attempts: 2, dead_letter: {routing_key: dead}", failing(&notes, internal));
    kit.declare("dead");
    for _ in 0..2 {
        kit.publish_with("{}", BasicProperties::default().with_message_id("twice".into()));
    }
    kit.until("given up", || kit.broker.queue_depth("dead") == Some(2)).await;
    kit.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_waiting_queue_that_somebody_has_deleted_is_made_again() {
    let notes = Notes::default();
    let kit = Kit::with("retry_delay: 1s", failing(&notes, internal));
    kit.publish("{}");
    kit.until("tried again", || notes.len() == 2).await;
    kit.until("waiting", || kit.broker.queue_depth("orders.retry.1000") == Some(1)).await;
    tokio::time::sleep(Duration::from_millis(990)).await;
    kit.until("in work", || kit.broker.queue_depth("orders.retry.1000") == Some(0)).await;
    kit.broker.delete_queue("orders.retry.1000");
    let so_far = notes.len();
    kit.until("tried again", || notes.len() >= so_far + 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_can_not_be_made_has_its_own_pauses_however_many_messages_fail() {
    let notes = Notes::default();
    let kit = Kit::with("pool_size: 1, retry_delay: 1s", failing(&notes, internal));
    kit.consuming("orders").await;
    kit.broker.refuse_connections(true);
    kit.publish("{}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(notes.len() > 55, "{}", notes.len());
    let (_, failures) = kit.publishing();
    // Half of each pause is random: of the longest, there are forty in a minute at the most.
    assert!((5..45).contains(&failures), "{failures}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_somebody_puts_back_begins_anew() {
    let notes = Notes::default();
    let kit = Kit::with("retry_delay: 0, max_attempts: 2, dead_letter: {routing_key: dead}", failing(&notes, internal));
    kit.declare("dead");
    kit.publish("{}");
    kit.until("given up", || kit.broker.queue_depth("dead") == Some(1)).await;
    let (properties, _) = kit.only("dead");
    kit.publish_with("{}", properties);
    kit.until("given up again", || kit.broker.queue_depth("dead") == Some(2)).await;
    assert_eq!(notes.all(), ["0s 1 /orders", "0s 2 /orders", "0s 1 /orders", "0s 2 /orders"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_never_begun_with_since_all_were_busy_was_not_tried() {
    for takes_delivery in [false, true] {
        let notes = Notes::default();
        let served = notes.clone();
        let busy = service(move |message| {
            let received = message.head.extensions.get::<Arc<Received>>().unwrap();
            served.add(received.attempt().to_string());
            let is_busy = served.len() < 15;
            async move {
                if is_busy {
                    return Err(Error::unavailable("too many requests are in work").with_source(NotBegun));
                }
                if let Some(delivery) = message.take_delivery() {
                    delivery.ack().await?;
                }
                nothing()
            }
        });
        let (kit, more) = (Kit::new(), "max_attempts: 1, pool_size: 1, dead_letter: {routing_key: dead}");
        kit.declare("dead");
        kit.apply([match takes_delivery {
            true => kit.wanted_by_hand("orders", more, busy),
            false => kit.wanted("orders", more, busy),
        }]);
        kit.publish("{}");
        kit.until("served", || kit.count("acked") == 1).await;
        assert_eq!(notes.all(), vec!["1"; 15]);
        assert_eq!((kit.count("requeued"), kit.broker.queue_depth("dead")), (0, Some(0)));
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_panics_gives_its_message_back() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::with(
        "retry_delay: 1s, pool_size: 1",
        service(move |message| {
            served.add(body(&message));
            let is_first = served.len() == 1;
            async move {
                assert!(!is_first, "told to");
                nothing()
            }
        }),
    );
    kit.publish("{}");
    kit.until("served", || kit.count("acked") == 1).await;
    kit.settled().await;
    assert_eq!((notes.len(), kit.count("requeued"), kit.status().reconnects), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_headers_fit_into_no_frame_goes_without_those_of_who_sent_the_message() {
    let notes = Notes::default();
    let kit =
        Kit::with("retry_delay: 1s, max_attempts: 2, dead_letter: {routing_key: dead}", failing(&notes, internal));
    kit.declare("dead");
    let headers = table(&[("tenant", text("bank")), ("note", text(&"x".repeat(131_000)))]);
    kit.publish_with("{}", BasicProperties::default().with_message_id("m1".into()).with_headers(headers));
    kit.until("given up", || kit.broker.queue_depth("dead") == Some(1)).await;
    assert_eq!(notes.all(), ["0s 1 /orders", "1s 2 /orders"]);
    let dead = kit.only("dead");
    assert_eq!(header(&dead, "x-zato-headers-dropped"), Some(AMQPValue::Boolean(true)));
    assert_eq!((header(&dead, "tenant"), header(&dead, "x-zato-attempts")), (None, Some(AMQPValue::LongLongInt(2))));
}
