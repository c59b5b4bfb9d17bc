//! Messages that a client sends which nobody here wrote, and that it gets: with every property and every type of header.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use zato::{
    Context, Raw, Result,
    amqp::{
        Amqp, AmqpMessage, DeliveryMode, Received,
        lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable},
    },
    chrono::DateTime,
    service, services,
};

use super::{all_up, config};
use crate::{
    partner::PIKA,
    rabbitmq::{Broker, until},
};

/// How long the client waits, in seconds.
const SECONDS: &str = "20";

/// A header of every type, as the library has them.
fn values() -> BTreeMap<&'static str, AMQPValue> {
    let mut deep = FieldTable::default();
    deep.insert("deep".into(), AMQPValue::LongLongInt(1));
    let mut table = FieldTable::default();
    table.insert("inner".into(), AMQPValue::FieldTable(deep));
    table.insert("empty".into(), AMQPValue::FieldTable(FieldTable::default()));
    let nothing = AMQPValue::FieldArray(FieldArray::default());
    let list = vec![AMQPValue::LongInt(1), AMQPValue::LongString("two".into()), nothing];
    BTreeMap::from([
        ("text", AMQPValue::LongString("Zażółć".into())),
        ("no-text", AMQPValue::LongString(vec![0xff].into())),
        ("bytes", AMQPValue::ByteArray(vec![0, 0xff].into())),
        ("yes", AMQPValue::Boolean(true)),
        ("b", AMQPValue::ShortShortInt(-128)),
        ("B", AMQPValue::ShortShortUInt(255)),
        ("s", AMQPValue::ShortInt(-32768)),
        ("u", AMQPValue::ShortUInt(65535)),
        ("I", AMQPValue::LongInt(i32::MIN)),
        ("i", AMQPValue::LongUInt(u32::MAX)),
        ("l", AMQPValue::LongLongInt(i64::MIN)),
        ("f", AMQPValue::Float(0.5)),
        ("d", AMQPValue::Double(0.1)),
        ("price", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 150 })),
        ("when", AMQPValue::Timestamp(1_700_000_000)),
        ("nothing", AMQPValue::Void),
        ("list", AMQPValue::FieldArray(list.into())),
        ("table", AMQPValue::FieldTable(table)),
    ])
}

/// The same as the client has them.
fn on_pika() -> Value {
    json!({
        "text": ["S", "Zażółć"], "no-text": ["S", {"base64": "/w=="}], "bytes": ["x", "AP8="], "yes": ["t", true],
        "b": ["b", -128], "B": ["B", 255], "s": ["s", -32768], "u": ["u", 65535], "I": ["I", i32::MIN],
        "i": ["i", u32::MAX], "l": ["l", i64::MIN], "f": ["f", 0.5], "d": ["d", 0.1], "price": ["D", [2, 150]],
        "when": ["T", 1_700_000_000], "nothing": ["V", null],
        "list": ["A", [["I", 1], ["S", "two"], ["A", []]]],
        "table": ["F", {"inner": ["F", {"deep": ["l", 1]}], "empty": ["F", {}]}],
    })
}

/// A message as a service sees it.
#[derive(Clone, Debug)]
struct Seen {
    /// What the getters say, by the names that the client has for them.
    told: Value,
    headers: BTreeMap<String, AMQPValue>,
    body: Vec<u8>,
}

type Kept = Arc<Mutex<Vec<Seen>>>;

/// Keeps what came.
#[service(name = "keep")]
async fn keep(ctx: &Context, input: Raw, #[state] kept: &Kept) -> Result<()> {
    let it = Received::of(ctx).expect("it came over AMQP");
    let told = json!({
        "content_type": it.content_type(), "content_encoding": it.content_encoding(),
        "delivery_mode": if it.is_persistent() { 2 } else { 1 }, "priority": it.priority(),
        "correlation_id": it.correlation_id(), "reply_to": it.reply_to(), "expiration": it.expiration(),
        "message_id": it.message_id(), "timestamp": it.timestamp().map(|at| at.timestamp()), "type": it.kind(),
        "user_id": it.user_id(), "app_id": it.app_id(),
    });
    assert_eq!((it.exchange(), it.routing_key(), it.queue()), ("events", "order.new", "ours"));
    assert_eq!((it.is_redelivered(), it.attempt()), (false, 1));
    let headers = it.headers().into_iter().flat_map(|table| table.inner());
    let headers = headers.map(|(name, value)| (name.to_string(), value.clone())).collect();
    let body = input.bytes().await?.to_vec();
    kept.lock().expect("nobody panics with it").push(Seen { told, headers, body });
    Ok(())
}

/// Every property that there is.
fn properties(user: &str) -> Value {
    json!({
        "content_type": "application/x-ours", "content_encoding": "gzip", "delivery_mode": 2, "priority": 7,
        "correlation_id": "c", "reply_to": "r", "expiration": "60000", "message_id": "m", "timestamp": 1_700_000_000,
        "type": "order", "user_id": user, "app_id": "a",
    })
}

#[tokio::test]
async fn every_property_and_every_type_of_header_comes_from_pika() {
    let test = "every_property_and_every_type_of_header_comes_from_pika";
    let Some(broker) = Broker::shared(test).await else { return };
    broker.management().declare_exchange("events", "topic").await;
    broker.management().declare_queue("ours", json!({})).await;
    broker.management().bind("events", "ours", "order.*").await;
    let channel = "channel_amqp: [{name: in, definition: main, queue: ours, service: keep}]\n";
    let kept = Kept::default();
    let app = super::app("peers").services(services![keep]).state(Arc::clone(&kept));
    let app = app.config_yaml(config(&broker.url(), "", channel)).start().await.expect("it starts");
    all_up(&app).await;
    let mut properties = properties(broker.user());
    let without_headers = properties.clone();
    properties["headers"] = on_pika();
    let sent = json!({
        "exchange": "events", "routing_key": "order.new", "body": BASE64.encode(b"\0\xff"), "properties": properties,
    });
    if PIKA.lines(test, &["publish", &broker.url(), SECONDS], &[sent]).await.is_none() {
        return;
    }
    let seen = async || kept.lock().expect("nobody panics with it").first().cloned();
    let seen = until("it arrives", seen).await;
    assert_eq!((seen.told, seen.body), (without_headers, b"\0\xff".to_vec()));
    let expected: BTreeMap<_, _> = values().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(seen.headers, expected);
}

#[tokio::test]
async fn every_property_and_every_type_of_header_goes_to_pika() {
    let test = "every_property_and_every_type_of_header_goes_to_pika";
    let Some(broker) = Broker::shared(test).await else { return };
    broker.management().declare_exchange("events", "topic").await;
    broker.management().declare_queue("theirs", json!({})).await;
    broker.management().bind("events", "theirs", "order.*").await;
    let outgoing = "outgoing_amqp: [{name: Out, definition: main, exchange: events, routing_key: order.new}]\n";
    let app = super::app("peers").config_yaml(config(&broker.url(), "", outgoing)).start().await.expect("it starts");
    all_up(&app).await;
    let mut message = AmqpMessage::bytes(&b"\0\xff"[..])
        .content_type("application/x-ours")
        .content_encoding("gzip")
        .delivery_mode(DeliveryMode::Persistent)
        .priority(7)
        .correlation_id("c")
        .reply_to("r")
        .expiration(Duration::from_secs(60))
        .message_id("m")
        .timestamp(DateTime::from_timestamp(1_700_000_000, 0).expect("a time"))
        .kind("order")
        .user_id(broker.user())
        .app_id("a");
    for (name, value) in values() {
        message = message.header_value(name, value);
    }
    let (out, ctx): (Amqp, _) = (app.out("Out").expect("it is there"), app.context());
    out.send(&ctx, message).await.expect("a queue is bound");
    let got = PIKA.lines(test, &["consume", &broker.url(), SECONDS, "theirs", "1"], &[]).await;
    let Some([got]) = got.as_deref() else { return };
    let (mut got, mut expected) = (got.clone(), properties(broker.user()));
    expected["headers"] = on_pika();
    // What we add, so that a request can be followed.
    expected["headers"]["x-zato-cid"] = json!(["S", ctx.cid().as_str()]);
    let trace = got.pointer_mut("/properties/headers/traceparent").map(Value::take).unwrap_or_default();
    assert!(trace[1].as_str().is_some_and(|it| it.starts_with("00-") && it.len() == 55), "{trace}");
    expected["headers"]["traceparent"] = Value::Null;
    assert_eq!(got["properties"], expected);
    let rest = (&got["exchange"], &got["routing_key"], &got["body"], &got["redelivered"]);
    assert_eq!(rest, (&json!("events"), &json!("order.new"), &json!(BASE64.encode(b"\0\xff")), &json!(false)));
}
