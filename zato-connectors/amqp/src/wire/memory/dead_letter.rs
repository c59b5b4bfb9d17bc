//! What a message is given that could not stay in its queue: RabbitMQ's "dead letter exchanges".

use std::time::{SystemTime, UNIX_EPOCH};

use ::lapin::{
    BasicProperties,
    types::{AMQPValue, FieldArray, FieldTable},
};

use super::{
    queue::{Message, Queue},
    values,
};

/// A message that could not stay in its queue, and what is to become of it.
#[derive(Debug)]
pub(super) struct Dead {
    message: Message,
    queue: String,
    reason: &'static str,
    exchange: String,
    key: Option<String>,
}

impl Dead {
    /// Returns nothing if the queue has no place for its dead letters.
    pub(super) fn of(queue: &Queue, message: Message, reason: &'static str) -> Option<Self> {
        let to = queue.rules.dead_letters.as_ref()?;
        Some(Self {
            message,
            queue: queue.declared.name.clone(),
            reason,
            exchange: to.exchange.clone(),
            key: to.key.clone(),
        })
    }
}

/// Returns the message with the account of its death.
pub(super) fn marked(dead: &Dead) -> Message {
    let Message { exchange, routing_key, properties, .. } = &dead.message;
    let mut headers = properties.headers().clone().unwrap_or_default();
    let mut deaths = match headers.inner().get("x-death") {
        Some(AMQPValue::FieldArray(deaths)) => deaths.as_slice().to_vec(),
        _ => Vec::new(),
    };
    let again = deaths.iter().position(|death| is_death(death, &dead.queue, dead.reason));
    let death = match again.map(|at| deaths.remove(at)) {
        Some(AMQPValue::FieldTable(mut death)) => {
            let count = death.inner().get("count").and_then(values::integer).unwrap_or(0);
            death.insert("count".into(), AMQPValue::LongLongInt(count + 1));
            death
        }
        _ => first_death(dead, exchange, routing_key),
    };
    deaths.insert(0, AMQPValue::FieldTable(death));
    headers.insert("x-death".into(), AMQPValue::FieldArray(deaths.into()));
    let first = [("exchange", exchange.as_str()), ("queue", &dead.queue), ("reason", dead.reason)];
    for (what, value) in first {
        let name = format!("x-first-death-{what}");
        if !headers.contains_key(&name) {
            headers.insert(name.into(), text(value));
        }
    }
    Message {
        exchange: dead.exchange.clone(),
        routing_key: dead.key.clone().unwrap_or_else(|| routing_key.clone()),
        properties: lasting(properties).with_headers(headers),
        ..dead.message.clone()
    }
}

fn first_death(dead: &Dead, exchange: &str, key: &str) -> FieldTable {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut death = FieldTable::default();
    death.insert("count".into(), AMQPValue::LongLongInt(1));
    death.insert("reason".into(), text(dead.reason));
    death.insert("queue".into(), text(&dead.queue));
    death.insert("time".into(), AMQPValue::Timestamp(now));
    death.insert("exchange".into(), text(exchange));
    death.insert("routing-keys".into(), AMQPValue::FieldArray(FieldArray::from(vec![text(key)])));
    if let Some(expiration) = dead.message.properties.expiration() {
        death.insert("original-expiration".into(), text(expiration.as_str()));
    }
    death
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn is_death(death: &AMQPValue, queue: &str, reason: &str) -> bool {
    let AMQPValue::FieldTable(death) = death else { return false };
    values::text(death, "queue").is_some_and(|other| other == queue)
        && values::text(death, "reason").is_some_and(|other| other == reason)
}

/// Whether a message would come back to a queue without anybody having rejected it on its way: RabbitMQ drops those.
pub(super) fn is_cycle(queue: &str, dead: &Dead, headers: Option<&FieldTable>) -> bool {
    if dead.reason == "rejected" {
        return false;
    }
    let Some(AMQPValue::FieldArray(deaths)) = headers.and_then(|headers| headers.inner().get("x-death")) else {
        return false;
    };
    let tells = |death: &AMQPValue, key: &str, what: &str| matches!(death, AMQPValue::FieldTable(death) if values::text(death, key).is_some_and(|told| told == what));
    let deaths = deaths.as_slice();
    let since = deaths.iter().position(|death| tells(death, "queue", queue));
    since.is_some_and(|since| !deaths.iter().take(since + 1).any(|death| tells(death, "reason", "rejected")))
}

/// Returns properties without the expiration, which would end it in the next queue, too.
fn lasting(properties: &BasicProperties) -> BasicProperties {
    let mut kept = BasicProperties::default();
    macro_rules! keep {
        ($($get:ident => $with:ident),+ $(,)?) => {
            $(if let Some(value) = properties.$get().clone() {
                kept = kept.$with(value);
            })+
        };
    }
    keep!(
        content_type => with_content_type,
        content_encoding => with_content_encoding,
        headers => with_headers,
        delivery_mode => with_delivery_mode,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        timestamp => with_timestamp,
        kind => with_type,
        user_id => with_user_id,
        app_id => with_app_id,
        cluster_id => with_cluster_id,
    );
    kept
}
