use schemars::JsonSchema;
use serde::Deserialize;
use zato_core::{
    channel::{
        ChannelConfig,
        broker::{BrokerConfig, FailurePolicy, PolicyConfig, RetryDelay, data_format},
    },
    config::{ByteSize, Duration},
    message::{CsvOptions, Format, XmlOptions},
};

use super::{Arguments, DEFINITION, short, short_option, yes};

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
    #[serde(default, deserialize_with = "data_format")]
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
    #[serde(default)]
    pub on_error: FailurePolicy,
    /// What happens to a message that has been tried `max_attempts` times. `dead_letter` if there is one, otherwise
    /// `reject`.
    #[serde(default)]
    pub on_exhausted: Option<FailurePolicy>,
    /// How long a message waits before it comes again; of a list, each time the next. `0` brings it back at once.
    #[serde(default)]
    pub retry_delay: RetryDelay,
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

/// How long the name of a queue may be for `.retry.` and a day in milliseconds to go with it into 255 bytes.
const MAX_QUEUE: usize = 255 - ".retry.86400000".len();

/// How long a prefix may be, for a random number to go with it.
const MAX_PREFIX: usize = 200;

impl AmqpChannelConfig {
    /// What becomes of messages that were not served.
    pub(crate) fn policies(&self) -> PolicyConfig {
        PolicyConfig {
            on_bad_input: self.on_bad_input,
            on_error: self.on_error,
            on_exhausted: self.on_exhausted,
            retry_delay: self.retry_delay.clone(),
            max_attempts: self.max_attempts,
            has_dead_letter: self.dead_letter.is_some(),
        }
    }
}

impl ChannelConfig for AmqpChannelConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        Some((DEFINITION.name, &self.definition))
    }

    fn is_active(&self) -> bool {
        self.is_active
    }
}

impl BrokerConfig for AmqpChannelConfig {
    fn contradictions(&self) -> Vec<(&'static str, String)> {
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
            (
                "queue",
                self.queue.len() > MAX_QUEUE && !self.retry_delay.is_zero(),
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
        let found = found.into_iter().filter(|fault| fault.1).map(|(key, _, words)| (key, words.to_owned()));
        let found = found.chain(self.policies().contradictions("{routing_key: orders.dead}"));
        found.chain(self.csv.fault().map(|words| ("csv", words))).collect()
    }
}

fn ten() -> usize {
    10
}

fn hundred() -> u16 {
    100
}
