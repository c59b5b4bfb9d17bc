//! The sections as data: what was written, checked as far as one entry can be checked by itself.

mod address;
mod arguments;
mod channel;
mod definition;
mod outgoing;
mod topology;

use serde::{Deserialize, Deserializer, de};
pub use zato_core::channel::broker::FailurePolicy;
use zato_core::config::SectionName;

pub(crate) use self::{address::Address, arguments::argument};
pub use self::{
    arguments::Arguments,
    channel::{AckMode, AmqpChannelConfig, DeadLetterConfig},
    definition::AmqpDefinitionConfig,
    outgoing::{AmqpConfig, DataFormat, DeliveryMode},
    topology::{BindingConfig, ExchangeConfig, ExchangeType, QueueConfig, QueueType},
};

/// The section that definitions stand in: where brokers are, and with which credentials.
pub const DEFINITION: SectionName = SectionName { name: "definition_amqp", aliases: &["def_amqp"] };

/// The section that outgoing connections stand in.
pub const OUTGOING: SectionName = SectionName { name: "outgoing_amqp", aliases: &["outconn_amqp"] };

/// The section that channels stand in.
pub const CHANNEL: SectionName = SectionName { name: "channel_amqp", aliases: &[] };

fn yes() -> bool {
    true
}

/// Zato writes an empty text where nobody chose.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// Reads a text that AMQP has no more than 255 bytes for.
fn short<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.len() > 255 {
        return Err(de::Error::custom("AMQP has no more than 255 bytes for this"));
    }
    Ok(text)
}

/// As `short`, where an empty text is none.
fn short_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(short(deserializer)?).filter(|text| !text.is_empty()))
}
