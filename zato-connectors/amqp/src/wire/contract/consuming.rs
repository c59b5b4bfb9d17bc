use super::*;

async fn filled(peer: &Peer, connection: &Connection, wanted: Queue, bodies: &[&str]) -> (Channel, String) {
    let channel = peer.channel(connection).await;
    let name = wanted.name.clone();
    soon(channel.declare_queue(&wanted)).await.unwrap();
    for body in bodies {
        publish(&channel, message("", &name, body)).await;
    }
    (channel, name)
}

pub(super) async fn acknowledgements(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["a", "b", "c"]).await;
    let mut deliveries = consume(&channel, &q).await;
    let mut tags = Vec::new();
    for expected in ["a", "b", "c"] {
        let delivered = next(&mut deliveries).await;
        assert_eq!((body(&delivered), delivered.is_redelivered), (expected, false));
        tags.push(delivered.tag);
    }
    assert_eq!(tags, [1, 2, 3]);
    for tag in tags.into_iter().rev() {
        soon(channel.ack(tag)).await.unwrap();
    }
    soon(channel.close()).await.unwrap();
    let channel = peer.channel(&connection).await;
    let state = soon(channel.check_queue(&q)).await.unwrap();
    assert_eq!((state.messages, state.consumers), (0, 0));
}

pub(super) async fn prefetch(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1", "2", "3", "4"]).await;
    soon(channel.prefetch(2)).await.unwrap();
    let mut first = consume(&channel, &q).await;
    // It holds for who starts from now on, and for each alone.
    soon(channel.prefetch(1)).await.unwrap();
    let mut second = consume(&channel, &q).await;
    let one = next(&mut first).await;
    assert_eq!([body(&one), body(&next(&mut first).await)], ["1", "2"]);
    assert_eq!(body(&next(&mut second).await), "3");
    nothing(&mut first).await;
    nothing(&mut second).await;
    depth(&channel, &q, 1).await;
    soon(channel.ack(one.tag)).await.unwrap();
    assert_eq!(body(&next(&mut first).await), "4");
}

pub(super) async fn turns(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &[]).await;
    let mut consumers = [consume(&channel, &q).await, consume(&channel, &q).await, consume(&channel, &q).await];
    for body in ["1", "2", "3", "4", "5", "6"] {
        publish(&channel, message("", &q, body)).await;
    }
    for (consumer, expected) in consumers.iter_mut().zip([["1", "4"], ["2", "5"], ["3", "6"]]) {
        assert_eq!([body(&next(consumer).await), body(&next(consumer).await)], expected);
    }
}

pub(super) async fn back_to_the_old_place(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1", "2", "3", "4"]).await;
    soon(channel.prefetch(2)).await.unwrap();
    let mut deliveries = consume(&channel, &q).await;
    let (one, two) = (next(&mut deliveries).await, next(&mut deliveries).await);
    soon(channel.cancel(&deliveries.tag())).await.unwrap();
    soon(channel.nack(two.tag, true)).await.unwrap();
    soon(channel.nack(one.tag, true)).await.unwrap();
    depth(&channel, &q, 4).await;
    let mut deliveries = consume(&channel, &q).await;
    let mut again = Vec::new();
    for expected in 5_u64.. {
        let Some(delivered) = time::timeout(QUIET, deliveries.next()).await.ok().flatten() else { break };
        let delivered = delivered.unwrap();
        assert_eq!(delivered.tag, expected - 2);
        soon(channel.ack(delivered.tag)).await.unwrap();
        again.push((body(&delivered).to_owned(), delivered.is_redelivered));
    }
    let expected = [("1", true), ("2", true), ("3", false), ("4", false)];
    assert_eq!(again, expected.map(|(body, is)| (body.to_owned(), is)));
}

pub(super) async fn back_by_a_closed_channel(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1", "2", "3"]).await;
    let mut deliveries = consume(&channel, &q).await;
    assert_eq!(body(&next(&mut deliveries).await), "1");
    let two = next(&mut deliveries).await;
    soon(channel.ack(two.tag)).await.unwrap();
    soon(channel.close()).await.unwrap();
    let channel = peer.channel(&connection).await;
    let mut deliveries = consume(&channel, &q).await;
    for expected in ["1", "3"] {
        let delivered = next(&mut deliveries).await;
        assert_eq!((body(&delivered), delivered.is_redelivered), (expected, true));
    }
    // The last clone closes it, too.
    drop((deliveries, channel));
    let channel = peer.channel(&connection).await;
    depth(&channel, &q, 2).await;
}

pub(super) async fn back_by_a_lost_connection(peer: &Peer) {
    let (connection, other) = (peer.connect().await, peer.connect().await);
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1", "2"]).await;
    let mut deliveries = consume(&channel, &q).await;
    assert_eq!(body(&next(&mut deliveries).await), "1");
    drop(connection);
    let channel = peer.channel(&other).await;
    let mut deliveries = consume(&channel, &q).await;
    for expected in ["1", "2"] {
        let delivered = next(&mut deliveries).await;
        assert_eq!((body(&delivered), delivered.is_redelivered), (expected, true));
    }
}

pub(super) async fn unknown_tags(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1", "2"]).await;
    let other = peer.channel(&connection).await;
    let mut deliveries = consume(&channel, &q).await;
    let (one, _) = (next(&mut deliveries).await, next(&mut deliveries).await);
    soon(channel.ack(one.tag)).await.unwrap();
    soon(channel.ack(one.tag)).await.unwrap();
    let told = refused(Code::PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 1");
    assert_eq!(fault(soon(deliveries.next()).await.expect("a fault")), told);
    assert!(soon(deliveries.next()).await.is_none());
    end_of(&channel).await;
    assert_eq!(fault(soon(channel.ack(2)).await).0, Scope::Channel);
    // What it had goes back, and others go on.
    let mut deliveries = consume(&other, &q).await;
    let delivered = next(&mut deliveries).await;
    assert_eq!((body(&delivered), delivered.is_redelivered), ("2", true));
    soon(other.nack(9, false)).await.unwrap();
    let told = refused(Code::PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 9");
    assert_eq!(fault(soon(deliveries.next()).await.expect("a fault")), told);
}

pub(super) async fn cancelled(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1", "2"]).await;
    let mut deliveries = consume(&channel, &q).await;
    assert!(deliveries.tag().starts_with("amq.ctag-"));
    assert_eq!(body(&next(&mut deliveries).await), "1");
    // The second has arrived as well, or the answer to this would not have come before it.
    soon(channel.cancel(&deliveries.tag())).await.unwrap();
    let two = next(&mut deliveries).await;
    assert_eq!(body(&two), "2");
    assert!(soon(deliveries.next()).await.is_none());
    assert!(soon(deliveries.next()).await.is_none());
    soon(channel.ack(two.tag)).await.unwrap();
    publish(&channel, message("", &q, "3")).await;
    let named = Subscription { consumer_tag: "mine".to_owned(), ..consumer(&q) };
    let mut deliveries = soon(channel.consume(&named)).await.unwrap();
    assert_eq!((deliveries.tag().as_str(), body(&next(&mut deliveries).await)), ("mine", "3"));
    assert!(channel.is_open());
}

pub(super) async fn dropped_deliveries(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1"]).await;
    let mut deliveries = consume(&channel, &q).await;
    let one = next(&mut deliveries).await;
    drop(deliveries);
    let nobody = async {
        while channel.check_queue(&q).await.unwrap().consumers > 0 {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(nobody).await;
    soon(channel.ack(one.tag)).await.unwrap();
    publish(&channel, message("", &q, "2")).await;
    depth(&channel, &q, 1).await;
}

pub(super) async fn without_acknowledgements(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1", "2", "3"]).await;
    soon(channel.prefetch(1)).await.unwrap();
    let unacknowledged = Subscription { is_unacknowledged: true, ..consumer(&q) };
    let mut deliveries = soon(channel.consume(&unacknowledged)).await.unwrap();
    for (tag, expected) in [(1, "1"), (2, "2"), (3, "3")] {
        let delivered = next(&mut deliveries).await;
        assert_eq!((delivered.tag, body(&delivered)), (tag, expected));
    }
    soon(channel.ack(1)).await.unwrap();
    let told = refused(Code::PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 1");
    assert_eq!(fault(soon(deliveries.next()).await.expect("a fault")), told);
    let channel = peer.channel(&connection).await;
    depth(&channel, &q, 0).await;
}

pub(super) async fn exclusive_consumers(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &["1"]).await;
    let told = format!("ACCESS_REFUSED - queue '{q}' in vhost '{}' in exclusive use", peer.vhost());
    let told = refused(Code::AccessRefused, told);
    let exclusive = Subscription { is_exclusive: true, ..consumer(&q) };
    let deliveries = soon(channel.consume(&exclusive)).await.unwrap();
    let other = peer.channel(&connection).await;
    assert_eq!(fault(soon(other.consume(&consumer(&q))).await.map(drop)), told);
    soon(channel.cancel(&deliveries.tag())).await.unwrap();
    let deliveries = consume(&channel, &q).await;
    let other = peer.channel(&connection).await;
    assert_eq!(fault(soon(other.consume(&exclusive)).await.map(drop)), told);
    drop(deliveries);
}

pub(super) async fn priorities(peer: &Peer) {
    let connection = peer.connect().await;
    let wanted = queue_with(&unique("q"), &[("x-max-priority", AMQPValue::LongInt(5))]);
    let (channel, q) = filled(peer, &connection, wanted, &["none"]).await;
    for (priority, body) in [(1, "low"), (5, "high"), (9, "too high"), (1, "low again")] {
        let properties = BasicProperties::default().with_priority(priority);
        publish(&channel, Publication { properties, ..message("", &q, body) }).await;
    }
    depth(&channel, &q, 5).await;
    let mut deliveries = consume(&channel, &q).await;
    for expected in ["high", "too high", "low", "low again", "none"] {
        assert_eq!(body(&next(&mut deliveries).await), expected);
    }
}

pub(super) async fn reused_tags(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q) = filled(peer, &connection, queue(&unique("q")), &[]).await;
    let named = Subscription { consumer_tag: "mine".to_owned(), ..consumer(&q) };
    let other = peer.channel(&connection).await;
    let _first = soon(channel.consume(&named)).await.unwrap();
    let _second = soon(other.consume(&named)).await.expect("a tag is one of a channel");
    let fault = fault(soon(channel.consume(&named)).await.map(drop));
    let told = "NOT_ALLOWED - attempt to reuse consumer tag 'mine'".to_owned();
    assert_eq!(fault, (Scope::Connection, Some(Code::NotAllowed), told));
}

pub(super) async fn quorum_counts(peer: &Peer) {
    let connection = peer.connect().await;
    let wanted = queue_with(&unique("q"), &[("x-queue-type", text("quorum"))]);
    let (channel, q) = filled(peer, &connection, wanted, &["1"]).await;
    let mut deliveries = consume(&channel, &q).await;
    let first = next(&mut deliveries).await;
    assert_eq!((first.is_redelivered, first.properties.headers()), (false, &None));
    soon(channel.nack(first.tag, true)).await.unwrap();
    let second = next(&mut deliveries).await;
    let counted = |count| Some(table(&[("x-delivery-count", AMQPValue::LongLongInt(count))]));
    assert_eq!((second.is_redelivered, second.properties.headers()), (true, &counted(1)));
    soon(channel.close()).await.unwrap();
    let channel = peer.channel(&connection).await;
    let mut deliveries = consume(&channel, &q).await;
    let third = next(&mut deliveries).await;
    assert_eq!((third.is_redelivered, third.properties.headers()), (true, &counted(2)));
}
