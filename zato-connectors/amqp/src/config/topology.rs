use lapin::types::AMQPValue;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{Arguments, short, yes};
use crate::wire;

/// An exchange that is declared whenever a connection is made, or looked for.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExchangeConfig {
    /// Its name.
    #[serde(deserialize_with = "short")]
    pub name: String,
    /// How it finds the queues of a message: `direct`, `fanout`, `topic`, `headers`, or the type of a plugin.
    #[serde(default, rename = "type")]
    pub kind: ExchangeType,
    /// Whether it is looked for and not declared, however it is made.
    #[serde(default)]
    pub passive: bool,
    /// Whether it is there still when the broker has been restarted.
    #[serde(default = "yes")]
    pub durable: bool,
    /// Whether it goes with the last queue that is bound to it.
    #[serde(default)]
    pub auto_delete: bool,
    /// Whether only other exchanges may publish to it.
    #[serde(default)]
    pub internal: bool,
    /// Further arguments, such as `alternate-exchange`.
    #[serde(default)]
    pub arguments: Arguments,
    /// Exchanges that hand messages on to it.
    #[serde(default)]
    pub bindings: Vec<BindingConfig>,
}

/// A queue that is declared whenever a connection is made, or looked for.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct QueueConfig {
    /// Its name.
    #[serde(deserialize_with = "short")]
    pub name: String,
    /// How the broker keeps its messages: `classic`, `quorum`, or `stream`; as the broker likes unless given.
    #[serde(default, rename = "type")]
    pub kind: Option<QueueType>,
    /// Whether it is looked for and not declared, however it is made.
    #[serde(default)]
    pub passive: bool,
    /// Whether it is there still when the broker has been restarted, with those of its messages that are persistent.
    #[serde(default = "yes")]
    pub durable: bool,
    /// Whether it belongs to one connection alone, and goes with it.
    #[serde(default)]
    pub exclusive: bool,
    /// Whether it goes with its last consumer.
    #[serde(default)]
    pub auto_delete: bool,
    /// Further arguments, such as `x-message-ttl` or `x-dead-letter-exchange`.
    #[serde(default)]
    pub arguments: Arguments,
    /// Exchanges that hand messages on to it.
    #[serde(default)]
    pub bindings: Vec<BindingConfig>,
}

/// An exchange that hands messages on.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BindingConfig {
    /// The exchange.
    #[serde(deserialize_with = "short")]
    pub exchange: String,
    /// Which of its messages: a key, or with `topic` a pattern such as `order.*`.
    #[serde(default, deserialize_with = "short")]
    pub routing_key: String,
    /// Which of its messages, with `headers`.
    #[serde(default)]
    pub arguments: Arguments,
}

/// How an exchange finds the queues of a message (AMQP 0-9-1 §3.1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
#[non_exhaustive]
pub enum ExchangeType {
    /// Those that are bound with the very key.
    #[default]
    Direct,
    /// All that are bound.
    Fanout,
    /// Those that are bound with a pattern of the key.
    Topic,
    /// Those that are bound with matching headers.
    Headers,
    /// As a plugin knows.
    Other(String),
}

impl ExchangeType {
    /// Returns it as the broker has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
            Self::Other(kind) => kind,
        }
    }
}

impl<'de> Deserialize<'de> for ExchangeType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = short(deserializer)?;
        match text.as_str() {
            "" | "direct" => Ok(Self::Direct),
            "fanout" => Ok(Self::Fanout),
            "topic" => Ok(Self::Topic),
            "headers" => Ok(Self::Headers),
            // Those of plugins begin so by custom (AMQP 0-9-1 §3.1.3: "x-").
            other if other.starts_with("x-") => Ok(Self::Other(text)),
            _ => Err(serde::de::Error::custom("expected direct, fanout, topic, headers, or the x-... of a plugin")),
        }
    }
}

/// How a broker keeps the messages of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum QueueType {
    /// On one node.
    Classic,
    /// On several nodes, a majority of which has to have a message.
    Quorum,
    /// As a log, which is read and not emptied.
    Stream,
}

impl QueueType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
            Self::Stream => "stream",
        }
    }
}

impl ExchangeConfig {
    pub(crate) fn declaration(&self) -> wire::Exchange {
        wire::Exchange {
            name: self.name.clone(),
            kind: self.kind.as_str().to_owned(),
            is_durable: self.durable,
            is_auto_delete: self.auto_delete,
            is_internal: self.internal,
            arguments: self.arguments.table().clone(),
        }
    }
}

impl QueueConfig {
    pub(crate) fn declaration(&self) -> wire::Queue {
        let mut arguments = self.arguments.clone();
        if let Some(kind) = self.kind {
            arguments.or_insert("x-queue-type", AMQPValue::LongString(kind.as_str().into()));
        }
        wire::Queue {
            name: self.name.clone(),
            is_durable: self.durable,
            is_exclusive: self.exclusive,
            is_auto_delete: self.auto_delete,
            arguments: arguments.table().clone(),
        }
    }
}
