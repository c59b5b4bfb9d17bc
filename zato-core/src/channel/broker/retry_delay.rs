use std::{borrow::Cow, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::config::Duration;

/// How long a message waits before it comes again: a duration, or a list of them, of which each attempt waits for the next and
/// all further ones for the last. 5 seconds unless given; `0` brings messages back at once; a day at the most.
///
/// ```
/// use zato_core::{channel::broker::RetryDelay, config::{ConfigFault, from_node, yaml}};
///
/// let delay: RetryDelay = from_node(&yaml::parse("zato.yaml", "[1s, 10s, 1m]")?)?;
/// let seconds: Vec<_> = (1..=4).map(|attempt| delay.after(attempt).as_secs()).collect();
/// assert_eq!(seconds, [1, 10, 60, 60]);
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryDelay(Vec<Duration>);

impl RetryDelay {
    /// The longest delay, a day: a schedule is better for more.
    pub const LONGEST: time::Duration = time::Duration::from_secs(24 * 3600);

    /// Returns how long a message waits after an attempt, of which the first is 1.
    #[must_use]
    pub fn after(&self, attempt: u32) -> time::Duration {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        self.0.get(index).or(self.0.last()).map_or(time::Duration::ZERO, |delay| delay.0)
    }

    /// Returns whether messages come back at once, whichever attempt it was.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|delay| delay.is_zero())
    }
}

impl Default for RetryDelay {
    fn default() -> Self {
        Self(vec![Duration::from_secs(5)])
    }
}

impl<'de> Deserialize<'de> for RetryDelay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(Duration),
            More(Vec<Duration>),
        }

        let written = Written::deserialize(deserializer)
            .map_err(|_| de::Error::custom("expected a duration such as 5s, or a list of them"))?;
        let delays = match written {
            Written::One(delay) => vec![delay],
            Written::More(delays) => delays,
        };
        if delays.is_empty() {
            return Err(de::Error::custom("expected a duration at least; 0 brings messages back at once"));
        }
        if delays.iter().any(|delay| delay.0 > Self::LONGEST) {
            return Err(de::Error::custom("a message waits a day at most; a schedule is better for more"));
        }
        Ok(Self(delays))
    }
}

impl JsonSchema for RetryDelay {
    fn schema_name() -> Cow<'static, str> {
        "RetryDelay".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Duration>();
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    fn read(text: &str) -> Result<RetryDelay, String> {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn each_attempt_waits_for_the_next_of_the_delays() {
        let delay = read("[1s, 10s, 1m]").unwrap();
        let seconds: Vec<_> = [0, 1, 2, 3, 4, u32::MAX].map(|attempt| delay.after(attempt).as_secs()).into();
        assert_eq!(seconds, [1, 1, 10, 60, 60, 60]);
        assert_eq!(read("2").unwrap().after(7).as_secs(), 2);
        assert_eq!(RetryDelay::default().after(1).as_secs(), 5);
    }

    #[test]
    fn only_nothing_but_zeros_brings_messages_back_at_once() {
        assert!(read("0").unwrap().is_zero() && read("[0, 0]").unwrap().is_zero());
        assert!(!read("[0, 1ms]").unwrap().is_zero());
    }

    #[test]
    fn what_is_no_delay_is_refused_with_what_would_be_one() {
        for (text, words) in [
            ("soon", "expected a duration such as 5s, or a list of them"),
            ("[]", "expected a duration at least; 0 brings messages back at once"),
            ("[1s, 25h]", "a message waits a day at most; a schedule is better for more"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(words), "{text}: {told}");
        }
        assert_eq!(read("24h").unwrap().after(1), RetryDelay::LONGEST);
    }
}
