//! Times as people write them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::time;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::suggest::quoted;

/// What a text should have been.
const EXPECTED: &str = "a duration such as 10s, 500ms or 2m";

/// The units in nanoseconds, the largest first, which is also the order in which they may follow each other.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const SECOND: u128 = 1_000_000_000;

/// The longest duration, in seconds: ten years. More is a mistake, and more than a machine's clock can add up.
const LONGEST: u64 = 10 * 365 * 24 * 3600;

/// Holds a time that is written `10s`, `500ms`, `2m`, `1h`, `1h30m` or `0`.
///
/// The units are `d`, `h`, `m`, `s`, `ms`, `us` and `ns`, the larger before the smaller, each at most once. A number
/// with no unit is seconds, because Zato's own files have `timeout: '10'`.
///
/// # Examples
///
/// ```
/// use zato_core::config::Duration;
///
/// let timeout: Duration = "1h30m".parse().map_err(|error| format!("{error}"))?;
/// assert_eq!(timeout.as_secs(), 5400);
/// assert_eq!(timeout.to_string(), "1h30m");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub time::Duration);

impl Duration {
    /// Makes a duration of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// Makes a duration of whole milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(time::Duration::from_millis(milliseconds))
    }

    fn from_nanos(nanos: u128) -> Option<Self> {
        let seconds = u64::try_from(nanos / SECOND).ok().filter(|seconds| *seconds <= LONGEST)?;
        let rest = u32::try_from(nanos % SECOND).ok()?;
        Some(Self(time::Duration::new(seconds, rest)))
    }
}

impl Deref for Duration {
    type Target = time::Duration;

    fn deref(&self) -> &time::Duration {
        &self.0
    }
}

impl From<time::Duration> for Duration {
    fn from(duration: time::Duration) -> Self {
        Self(duration)
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

/// Says why a text is no [`Duration`].
///
/// # Examples
///
/// ```
/// use zato_core::config::Duration;
///
/// let error = "10 parsecs".parse::<Duration>().unwrap_err();
/// assert_eq!(error.to_string(), "expected a duration such as 10s, 500ms or 2m, found \"10 parsecs\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotADuration {
    written: String,
}

impl fmt::Display for NotADuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {EXPECTED}, found {}", quoted(&self.written))
    }
}

impl std::error::Error for NotADuration {}

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        parse(text.trim()).ok_or_else(|| NotADuration { written: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Duration> {
    if let Some(seconds) = number(text) {
        return Duration::from_nanos(seconds.checked_mul(SECOND)?);
    }
    let mut units = UNITS.iter();
    let mut nanos = 0_u128;
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end)?;
        // Each unit uses up the larger ones before it, which refuses `1s1h` and `1s1s`.
        let (_, size) = units.find(|(name, _)| *name == unit)?;
        nanos = nanos.checked_add(number(digits)?.checked_mul(*size)?)?;
        rest = next;
    }
    if text.is_empty() { None } else { Duration::from_nanos(nanos) }
}

fn number(text: &str) -> Option<u128> {
    // The standard parser would take a plus sign too.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0");
        }
        for (unit, size) in UNITS {
            let count = nanos / size;
            nanos %= size;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// Writes what `Display` prints, so that a default stands in a schema as one would write it.
impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Duration, E> {
        if seconds > LONGEST {
            return Err(E::invalid_value(Unexpected::Unsigned(seconds), &self));
        }
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        let unsigned = u64::try_from(seconds).map_err(|_| E::invalid_value(Unexpected::Signed(seconds), &self))?;
        self.visit_u64(unsigned)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A time such as 10s, 500ms, 2m or 1h30m; a number alone is seconds",
            "pattern": "^[0-9]+$|^([0-9]+(d|h|m|s|ms|us|ns))+$",
            "minimum": 0,
            "examples": ["10s", "500ms", "2m", "1h30m", 10],
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{from_node, yaml};

    #[test]
    fn durations_parse_and_print_in_the_shortest_form() {
        for (written, nanos, printed) in [
            ("0", 0, "0"),
            ("0s", 0, "0"),
            ("10", 10_000_000_000, "10s"),
            ("10s", 10_000_000_000, "10s"),
            ("500ms", 500_000_000, "500ms"),
            ("1500ms", 1_500_000_000, "1s500ms"),
            ("2m", 120_000_000_000, "2m"),
            ("90m", 5_400_000_000_000, "1h30m"),
            ("1h30m", 5_400_000_000_000, "1h30m"),
            ("24h", 86_400_000_000_000, "1d"),
            (" 1us1ns ", 1_001, "1us1ns"),
        ] {
            let duration: Duration = written.parse().unwrap();
            assert_eq!((duration.as_nanos(), duration.to_string().as_str()), (nanos, printed), "{written}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for written in [
            "",
            " ",
            "s",
            "10 parsecs",
            "10 s",
            "-1s",
            "+1",
            "1.5s",
            "1s1h",
            "1s1s",
            "1S",
            "1hm",
            "ż1s",
            "1ż",
            "18446744073709551616",
            "18446744073709551615s1000000000ns",
            "340282366920938463463374607431768211456ns",
        ] {
            let expected = format!("expected a duration such as 10s, 500ms or 2m, found {}", quoted(written));
            assert_eq!(written.parse::<Duration>().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn nodes_give_durations_quoted_or_not() {
        for (written, seconds) in [("10s", 10), ("10", 10), ("'10'", 10), ("'2m'", 120)] {
            let node = yaml::parse("a.yaml", written).unwrap();
            assert_eq!(from_node::<Duration>(&node).unwrap().as_secs(), seconds, "{written}");
        }
    }

    #[test]
    fn a_bad_node_says_where_and_what() {
        for (written, found) in [("10 parsecs", "\"10 parsecs\""), ("-5", "-5"), ("1.5", "1.5"), ("[1s]", "a list")] {
            let node = yaml::parse("a.yaml", written).unwrap();
            let fault = from_node::<Duration>(&node).unwrap_err();
            let expected = format!("a.yaml:1:1: expected a duration such as 10s, 500ms or 2m, found {found}");
            assert_eq!(fault.to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(seconds in 0..LONGEST, nanos in 0_u32..1_000_000_000) {
            let duration = Duration(time::Duration::new(seconds, nanos));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "[0-9hmsnud. +-]{0,40}|\\PC{0,20}") {
            let _ = text.parse::<Duration>();
        }
    }
}
