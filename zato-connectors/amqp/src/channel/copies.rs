//! Copies of messages: those that come again, and those that are given up.
//!
//! A copy is the message as it was sent, with headers of ours. What brokers have added on its way is left out, since they
//! act on it as if it were theirs.

use std::{collections::BTreeMap, time::Duration};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use zato_core::{
    bytes::Bytes,
    channel::broker::{Reason, RetryDelay},
    chrono::{DateTime, SecondsFormat, Utc},
    message::Cid,
};

use crate::{
    config::DeadLetterConfig,
    headers::{
        ATTEMPT, ATTEMPTS, CHANNEL_NAME, CID, ERROR, ERROR_KIND, EXCHANGE, FAILED_AT, FIRST_EXCHANGE,
        FIRST_ROUTING_KEY, HEADERS_DROPPED, QUEUE, ROUTING_KEY, SERVICE,
    },
    message,
    received::Received,
    wire::{Publication, Queue},
};

/// How long a message waits at the least that should have gone to the dead letters.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_secs(5);

/// Headers that no copy has: by `CC` and `BCC` it would go to further queues (RabbitMQ, "sender-selected distribution"), and
/// how often a queue has delivered it begins anew.
const ADDRESSING: [&str; 3] = ["CC", "BCC", "x-delivery-count"];

/// Headers that a copy has not that waits to come again: by them a broker tells whether a message goes round in circles, and
/// drops it then without a word (RabbitMQ, "dead letter exchanges"); this one goes round on purpose.
const DEATHS: [&str; 7] = [
    "x-death",
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
];

/// Headers that a dead letter has not, by which it would be taken for one that comes again when somebody puts it back.
const OF_ATTEMPTS: [&str; 3] = [ATTEMPT, EXCHANGE, ROUTING_KEY];

/// Every header of ours that a copy has.
const OURS: [&str; 13] = [
    ATTEMPT,
    EXCHANGE,
    ROUTING_KEY,
    ATTEMPTS,
    FIRST_EXCHANGE,
    FIRST_ROUTING_KEY,
    CID,
    ERROR,
    ERROR_KIND,
    CHANNEL_NAME,
    SERVICE,
    QUEUE,
    FAILED_AT,
];

/// What is said of a message that is given up.
pub(super) struct GivenUp<'a> {
    pub(super) reason: &'a Reason,
    pub(super) channel: &'a str,
    pub(super) service: &'a str,
    pub(super) cid: Cid,
    pub(super) at: DateTime<Utc>,
    pub(super) random: u128,
}

/// Makes the copy by which a message comes again, and the queue that it waits in, unless it need not wait.
pub(super) fn again(
    received: &Received,
    body: &Bytes,
    cid: Cid,
    after: Duration,
    random: u128,
) -> (Publication, Option<Queue>) {
    let waiting = (!after.is_zero()).then(|| waiting(received.queue(), after));
    let routing_key = waiting.as_ref().map_or(received.queue(), |queue| queue.name.as_str()).to_owned();
    let mut headers = headers(received, cid, &DEATHS);
    headers.insert(ATTEMPT.into(), attempt(received));
    headers.insert(EXCHANGE.into(), text(received.exchange()));
    headers.insert(ROUTING_KEY.into(), text(received.routing_key()));
    let properties = properties(received.raw(), random).with_headers(headers);
    let copy = Publication { exchange: String::new(), routing_key, is_mandatory: true, properties, body: body.clone() };
    (copy, waiting)
}

/// Makes the copy of a message that is given up.
pub(super) fn dead_letter(
    received: &Received,
    body: &Bytes,
    to: &DeadLetterConfig,
    given_up: &GivenUp<'_>,
) -> Publication {
    let GivenUp { reason, channel, service, cid, at, random } = given_up;
    let mut headers = headers(received, *cid, &OF_ATTEMPTS);
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    headers.insert(ATTEMPTS.into(), attempt(received));
    for (name, words) in [
        (FIRST_EXCHANGE, received.exchange()),
        (FIRST_ROUTING_KEY, received.routing_key()),
        (ERROR, reason.words.as_str()),
        (ERROR_KIND, reason.kind),
        (CHANNEL_NAME, channel),
        (SERVICE, service),
        (QUEUE, received.queue()),
        (FAILED_AT, at.as_str()),
    ] {
        headers.insert(name.into(), text(words));
    }
    Publication {
        exchange: to.exchange.clone(),
        routing_key: to.routing_key.clone().unwrap_or_else(|| received.routing_key().to_owned()),
        is_mandatory: true,
        properties: properties(received.raw(), *random).with_headers(headers),
        body: body.clone(),
    }
}

/// Takes the headers away that are not ours: those of a message may fit into a frame, and not have room for ours beside them.
pub(super) fn bare(mut copy: Publication) -> Publication {
    let headers = copy.properties.headers().as_ref().into_iter().flat_map(FieldTable::inner);
    let ours = headers.filter(|(name, _)| OURS.contains(&name.as_str()));
    let mut headers =
        FieldTable::from(ours.map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>());
    headers.insert(HEADERS_DROPPED.into(), AMQPValue::Boolean(true));
    copy.properties = copy.properties.with_headers(headers);
    copy
}

/// Rounds a delay that a service has chosen up to two digits, so that there are not as many queues as there are delays.
pub(super) fn rounded(delay: Duration) -> Duration {
    let milliseconds = u64::try_from(delay.min(RetryDelay::LONGEST).as_millis()).unwrap_or(u64::MAX);
    let digits = milliseconds.checked_ilog10().unwrap_or(0);
    let step = 10_u64.pow(digits.saturating_sub(1));
    Duration::from_millis(milliseconds.div_ceil(step) * step)
}

/// The queue where messages wait for some time, after which the broker puts them back: one for each delay, since only the
/// first message of a queue is looked at (RabbitMQ, "time-to-live").
fn waiting(queue: &str, after: Duration) -> Queue {
    let milliseconds = i64::try_from(after.as_millis().max(1)).unwrap_or(i64::MAX);
    let mut arguments = FieldTable::default();
    arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(milliseconds));
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
    arguments.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(queue.into()));
    Queue {
        name: format!("{queue}.retry.{milliseconds}"),
        is_durable: true,
        is_exclusive: false,
        is_auto_delete: false,
        arguments,
    }
}

/// The headers of the message, as they were sent and with ours.
fn headers(received: &Received, cid: Cid, left_out: &[&str]) -> FieldTable {
    let is_kept = |name: &str| !ADDRESSING.contains(&name) && !left_out.contains(&name);
    let sent = received.headers().into_iter().flat_map(FieldTable::inner);
    let kept = sent.filter(|(name, _)| is_kept(name.as_str())).map(|(name, value)| (name.clone(), value.clone()));
    let mut headers = FieldTable::from(kept.collect::<BTreeMap<_, _>>());
    headers.insert(CID.into(), text(cid.as_str()));
    headers
}

fn attempt(received: &Received) -> AMQPValue {
    AMQPValue::LongLongInt(i64::from(received.attempt()))
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// The properties of the message, without those that hold for it alone: the time that it may wait would end the copy, and
/// nobody may send under the name of another user. A message id is what a copy that comes back is told by.
fn properties(sent: &BasicProperties, random: u128) -> BasicProperties {
    type Set = fn(BasicProperties, ShortString) -> BasicProperties;
    let texts: [(&Option<ShortString>, Set); 6] = [
        (sent.content_type(), BasicProperties::with_content_type),
        (sent.content_encoding(), BasicProperties::with_content_encoding),
        (sent.correlation_id(), BasicProperties::with_correlation_id),
        (sent.reply_to(), BasicProperties::with_reply_to),
        (sent.kind(), BasicProperties::with_type),
        (sent.app_id(), BasicProperties::with_app_id),
    ];
    let id = sent.message_id().clone().unwrap_or_else(|| message::id(random));
    let mut copied = BasicProperties::default().with_message_id(id);
    for (text, set) in texts {
        if let Some(text) = text {
            copied = set(copied, text.clone());
        }
    }
    if let Some(mode) = sent.delivery_mode() {
        copied = copied.with_delivery_mode(*mode);
    }
    if let Some(priority) = sent.priority() {
        copied = copied.with_priority(*priority);
    }
    if let Some(timestamp) = sent.timestamp() {
        copied = copied.with_timestamp(*timestamp);
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Delivered;

    fn received(headers: &[(&str, AMQPValue)]) -> Received {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        let properties = BasicProperties::default()
            .with_headers(table)
            .with_message_id("m1".into())
            .with_expiration("1000".into())
            .with_user_id("shop".into())
            .with_delivery_mode(2)
            .with_reply_to("replies".into());
        let delivered = Delivered {
            tag: 1,
            exchange: "shop".to_owned(),
            routing_key: "order.new".to_owned(),
            is_redelivered: false,
            properties,
            body: Bytes::new(),
        };
        Received::new(delivered, &"orders".into(), &"tag".into())
    }

    fn cid() -> Cid {
        "c1".parse().unwrap()
    }

    fn names(copy: &Publication) -> Vec<&str> {
        copy.properties.headers().as_ref().unwrap().inner().keys().map(ShortString::as_str).collect()
    }

    #[test]
    fn a_copy_that_waits_is_the_message_without_what_brokers_would_act_upon() {
        let circles = received(&[("x-death", AMQPValue::Void), ("CC", AMQPValue::Void), ("tenant", text("bank"))]);
        let (copy, waiting) = again(&circles, &Bytes::from("{}"), cid(), Duration::from_secs(5), 1);
        let waiting = waiting.unwrap();
        assert_eq!((waiting.name.as_str(), copy.routing_key.as_str()), ("orders.retry.5000", "orders.retry.5000"));
        assert_eq!((copy.exchange.as_str(), copy.is_mandatory, copy.body.as_ref()), ("", true, b"{}".as_slice()));
        assert_eq!(names(&copy), ["tenant", ATTEMPT, CID, EXCHANGE, ROUTING_KEY]);
        let properties = &copy.properties;
        assert_eq!((properties.message_id().as_ref().unwrap().as_str(), properties.delivery_mode()), ("m1", &Some(2)));
        assert_eq!((properties.expiration(), properties.user_id()), (&None, &None));
        let argument = |name: &str| waiting.arguments.inner().get(name).cloned();
        assert_eq!(argument("x-message-ttl"), Some(AMQPValue::LongLongInt(5000)));
        assert_eq!(argument("x-dead-letter-exchange"), Some(text("")));
        assert_eq!(argument("x-dead-letter-routing-key"), Some(text("orders")));
        let (copy, waiting) = again(&circles, &Bytes::new(), cid(), Duration::ZERO, 1);
        assert!(waiting.is_none() && copy.routing_key == "orders", "it need not wait");
    }

    #[test]
    fn a_dead_letter_says_why_and_keeps_what_brokers_have_noted() {
        let dead = received(&[("x-death", AMQPValue::Void), ("BCC", AMQPValue::Void)]);
        let reason = Reason::of_service("not an order");
        let at = DateTime::UNIX_EPOCH;
        let given_up = GivenUp { reason: &reason, channel: "orders", service: "order.take", cid: cid(), at, random: 1 };
        let to = |routing_key: Option<&str>| DeadLetterConfig {
            exchange: "dead".to_owned(),
            routing_key: routing_key.map(str::to_owned),
        };
        let copy = dead_letter(&dead, &Bytes::new(), &to(None), &given_up);
        assert_eq!((copy.exchange.as_str(), copy.routing_key.as_str(), copy.is_mandatory), ("dead", "order.new", true));
        let headers = copy.properties.headers().as_ref().unwrap();
        let header = |name: &str| headers.inner().get(name).cloned();
        let expected = [
            (ERROR, "not an order"),
            (ERROR_KIND, "service"),
            (CHANNEL_NAME, "orders"),
            (SERVICE, "order.take"),
            (QUEUE, "orders"),
            (FAILED_AT, "1970-01-01T00:00:00.000Z"),
            (CID, "c1"),
            (FIRST_EXCHANGE, "shop"),
            (FIRST_ROUTING_KEY, "order.new"),
        ];
        for (name, value) in expected {
            assert_eq!(header(name), Some(text(value)), "{name}");
        }
        assert_eq!(header(ATTEMPTS), Some(AMQPValue::LongLongInt(1)));
        assert!(OF_ATTEMPTS.iter().all(|name| header(name).is_none()), "{headers:?}");
        assert_eq!((header("x-death"), header("BCC")), (Some(AMQPValue::Void), None));
        assert_eq!(dead_letter(&dead, &Bytes::new(), &to(Some("k")), &given_up).routing_key, "k");
    }

    #[test]
    fn a_copy_that_fits_into_no_frame_has_our_headers_alone() {
        let sent = received(&[("tenant", text("bank")), ("x-zato-note", text("theirs")), ("x-death", AMQPValue::Void)]);
        let (copy, _) = again(&sent, &Bytes::from("{}"), cid(), Duration::from_secs(5), 1);
        let copy = bare(copy);
        assert_eq!(names(&copy), [ATTEMPT, CID, EXCHANGE, HEADERS_DROPPED, ROUTING_KEY]);
        assert_eq!(copy.properties.message_id().as_ref().unwrap().as_str(), "m1");
        let reason = Reason::of_service("x");
        let at = DateTime::UNIX_EPOCH;
        let given_up = GivenUp { reason: &reason, channel: "orders", service: "order.take", cid: cid(), at, random: 1 };
        let to = DeadLetterConfig { exchange: "dead".to_owned(), routing_key: None };
        let whole = dead_letter(&sent, &Bytes::new(), &to, &given_up);
        let ours = names(&whole).len() - 3;
        assert_eq!(names(&bare(whole)).len(), ours + 1, "nothing of ours is lost");
    }

    #[test]
    fn there_are_few_delays_and_none_is_shorter_than_it_was_asked_for() {
        let milliseconds = |delay: u64| rounded(Duration::from_millis(delay)).as_millis();
        assert_eq!(
            [0, 7, 99, 100, 101, 1234, 61_000, 86_400_000].map(milliseconds),
            [0, 7, 99, 100, 110, 1300, 61_000, 87_000_000]
        );
        assert_eq!(rounded(Duration::MAX), rounded(RetryDelay::LONGEST));
        let all: std::collections::HashSet<_> = (0..100_000).map(milliseconds).collect();
        assert!(all.len() < 400, "{}", all.len());
    }
}
