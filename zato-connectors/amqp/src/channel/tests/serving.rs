//! What is taken in, how much of it at once, and when it is acknowledged.

use std::sync::Arc;

use lapin::BasicProperties;
use tokio::{
    sync::Semaphore,
    time::{Duration, sleep},
};
use zato_core::{
    Error,
    bytes::Bytes,
    connection::State,
    http::{HeaderMap, header},
    message::{ByteStream, Payload, Reply},
};

use super::kit::{Crowd, Kit, Notes, body, nothing, service, table, text};
use crate::{Received, reply::KIND_OF_ERROR};

#[tokio::test(start_paused = true)]
async fn a_message_is_acknowledged_when_its_service_has_returned_and_not_before() {
    let gate = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&gate);
    let kit = Kit::with(
        "",
        service(move |_| {
            let gate = Arc::clone(&waiting);
            async move {
                let _open = gate.acquire().await;
                nothing()
            }
        }),
    );
    kit.publish("{}");
    kit.until("in work", || kit.broker.unsettled("orders") == 1).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!((kit.broker.unsettled("orders"), kit.count("acked")), (1, 0));
    assert!(kit.metrics().contains("zato_channel_messages_in_work{section=\"channel_amqp\",channel=\"orders\"} 1\n"));
    gate.add_permits(1);
    kit.settled().await;
    assert_eq!((kit.broker.queue_depth("orders"), kit.count("acked")), (Some(0), 1));
    assert!(matches!(kit.state(), State::Up { .. }));
}

#[tokio::test(start_paused = true)]
async fn no_more_are_in_work_than_there_are_places_and_no_more_handed_over_than_is_configured() {
    let crowd = Crowd::default();
    let inside = crowd.clone();
    let kit = Kit::with(
        "pool_size: 3, prefetch_count: 5",
        service(move |_| {
            let inside = inside.clone();
            async move {
                inside.enter();
                sleep(Duration::from_secs(1)).await;
                inside.leave();
                nothing()
            }
        }),
    );
    for _ in 0..30 {
        kit.publish("{}");
    }
    kit.until("in work", || crowd.now() == 3).await;
    assert_eq!((kit.broker.unsettled("orders"), kit.broker.queue_depth("orders")), (5, Some(25)));
    kit.settled().await;
    assert_eq!((crowd.most(), kit.count("acked")), (3, 30));
}

#[tokio::test(start_paused = true)]
async fn the_window_is_never_smaller_than_the_pool() {
    let crowd = Crowd::default();
    let inside = crowd.clone();
    let kit = Kit::with(
        "pool_size: 4, prefetch_count: 1",
        service(move |_| {
            let inside = inside.clone();
            async move {
                inside.enter();
                sleep(Duration::from_secs(1)).await;
                inside.leave();
                nothing()
            }
        }),
    );
    for _ in 0..8 {
        kit.publish("{}");
    }
    kit.settled().await;
    assert_eq!(crowd.most(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_slow_channel_holds_no_other_one_up() {
    let kit = Kit::new();
    kit.declare("slow");
    let slow = service(|_| async {
        sleep(Duration::from_secs(600)).await;
        nothing()
    });
    let notes = Notes::default();
    let served = notes.clone();
    let fast = service(move |message| {
        served.add(body(&message));
        async { nothing() }
    });
    kit.apply([kit.wanted("slow", "pool_size: 1, prefetch_count: 10", slow), kit.wanted("orders", "", fast)]);
    for _ in 0..100 {
        kit.publish_to("slow", "{}", BasicProperties::default());
        kit.publish("{}");
    }
    kit.until("all served", || notes.len() == 100).await;
    assert_eq!((kit.broker.unsettled("slow"), kit.broker.queue_depth("slow")), (10, Some(90)));
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_with_what_amqp_says_of_it() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::with(
        "consumer_tag_prefix: bank",
        service(move |message| {
            let received = message.head.extensions.get::<Arc<Received>>().unwrap();
            let tag = received.consumer_tag().to_owned();
            served.add(format!(
                "{} {} {:?} {:?} {:?} {} {} {} {:?}",
                body(&message),
                message.head.cid,
                message.head.headers.get("tenant"),
                message.head.headers.get("content-type"),
                received.message_id(),
                received.queue(),
                received.routing_key(),
                received.attempt(),
                received.is_redelivered(),
            ));
            served.add(tag);
            async { nothing() }
        }),
    );
    let headers = table(&[("tenant", text("bank")), ("x-zato-cid", text("c1"))]);
    let properties = BasicProperties::default().with_message_id("m1".into()).with_content_type("text/plain".into());
    kit.publish_with("hello", properties.with_headers(headers));
    kit.settled().await;
    let [message, tag] = &notes.all()[..] else { panic!("{:?}", notes.all()) };
    assert_eq!(message, r#"hello c1 Some("bank") Some("text/plain") Some("m1") orders orders 1 false"#);
    assert!(tag.starts_with("bank."), "{tag}");
}

#[tokio::test(start_paused = true)]
async fn what_the_service_gives_is_the_reply_to_who_asks_for_one() {
    let kit = Kit::with(
        "",
        service(|message| async move {
            match body(&message).as_str() {
                "good" => {
                    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json".parse().unwrap())]);
                    Ok(Reply::new(Payload::from("{}")).with_headers(headers))
                }
                _ => Err(Error::invalid_input("not an order")),
            }
        }),
    );
    kit.declare("replies");
    let asked = || BasicProperties::default().with_reply_to("replies".into()).with_correlation_id("k1".into());
    kit.publish_with("good", asked());
    kit.settled().await;
    let (properties, reply) = kit.only("replies");
    let text = |property: &Option<lapin::types::ShortString>| property.as_ref().map(ToString::to_string);
    assert_eq!(reply, "{}");
    assert_eq!(text(properties.correlation_id()).as_deref(), Some("k1"));
    assert_eq!(text(properties.content_type()).as_deref(), Some("application/json"));
    kit.publish_with("bad", asked());
    kit.until("told", || kit.broker.queue_depth("replies") == Some(2)).await;
    kit.settled().await;
    let (properties, told) = kit.messages("replies").remove(1);
    assert_eq!(text(properties.kind()).as_deref(), Some(KIND_OF_ERROR));
    assert!(std::str::from_utf8(&told).unwrap().contains("not an order"));
    assert_eq!((kit.count("acked"), kit.count("rejected")), (1, 1));
    // Nobody is there any more to read it: that is no reason to serve the message again.
    kit.broker.delete_queue("replies");
    kit.publish_with("good", asked());
    kit.until("served", || kit.count("acked") == 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_a_bad_input_and_no_service_sees_it() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::with(
        "max_message_size: 4",
        service(move |message| {
            served.add(body(&message));
            async { nothing() }
        }),
    );
    kit.publish("five!");
    kit.publish("four");
    kit.until("both settled", || kit.count("acked") == 1 && kit.count("rejected") == 1).await;
    assert_eq!(notes.all(), ["four"]);
}

/// Gives a reply of four bytes, and notes that it did.
fn giving(notes: &Notes) -> super::kit::Serve {
    let notes = notes.clone();
    service(move |message| {
        notes.add(body(&message));
        async { Ok(Reply::new(Payload::from("done"))) }
    })
}

fn asked() -> BasicProperties {
    BasicProperties::default().with_reply_to("replies".into()).with_correlation_id("k1".into())
}

#[tokio::test(start_paused = true)]
async fn a_service_is_not_called_again_for_a_reply_that_can_not_be_sent_yet() {
    let notes = Notes::default();
    let kit = Kit::with("retry_delay: 1s", giving(&notes));
    kit.declare("replies");
    kit.consuming("orders").await;
    kit.publish_with("{}", asked());
    kit.broker.block("low on memory");
    sleep(Duration::from_secs(25)).await;
    assert_eq!((notes.len(), kit.broker.unsettled("orders")), (1, 1), "the message is held");
    kit.broker.unblock();
    kit.until("served", || kit.count("acked") == 1).await;
    assert_eq!((notes.len(), kit.only("replies").1.as_ref()), (1, b"done".as_slice()));
    assert!(kit.metrics().contains("zato_channel_lost_replies_total{section=\"channel_amqp\",channel=\"orders\"} 0\n"));
}

#[tokio::test(start_paused = true)]
async fn a_message_counts_as_served_when_its_reply_can_not_be_sent_at_all() {
    let notes = Notes::default();
    let kit = Kit::with("retry_delay: 1s", giving(&notes));
    kit.declare("replies");
    kit.consuming("orders").await;
    kit.publish_with("{}", asked());
    kit.broker.block("low on memory");
    kit.until("served", || kit.count("acked") == 1).await;
    assert_eq!((notes.len(), kit.count("requeued")), (1, 0));
    assert!(kit.metrics().contains("zato_channel_lost_replies_total{section=\"channel_amqp\",channel=\"orders\"} 1\n"));
}

#[tokio::test(start_paused = true)]
async fn a_streamed_reply_that_is_too_large_is_told_and_its_message_counts_as_served() {
    let kit = Kit::with(
        "max_message_size: 4",
        service(|_| async {
            let pieces = ["12", "345"].map(|piece| Ok(Bytes::from(piece)));
            Ok(Reply::new(Payload::from(ByteStream::new(futures_util::stream::iter(pieces)))))
        }),
    );
    kit.declare("replies");
    kit.publish_with("{}", asked());
    kit.until("served", || kit.count("acked") == 1).await;
    let (properties, told) = kit.only("replies");
    assert_eq!(properties.kind().as_ref().map(ToString::to_string).as_deref(), Some(KIND_OF_ERROR));
    let told = String::from_utf8(told.to_vec()).unwrap();
    assert!(told.contains("the request was served, and its reply can't be sent"), "{told}");
    assert_eq!(kit.count("rejected"), 0);
}
