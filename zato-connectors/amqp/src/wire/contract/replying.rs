use super::*;

const REPLY_TO: &str = "amq.rabbitmq.reply-to";

fn replies() -> Subscription {
    Subscription { is_unacknowledged: true, ..consumer(REPLY_TO) }
}

fn question(queue: &str) -> Publication {
    let properties = BasicProperties::default().with_reply_to(REPLY_TO.into()).with_correlation_id("c".into());
    Publication { properties, ..message("", queue, "?") }
}

pub(super) async fn answers(peer: &Peer) {
    let (connection, other) = (peer.connect().await, peer.connect().await);
    let (asking, answering) = (peer.channel(&connection).await, peer.channel(&other).await);
    let q = unique("q");
    soon(answering.declare_queue(&queue(&q))).await.unwrap();
    let mut asked = consume(&answering, &q).await;
    let mut answers = soon(asking.consume(&replies())).await.unwrap();
    for _ in 0..2 {
        publish(&asking, question(&q)).await;
        let question = next(&mut asked).await;
        let to = question.properties.reply_to().as_ref().expect("somebody who asks").to_string();
        assert!(to.starts_with("amq.rabbitmq.reply-to."), "{to}");
        let state = soon(answering.check_queue(&to)).await.unwrap();
        assert_eq!((state.messages, state.consumers), (0, 1));
        // It gets there, and comes back nonetheless if it is mandatory: no queue is bound for it.
        let answer = Publication { is_mandatory: true, properties: question.properties, ..message("", &to, "!") };
        let confirmed = soon(answering.publish(answer)).await.unwrap();
        let Confirmed::Ack(Some(returned)) = confirmed else { panic!("{confirmed:?}") };
        assert_eq!(returned.reason, "NO_ROUTE");
        let answer = next(&mut answers).await;
        // They are settled by arriving, and not even counted.
        assert_eq!((answer.tag, answer.exchange.as_str(), &answer.routing_key), (1, "", &to));
        assert_eq!((body(&answer), answer.is_redelivered), ("!", false));
        assert_eq!(answer.properties.correlation_id().as_ref().map(|id| id.as_str()), Some("c"));
        assert_eq!(answer.properties.reply_to().as_ref().map(|name| name.as_str()), Some(to.as_str()));
    }
}

pub(super) async fn nobody_asks(peer: &Peer) {
    let (connection, other) = (peer.connect().await, peer.connect().await);
    let (asking, answering) = (peer.channel(&connection).await, peer.channel(&other).await);
    let q = unique("q");
    soon(answering.declare_queue(&queue(&q))).await.unwrap();
    let mut asked = consume(&answering, &q).await;
    let _answers = soon(asking.consume(&replies())).await.unwrap();
    publish(&asking, question(&q)).await;
    let question = next(&mut asked).await;
    soon(asking.close()).await.unwrap();
    let to = question.properties.reply_to().as_ref().expect("somebody who asks").to_string();
    let answer = Publication { is_mandatory: true, ..message("", &to, "!") };
    let confirmed = soon(answering.publish(answer)).await.unwrap();
    let Confirmed::Ack(Some(returned)) = confirmed else { panic!("{confirmed:?}") };
    assert_eq!(returned.reason, "NO_ROUTE");
    let gone = format!("NOT_FOUND - no queue '{to}' in vhost '{}'", peer.vhost());
    assert_eq!(fault(soon(answering.check_queue(&to)).await), refused(Code::NotFound, gone));
}

pub(super) async fn unfit_questions(peer: &Peer) {
    let connection = peer.connect().await;
    let channel = peer.channel(&connection).await;
    let told = refused(Code::PreconditionFailed, "PRECONDITION_FAILED - fast reply consumer does not exist");
    assert_eq!(fault(soon(channel.publish(question("q"))).await), told);
    let channel = peer.channel(&connection).await;
    let told = refused(Code::PreconditionFailed, "PRECONDITION_FAILED - reply consumer cannot acknowledge");
    assert_eq!(fault(soon(channel.consume(&consumer(REPLY_TO))).await.map(drop)), told);
    let channel = peer.channel(&connection).await;
    let _first = soon(channel.consume(&replies())).await.unwrap();
    let told = refused(Code::PreconditionFailed, "PRECONDITION_FAILED - reply consumer already set");
    assert_eq!(fault(soon(channel.consume(&replies())).await.map(drop)), told);
}
