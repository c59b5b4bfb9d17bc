use std::{fmt, sync::Arc};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use zato_core::{
    chrono::{DateTime, Utc},
    service::Context,
};

use crate::{
    headers::{ATTEMPT, EXCHANGE, ROUTING_KEY},
    wire::Delivered,
};

/// What AMQP says of the message that a service was called with, beside its payload.
///
/// # Examples
///
/// ```
/// use zato_amqp::Received;
/// use zato_core::service::Context;
///
/// fn is_urgent(ctx: &Context) -> bool {
///     // `None` if the request came some other way, such as over HTTP.
///     Received::of(ctx).and_then(Received::priority).is_some_and(|priority| priority > 6)
/// }
/// ```
pub struct Received {
    queue: Arc<str>,
    consumer_tag: Arc<str>,
    exchange: String,
    routing_key: String,
    is_redelivered: bool,
    attempt: u32,
    delivery_count: u32,
    properties: BasicProperties,
}

impl Received {
    /// Returns what is known of the message that a request began with; `None` if it did not come from an AMQP channel, or if
    /// this is a service that another one has invoked.
    #[must_use]
    pub fn of(ctx: &Context) -> Option<&Self> {
        ctx.extension::<Arc<Self>>().map(Arc::as_ref)
    }

    /// Takes what was delivered apart from its payload.
    pub(crate) fn new(delivered: Delivered, queue: &Arc<str>, consumer_tag: &Arc<str>) -> Self {
        let Delivered { exchange, routing_key, is_redelivered, properties, .. } = delivered;
        let headers = properties.headers().as_ref();
        // Copies of ours come from a delay queue, or straight back; what they came by at first stands in their headers.
        let copied = header_number(headers, ATTEMPT);
        let first = |name| copied.and_then(|_| header_text(headers, name)).map(str::to_owned);
        let (first_exchange, first_key) = (first(EXCHANGE), first(ROUTING_KEY));
        let delivery_count = header_number(headers, "x-delivery-count").unwrap_or(0);
        Self {
            queue: Arc::clone(queue),
            consumer_tag: Arc::clone(consumer_tag),
            exchange: first_exchange.unwrap_or(exchange),
            routing_key: first_key.unwrap_or(routing_key),
            is_redelivered,
            attempt: copied.unwrap_or(0).saturating_add(1),
            delivery_count,
            properties,
        }
    }

    /// Returns the queue that it came from.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Returns the tag of the consumer that it was delivered to.
    #[must_use]
    pub fn consumer_tag(&self) -> &str {
        &self.consumer_tag
    }

    /// Returns the exchange that it was published to at first, however often it has come again since; the default exchange
    /// has the empty name.
    #[must_use]
    pub fn exchange(&self) -> &str {
        &self.exchange
    }

    /// Returns the routing key that it was published with at first.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        &self.routing_key
    }

    /// Returns whether the broker has delivered it before, and never heard what became of it: it may have been served.
    #[must_use]
    pub fn is_redelivered(&self) -> bool {
        self.is_redelivered
    }

    /// Returns which attempt this is, from 1 on: those before it have failed and were requeued.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns how often the broker has delivered it before without hearing what became of it, which quorum queues count;
    /// 0 with other queues. It need not have been served: what was handed over ahead of its turn counts, too, when a
    /// connection ends.
    #[must_use]
    pub fn delivery_count(&self) -> u32 {
        self.delivery_count
    }

    /// Returns the content type.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        text(self.properties.content_type())
    }

    /// Returns the content encoding, such as `gzip`; the payload is as it came.
    #[must_use]
    pub fn content_encoding(&self) -> Option<&str> {
        text(self.properties.content_encoding())
    }

    /// Returns whether durable queues have it still when the broker has been restarted.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        *self.properties.delivery_mode() == Some(2)
    }

    /// Returns its priority.
    #[must_use]
    pub fn priority(&self) -> Option<u8> {
        *self.properties.priority()
    }

    /// Returns what a reply is told by.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        text(self.properties.correlation_id())
    }

    /// Returns the queue that a reply goes to.
    #[must_use]
    pub fn reply_to(&self) -> Option<&str> {
        text(self.properties.reply_to())
    }

    /// Returns how long it may wait in a queue, in milliseconds, as whoever sent it wrote that.
    #[must_use]
    pub fn expiration(&self) -> Option<&str> {
        text(self.properties.expiration())
    }

    /// Returns its message id.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        text(self.properties.message_id())
    }

    /// Returns when whoever sent it says that it was made.
    #[must_use]
    pub fn timestamp(&self) -> Option<DateTime<Utc>> {
        let seconds = self.properties.timestamp().and_then(|seconds| i64::try_from(seconds).ok())?;
        DateTime::from_timestamp(seconds, 0)
    }

    /// Returns what sort of message it is: the property `type`.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        text(self.properties.kind())
    }

    /// Returns who sent it, which the broker has compared with who was connected.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        text(self.properties.user_id())
    }

    /// Returns which program sent it.
    #[must_use]
    pub fn app_id(&self) -> Option<&str> {
        text(self.properties.app_id())
    }

    /// Returns every header; those that are texts are in [`Context::headers`], too.
    #[must_use]
    pub fn headers(&self) -> Option<&FieldTable> {
        self.properties.headers().as_ref()
    }

    /// Returns a header, in the spelling that it was sent with.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&AMQPValue> {
        self.headers()?.inner().get(name)
    }

    /// Returns the properties as the library has them.
    #[must_use]
    pub fn raw(&self) -> &BasicProperties {
        &self.properties
    }
}

/// Says how it came, and nothing of its headers, which may be secret.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("queue", &self.queue)
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("attempt", &self.attempt)
            .field("message_id", &self.message_id())
            .finish_non_exhaustive()
    }
}

fn text(property: &Option<ShortString>) -> Option<&str> {
    property.as_ref().map(ShortString::as_str)
}

/// Returns the text of a header that is one.
pub(crate) fn header_text<'a>(headers: Option<&'a FieldTable>, name: &str) -> Option<&'a str> {
    value_text(headers?.inner().get(name)?)
}

/// Returns a value of AMQP as text, if it is one.
pub(crate) fn value_text(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Returns the number in a header, in whatever width it came; brokers and libraries choose that differently.
fn header_number(headers: Option<&FieldTable>, name: &str) -> Option<u32> {
    let number = match headers?.inner().get(name)? {
        AMQPValue::ShortShortInt(number) => i64::from(*number),
        AMQPValue::ShortShortUInt(number) => i64::from(*number),
        AMQPValue::ShortInt(number) => i64::from(*number),
        AMQPValue::ShortUInt(number) => i64::from(*number),
        AMQPValue::LongInt(number) => i64::from(*number),
        AMQPValue::LongUInt(number) => i64::from(*number),
        AMQPValue::LongLongInt(number) => *number,
        other => value_text(other)?.parse().ok()?,
    };
    Some(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use zato_core::bytes::Bytes;

    use super::*;

    fn received(headers: FieldTable) -> Received {
        let delivered = Delivered {
            tag: 1,
            exchange: String::new(),
            routing_key: "orders".to_owned(),
            is_redelivered: true,
            properties: BasicProperties::default().with_headers(headers),
            body: Bytes::new(),
        };
        Received::new(delivered, &"orders".into(), &"tag".into())
    }

    fn table(pairs: &[(&str, AMQPValue)]) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in pairs {
            table.insert((*name).into(), value.clone());
        }
        table
    }

    #[test]
    fn attempts_are_counted_from_our_own_header_and_not_from_the_brokers() {
        let attempt = |pairs: &[(&str, AMQPValue)]| received(table(pairs)).attempt();
        assert_eq!(attempt(&[]), 1);
        assert_eq!(attempt(&[(ATTEMPT, AMQPValue::LongLongInt(2))]), 3);
        assert_eq!(attempt(&[(ATTEMPT, AMQPValue::LongString("2".into()))]), 3);
        let both = received(table(&[(ATTEMPT, AMQPValue::LongInt(2)), ("x-delivery-count", AMQPValue::LongUInt(7))]));
        assert_eq!((both.attempt(), both.delivery_count()), (3, 7), "what was never served was not tried");
        for odd in [AMQPValue::LongLongInt(-1), AMQPValue::Void, AMQPValue::LongString(vec![0xff].into())] {
            assert_eq!(attempt(&[(ATTEMPT, odd)]), 1);
        }
        assert_eq!(attempt(&[(ATTEMPT, AMQPValue::LongLongInt(i64::MAX))]), u32::MAX, "and no overflow");
    }

    #[test]
    fn where_it_was_published_at_first_is_believed_of_copies_alone() {
        let first = [
            (EXCHANGE, AMQPValue::LongString("shop".into())),
            (ROUTING_KEY, AMQPValue::LongString("order.new".into())),
        ];
        let never_copied = received(table(&first));
        assert_eq!((never_copied.exchange(), never_copied.routing_key()), ("", "orders"));
        let copied = received(table(&[first.as_slice(), &[(ATTEMPT, AMQPValue::LongLongInt(1))]].concat()));
        assert_eq!((copied.exchange(), copied.routing_key()), ("shop", "order.new"));
        assert!(!format!("{copied:?}").contains("x-zato"), "{copied:?}");
    }
}
