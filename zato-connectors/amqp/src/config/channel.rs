use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use zato_core::{
    channel::ChannelConfig,
    config::{ByteSize, Duration},
    message::{CsvOptions, Format, XmlOptions},
};

use super::{Arguments, OneOrMore, short, short_option, yes};

/// One entry of `channel_amqp`: the queue whose messages a service is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AmqpChannelConfig {
    /// What logs refer to it by.
    pub name: String,
    /// An inactive channel consumes nothing.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// The definition, in `definition_amqp`, whose broker has the queue.
    #[serde(alias = "def_name")]
    pub definition: String,
    /// The queue. It is not declared here; the definition may declare it.
    #[serde(deserialize_with = "short")]
    pub queue: String,
    /// The service that is given each message.
    #[serde(alias = "service_name")]
    pub service: String,
    /// How messages are read.
    #[serde(default, deserialize_with = "format")]
    pub data_format: Format,
    /// What is asked of XML.
    #[serde(default)]
    pub xml: XmlOptions,
    /// How CSV is read.
    #[serde(default)]
    pub csv: CsvOptions,
    /// How many messages are in work at once.
    #[serde(default = "ten")]
    pub pool_size: usize,
    /// How many messages the broker hands over before the first of them is settled; never fewer than `pool_size`. 0 means
    /// the default: without a limit a queue that has run full would fill the memory.
    #[serde(default = "hundred")]
    pub prefetch_count: u16,
    /// What happens to a message when its service has succeeded: `ack`, or, as Zato has it, `reject`, which hands it to
    /// the dead letters of the queue.
    #[serde(default)]
    pub ack_mode: AckMode,
    /// What the consumer's tag begins with, which the broker shows to operators.
    #[serde(default, deserialize_with = "short_option")]
    pub consumer_tag_prefix: Option<String>,
    /// Whether nobody else may consume the queue.
    #[serde(default)]
    pub exclusive: bool,
    /// Further arguments of the consumer, such as `x-priority`.
    #[serde(default)]
    pub arguments: Arguments,
    /// How long the service may take; `server.request_timeout` unless given.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// The largest message that is handed to the service; a larger one is a bad input. `server.max_body_size` unless given.
    #[serde(default)]
    pub max_message_size: Option<ByteSize>,
    /// What happens to a message that can't be used: one that can't be read, or that the service refuses as its caller's
    /// fault. `dead_letter` if there is one, otherwise `reject`.
    #[serde(default)]
    pub on_bad_input: Option<FailurePolicy>,
    /// What happens to a message whose service failed otherwise.
    #[serde(default = "requeue")]
    pub on_error: FailurePolicy,
    /// What happens to a message that has been tried `max_attempts` times. `dead_letter` if there is one, otherwise
    /// `reject`.
    #[serde(default)]
    pub on_exhausted: Option<FailurePolicy>,
    /// How long a message waits before it comes again; of a list, each time the next. `0` brings it back at once.
    #[serde(default = "five_seconds", deserialize_with = "delays")]
    #[schemars(with = "OneOrMore<Duration>")]
    pub retry_delay: Vec<Duration>,
    /// How often a message is tried. Unless given 10 times if there is a dead letter for it to go to, and without end if
    /// there is none. If attempts end, a message ends unserved, too, that a quorum queue has handed out 20 times, or
    /// `max_attempts` times if that is more, and of which it never heard again.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// Where messages go that are given up, with the reason in their headers.
    #[serde(default)]
    pub dead_letter: Option<DeadLetterConfig>,
}

/// Where messages go that are given up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeadLetterConfig {
    /// The exchange; the default one unless given, whose routing keys are names of queues.
    #[serde(default, deserialize_with = "short")]
    pub exchange: String,
    /// The routing key; that of the message unless given.
    #[serde(default, deserialize_with = "short_option")]
    pub routing_key: Option<String>,
}

/// What happens to a message whose service has succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AckMode {
    /// It is acknowledged.
    #[default]
    Ack,
    /// It is rejected, and goes to the dead letters of the queue, if it has some.
    Reject,
}

/// What happens to a message that was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailurePolicy {
    /// It comes again after a while.
    Requeue,
    /// It goes to the channel's `dead_letter`, with the reason in its headers.
    DeadLetter,
    /// The broker is told that it is not wanted: it goes to the dead letters of the queue, or is gone if it has none.
    Reject,
    /// It is acknowledged as if it had been served.
    Ack,
}

/// How long the name of a queue may be for `.retry.` and a day in milliseconds to go with it into 255 bytes.
const MAX_QUEUE: usize = 255 - ".retry.86400000".len();

/// How long a prefix may be, for a random number to go with it.
const MAX_PREFIX: usize = 200;

impl AmqpChannelConfig {
    /// Returns what can't be meant, by key.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let wants =
            |policy: Option<FailurePolicy>| policy == Some(FailurePolicy::DeadLetter) && self.dead_letter.is_none();
        let nowhere = "there is no dead_letter for messages to go to; add one, such as {routing_key: orders.dead}";
        let found = [
            ("queue", self.queue.is_empty(), "a queue has a name"),
            (
                "pool_size",
                self.pool_size == 0,
                "without a place no message can be served; is_active: false switches it off",
            ),
            ("pool_size", self.pool_size > 10_000, "more than 10000 messages at once are too many for one process"),
            (
                "timeout",
                self.timeout.is_some_and(|timeout| timeout.is_zero()),
                "no service takes no time; give it some",
            ),
            ("on_bad_input", wants(self.on_bad_input), nowhere),
            ("on_error", wants(Some(self.on_error)), nowhere),
            ("on_exhausted", wants(self.on_exhausted), nowhere),
            (
                "on_bad_input",
                self.on_bad_input == Some(FailurePolicy::Requeue),
                "what can't be used today can't be used tomorrow, and would come for ever; choose dead_letter, reject or ack",
            ),
            (
                "on_exhausted",
                self.on_exhausted == Some(FailurePolicy::Requeue),
                "a message that was tried often enough can't come again; choose dead_letter, reject or ack",
            ),
            ("max_attempts", self.max_attempts == Some(0), "a message is tried once at least"),
            (
                "queue",
                self.queue.len() > MAX_QUEUE && self.retry_delay.iter().any(|delay| !delay.is_zero()),
                "no queue for messages that wait can have so long a name; give it a shorter one, or retry_delay: 0",
            ),
            (
                "consumer_tag_prefix",
                self.consumer_tag_prefix.as_ref().is_some_and(|prefix| prefix.len() > MAX_PREFIX),
                "more than 200 bytes leave no room for what tells consumers apart",
            ),
            (
                "dead_letter",
                self.dead_letter.as_ref().is_some_and(|to| to.exchange.is_empty() && to.routing_key.is_none()),
                "the default exchange needs a routing_key, which is the name of a queue; without one messages would come back",
            ),
            (
                "dead_letter",
                self.dead_letter
                    .as_ref()
                    .is_some_and(|to| to.exchange.is_empty() && to.routing_key.as_deref() == Some(self.queue.as_str())),
                "this is the channel's own queue, from where messages would come back for ever",
            ),
        ];
        found.into_iter().filter(|fault| fault.1).map(|(key, _, words)| (key, words)).collect()
    }
}

impl ChannelConfig for AmqpChannelConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn definition(&self) -> Option<&str> {
        Some(&self.definition)
    }

    fn is_active(&self) -> bool {
        self.is_active
    }
}

/// Zato writes an empty text where nobody chose a format.
fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    let format = if text.is_empty() { Format::default() } else { text.parse().map_err(de::Error::custom)? };
    match format {
        Format::Soap => Err(de::Error::custom("SOAP is spoken by channel_soap; its payloads alone are xml")),
        Format::Negotiate => Err(de::Error::custom("nobody waits for a reply, so that there is nothing to negotiate")),
        format if !format.is_built_in() => Err(de::Error::custom(format_args!(
            "the format \"{format}\" was left out of this program; enable the feature of that name"
        ))),
        format => Ok(format),
    }
}

fn delays<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
    let delays = OneOrMore::<Duration>::deserialize(deserializer)
        .map_err(|_| de::Error::custom("expected a duration such as 5s, or a list of them"))?
        .into_vec();
    if delays.is_empty() {
        return Err(de::Error::custom("expected a duration at least; 0 brings messages back at once"));
    }
    if delays.iter().any(|delay| delay.as_secs() > 24 * 3600) {
        return Err(de::Error::custom("a message waits a day at most; a schedule is better for more"));
    }
    Ok(delays)
}

fn ten() -> usize {
    10
}

fn hundred() -> u16 {
    100
}

fn requeue() -> FailurePolicy {
    FailurePolicy::Requeue
}

fn five_seconds() -> Vec<Duration> {
    vec![Duration::from_secs(5)]
}
