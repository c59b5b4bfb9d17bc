//! Services that settle the message of a broker themselves.

use std::sync::Arc;

use tokio::sync::Notify;
use zato::{
    Context, Delivery, Error, Kind, Raw, Result, Running,
    channel::{Inlet, Settlement},
    message::{ChannelInfo, Message, Payload},
    service, services, testing,
};

use crate::shared_definitions::broker::{Broker, Queues};

/// What only one protocol knows.
#[derive(Clone, Debug, PartialEq)]
struct Priority(u8);

/// Settles as it is told.
#[service(name = "take")]
async fn take(ctx: &Context, input: Raw, #[delivery] delivery: Delivery) -> Result<()> {
    assert!(ctx.delivery::<Option<Delivery>>()?.is_none(), "it is given once");
    match input.bytes().await?.as_ref() {
        b"ack" => delivery.ack().await,
        b"bad" => delivery.dead_letter("it is bad").await,
        b"fail" => Err(Error::conflict("before it was settled")),
        _ => Ok(()),
    }
}

/// Settles what can be settled.
#[service(name = "take.maybe")]
async fn take_maybe(#[delivery] delivery: Option<Delivery>) -> Result<Raw> {
    match delivery {
        Some(delivery) => delivery.reject().await.map(|()| Raw::new("rejected")),
        None => Ok(Raw::new("nothing to settle")),
    }
}

/// Leaves it to the channel, and invokes one that doesn't.
#[service(name = "leave")]
async fn leave(ctx: &Context) -> Result<Raw> {
    assert_eq!(ctx.extension(), Some(&Priority(7)));
    let error = ctx.invoke::<take>(Raw::new("ack")).await.expect_err("there is nothing to settle");
    Ok(Raw::new(error.message().to_owned()))
}

/// Waits for ever with a delivery in its hands.
#[service(name = "hold")]
async fn hold(#[delivery] _delivery: Delivery, #[state] held: Arc<Notify>) -> Result<()> {
    held.notify_one();
    std::future::pending().await
}

const CONFIG: &str = "\
channel_broker:
  - {name: take, definition: main, service: take}
  - {name: maybe, definition: main, service: take.maybe}
  - {name: leave, definition: main, service: leave}
  - {name: hold, definition: main, service: hold}
";

fn app() -> zato::App {
    let app = testing::app("deliveries").services(services![take, take_maybe, leave, hold]);
    app.definition::<Broker>().channel(Queues::default()).fake_definition("main", Broker::new("fake"))
}

fn inlet(app: &Running, name: &str) -> Inlet {
    let queues = app.channel::<Queues>().expect("the app has it").now();
    queues.into_iter().find(|queue| queue.name == name).and_then(|queue| queue.inlet).expect("it is configured")
}

fn message(name: &str, payload: &'static str) -> Message {
    let channel = Arc::new(ChannelInfo::new("broker", name, name));
    let mut message = Message::new("4f6c0a1e".parse().expect("a correlation id"), channel, Payload::from(payload));
    message.head.extensions.insert(Priority(7));
    message
}

/// Has a message served, and tells what the service returned and how it settled the message.
async fn served(app: &Running, name: &str, payload: &'static str) -> (Result<Vec<u8>>, Option<Settlement>) {
    let (delivery, settling) = Delivery::pair();
    let served = inlet(app, name).call(message(name, payload).with_delivery(delivery));
    let channel = async {
        let (settlement, answer) = settling.await?;
        answer.send(Ok(()));
        Some(settlement)
    };
    let (served, settlement) = tokio::join!(served, channel);
    (served.map(|reply| reply.payload().bytes().expect("bytes").to_vec()), settlement)
}

#[tokio::test]
async fn a_service_settles_its_message_or_leaves_it_to_the_channel() {
    let app = app().state(Arc::new(Notify::new())).config_yaml(CONFIG).start().await.expect("the app starts");
    for (name, takes, needs) in [("take", true, true), ("maybe", true, false), ("leave", false, false)] {
        let inlet = inlet(&app, name);
        assert_eq!((inlet.takes_delivery(), inlet.needs_delivery()), (takes, needs), "{name}");
    }
    assert_eq!(served(&app, "take", "ack").await.1, Some(Settlement::Ack));
    assert_eq!(served(&app, "take", "bad").await.1, Some(Settlement::DeadLetter { reason: "it is bad".to_owned() }));
    let (said, settlement) = served(&app, "maybe", "").await;
    assert_eq!((said.unwrap(), settlement), (b"rejected".to_vec(), Some(Settlement::Reject)));
    let (failed, settlement) = served(&app, "take", "fail").await;
    assert_eq!((failed.unwrap_err().kind(), settlement), (Kind::Conflict, None));
    assert_eq!(served(&app, "take", "forgotten").await.1, None);
    let (said, settlement) = served(&app, "leave", "").await;
    assert_eq!(settlement, None);
    assert_eq!(
        String::from_utf8(said.unwrap()).unwrap(),
        "the service take settles a message of a broker itself, and the invoke channel \"invoke\" gave it none; a service \
         that others call, too, takes an `Option<Delivery>`"
    );
}

#[tokio::test]
async fn a_service_that_is_cut_settles_nothing() {
    let held = Arc::new(Notify::new());
    let app = app().state(Arc::clone(&held)).config_yaml(CONFIG).start().await.expect("the app starts");
    let (delivery, settling) = Delivery::pair();
    let served = inlet(&app, "hold").call(message("hold", "").with_delivery(delivery));
    tokio::select! {
        _ = served => panic!("it never returns"),
        () = held.notified() => {}
    }
    assert!(settling.await.is_none());
}

#[tokio::test]
async fn who_calls_without_a_broker_is_refused_or_gets_along() {
    let app = app().state(Arc::new(Notify::new()));
    let rest = "channel_rest: [{name: maybe, url_path: /maybe, service: take.maybe}]";
    let app = app.config_yaml(rest).start().await.expect("the app starts");
    assert_eq!(testing::client(&app).get("/maybe").await.text(), "nothing to settle");
    for section in ["channel_rest", "channel_soap"] {
        let yaml = format!("{section}:\n  - {{name: take, url_path: /take, service: take}}");
        let error = app.apply_yaml(yaml).await.expect_err("there is nothing to settle").to_string();
        assert_eq!(
            error,
            "the configuration can't be used:\n  configuration:2:5: the service \"take\" settles messages of a broker \
             itself and can't be called over HTTP; name another one, or have it take an `Option<Delivery>`"
        );
    }
    let error = app.invoke::<take>(Raw::new("ack")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    let (delivery, settled) = testing::delivery();
    take(&testing::context(), Raw::new("bad"), delivery).await.expect("nobody is waited for");
    assert_eq!(settled.settlement(), Some(&Settlement::DeadLetter { reason: "it is bad".to_owned() }));
}
