use super::*;
use crate::wire::Event;

pub(super) async fn closed_channels(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let q = unique("q");
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    publish(&channel, message("", &q, "1")).await;
    let mut deliveries = consume(&channel, &q).await;
    depth(&channel, &q, 0).await;
    assert!(channel.is_open());
    soon(channel.close()).await.unwrap();
    assert!(!channel.is_open());
    // What had arrived is still there, though it is somebody else's by now.
    assert_eq!(body(&next(&mut deliveries).await), "1");
    assert!(soon(deliveries.next()).await.is_none());
    let closed = (Scope::Channel, None, "the channel to the broker is closed".to_owned());
    assert_eq!(fault(soon(channel.publish(message("", &q, "1"))).await), closed);
    assert_eq!(fault(soon(channel.ack(1)).await), closed);
    assert_eq!(fault(soon(channel.close()).await), closed);
    publish(&peer.channel(&connection).await, message("", &q, "2")).await;
}

pub(super) async fn closed_connections(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let q = unique("q");
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    let mut deliveries = consume(&channel, &q).await;
    soon(connection.close()).await.unwrap();
    let Event::Lost(error) = soon(connection.event()).await else { panic!("no end") };
    assert_eq!((error.scope, error.code), (Scope::Connection, None));
    let Event::Lost(_) = soon(connection.event()).await else { panic!("no end") };
    while let Some(next) = soon(deliveries.next()).await {
        assert!(next.is_err(), "{next:?}");
    }
    assert!(!channel.is_open());
    gone(&connection, &channel).await;
}

pub(super) async fn dropped_connections(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let q = unique("q");
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    let mut deliveries = consume(&channel, &q).await;
    drop(connection);
    while let Some(next) = soon(deliveries.next()).await {
        assert!(next.is_err(), "{next:?}");
    }
    end_of(&channel).await;
    assert_eq!(fault(soon(channel.publish(message("", &q, "1"))).await).0, Scope::Channel);
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let nobody = async {
        while channel.check_queue(&q).await.unwrap().consumers > 0 {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(nobody).await;
}

/// What has ended one channel is nothing to the connection, and what ends the connection is told with the broker's words.
pub(super) async fn events(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    assert!(soon(channel.check_queue(&unique("q"))).await.is_err());
    end_of(&channel).await;
    let event = time::timeout(QUIET, connection.event()).await;
    assert!(event.is_err(), "{event:?}");
    let channel = peer.channel(&connection).await;
    let q = unique("q");
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    let mut deliveries = consume(&channel, &q).await;
    let unknown = exchange(&unique("e"), "x-none");
    let told = fault(soon(channel.declare_exchange(&unknown)).await);
    assert_eq!((told.0, told.1), (Scope::Connection, Some(Code::Other(503))));
    for _ in 0..2 {
        let Event::Lost(error) = soon(connection.event()).await else { panic!("no end") };
        assert_eq!(error.scope, Scope::Connection);
    }
    assert_eq!(fault(soon(deliveries.next()).await.expect("a fault")), told);
    assert!(soon(deliveries.next()).await.is_none());
    gone(&connection, &channel).await;
}

/// What is said of a connection that has ended, and of its channels.
async fn gone(connection: &Connection, channel: &Channel) {
    let closed = (Scope::Channel, None, "the channel to the broker is closed".to_owned());
    assert_eq!(fault(soon(channel.publish(message("", "q", "1"))).await), closed);
    assert_eq!(fault(soon(channel.check_queue("q")).await), closed);
    assert_eq!(fault(soon(channel.ack(1)).await), closed);
    assert_eq!(fault(soon(channel.close()).await), closed);
    let closed = (Scope::Connection, None, "the connection to the broker is closed".to_owned());
    assert_eq!(fault(soon(connection.open_channel()).await.map(drop)), closed);
    assert_eq!(fault(soon(connection.close()).await), closed);
}
