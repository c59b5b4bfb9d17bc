use super::*;

pub(super) async fn what_is_there_already(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let (name, e) = (unique("q"), unique("e"));
    let wanted = queue_with(&name, &[("x-max-length", AMQPValue::LongInt(5)), ("x-unknown", text("a"))]);
    let state = soon(channel.declare_queue(&wanted)).await.unwrap();
    assert_eq!((state.messages, state.consumers), (0, 0));
    publish(&channel, message("", &name, "a")).await;
    depth(&channel, &name, 1).await;
    // Neither a number's width, nor what nobody knows, nor the type that holds anyway makes a difference.
    let same = queue_with(&name, &[("x-max-length", AMQPValue::LongLongInt(5)), ("x-queue-type", text("classic"))]);
    let state = soon(channel.declare_queue(&same)).await.unwrap();
    assert_eq!((state.messages, state.consumers), (1, 0));
    let mut deliveries = consume(&channel, &name).await;
    next(&mut deliveries).await;
    let state = soon(channel.check_queue(&name)).await.unwrap();
    assert_eq!((state.messages, state.consumers), (0, 1));
    for _ in 0..2 {
        soon(channel.declare_exchange(&exchange(&e, "topic"))).await.unwrap();
        soon(channel.bind_queue(&name, &e, "a", &FieldTable::default())).await.unwrap();
    }
    soon(channel.check_exchange(&e)).await.unwrap();
    soon(channel.check_exchange("amq.topic")).await.unwrap();
}

pub(super) async fn other_queues(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let name = unique("q");
    let arguments = [("x-message-ttl", AMQPValue::LongInt(60_000)), ("x-dead-letter-exchange", text("a"))];
    soon(channel.declare_queue(&queue_with(&name, &arguments))).await.unwrap();
    let of = format!("for queue '{name}' in vhost '{}'", peer.vhost());
    let [ttl, dlx] = arguments;
    let key = ("x-dead-letter-routing-key", text("k"));
    let cases = [
        (
            Queue { is_durable: false, ..queue_with(&name, &[ttl.clone(), dlx.clone()]) },
            format!("inequivalent arg 'durable' {of}: received 'false' but current is 'true'"),
        ),
        (
            Queue { is_auto_delete: true, ..queue_with(&name, &[ttl.clone(), dlx.clone()]) },
            format!("inequivalent arg 'auto_delete' {of}: received 'true' but current is 'false'"),
        ),
        (
            queue_with(&name, &[("x-message-ttl", AMQPValue::LongInt(5)), dlx.clone()]),
            format!("inequivalent arg 'x-message-ttl' {of}: received '5' but current is '60000'"),
        ),
        (
            queue_with(&name, std::slice::from_ref(&ttl)),
            format!(
                "inequivalent arg 'x-dead-letter-exchange' {of}: received none but current is the value 'a' of type 'longstr'"
            ),
        ),
        (
            queue_with(&name, &[ttl.clone(), dlx.clone(), key]),
            format!(
                "inequivalent arg 'x-dead-letter-routing-key' {of}: received the value 'k' of type 'longstr' but current is none"
            ),
        ),
        (
            queue_with(&name, &[ttl, dlx, ("x-queue-type", text("quorum"))]),
            format!(
                "inequivalent arg 'x-queue-type' {of}: received the value 'quorum' of type 'longstr' but current is none"
            ),
        ),
    ];
    for (wanted, told) in cases {
        let channel = peer.channel(&connection).await;
        let fault = fault(soon(channel.declare_queue(&wanted)).await);
        assert_eq!(fault, refused(Code::PreconditionFailed, format!("PRECONDITION_FAILED - {told}")));
        end_of(&channel).await;
    }
}

pub(super) async fn other_exchanges(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let e = unique("e");
    soon(channel.declare_exchange(&exchange(&e, "topic"))).await.unwrap();
    let of = format!("for exchange '{e}' in vhost '{}'", peer.vhost());
    let alternate = Exchange { arguments: table(&[("alternate-exchange", text("b"))]), ..exchange(&e, "topic") };
    let cases = [
        (exchange(&e, "direct"), "type", "'direct' but current is 'topic'"),
        (Exchange { is_durable: true, ..exchange(&e, "topic") }, "durable", "'true' but current is 'false'"),
        (Exchange { is_auto_delete: true, ..exchange(&e, "topic") }, "auto_delete", "'true' but current is 'false'"),
        (Exchange { is_internal: true, ..exchange(&e, "topic") }, "internal", "'true' but current is 'false'"),
        (alternate, "alternate-exchange", "the value 'b' of type 'longstr' but current is none"),
    ];
    for (wanted, arg, told) in cases {
        let channel = peer.channel(&connection).await;
        let fault = fault(soon(channel.declare_exchange(&wanted)).await);
        let told = format!("PRECONDITION_FAILED - inequivalent arg '{arg}' {of}: received {told}");
        assert_eq!(fault, refused(Code::PreconditionFailed, told));
    }
}

pub(super) async fn missing_things(peer: &Peer) {
    let connection = peer.connect().await;
    let (q, e) = (unique("q"), unique("e"));
    let no_queue = refused(Code::NotFound, format!("NOT_FOUND - no queue '{q}' in vhost '{}'", peer.vhost()));
    let no_exchange = refused(Code::NotFound, format!("NOT_FOUND - no exchange '{e}' in vhost '{}'", peer.vhost()));
    let none = FieldTable::default();
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.check_queue(&q)).await), no_queue);
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.check_exchange(&e)).await), no_exchange);
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.consume(&consumer(&q))).await.map(drop)), no_queue);
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.bind_queue(&q, "amq.topic", "a", &none)).await), no_queue);
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.bind_exchange("amq.topic", &e, "a", &none)).await), no_exchange);
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.bind_exchange(&e, "amq.topic", "a", &none)).await), no_exchange);
    // The last subscription of nothing is nothing.
    let channel = peer.channel(&connection).await;
    soon(channel.cancel("nobody")).await.unwrap();
}

pub(super) async fn reserved_names(peer: &Peer) {
    let connection = peer.connect().await;
    let (q, e) = (unique("amq.q"), unique("amq.e"));
    let none = FieldTable::default();
    let channel = peer.channel(&connection).await;
    let told = format!("ACCESS_REFUSED - queue name '{q}' contains reserved prefix 'amq.*'");
    assert_eq!(fault(soon(channel.declare_queue(&queue(&q))).await), refused(Code::AccessRefused, told));
    let channel = peer.channel(&connection).await;
    let told = format!("ACCESS_REFUSED - exchange name '{e}' contains reserved prefix 'amq.*'");
    assert_eq!(fault(soon(channel.declare_exchange(&exchange(&e, "topic"))).await), refused(Code::AccessRefused, told));
    let default = refused(Code::AccessRefused, "ACCESS_REFUSED - operation not permitted on the default exchange");
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.declare_exchange(&exchange("", "direct"))).await), default);
    let q = unique("q");
    let channel = peer.channel(&connection).await;
    soon(channel.declare_queue(&queue(&q))).await.unwrap();
    assert_eq!(fault(soon(channel.bind_queue(&q, "", "a", &none)).await), default);
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.bind_exchange("", "amq.topic", "a", &none)).await), default);
    let channel = peer.channel(&connection).await;
    assert_eq!(fault(soon(channel.check_exchange("")).await), default);
}

pub(super) async fn unfit_arguments(peer: &Peer) {
    let q = unique("q");
    let of = format!("for queue '{q}' in vhost '{}'", peer.vhost());
    let cases = [
        (
            queue_with(&q, &[("x-message-ttl", text("5"))]),
            format!("invalid arg 'x-message-ttl' {of}: \"expected integer, got longstr\""),
        ),
        (
            queue_with(&q, &[("x-message-ttl", AMQPValue::LongInt(-1))]),
            format!("invalid arg 'x-message-ttl' {of}: {{value_negative,-1}}"),
        ),
        (
            queue_with(&q, &[("x-message-ttl", AMQPValue::LongLongInt(315_360_000_001))]),
            format!("invalid arg 'x-message-ttl' {of}: {{value_too_large,315360000001}}"),
        ),
        (
            queue_with(&q, &[("x-overflow", AMQPValue::LongInt(1))]),
            format!("invalid arg 'x-overflow' {of}: {{unacceptable_type,signedint}}"),
        ),
        (
            queue_with(
                &q,
                &[("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", AMQPValue::LongInt(1))],
            ),
            format!("invalid arg 'x-dead-letter-routing-key' {of}: {{unacceptable_type,signedint}}"),
        ),
        (
            queue_with(&q, &[("x-expires", AMQPValue::LongInt(0))]),
            format!("invalid arg 'x-expires' {of}: {{value_zero,0}}"),
        ),
        (
            queue_with(&q, &[("x-max-length", text("a"))]),
            format!("invalid arg 'x-max-length' {of}: \"expected integer, got longstr\""),
        ),
        (queue_with(&q, &[("x-overflow", text("a"))]), format!("invalid arg 'x-overflow' {of}: invalid_overflow")),
        (
            queue_with(&q, &[("x-dead-letter-exchange", AMQPValue::LongInt(1))]),
            format!(
                "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue '{q}' in vhost '{}'",
                peer.vhost()
            ),
        ),
        (
            queue_with(&q, &[("x-dead-letter-routing-key", text("a"))]),
            format!("invalid arg 'x-dead-letter-routing-key' {of}: routing_key_but_no_dlx_defined"),
        ),
    ];
    all_refused(peer, cases.into()).await;
}

pub(super) async fn unfit_quorum_queues(peer: &Peer) {
    let q = unique("q");
    let of = format!("for queue '{q}' in vhost '{}'", peer.vhost());
    let quorum = ("x-queue-type", text("quorum"));
    let cases = [
        (
            Queue { is_durable: false, ..queue_with(&q, std::slice::from_ref(&quorum)) },
            format!("invalid property 'non-durable' {of}"),
        ),
        (
            Queue { is_auto_delete: true, ..queue_with(&q, std::slice::from_ref(&quorum)) },
            format!("invalid property 'auto-delete' {of}"),
        ),
        (
            queue_with(&q, &[quorum, ("x-max-priority", AMQPValue::LongInt(1))]),
            format!("invalid arg 'x-max-priority' {of} of queue type rabbit_quorum_queue"),
        ),
    ];
    all_refused(peer, cases.into()).await;
}

async fn all_refused(peer: &Peer, cases: Vec<(Queue, String)>) {
    let connection = peer.connect().await;
    let (mut got, mut expected) = (Vec::new(), Vec::new());
    for (wanted, told) in cases {
        let channel = peer.channel(&connection).await;
        got.push(fault(soon(channel.declare_queue(&wanted)).await));
        expected.push(refused(Code::PreconditionFailed, format!("PRECONDITION_FAILED - {told}")));
    }
    assert_eq!(got, expected);
}

pub(super) async fn exclusive_queues(peer: &Peer) {
    let (owner, other) = (peer.connect().await, peer.connect().await);
    let name = unique("q");
    let exclusive = Queue { is_exclusive: true, is_durable: false, ..queue(&name) };
    let own = peer.channel(&owner).await;
    soon(own.declare_queue(&exclusive)).await.unwrap();
    let locked = refused(
        Code::ResourceLocked,
        format!(
            "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '{}'. It could be \
             originally declared on another connection or the exclusive property value does not match that of the \
             original declaration.",
            peer.vhost()
        ),
    );
    let channel = peer.channel(&other).await;
    assert_eq!(fault(soon(channel.declare_queue(&exclusive)).await), locked);
    let channel = peer.channel(&other).await;
    assert_eq!(fault(soon(channel.check_queue(&name)).await), locked);
    let channel = peer.channel(&other).await;
    assert_eq!(fault(soon(channel.consume(&consumer(&name))).await.map(drop)), locked);
    let channel = peer.channel(&other).await;
    assert_eq!(fault(soon(channel.bind_queue(&name, "amq.topic", "a", &FieldTable::default())).await), locked);
    // Publishing is free to all.
    let channel = peer.channel(&other).await;
    publish(&channel, message("", &name, "a")).await;
    depth(&own, &name, 1).await;
    // One that belongs to all can't be had alone.
    let common = unique("q");
    soon(own.declare_queue(&Queue { is_durable: false, ..queue(&common) })).await.unwrap();
    let claimed = Queue { is_exclusive: true, is_durable: false, ..queue(&common) };
    let fault_of_claim = fault(soon(peer.channel(&other).await.declare_queue(&claimed)).await);
    assert_eq!((fault_of_claim.0, fault_of_claim.1), (Scope::Channel, Some(Code::ResourceLocked)));
    soon(owner.close()).await.unwrap();
    let gone = refused(Code::NotFound, format!("NOT_FOUND - no queue '{name}' in vhost '{}'", peer.vhost()));
    let channel = peer.channel(&other).await;
    assert_eq!(fault(soon(channel.check_queue(&name)).await), gone);
}

pub(super) async fn auto_delete(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let (q, e) = (unique("q"), unique("e"));
    soon(channel.declare_queue(&Queue { is_auto_delete: true, ..queue(&q) })).await.unwrap();
    soon(channel.declare_exchange(&Exchange { is_auto_delete: true, ..exchange(&e, "fanout") })).await.unwrap();
    soon(channel.bind_queue(&q, &e, "", &FieldTable::default())).await.unwrap();
    // Nobody has used it yet: it stays.
    soon(channel.check_queue(&q)).await.unwrap();
    let deliveries = consume(&channel, &q).await;
    soon(channel.check_queue(&q)).await.unwrap();
    soon(channel.cancel(&deliveries.tag())).await.unwrap();
    let gone = async {
        loop {
            let channel = peer.channel(&connection).await;
            if channel.check_queue(&q).await.is_err() {
                break;
            }
        }
    };
    soon(gone).await;
    let channel = peer.channel(&connection).await;
    let gone = refused(Code::NotFound, format!("NOT_FOUND - no exchange '{e}' in vhost '{}'", peer.vhost()));
    assert_eq!(fault(soon(channel.check_exchange(&e)).await), gone);
}

pub(super) async fn expiring_queues(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let q = unique("q");
    let expiring = queue_with(&q, &[("x-expires", AMQPValue::LongInt(100))]);
    soon(channel.declare_queue(&expiring)).await.unwrap();
    let deliveries = consume(&channel, &q).await;
    time::sleep(2 * QUIET).await;
    soon(channel.check_queue(&q)).await.unwrap();
    soon(channel.cancel(&deliveries.tag())).await.unwrap();
    let gone = async {
        // Asking after it more often would keep it.
        time::sleep(Duration::from_millis(500)).await;
        fault(channel.check_queue(&q).await)
    };
    let told = format!("NOT_FOUND - no queue '{q}' in vhost '{}'", peer.vhost());
    assert_eq!(soon(gone).await, refused(Code::NotFound, told));
}

pub(super) async fn long_names(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let name = "é".repeat(128);
    let told = format!("\"{}...\" is longer than the 255 bytes that AMQP has for names and properties", "é".repeat(32));
    let told = (Scope::Nothing, None, told);
    assert_eq!(fault(soon(channel.declare_queue(&queue(&name))).await), told);
    assert_eq!(fault(soon(channel.check_exchange(&name)).await), told);
    assert_eq!(fault(soon(channel.publish(message("", &name, "a"))).await), told);
    assert_eq!(fault(soon(channel.consume(&consumer(&name))).await.map(drop)), told);
    assert!(channel.is_open());
}

pub(super) async fn unknown_exchange_type(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let fault = fault(soon(channel.declare_exchange(&exchange(&unique("e"), "x-none"))).await);
    let told = "COMMAND_INVALID - unknown exchange type 'x-none'".to_owned();
    assert_eq!(fault, (Scope::Connection, Some(Code::Other(503)), told));
}
