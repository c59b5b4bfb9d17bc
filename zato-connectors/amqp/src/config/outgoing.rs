use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use zato_core::{Value, config::Duration, connection::ConnectionConfig};

use super::{Arguments, DEFINITION, short, short_option, yes};

/// One entry of `outgoing_amqp`: where services publish messages to, and how.
///
/// What a call says of its message comes first, then what stands here, then what is the default.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AmqpConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive connection refuses every call.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// The definition, in `definition_amqp`, whose broker is published to.
    #[serde(alias = "def_name")]
    pub definition: String,
    /// The exchange; the default one unless given, whose routing keys are names of queues.
    #[serde(default, deserialize_with = "short")]
    pub exchange: String,
    /// The routing key.
    #[serde(default, deserialize_with = "short")]
    pub routing_key: String,
    /// How models are written: `json` or `xml`.
    #[serde(default, deserialize_with = "format")]
    pub data_format: DataFormat,
    /// `persistent`, or 2: durable queues have a message still when the broker has been restarted. `transient`, or 1: they
    /// don't.
    #[serde(default)]
    pub delivery_mode: DeliveryMode,
    /// From 0 to 9, for queues that have priorities.
    #[serde(default = "five")]
    pub priority: u8,
    /// How long a message may wait in a queue, such as `30s`; a number is milliseconds, as AMQP has it. For ever unless
    /// given.
    #[serde(default, deserialize_with = "expiration")]
    #[schemars(with = "Option<Duration>")]
    pub expiration: Option<Duration>,
    /// The content type of what is sent, whatever it is; that of the format unless given.
    #[serde(default, deserialize_with = "short_option")]
    pub content_type: Option<String>,
    /// The content encoding.
    #[serde(default, deserialize_with = "short_option")]
    pub content_encoding: Option<String>,
    /// Who sends, which the broker compares with who is connected.
    #[serde(default, deserialize_with = "short_option")]
    pub user_id: Option<String>,
    /// Which program sends.
    #[serde(default, deserialize_with = "short_option")]
    pub app_id: Option<String>,
    /// Further headers of every message.
    #[serde(default)]
    pub headers: Arguments,
    /// Whether a message that no queue is bound for is an error; if not, the broker drops it and nobody is told.
    #[serde(default = "yes")]
    pub mandatory: bool,
    /// How long a call may take, with everything: waiting for a place and until the broker has confirmed the message.
    #[serde(default = "ten_seconds")]
    pub timeout: Duration,
    /// Whether a message whose confirmation was lost with the connection is sent again, by the same message id, for as long
    /// as the `timeout` lasts: it may then come twice. Otherwise that is an error.
    #[serde(default)]
    pub retry: bool,
    /// How many messages may be on their way and not be confirmed; further calls wait.
    #[serde(default = "thousand")]
    pub max_in_flight: usize,
    /// How many channels messages are spread over. With more than one, messages that are sent at the same time may
    /// overtake each other.
    #[serde(default = "one")]
    pub pool_size: usize,
}

/// How a model is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DataFormat {
    /// JSON (RFC 8259).
    #[default]
    Json,
    /// XML 1.0, with a root called `request` unless the model has a name of its own.
    Xml,
}

impl DataFormat {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml; charset=utf-8",
        }
    }
}

/// Whether durable queues have a message still when the broker has been restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeliveryMode {
    /// They don't; 1 in AMQP.
    Transient,
    /// They have; 2 in AMQP.
    #[default]
    Persistent,
}

impl DeliveryMode {
    /// Returns it as AMQP has it.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Transient => 1,
            Self::Persistent => 2,
        }
    }
}

impl<'de> Deserialize<'de> for DeliveryMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::default()),
            Value::Number(number) if number.as_u64() == Some(1) => Ok(Self::Transient),
            Value::Number(number) if number.as_u64() == Some(2) => Ok(Self::Persistent),
            Value::String(text) => match text.as_str() {
                "" => Ok(Self::default()),
                "1" | "transient" | "non-persistent" => Ok(Self::Transient),
                "2" | "persistent" => Ok(Self::Persistent),
                _ => Err(de::Error::custom("expected persistent (2) or transient (1)")),
            },
            _ => Err(de::Error::custom("expected persistent (2) or transient (1)")),
        }
    }
}

impl AmqpConfig {
    /// Returns what is out of range, by key.
    pub(crate) fn out_of_range(&self) -> Vec<(&'static str, &'static str)> {
        let found = [
            ("priority", self.priority > 9, "a priority is from 0 to 9"),
            ("timeout", self.timeout.is_zero(), "no message can be sent in no time; give it some, such as 10s"),
            ("max_in_flight", self.max_in_flight == 0, "without a place no message can be sent"),
            ("max_in_flight", self.max_in_flight > MAX_IN_FLIGHT, "more than 100000 messages at once are too many"),
            ("pool_size", self.pool_size == 0, "without a channel no message can be sent"),
            ("pool_size", self.pool_size > 100, "more than 100 channels make nothing faster"),
        ];
        found.into_iter().filter(|fault| fault.1).map(|(key, _, words)| (key, words)).collect()
    }
}

/// What is on its way is held in memory, and the broker confirms it in one go.
const MAX_IN_FLIGHT: usize = 100_000;

impl ConnectionConfig for AmqpConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        Some((DEFINITION.name, &self.definition))
    }
}

/// Zato writes an empty text where nobody chose a format.
fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataFormat, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("" | "json") => Ok(DataFormat::Json),
        Some("xml") if cfg!(feature = "xml") => Ok(DataFormat::Xml),
        Some("xml") => {
            Err(de::Error::custom("the format \"xml\" was left out of this program; enable the feature of that name"))
        }
        Some(_) => Err(de::Error::custom("expected json or xml")),
    }
}

/// A number without a unit is milliseconds: that is what AMQP has, and Zato.
fn expiration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let words = "expected a duration such as 30s, or a number of milliseconds";
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Number(number) => {
            number.as_u64().map(|number| Some(Duration::from_millis(number))).ok_or_else(|| de::Error::custom(words))
        }
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => match text.parse::<u64>() {
            Ok(number) => Ok(Some(Duration::from_millis(number))),
            Err(_) => text.parse().map(Some).map_err(|_| de::Error::custom(words)),
        },
        _ => Err(de::Error::custom(words)),
    }
}

fn five() -> u8 {
    5
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn thousand() -> usize {
    1000
}

fn one() -> usize {
    1
}
