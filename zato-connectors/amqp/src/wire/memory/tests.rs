//! What the broker in memory does beyond the contract: what a test does to it.

use std::{sync::Arc, time::Duration};

use ::lapin::{BasicProperties, types::FieldTable};
use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::time;

use super::Broker;
use crate::wire::{
    self, Channel, Code, Confirmed, Connection, Delivered, Deliveries, Event, Publication, Queue, Scope, Subscription,
};

fn queue(name: &str) -> Queue {
    let arguments = FieldTable::default();
    Queue { name: name.to_owned(), is_durable: true, is_exclusive: false, is_auto_delete: false, arguments }
}

fn message(key: &str, body: &str) -> Publication {
    Publication {
        exchange: String::new(),
        routing_key: key.to_owned(),
        is_mandatory: true,
        properties: BasicProperties::default(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

async fn connected(broker: &Broker) -> (Connection, Channel) {
    broker.declare_queue(&queue("q")).unwrap();
    let connection = broker.connect().await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    channel.confirm().await.unwrap();
    (connection, channel)
}

async fn consume(channel: &Channel) -> Deliveries {
    channel.consume(&Subscription { queue: "q".to_owned(), ..Subscription::default() }).await.unwrap()
}

async fn next(deliveries: &mut Deliveries) -> Delivered {
    time::timeout(Duration::from_secs(1), deliveries.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn closed_by_an_operator() {
    let broker = Broker::new();
    let (connection, channel) = connected(&broker).await;
    broker.publish(message("q", "1")).unwrap();
    let mut deliveries = consume(&channel).await;
    next(&mut deliveries).await;
    assert_eq!((broker.connections(), broker.unsettled("q"), broker.consumers("q")), (1, 1, 1));
    broker.close_connections("Closed via management plugin");
    let Event::Lost(error) = connection.event().await else { panic!("no end") };
    assert_eq!((error.scope, error.code), (Scope::Connection, Some(Code::ConnectionForced)));
    assert_eq!(error.message, "CONNECTION_FORCED - Closed via management plugin");
    assert_eq!(deliveries.next().await.unwrap().unwrap_err().message, error.message);
    assert!(deliveries.next().await.is_none());
    assert!(!channel.is_open());
    assert_eq!(channel.publish(message("q", "2")).await.unwrap_err().message, "the channel to the broker is closed");
    assert_eq!((broker.connections(), broker.unsettled("q"), broker.consumers("q")), (0, 0, 0));
    assert!(broker.messages("q")[0].is_redelivered);
    broker.refuse_connections(true);
    assert_eq!(broker.connect().await.unwrap_err().message, "connection refused");
    broker.refuse_connections(false);
    broker.connect().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn restarted() {
    let broker = Broker::new();
    let (_connection, channel) = connected(&broker).await;
    channel.declare_queue(&Queue { is_durable: false, ..queue("transient") }).await.unwrap();
    channel.bind_queue("q", "amq.fanout", "", &FieldTable::default()).await.unwrap();
    for (body, delivery_mode) in [("1", 2), ("2", 1), ("3", 2)] {
        let properties = BasicProperties::default().with_delivery_mode(delivery_mode);
        let publication = Publication { exchange: "amq.fanout".to_owned(), properties, ..message("", body) };
        channel.publish(publication).await.unwrap();
    }
    let mut deliveries = consume(&channel).await;
    next(&mut deliveries).await;
    broker.restart();
    assert!(!channel.is_open());
    assert_eq!(broker.queue_depth("transient"), None);
    let waiting = broker.messages("q");
    assert_eq!(waiting.iter().map(|message| &message.body[..]).collect::<Vec<_>>(), [b"1", b"3"]);
    // Bindings last.
    let exchange = "amq.fanout".to_owned();
    assert!(broker.publish(Publication { exchange, ..message("", "4") }).unwrap());
}

#[tokio::test(start_paused = true)]
async fn blocked() {
    let broker = Broker::new();
    let (publishing, channel) = connected(&broker).await;
    let (consuming, other) = connected(&broker).await;
    channel.publish(message("q", "1")).await.unwrap();
    broker.block("low on memory");
    // Who publishes nothing is not told.
    assert!(publishing.event().now_or_never().is_none());
    let mut waiting = Box::pin(channel.publish(message("q", "2")));
    let mut looking = Box::pin(channel.check_queue("q"));
    assert!(waiting.as_mut().now_or_never().is_none());
    let Event::Blocked(reason) = publishing.event().await else { panic!("not told") };
    assert_eq!(reason, "low on memory");
    assert!(looking.as_mut().now_or_never().is_none());
    // Who publishes nothing is not held up.
    let mut deliveries = consume(&other).await;
    let one = next(&mut deliveries).await;
    other.ack(one.tag).await.unwrap();
    assert!(consuming.event().now_or_never().is_none());
    broker.unblock();
    assert!(matches!(publishing.event().await, Event::Unblocked));
    assert!(matches!(waiting.await.unwrap(), Confirmed::Ack(None)));
    assert_eq!(looking.await.unwrap().consumers, 1);
    assert_eq!(next(&mut deliveries).await.body, "2");
}

#[tokio::test(start_paused = true)]
async fn paused() {
    let broker = Broker::new();
    let (connection, channel) = connected(&broker).await;
    let mut deliveries = consume(&channel).await;
    channel.publish(message("q", "1")).await.unwrap();
    let one = next(&mut deliveries).await;
    broker.pause();
    // What is settled is on its way, and what was published is sent, whether or not anybody waits for it.
    channel.ack(one.tag).await.unwrap();
    assert!(channel.publish(message("q", "2")).now_or_never().is_none());
    let mut waiting = Box::pin(channel.publish(message("q", "3")));
    let mut connecting = Box::pin(broker.connect());
    assert!(waiting.as_mut().now_or_never().is_none());
    assert!(connecting.as_mut().now_or_never().is_none());
    assert_eq!(connection.close().await.unwrap_err().message, "the broker did not answer a goodbye");
    assert_eq!((broker.queue_depth("q"), broker.unsettled("q")), (Some(0), 1));
    broker.resume();
    connecting.await.unwrap();
    // The goodbye came after them, and was said by then.
    assert!(matches!(waiting.await.unwrap(), Confirmed::Ack(None)));
    assert_eq!((broker.queue_depth("q"), broker.unsettled("q")), (Some(2), 0));
    assert!(matches!(connection.event().await, Event::Lost(_)));
}

#[tokio::test(start_paused = true)]
async fn lost_while_paused() {
    let broker = Broker::new();
    let (_connection, channel) = connected(&broker).await;
    broker.pause();
    let mut waiting = Box::pin(channel.publish(message("q", "1")));
    assert!(waiting.as_mut().now_or_never().is_none());
    broker.close_connections("gone");
    assert_eq!(waiting.await.unwrap_err().message, "CONNECTION_FORCED - gone");
    broker.resume();
    assert_eq!(broker.queue_depth("q"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn cancelled_by_the_broker() {
    let broker = Broker::new();
    let (_connection, channel) = connected(&broker).await;
    let mut deliveries = consume(&channel).await;
    broker.publish(message("q", "1")).unwrap();
    broker.cancel_consumers("q");
    // What has arrived can be settled still.
    let one = next(&mut deliveries).await;
    assert!(deliveries.next().await.is_none());
    assert!(channel.is_open());
    channel.ack(one.tag).await.unwrap();
    let mut deliveries = consume(&channel).await;
    broker.publish(message("q", "2")).unwrap();
    let two = next(&mut deliveries).await;
    assert!(broker.delete_queue("q"));
    assert!(!broker.delete_queue("q"));
    assert!(deliveries.next().await.is_none());
    channel.nack(two.tag, true).await.unwrap();
    assert!(channel.is_open());
}

#[tokio::test(start_paused = true)]
async fn refused_messages() {
    let broker = Broker::new();
    let (_connection, channel) = connected(&broker).await;
    broker.nack_next(1);
    assert!(matches!(channel.publish(message("q", "1")).await.unwrap(), Confirmed::Nack(None)));
    assert!(matches!(channel.publish(message("q", "2")).await.unwrap(), Confirmed::Ack(None)));
    assert_eq!(broker.queue_depth("q"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn waited_for() {
    let broker = Broker::new();
    let (_connection, channel) = connected(&broker).await;
    broker.publish(message("q", "1")).unwrap();
    // Nobody is there to deal with it.
    broker.settled().await;
    let mut deliveries = consume(&channel).await;
    let one = next(&mut deliveries).await;
    let mut settled = Box::pin(broker.settled());
    assert!(settled.as_mut().now_or_never().is_none());
    assert_eq!(broker.left(), "\"q\" has 0 waiting and 1 with 1 consumers");
    channel.ack(one.tag).await.unwrap();
    settled.await;
}

/// Nothing is kept of a broker that nobody has any more, its clock included.
#[tokio::test]
async fn forgotten() {
    let broker = Broker::new();
    let shared = Arc::downgrade(&broker.0);
    let (connection, channel) = connected(&broker).await;
    let deliveries = consume(&channel).await;
    drop((broker, connection, channel, deliveries));
    let gone = async {
        while shared.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    };
    time::timeout(Duration::from_secs(5), gone).await.unwrap();
}

/// A queue of `quorum` keeps everything.
#[tokio::test(start_paused = true)]
async fn quorum_queues_last() {
    let broker = Broker::new();
    let mut quorum = queue("quorum");
    quorum.arguments.insert("x-queue-type".into(), ::lapin::types::AMQPValue::LongString("quorum".into()));
    broker.declare_queue(&quorum).unwrap();
    broker.publish(message("quorum", "1")).unwrap();
    broker.restart();
    assert_eq!(broker.queue_depth("quorum"), Some(1));
    let told = broker.declare_exchange(&wire::Exchange {
        name: "amq.fanout".to_owned(),
        kind: "direct".to_owned(),
        is_durable: true,
        is_auto_delete: false,
        is_internal: false,
        arguments: FieldTable::default(),
    });
    let words =
        "inequivalent arg 'type' for exchange 'amq.fanout' in vhost '/': received 'direct' but current is 'fanout'";
    assert_eq!(told.unwrap_err().message, format!("PRECONDITION_FAILED - {words}"));
}
