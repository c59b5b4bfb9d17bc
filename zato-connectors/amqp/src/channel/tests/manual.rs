//! Services that settle their messages themselves.

use std::sync::Arc;

use lapin::BasicProperties;
use tokio::{
    sync::{Mutex, mpsc},
    time::{Duration, Instant, sleep},
};
use zato_core::{
    Error, Kind, Result,
    channel::Delivery,
    message::{Message, Reply},
};

use super::kit::{Kit, Notes, Serve, body, header, nothing, service, text};
use crate::Received;

/// Hands the body of each message to a function, with a mark from the second attempt on, and its delivery.
fn by_hand<F>(serve: impl Fn(String, Delivery) -> F + Clone + Send + Sync + 'static) -> Serve
where
    F: Future<Output = Result<Reply>> + Send + 'static,
{
    service(move |message: Message| {
        let attempt = message.head.extensions.get::<Arc<Received>>().map_or(0, |received| received.attempt());
        let body = format!("{}{}", body(&message), if attempt > 1 { "*" } else { "" });
        let delivery = message.take_delivery().expect("the channel hands one over");
        serve(body, delivery)
    })
}

fn kit(more: &str, serve: Serve) -> Kit {
    let kit = Kit::new();
    kit.apply([kit.wanted_by_hand("orders", more, serve)]);
    kit
}

#[tokio::test(start_paused = true)]
async fn each_verb_is_answered_when_the_broker_has_it() {
    let begun = Instant::now();
    let notes = Notes::default();
    let served = notes.clone();
    let kit = kit(
        "dead_letter: {routing_key: dead}",
        by_hand(move |body, delivery| {
            let served = served.clone();
            async move {
                let answer = match body.as_str() {
                    "requeue" => delivery.requeue().await,
                    "later" => delivery.requeue_after(Duration::from_secs(7)).await,
                    "reject" => delivery.reject().await,
                    "dead" => delivery.dead_letter("not\nan order").await,
                    _ => delivery.ack().await,
                };
                served.add(format!("{body} {} {}s", answer.is_ok(), begun.elapsed().as_secs()));
                nothing()
            }
        }),
    );
    kit.declare("dead");
    for body in ["ack", "requeue", "later", "reject", "dead"] {
        kit.publish(body);
    }
    kit.until("all settled", || notes.len() == 7).await;
    kit.settled().await;
    let mut seen = notes.all();
    seen.sort();
    let expected = ["ack", "dead", "later", "reject", "requeue", "requeue*"].map(|body| format!("{body} true 0s"));
    assert_eq!(
        seen,
        [&expected[..2], &["later true 0s".to_owned(), "later* true 7s".to_owned()], &expected[3..]].concat()
    );
    assert_eq!(header(&kit.only("dead"), "x-zato-error"), Some(text("not an order")));
    assert_eq!(header(&kit.only("dead"), "x-zato-error-kind"), Some(text("service")));
    assert_eq!(["acked", "requeued", "rejected", "dead_lettered"].map(|end| kit.count(end)), [3, 2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_was_dropped_is_settled_as_its_service_has_ended() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = kit(
        "retry_delay: 1s",
        by_hand(move |body, delivery| {
            served.add(body.as_str());
            async move {
                match body.as_str() {
                    "forgotten" => {
                        drop(delivery);
                        nothing()
                    }
                    "failed" => Err(Error::internal("x")),
                    "bad" => Err(Error::invalid_input("x")),
                    _ => delivery.ack().await.and_then(|()| nothing()),
                }
            }
        }),
    );
    for body in ["forgotten", "failed", "bad"] {
        kit.publish(body);
    }
    kit.until("all settled", || kit.count("acked") == 2).await;
    kit.settled().await;
    assert_eq!((kit.count("requeued"), kit.count("rejected"), notes.len()), (2, 1, 5));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_settled_later_frees_its_place_and_stays_in_the_window() {
    let (sender, receiver) = mpsc::channel(10);
    let kit = kit(
        "pool_size: 1, prefetch_count: 2",
        by_hand(move |_, delivery| {
            sender.try_send(delivery).unwrap();
            async { nothing() }
        }),
    );
    for _ in 0..3 {
        kit.publish("{}");
    }
    let receiver = Mutex::new(receiver);
    sleep(Duration::from_secs(1)).await;
    let (first, second) = {
        let mut receiver = receiver.lock().await;
        (receiver.recv().await.unwrap(), receiver.recv().await.unwrap())
    };
    assert_eq!((kit.broker.unsettled("orders"), kit.broker.queue_depth("orders")), (2, Some(1)));
    first.ack().await.unwrap();
    let third = receiver.lock().await.recv().await.unwrap();
    second.requeue().await.unwrap();
    drop(third);
    kit.until("given back", || kit.count("requeued") == 2).await;
    assert_eq!(kit.count("acked"), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_settles_what_can_not_be_settled_any_more_is_told() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = kit(
        "",
        by_hand(move |_, delivery| {
            let served = served.clone();
            async move {
                sleep(Duration::from_secs(10)).await;
                let answer = delivery.ack().await;
                served.add(answer.map_or_else(|error| error.kind().to_string(), |()| "acked".to_owned()));
                nothing()
            }
        }),
    );
    kit.publish_with("{}", BasicProperties::default());
    kit.until("in work", || kit.broker.unsettled("orders") == 1).await;
    kit.broker.close_connections("maintenance");
    kit.until("acked", || notes.len() == 2).await;
    assert_eq!(notes.all(), [Kind::Unavailable.as_str(), "acked"]);
    assert_eq!((kit.count("stale"), kit.count("acked")), (1, 1));
}
