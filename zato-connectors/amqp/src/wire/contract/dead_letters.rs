use super::*;

/// A channel, a queue with such arguments whose dead letters go to another one, which is consumed.
async fn grave(peer: &Peer, connection: &Connection, more: &[(&str, AMQPValue)]) -> (Channel, String, Deliveries) {
    let channel = peer.channel(connection).await;
    let (q, dead, e) = (unique("q"), unique("dead"), unique("dlx"));
    soon(channel.declare_exchange(&exchange(&e, "fanout"))).await.unwrap();
    soon(channel.declare_queue(&queue(&dead))).await.unwrap();
    soon(channel.bind_queue(&dead, &e, "", &FieldTable::default())).await.unwrap();
    let mut arguments = more.to_vec();
    arguments.push(("x-dead-letter-exchange", text(&e)));
    soon(channel.declare_queue(&queue_with(&q, &arguments))).await.unwrap();
    let deliveries = consume(&channel, &dead).await;
    (channel, q, deliveries)
}

/// Returns the headers of a dead letter without the times, which have to be there.
fn headers_of(delivered: &Delivered) -> FieldTable {
    let headers = delivered.properties.headers().clone().expect("headers");
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else { panic!("{headers:?}") };
    let timeless = deaths.as_slice().iter().map(|death| {
        let AMQPValue::FieldTable(death) = death else { panic!("{death:?}") };
        let mut death = death.inner().clone();
        let time = death.remove("time");
        assert!(matches!(time, Some(AMQPValue::Timestamp(1_700_000_000..))), "{time:?}");
        AMQPValue::FieldTable(death.into())
    });
    let deaths = AMQPValue::FieldArray(timeless.collect::<Vec<_>>().into());
    let mut headers = headers;
    headers.insert("x-death".into(), deaths);
    headers
}

/// What is expected of one death.
fn death(count: i64, reason: &str, queue: &str, exchange: &str, key: &str) -> FieldTable {
    table(&[
        ("count", AMQPValue::LongLongInt(count)),
        ("reason", text(reason)),
        ("queue", text(queue)),
        ("exchange", text(exchange)),
        ("routing-keys", AMQPValue::FieldArray(vec![text(key)].into())),
    ])
}

fn deaths(deaths: Vec<FieldTable>, first: [&str; 3], more: &[(&str, AMQPValue)]) -> FieldTable {
    let [exchange, queue, reason] = first;
    let mut headers = table(more);
    let deaths: Vec<AMQPValue> = deaths.into_iter().map(AMQPValue::FieldTable).collect();
    headers.insert("x-death".into(), AMQPValue::FieldArray(deaths.into()));
    headers.insert("x-first-death-exchange".into(), text(exchange));
    headers.insert("x-first-death-queue".into(), text(queue));
    headers.insert("x-first-death-reason".into(), text(reason));
    headers
}

pub(super) async fn rejected(peer: &Peer) {
    let connection = peer.connect().await;
    let key = ("x-dead-letter-routing-key", text("grave"));
    let (channel, q, mut dead) = grave(peer, &connection, &[key]).await;
    soon(channel.bind_queue(&q, "amq.topic", &q, &FieldTable::default())).await.unwrap();
    let properties = BasicProperties::default().with_headers(table(&[("mine", text("a"))])).with_message_id("m".into());
    publish(&channel, Publication { properties, ..message("amq.topic", &q, "1") }).await;
    let mut deliveries = consume(&channel, &q).await;
    let delivered = next(&mut deliveries).await;
    soon(channel.nack(delivered.tag, false)).await.unwrap();
    let letter = next(&mut dead).await;
    assert_eq!((body(&letter), letter.routing_key.as_str(), letter.is_redelivered), ("1", "grave", false));
    assert!(letter.exchange.starts_with("dlx-"), "{}", letter.exchange);
    let expected = vec![death(1, "rejected", &q, "amq.topic", &q)];
    assert_eq!(headers_of(&letter), deaths(expected, ["amq.topic", &q, "rejected"], &[("mine", text("a"))]));
    assert_eq!(letter.properties.message_id().as_ref().map(|id| id.as_str()), Some("m"));
}

pub(super) async fn expired(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q, mut dead) = grave(peer, &connection, &[("x-message-ttl", AMQPValue::LongInt(100))]).await;
    for body in ["1", "2"] {
        publish(&channel, message("", &q, body)).await;
    }
    for expected in ["1", "2"] {
        let letter = next(&mut dead).await;
        assert_eq!((body(&letter), &letter.routing_key), (expected, &q));
        let expected = vec![death(1, "expired", &q, "", &q)];
        assert_eq!(headers_of(&letter), deaths(expected, ["", &q, "expired"], &[]));
    }
    depth(&channel, &q, 0).await;
}

pub(super) async fn expired_by_its_own_account(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q, mut dead) = grave(peer, &connection, &[]).await;
    for (body, expiration) in [("1", "200"), ("2", "0"), ("3", "60000")] {
        let properties = BasicProperties::default().with_expiration(expiration.into()).with_priority(4);
        publish(&channel, Publication { properties, ..message("", &q, body) }).await;
    }
    // The second is behind the first, and goes no sooner.
    for (expected, expiration) in [("1", "200"), ("2", "0")] {
        let letter = next(&mut dead).await;
        let (properties, q) = (&letter.properties, &q);
        assert_eq!((body(&letter), properties.expiration(), properties.priority()), (expected, &None, &Some(4)));
        let mut expected = death(1, "expired", q, "", q);
        expected.insert("original-expiration".into(), text(expiration));
        assert_eq!(headers_of(&letter), deaths(vec![expected], ["", q, "expired"], &[]));
    }
    depth(&channel, &q, 1).await;
    // One that lasts no time gets to who waits for it.
    let instant = unique("q");
    soon(channel.declare_queue(&queue(&instant))).await.unwrap();
    let mut deliveries = consume(&channel, &instant).await;
    let properties = BasicProperties::default().with_expiration("0".into());
    publish(&channel, Publication { properties: properties.clone(), ..message("", &instant, "1") }).await;
    let delivered = next(&mut deliveries).await;
    assert_eq!((body(&delivered), &delivered.properties), ("1", &properties));
}

pub(super) async fn displaced(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q, mut dead) = grave(peer, &connection, &[("x-max-length", AMQPValue::LongInt(1))]).await;
    for body in ["1", "2", "3"] {
        publish(&channel, message("", &q, body)).await;
    }
    for expected in ["1", "2"] {
        let letter = next(&mut dead).await;
        assert_eq!(body(&letter), expected);
        let expected = vec![death(1, "maxlen", &q, "", &q)];
        assert_eq!(headers_of(&letter), deaths(expected, ["", &q, "maxlen"], &[]));
    }
    depth(&channel, &q, 1).await;
}

pub(super) async fn too_often(peer: &Peer) {
    let connection = peer.connect().await;
    let quorum = [("x-queue-type", text("quorum")), ("x-delivery-limit", AMQPValue::LongInt(1))];
    let (channel, q, mut dead) = grave(peer, &connection, &quorum).await;
    publish(&channel, message("", &q, "1")).await;
    let mut deliveries = consume(&channel, &q).await;
    for _ in 0..2 {
        let delivered = next(&mut deliveries).await;
        soon(channel.nack(delivered.tag, true)).await.unwrap();
    }
    let letter = next(&mut dead).await;
    assert_eq!(body(&letter), "1");
    let expected = deaths(vec![death(1, "delivery_limit", &q, "", &q)], ["", &q, "delivery_limit"], &[]);
    let got = headers_of(&letter);
    assert_eq!(got, expected);
    nothing(&mut deliveries).await;
}

/// A message that would go round without anybody looking at it is dropped; one that was rejected goes round.
pub(super) async fn cycles(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let (work, wait) = (unique("work"), unique("wait"));
    let to = |queue: &str| [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text(queue))];
    soon(channel.declare_queue(&queue_with(&work, &to(&wait)))).await.unwrap();
    let mut waiting = to(&work).to_vec();
    waiting.push(("x-message-ttl", AMQPValue::LongInt(50)));
    soon(channel.declare_queue(&queue_with(&wait, &waiting))).await.unwrap();
    publish(&channel, message("", &work, "1")).await;
    let mut deliveries = consume(&channel, &work).await;
    let first = next(&mut deliveries).await;
    assert_eq!(first.properties.headers(), &None);
    soon(channel.nack(first.tag, false)).await.unwrap();
    for count in 1..=3 {
        let again = next(&mut deliveries).await;
        assert_eq!((again.exchange.as_str(), &again.routing_key, again.is_redelivered), ("", &work, false));
        let expected = vec![death(count, "expired", &wait, "", &wait), death(count, "rejected", &work, "", &work)];
        assert_eq!(headers_of(&again), deaths(expected, ["", &work, "rejected"], &[]));
        soon(channel.nack(again.tag, false)).await.unwrap();
    }
    let lost = unique("lost");
    let mut alone = to(&lost).to_vec();
    alone.push(("x-message-ttl", AMQPValue::LongInt(50)));
    soon(channel.declare_queue(&queue_with(&lost, &alone))).await.unwrap();
    publish(&channel, message("", &lost, "1")).await;
    depth(&channel, &lost, 0).await;
}

pub(super) async fn several_deaths(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, q, mut dead) = grave(peer, &connection, &[("x-message-ttl", AMQPValue::LongInt(100))]).await;
    publish(&channel, message("", &q, "1")).await;
    let expired = next(&mut dead).await;
    // Published again with its history, as whoever wants it tried again would.
    let mut deliveries = consume(&channel, &q).await;
    publish(&channel, Publication { properties: expired.properties.clone(), ..message("", &q, "2") }).await;
    let again = next(&mut deliveries).await;
    soon(channel.nack(again.tag, false)).await.unwrap();
    let letter = next(&mut dead).await;
    assert_eq!(body(&letter), "2");
    let expected = vec![death(1, "rejected", &q, "", &q), death(1, "expired", &q, "", &q)];
    assert_eq!(headers_of(&letter), deaths(expected, ["", &q, "expired"], &[]));
}
