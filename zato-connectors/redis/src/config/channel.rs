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

use super::{OUTGOING, text, yes};

/// One entry of `channel_redis`: the stream whose entries a service is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisChannelConfig {
    /// What logs refer to it by.
    pub name: String,
    /// An inactive channel consumes nothing.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// The connection, in `outgoing_redis`, whose server has the stream.
    #[serde(alias = "conn_name", alias = "outconn_name")]
    pub connection: String,
    /// The stream: a key, under the `key_prefix` of the connection. It is made if it is not there.
    pub stream: String,
    /// The group of consumers, each entry goes to one of which; it is made if it is not there. The app's name unless given.
    #[serde(default, deserialize_with = "text")]
    pub group: Option<String>,
    /// What this process is called among the consumers of the group, which no other may be. Whoever has a name that lasts, such
    /// as `bank-${HOSTNAME}`, takes up after a restart what was left. Unless given the app's name and a random number, so that
    /// others claim what was left.
    #[serde(default, deserialize_with = "text")]
    pub consumer: Option<String>,
    /// Where the group begins when it is made: with the `beginning` of the stream, or with what is `new` from then on.
    #[serde(default)]
    pub start: StreamStart,
    /// The service that is given each entry.
    #[serde(alias = "service_name")]
    pub service: String,
    /// How entries are read.
    #[serde(default, deserialize_with = "data_format")]
    pub data_format: Format,
    /// What is asked of XML.
    #[serde(default)]
    pub xml: XmlOptions,
    /// How CSV is read.
    #[serde(default)]
    pub csv: CsvOptions,
    /// The field that has what the service is given; `payload`, or `body`, unless given. The others are headers. Of an entry
    /// that has no such field all fields are what the service is given, as an object of JSON.
    #[serde(default, deserialize_with = "text")]
    pub payload_field: Option<String>,
    /// How many entries are in work at once.
    #[serde(default = "ten", alias = "concurrency")]
    pub pool_size: usize,
    /// How many entries are read at once at the most; never more than there are free places.
    #[serde(default = "hundred", alias = "count")]
    pub prefetch_count: u16,
    /// How long the server waits for an entry before it is asked again, up to a minute. That is how long a stop may take.
    #[serde(default = "two_seconds")]
    pub block: Duration,
    /// After how long without a sign of life from its consumer an entry is claimed by another. What is in work gives one each
    /// third of that, so that a service may take longer.
    #[serde(default = "minute")]
    pub claim_after: Duration,
    /// How many entries the stream may have until those are deleted that every group has served. None are unless given: then
    /// whoever adds them limits it.
    #[serde(default, alias = "max_length")]
    pub trim: Option<u64>,
    /// How long the service may take; `server.request_timeout` unless given.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// The largest entry that is handed to the service; a larger one is a bad input. `server.max_body_size` unless given.
    #[serde(default)]
    pub max_message_size: Option<ByteSize>,
    /// What happens to an entry that can't be used: one that can't be read, or that the service refuses as its caller's fault.
    /// `dead_letter` unless given.
    #[serde(default)]
    pub on_bad_input: Option<FailurePolicy>,
    /// What happens to an entry whose service failed otherwise.
    #[serde(default)]
    pub on_error: FailurePolicy,
    /// What happens to an entry that has been tried `max_attempts` times. `dead_letter` unless given.
    #[serde(default)]
    pub on_exhausted: Option<FailurePolicy>,
    /// How long an entry waits before it comes again; of a list, each time the next. `0` brings it back at once.
    #[serde(default)]
    pub retry_delay: RetryDelay,
    /// How often an entry is tried; 10 times unless given. One whose process has ended meanwhile was tried.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// The stream that entries are put to that are given up, with the reason; that of the channel with `.dead` behind it unless
    /// given.
    #[serde(default, deserialize_with = "text")]
    pub dead_letter: Option<String>,
}

/// Where a group begins when it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StreamStart {
    /// With the first entry that is there.
    #[default]
    #[serde(alias = "0")]
    Beginning,
    /// With what is added from then on.
    #[serde(alias = "$")]
    New,
}

impl RedisChannelConfig {
    /// Returns where entries go that are given up.
    pub(crate) fn dead_letter(&self) -> String {
        self.dead_letter.clone().unwrap_or_else(|| format!("{}.dead", self.stream))
    }

    /// What becomes of entries that were not served.
    pub(crate) fn policies(&self) -> PolicyConfig {
        PolicyConfig {
            on_bad_input: self.on_bad_input,
            on_error: self.on_error,
            on_exhausted: self.on_exhausted,
            retry_delay: self.retry_delay.clone(),
            max_attempts: self.max_attempts,
            has_dead_letter: true,
        }
    }
}

impl ChannelConfig for RedisChannelConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        Some((OUTGOING.name, &self.connection))
    }

    fn is_active(&self) -> bool {
        self.is_active
    }
}

impl BrokerConfig for RedisChannelConfig {
    fn contradictions(&self) -> Vec<(&'static str, String)> {
        let (block, claim_after) = (self.block.0, self.claim_after.0);
        let found = [
            ("stream", self.stream.is_empty(), "a stream has a name"),
            (
                "pool_size",
                self.pool_size == 0,
                "without a place no entry can be served; is_active: false switches it off",
            ),
            ("pool_size", self.pool_size > 10_000, "more than 10000 entries at once are too many for one process"),
            (
                "prefetch_count",
                self.prefetch_count == 0,
                "nothing is served of which nothing is read; give it 1 at least",
            ),
            ("block", block.is_zero(), "a server that does not wait is asked without end; give it a second or two"),
            ("block", block.as_secs() > 60, "a stop would wait as long; give it a minute at the most"),
            (
                "claim_after",
                claim_after.as_millis() < 100,
                "what is in work would be claimed by others; give it a minute, or 100ms at the least",
            ),
            (
                "timeout",
                self.timeout.is_some_and(|timeout| timeout.is_zero()),
                "no service takes no time; give it some",
            ),
            (
                "dead_letter",
                self.dead_letter.as_deref() == Some(self.stream.as_str()),
                "this is the channel's own stream, from where entries would come back for ever",
            ),
        ];
        let found = found.into_iter().filter(|fault| fault.1).map(|(key, _, words)| (key, words.to_owned()));
        let found = found.chain(self.policies().contradictions("orders.dead"));
        found.chain(self.csv.fault().map(|words| ("csv", words))).collect()
    }
}

fn ten() -> usize {
    10
}

fn hundred() -> u16 {
    100
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(more: &str) -> Result<RedisChannelConfig, String> {
        let text = format!("{{name: orders, connection: Shop, stream: orders, service: order.take, {more}}}");
        from_node(&yaml::parse("zato.yaml", &text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_left_out_loses_nothing() {
        let config = read("").unwrap();
        assert_eq!((config.start, config.dead_letter().as_str()), (StreamStart::Beginning, "orders.dead"));
        assert_eq!((config.pool_size, config.claim_after.as_secs(), config.block.as_secs()), (10, 60, 2));
        assert_eq!(config.over(), Some(("outgoing_redis", "Shop")));
        assert!(config.contradictions().is_empty());
        assert_eq!(read("start: $").unwrap().start, StreamStart::New);
    }

    #[test]
    fn what_can_not_be_meant_is_told_by_key() {
        let keys =
            |more: &str| read(more).unwrap().contradictions().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        for (more, key) in [
            ("pool_size: 0", "pool_size"),
            ("pool_size: 10001", "pool_size"),
            ("prefetch_count: 0", "prefetch_count"),
            ("block: 0", "block"),
            ("block: 61s", "block"),
            ("claim_after: 99ms", "claim_after"),
            ("timeout: 0", "timeout"),
            ("dead_letter: orders", "dead_letter"),
            ("on_bad_input: requeue", "on_bad_input"),
            ("max_attempts: 0", "max_attempts"),
        ] {
            assert_eq!(keys(more), [key], "{more}");
        }
        assert!(read("data_format: soap").unwrap_err().contains("channel_soap"));
        assert!(read("strem: orders").is_err());
    }
}
