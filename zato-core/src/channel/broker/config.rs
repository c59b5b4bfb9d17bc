use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::RetryDelay;
use crate::{channel::ChannelConfig, message::Format};

/// One entry of a section whose channels take messages from a broker.
pub trait BrokerConfig: ChannelConfig {
    /// Returns what can't be meant, by key, with what to do about it.
    fn contradictions(&self) -> Vec<(&'static str, String)>;
}

/// Reads the `data_format` of an entry. Zato writes an empty text where nobody chose one.
///
/// # Errors
///
/// There is no such format, or messages of a broker can't be in it.
pub fn data_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
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

/// What happens to a message that was not served.
///
/// ```
/// use zato_core::channel::broker::FailurePolicy;
///
/// assert_eq!(serde_json::from_str::<FailurePolicy>(r#""dead_letter""#)?, FailurePolicy::DeadLetter);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailurePolicy {
    /// It comes again after a while.
    #[default]
    Requeue,
    /// It goes to the channel's `dead_letter`, with the reason.
    DeadLetter,
    /// The broker is told that it is not wanted: it goes to the dead letters of the queue, or is gone if it has none.
    Reject,
    /// It is acknowledged as if it had been served.
    Ack,
}

/// What a channel says of messages that were not served: the keys of these names in its section, which mean the same for every
/// broker.
///
/// Each section writes them down by itself, with `#[serde(default)]`, since serde can't tell unknown keys from those of a part
/// that is flattened into it.
///
/// ```
/// use zato_core::channel::broker::{FailurePolicy, PolicyConfig};
///
/// let config = PolicyConfig { on_error: FailurePolicy::DeadLetter, ..PolicyConfig::default() };
/// let (key, words) = &config.contradictions("{routing_key: orders.dead}")[0];
/// assert_eq!(*key, "on_error");
/// assert_eq!(words, "there is no dead_letter for messages to go to; add one, such as {routing_key: orders.dead}");
/// ```
#[derive(Clone, Debug, Default)]
pub struct PolicyConfig {
    /// What happens to a message that can't be used: one that can't be read, or that the service refuses as its caller's
    /// fault. [`DeadLetter`](FailurePolicy::DeadLetter) if there is one, otherwise [`Reject`](FailurePolicy::Reject).
    pub on_bad_input: Option<FailurePolicy>,
    /// What happens to a message whose service failed otherwise.
    pub on_error: FailurePolicy,
    /// What happens to a message that has been tried `max_attempts` times;
    /// [`DeadLetter`](FailurePolicy::DeadLetter) if there is one, otherwise [`Reject`](FailurePolicy::Reject).
    pub on_exhausted: Option<FailurePolicy>,
    /// How long a message waits before it comes again.
    pub retry_delay: RetryDelay,
    /// How often a message is tried. Unless given 10 times if there is a dead letter for it to go to, and without end if there
    /// is none.
    pub max_attempts: Option<u32>,
    /// Whether there is a `dead_letter`, which each broker has in its own words.
    pub has_dead_letter: bool,
}

impl PolicyConfig {
    /// Returns what can't be meant, by key, with what to do about it. `dead_letter` shows what that key could look like.
    #[must_use]
    pub fn contradictions(&self, dead_letter: &str) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let named = [
            ("on_bad_input", self.on_bad_input),
            ("on_error", Some(self.on_error)),
            ("on_exhausted", self.on_exhausted),
        ];
        for (key, policy) in named {
            if policy == Some(FailurePolicy::DeadLetter) && !self.has_dead_letter {
                let words = "there is no dead_letter for messages to go to; add one, such as";
                found.push((key, format!("{words} {dead_letter}")));
            }
        }
        let refused = [
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
        ];
        found.extend(refused.into_iter().filter(|fault| fault.1).map(|(key, _, words)| (key, words.to_owned())));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_meant_is_told_by_key() {
        let keys = |config: &PolicyConfig| -> Vec<_> {
            config.contradictions("x").into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert!(keys(&PolicyConfig::default()).is_empty());
        let mut config = PolicyConfig {
            on_bad_input: Some(FailurePolicy::DeadLetter),
            on_error: FailurePolicy::DeadLetter,
            on_exhausted: Some(FailurePolicy::DeadLetter),
            max_attempts: Some(0),
            ..PolicyConfig::default()
        };
        assert_eq!(keys(&config), ["on_bad_input", "on_error", "on_exhausted", "max_attempts"]);
        config.has_dead_letter = true;
        config.max_attempts = Some(1);
        assert!(keys(&config).is_empty());
        config.on_bad_input = Some(FailurePolicy::Requeue);
        config.on_exhausted = Some(FailurePolicy::Requeue);
        assert_eq!(keys(&config), ["on_bad_input", "on_exhausted"]);
    }
}
