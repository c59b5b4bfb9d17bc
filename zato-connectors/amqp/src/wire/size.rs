//! How many bytes the properties of a message have on the way: they are sent as one frame, whatever they are.

use ::lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};

/// What stands around the properties in their frame: type, channel, size and end of the frame, class, weight, size of the
/// body and flags (AMQP 0-9-1 §4.2.3, §4.2.6.1).
const AROUND: usize = 7 + 1 + 2 + 2 + 8 + 2;

/// Returns the bytes of the frame that has the properties in it.
pub(super) fn of_header(properties: &BasicProperties) -> usize {
    let texts = [
        properties.content_type(),
        properties.content_encoding(),
        properties.correlation_id(),
        properties.reply_to(),
        properties.expiration(),
        properties.message_id(),
        properties.kind(),
        properties.user_id(),
        properties.app_id(),
        properties.cluster_id(),
    ];
    let texts: usize = texts.into_iter().flatten().map(of_short).sum();
    let numbers = usize::from(properties.delivery_mode().is_some())
        + usize::from(properties.priority().is_some())
        + if properties.timestamp().is_some() { 8 } else { 0 };
    AROUND + texts + numbers + properties.headers().as_ref().map_or(0, of_table)
}

fn of_short(text: &ShortString) -> usize {
    1 + text.as_str().len()
}

fn of_table(table: &FieldTable) -> usize {
    let entries = table.inner().iter().map(|(name, value)| of_short(name) + 1 + of_value(value));
    4 + entries.sum::<usize>()
}

/// The bytes of a value behind the letter of its type.
fn of_value(value: &AMQPValue) -> usize {
    match value {
        AMQPValue::Void => 0,
        AMQPValue::Boolean(_) | AMQPValue::ShortShortInt(_) | AMQPValue::ShortShortUInt(_) => 1,
        AMQPValue::ShortInt(_) | AMQPValue::ShortUInt(_) => 2,
        AMQPValue::LongInt(_) | AMQPValue::LongUInt(_) | AMQPValue::Float(_) => 4,
        AMQPValue::DecimalValue(_) => 5,
        AMQPValue::LongLongInt(_) | AMQPValue::Double(_) | AMQPValue::Timestamp(_) => 8,
        AMQPValue::ShortString(text) => of_short(text),
        AMQPValue::LongString(text) => 4 + text.as_bytes().len(),
        AMQPValue::ByteArray(bytes) => 4 + bytes.len(),
        AMQPValue::FieldArray(values) => 4 + values.as_slice().iter().map(|value| 1 + of_value(value)).sum::<usize>(),
        AMQPValue::FieldTable(table) => of_table(table),
    }
}
