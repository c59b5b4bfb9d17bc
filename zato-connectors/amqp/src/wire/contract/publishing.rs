use std::collections::BTreeMap;

use futures_util::{FutureExt as _, StreamExt as _, future, stream::FuturesUnordered};

use super::*;

pub(super) async fn properties_come_through(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let q = unique("q");
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    let headers = table(&[
        ("bool", AMQPValue::Boolean(true)),
        ("int", AMQPValue::LongInt(-5)),
        ("long", AMQPValue::LongLongInt(1 << 40)),
        ("double", AMQPValue::Double(0.5)),
        ("text", text("é")),
        ("bytes", AMQPValue::ByteArray(vec![0, 255].into())),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("list", AMQPValue::FieldArray(vec![text("a"), AMQPValue::LongInt(1)].into())),
        ("table", AMQPValue::FieldTable(table(&[("a", text("b"))]))),
        ("nothing", AMQPValue::Void),
    ]);
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_content_encoding("gzip".into())
        .with_headers(headers)
        .with_delivery_mode(2)
        .with_priority(3)
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_expiration("60000".into())
        .with_message_id("m".into())
        .with_timestamp(1_700_000_000)
        .with_type("t".into())
        .with_app_id("a".into());
    publish(&channel, Publication { properties: properties.clone(), ..message("", &q, "body") }).await;
    publish(&channel, message("", &q, "")).await;
    let mut deliveries = consume(&channel, &q).await;
    let delivered = next(&mut deliveries).await;
    assert_eq!(delivered.properties, properties);
    assert_eq!((delivered.tag, delivered.exchange.as_str(), &delivered.routing_key), (1, "", &q));
    assert_eq!((body(&delivered), delivered.is_redelivered), ("body", false));
    let delivered = next(&mut deliveries).await;
    assert_eq!((delivered.tag, body(&delivered), &delivered.properties), (2, "", &BasicProperties::default()));
}

/// Publishes messages, and returns which of them each queue has.
async fn sorted(channel: &Channel, queues: &[&String], messages: Vec<Publication>) -> Vec<Vec<String>> {
    for message in messages {
        publish(channel, message).await;
    }
    let mut all = Vec::new();
    for queue in queues {
        publish(channel, message("", queue, "END")).await;
        let mut deliveries = consume(channel, queue).await;
        let mut got = Vec::new();
        loop {
            let delivered = next(&mut deliveries).await;
            if body(&delivered) == "END" {
                break;
            }
            got.push(body(&delivered).to_owned());
        }
        all.push(got);
    }
    all
}

pub(super) async fn exchange_types(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let none = FieldTable::default();
    for (kind, key_of_a, key_of_b, expected) in [
        ("direct", "a.1", "b.1", [vec!["a.1"], vec!["b.1"]]),
        ("fanout", "a.1", "b.1", [vec!["a.1", "b.1", "a.1.2", ""], vec!["a.1", "b.1", "a.1.2", ""]]),
        ("topic", "a.*", "#.1.#", [vec!["a.1"], vec!["a.1", "b.1", "a.1.2"]]),
    ] {
        let (e, a, b) = (unique(kind), unique("a"), unique("b"));
        soon(channel.declare_exchange(&exchange(&e, kind))).await.unwrap();
        for (queue_name, key) in [(&a, key_of_a), (&b, key_of_b)] {
            soon(channel.declare_queue(&queue(queue_name))).await.unwrap();
            soon(channel.bind_queue(queue_name, &e, key, &none)).await.unwrap();
        }
        let messages = ["a.1", "b.1", "a.1.2", ""].map(|key| message(&e, key, key));
        assert_eq!(sorted(&channel, &[&a, &b], messages.into()).await, expected, "{kind}");
    }
    let (e, all, any, empty) = (unique("headers"), unique("all"), unique("any"), unique("empty"));
    soon(channel.declare_exchange(&exchange(&e, "headers"))).await.unwrap();
    let (one, two) = (("one", AMQPValue::LongInt(1)), ("two", AMQPValue::Void));
    for (queue_name, arguments) in [
        (&all, vec![("x-match", text("all")), one.clone(), two.clone()]),
        (&any, vec![("x-match", text("any")), one, two, ("x-three", text("3"))]),
        (&empty, vec![]),
    ] {
        soon(channel.declare_queue(&queue(queue_name))).await.unwrap();
        soon(channel.bind_queue(queue_name, &e, "", &table(&arguments))).await.unwrap();
    }
    let with = |body: &str, headers: &[(&str, AMQPValue)]| Publication {
        properties: BasicProperties::default().with_headers(table(headers)),
        ..message(&e, "", body)
    };
    let messages = vec![
        with("both", &[("one", AMQPValue::LongLongInt(1)), ("two", text("2"))]),
        with("one", &[("one", AMQPValue::LongInt(1))]),
        with("other", &[("one", AMQPValue::LongInt(2)), ("x-three", text("3"))]),
        with("text", &[("one", text("1"))]),
        message(&e, "", "none"),
    ];
    let expected = [vec!["both"], vec!["both", "one"], vec!["both", "one", "other", "text", "none"]];
    assert_eq!(sorted(&channel, &[&all, &any, &empty], messages).await, expected);
}

pub(super) async fn exchanges_behind_exchanges(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let (first, second, q) = (unique("e"), unique("f"), unique("q"));
    let none = FieldTable::default();
    soon(channel.declare_exchange(&exchange(&first, "topic"))).await.unwrap();
    let internal = Exchange { is_internal: true, ..exchange(&second, "fanout") };
    soon(channel.declare_exchange(&internal)).await.unwrap();
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    soon(channel.bind_exchange(&second, &first, "a.#", &none)).await.unwrap();
    // Round in a circle, and twice to the same queue: it gets one.
    soon(channel.bind_exchange(&first, &second, "", &none)).await.unwrap();
    soon(channel.bind_queue(&q, &second, "", &none)).await.unwrap();
    soon(channel.bind_queue(&q, &first, "a.b", &none)).await.unwrap();
    let messages = ["a.b", "a.c", "b"].map(|key| message(&first, key, key)).into();
    assert_eq!(sorted(&channel, &[&q], messages).await, [["a.b", "a.c"]]);
}

pub(super) async fn alternate_exchanges(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let (first, second, q, other) = (unique("e"), unique("f"), unique("q"), unique("o"));
    let none = FieldTable::default();
    let arguments = table(&[("alternate-exchange", text(&second))]);
    soon(channel.declare_exchange(&Exchange { arguments, ..exchange(&first, "direct") })).await.unwrap();
    let publication = |key: &str| Publication { is_mandatory: true, ..message(&first, key, key) };
    // It need not be there.
    let confirmed = soon(channel.publish(publication("a"))).await.unwrap();
    assert!(matches!(confirmed, Confirmed::Ack(Some(_))), "{confirmed:?}");
    soon(channel.declare_exchange(&exchange(&second, "fanout"))).await.unwrap();
    for name in [&q, &other] {
        soon(channel.declare_queue(&queue(name))).await.unwrap();
    }
    soon(channel.bind_queue(&q, &first, "a", &none)).await.unwrap();
    soon(channel.bind_queue(&other, &second, "", &none)).await.unwrap();
    let messages = vec![publication("a"), publication("b")];
    assert_eq!(sorted(&channel, &[&q, &other], messages).await, [["a"], ["b"]]);
}

pub(super) async fn unroutable_messages(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let nowhere = unique("q");
    publish(&channel, message("", &nowhere, "a")).await;
    let properties = BasicProperties::default().with_message_id("m".into());
    let mandatory = Publication { is_mandatory: true, properties, ..message("amq.topic", &nowhere, "a") };
    let confirmed = soon(channel.publish(mandatory)).await.unwrap();
    let Confirmed::Ack(Some(returned)) = confirmed else { panic!("{confirmed:?}") };
    assert_eq!((returned.message_id.as_deref(), returned.reason.as_str()), (Some("m"), "NO_ROUTE"));
    let mandatory = Publication { is_mandatory: true, ..message("", &nowhere, "") };
    let confirmed = soon(channel.publish(mandatory)).await.unwrap();
    let Confirmed::Ack(Some(returned)) = confirmed else { panic!("{confirmed:?}") };
    assert_eq!((returned.message_id, returned.reason.as_str()), (None, "NO_ROUTE"));
    assert!(channel.is_open());
}

pub(super) async fn missing_exchange(peer: &Peer) {
    let connection = peer.connect().await;
    let (channel, other) = (peer.channel(&connection).await, peer.channel(&connection).await);
    let e = unique("e");
    let told = refused(Code::NotFound, format!("NOT_FOUND - no exchange '{e}' in vhost '{}'", peer.vhost()));
    assert_eq!(fault(soon(channel.publish(message(&e, "a", "a"))).await), told);
    end_of(&channel).await;
    let after = fault(soon(channel.publish(message("", "a", "a"))).await);
    assert_eq!(after, (Scope::Channel, None, "the channel to the broker is closed".to_owned()));
    let after = fault(soon(channel.declare_queue(&queue(&unique("q")))).await);
    assert_eq!(after, (Scope::Channel, None, "the channel to the broker is closed".to_owned()));
    publish(&other, message("", "a", "a")).await;
}

pub(super) async fn internal_exchange(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let e = unique("e");
    let internal = Exchange { is_internal: true, ..exchange(&e, "fanout") };
    soon(channel.declare_exchange(&internal)).await.unwrap();
    let told = format!("ACCESS_REFUSED - cannot publish to internal exchange '{e}' in vhost '{}'", peer.vhost());
    let fault = fault(soon(channel.publish(message(&e, "a", "a"))).await);
    assert_eq!(fault, refused(Code::AccessRefused, told));
}

pub(super) async fn bad_expiration(peer: &Peer) {
    let connection = peer.connect().await;
    for (expiration, told) in [
        ("soon", "PRECONDITION_FAILED - invalid expiration 'soon': no_integer"),
        ("-1", "PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}"),
        ("315360000001", "PRECONDITION_FAILED - invalid expiration '315360000001': {value_too_large,315360000001}"),
        ("5s", "PRECONDITION_FAILED - invalid expiration '5s': {leftover_string,\"s\"}"),
    ] {
        let channel = peer.channel(&connection).await;
        let properties = BasicProperties::default().with_expiration(expiration.into());
        let fault = fault(soon(channel.publish(Publication { properties, ..message("", "a", "a") })).await);
        assert_eq!(fault, refused(Code::PreconditionFailed, told));
    }
    let channel = peer.channel(&connection).await;
    let properties = BasicProperties::default().with_expiration("315360000000".into());
    publish(&channel, Publication { properties, ..message("", "a", "a") }).await;
}

pub(super) async fn without_confirms(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = soon(connection.open_channel()).await.unwrap();
    let q = unique("q");
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    let fault = fault(soon(channel.publish(message("", &q, "a"))).await);
    assert_eq!(fault, (Scope::Nothing, None, "the channel has no confirms".to_owned()));
    depth(&channel, &q, 1).await;
}

pub(super) async fn full_queues(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let two = ("x-max-length", AMQPValue::LongInt(2));
    let (head, reject, bytes) = (unique("head"), unique("reject"), unique("bytes"));
    let (reject_rule, e) = (("x-overflow", text("reject-publish")), unique("e"));
    for wanted in [
        queue_with(&head, std::slice::from_ref(&two)),
        queue_with(&reject, &[two, reject_rule]),
        queue_with(&bytes, &[("x-max-length-bytes", AMQPValue::LongInt(3))]),
    ] {
        soon(channel.declare_queue(&wanted)).await.unwrap();
    }
    for body in ["1", "2", "3"] {
        publish(&channel, message("", &head, body)).await;
        publish(&channel, message("", &bytes, &body.repeat(2))).await;
    }
    for body in ["1", "2"] {
        publish(&channel, message("", &reject, body)).await;
    }
    depth(&channel, &reject, 2).await;
    let confirmed = soon(channel.publish(message("", &reject, "3"))).await.unwrap();
    assert!(matches!(confirmed, Confirmed::Nack(None)), "{confirmed:?}");
    // One of several queues is enough for a no, and the others have it.
    let other = unique("other");
    soon(channel.declare_exchange(&exchange(&e, "fanout"))).await.unwrap();
    soon(channel.declare_queue(&queue(&other))).await.unwrap();
    for queue in [&reject, &other] {
        soon(channel.bind_queue(queue, &e, "", &FieldTable::default())).await.unwrap();
    }
    let confirmed = soon(channel.publish(message(&e, "", "4"))).await.unwrap();
    assert!(matches!(confirmed, Confirmed::Nack(None)), "{confirmed:?}");
    depth(&channel, &other, 1).await;
    depth(&channel, &head, 2).await;
    depth(&channel, &bytes, 1).await;
    let mut deliveries = consume(&channel, &head).await;
    assert_eq!([body(&next(&mut deliveries).await), body(&next(&mut deliveries).await)], ["2", "3"]);
    let mut deliveries = consume(&channel, &bytes).await;
    assert_eq!(body(&next(&mut deliveries).await), "33");
}

#[derive(Debug, Default)]
struct Seen {
    confirmed: Vec<u32>,
    /// How often each came back.
    returned: BTreeMap<u32, u32>,
}

impl Seen {
    fn note(&mut self, id: u32, confirmed: &Confirmed) {
        self.confirmed.push(id);
        match confirmed {
            Confirmed::Ack(None) => {}
            Confirmed::Ack(Some(back)) => {
                let id = back.message_id.as_ref().expect("an id").parse().expect("a number");
                *self.returned.entry(id).or_insert(0) += 1;
            }
            Confirmed::Nack(_) => panic!("{confirmed:?}"),
        }
    }
}

/// Every 7th of many messages goes nowhere and comes back, and each outcome is found by its message id.
pub(super) async fn many_at_once(peer: &Peer) {
    const MESSAGES: u32 = 5000;
    if let Peer::Memory(broker) = peer {
        broker.shuffle_returns(true);
    }
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let q = unique("q");
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    let mut confirms = FuturesUnordered::new();
    for id in 0..MESSAGES {
        let key = if id % 7 == 0 { "nowhere" } else { q.as_str() };
        let properties = BasicProperties::default().with_message_id(id.to_string().into());
        let publication = Publication { is_mandatory: true, properties, ..message("", key, "a") };
        let channel = channel.clone();
        let publishing = async move { (id, channel.publish(publication).await.expect("published")) };
        let mut publishing = Box::pin(future::maybe_done(publishing));
        // It takes its place here.
        let _ = publishing.as_mut().now_or_never();
        confirms.push(async move {
            publishing.as_mut().await;
            publishing.as_mut().take_output().expect("an outcome that nobody has taken")
        });
    }
    let mut seen = Seen::default();
    let all = async {
        while let Some((id, confirmed)) = confirms.next().await {
            seen.note(id, &confirmed);
            // What is known by now can be told apart as soon as all is seen that was confirmed together with it. What is
            // seen on that occasion may lack some again, and has to wait for the next.
            let known = seen.confirmed.len();
            channel.settle_confirms();
            while let Some(Some((id, confirmed))) = confirms.next().now_or_never() {
                seen.note(id, &confirmed);
            }
            let mut known = seen.confirmed.iter().take(known);
            assert!(known.all(|id| (id % 7 == 0) == seen.returned.contains_key(id)), "{seen:?}");
        }
    };
    soon(all).await;
    let Seen { confirmed: mut acked, returned } = seen;
    acked.sort_unstable();
    assert_eq!(acked, (0..MESSAGES).collect::<Vec<_>>());
    assert_eq!(returned, (0..MESSAGES).step_by(7).map(|id| (id, 1)).collect());
    depth(&channel, &q, MESSAGES - MESSAGES.div_ceil(7)).await;
}
