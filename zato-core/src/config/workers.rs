//! How many threads take connections in.

use std::{borrow::Cow, fmt, num::NonZeroUsize, str::FromStr, thread};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a text should have been.
const EXPECTED: &str = "shared, per_core or a number from 1 to 1024";

/// More threads than any machine has use for: who writes more has mistaken the key.
const MOST: usize = 1024;

/// Says on which threads connections and their requests are served.
///
/// # Examples
///
/// ```
/// use zato_core::config::Workers;
///
/// assert_eq!(Workers::default(), Workers::Shared);
/// assert_eq!("4".parse::<Workers>().ok().and_then(Workers::threads).map(|threads| threads.get()), Some(4));
/// assert!("0".parse::<Workers>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// On the runtime that the app was started in, which shares its work among all its threads.
    #[default]
    Shared,
    /// On a thread for each core that the process may use, each with a runtime and a queue of new connections of its own.
    PerCore,
    /// On so many threads of that kind.
    Number(NonZeroUsize),
}

impl Workers {
    /// Returns how many threads of its own this asks for; `None` for none, since the app's runtime is shared.
    #[must_use]
    pub fn threads(self) -> Option<NonZeroUsize> {
        match self {
            Self::Shared => None,
            Self::PerCore => Some(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
            Self::Number(threads) => Some(threads),
        }
    }
}

/// Says why a text is no [`Workers`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotWorkers;

impl fmt::Display for NotWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {EXPECTED}")
    }
}

impl std::error::Error for NotWorkers {}

impl FromStr for Workers {
    type Err = NotWorkers;

    fn from_str(text: &str) -> Result<Self, NotWorkers> {
        match text {
            "shared" => Ok(Self::Shared),
            "per_core" => Ok(Self::PerCore),
            number => {
                let number: NonZeroUsize = number.parse().map_err(|_| NotWorkers)?;
                if number.get() > MOST { Err(NotWorkers) } else { Ok(Self::Number(number)) }
            }
        }
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::PerCore => f.write_str("per_core"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl Serialize for Workers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl Visitor<'_> for Words {
            type Value = Workers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Workers, E> {
                number.to_string().parse().map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Workers, E> {
                text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Words)
    }
}

impl JsonSchema for Workers {
    fn schema_name() -> Cow<'static, str> {
        "Workers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The threads that serve connections: shared, per_core or a number",
            "anyOf": [
                { "type": "string", "enum": ["shared", "per_core"] },
                { "type": "integer", "minimum": 1, "maximum": MOST },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str) -> Result<Workers, String> {
        let node = crate::config::yaml::parse("test.yaml", written).map_err(|fault| format!("{fault:?}"))?;
        crate::config::from_node(&node).map_err(|fault| fault.to_string())
    }

    #[test]
    fn words_and_numbers_are_read() {
        assert_eq!(read("shared").unwrap(), Workers::Shared);
        assert_eq!(read("per_core").unwrap(), Workers::PerCore);
        assert_eq!(read("3").unwrap().to_string(), "3");
        assert!(Workers::PerCore.threads().is_some());
    }

    #[test]
    fn anything_else_is_refused_with_what_was_expected() {
        for written in ["0", "-1", "1025", "all", "1.5", "[]"] {
            let fault = read(written).unwrap_err();
            assert!(fault.contains("shared, per_core or a number from 1 to 1024"), "{written}: {fault}");
        }
    }
}
