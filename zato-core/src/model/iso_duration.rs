use std::{borrow::Cow, fmt, ops::Deref, str::FromStr, time::Duration};

use chrono::TimeDelta;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

/// A length of time as ISO 8601 and XML Schema write it: `PT1H30M`, `P2DT12H`, `-PT0.5S`, `P3W`.
///
/// It may be negative, and is exact to the nanosecond. A day is 24 hours. Years and months are refused, since nobody can
/// say how long one is. It is a [`TimeDelta`] underneath.
///
/// ```
/// use std::time::Duration;
/// use zato_core::model::IsoDuration;
///
/// let timeout: IsoDuration = "PT1H30M".parse().unwrap();
/// assert_eq!(Duration::try_from(timeout), Ok(Duration::from_secs(5400)));
/// assert_eq!(IsoDuration::from(Duration::from_millis(90_500)).to_string(), "PT1M30.5S");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IsoDuration(pub TimeDelta);

/// The text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as PT1H30M, in weeks, days, hours, minutes and seconds")]
pub struct InvalidIsoDuration;

/// The duration is negative, which the standard library's can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration of 0 or more")]
pub struct NegativeDuration;

const SECONDS_OF_DAY: i64 = 86_400;

/// The units of a date and of a time of day, with how many seconds each has, in the order that they stand in.
///
/// Weeks stand alone (ISO 8601-1 §5.5.2).
const OF_DATE: [(char, i64); 1] = [('D', SECONDS_OF_DAY)];
const OF_TIME: [(char, i64); 3] = [('H', 3_600), ('M', 60), ('S', 1)];

/// The most digits that stand before a unit, and behind a point: more can't be meant, and the sum of all units fits.
const MAX_DIGITS: usize = 9;
const MAX_DAYS: usize = 10;
const MAX_SECONDS: usize = 12;
const MAX_FRACTION: usize = 9;

impl FromStr for IsoDuration {
    type Err = InvalidIsoDuration;

    fn from_str(text: &str) -> Result<Self, InvalidIsoDuration> {
        let text = text.trim();
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let text = text.strip_prefix('P').ok_or(InvalidIsoDuration)?;
        if let Some((weeks, "")) = text.split_once('W') {
            let length = length(weeks, 7 * SECONDS_OF_DAY).ok_or(InvalidIsoDuration)?;
            return Ok(Self(if is_negative { -length } else { length }));
        }
        let (date, time) = match text.split_once('T') {
            Some((_, "")) => return Err(InvalidIsoDuration),
            Some((date, time)) => (date, time),
            None if text.is_empty() => return Err(InvalidIsoDuration),
            None => (text, ""),
        };
        let length = sum(date, &OF_DATE).zip(sum(time, &OF_TIME));
        let length = length.and_then(|(date, time)| date.checked_add(&time)).ok_or(InvalidIsoDuration)?;
        Ok(Self(if is_negative { -length } else { length }))
    }
}

/// Adds up numbers that each have one of the units behind them, in the units' order.
fn sum(mut text: &str, mut units: &[(char, i64)]) -> Option<TimeDelta> {
    let mut total = TimeDelta::zero();
    while !text.is_empty() {
        let (number, rest) = text.split_at_checked(text.find(|c: char| c.is_ascii_alphabetic())?)?;
        let mut characters = rest.chars();
        let letter = characters.next()?;
        let position = units.iter().position(|(unit, _)| *unit == letter)?;
        let (_, seconds) = units.get(position)?;
        units = units.get(position + 1..)?;
        total = total.checked_add(&length(number, *seconds)?)?;
        text = characters.as_str();
    }
    Some(total)
}

/// Reads a number of units, which may have a fraction only if the unit is a second.
fn length(number: &str, seconds: i64) -> Option<TimeDelta> {
    let (whole, fraction) = match number.split_once(['.', ',']) {
        Some((whole, fraction)) if seconds == 1 && (1..=MAX_FRACTION).contains(&fraction.len()) => (whole, fraction),
        Some(_) => return None,
        None => (number, "0"),
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let most = match seconds {
        1 => MAX_SECONDS,
        SECONDS_OF_DAY => MAX_DAYS,
        _ => MAX_DIGITS,
    };
    if !(1..=most).contains(&whole.len()) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let nanoseconds: u32 = format!("{fraction:0<9}").parse().ok()?;
    TimeDelta::new(whole.parse::<i64>().ok()?.checked_mul(seconds)?, nanoseconds)
}

impl Deref for IsoDuration {
    type Target = TimeDelta;

    fn deref(&self) -> &TimeDelta {
        &self.0
    }
}

impl From<TimeDelta> for IsoDuration {
    fn from(delta: TimeDelta) -> Self {
        Self(delta)
    }
}

impl From<IsoDuration> for TimeDelta {
    fn from(duration: IsoDuration) -> Self {
        duration.0
    }
}

/// What is longer than 292 million years, the longest that can be written, is as long as that.
impl From<Duration> for IsoDuration {
    fn from(duration: Duration) -> Self {
        Self(TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX))
    }
}

impl TryFrom<IsoDuration> for Duration {
    type Error = NegativeDuration;

    fn try_from(duration: IsoDuration) -> Result<Self, NegativeDuration> {
        duration.0.to_std().map_err(|_| NegativeDuration)
    }
}

/// As ISO 8601 has it, days being the longest unit.
impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, length) = if self.0 < TimeDelta::zero() { ("-", -self.0) } else { ("", self.0) };
        write!(f, "{sign}P")?;
        let (days, rest) = (length.num_seconds() / SECONDS_OF_DAY, length.num_seconds() % SECONDS_OF_DAY);
        if days > 0 {
            write!(f, "{days}D")?;
        }
        let nanoseconds = length.subsec_nanos();
        if (rest, nanoseconds) == (0, 0) {
            return f.write_str(if days > 0 { "" } else { "T0S" });
        }
        f.write_str("T")?;
        for (unit, count) in [('H', rest / 3_600), ('M', rest / 60 % 60)] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        match (rest % 60, nanoseconds) {
            (0, 0) => Ok(()),
            (seconds, 0) => write!(f, "{seconds}S"),
            (seconds, _) => write!(f, "{seconds}.{}S", format!("{nanoseconds:09}").trim_end_matches('0')),
        }
    }
}

impl Serialize for IsoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IsoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = IsoDuration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as PT1H30M")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<IsoDuration, E> {
        text.parse().map_err(E::custom)
    }
}

/// Without `format: duration`, which has neither signs nor fractions, but years and months (RFC 3339, appendix A).
impl JsonSchema for IsoDuration {
    fn schema_name() -> Cow<'static, str> {
        "IsoDuration".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        const SECONDS: &str = "[0-9]{1,12}([.,][0-9]{1,9})?S";
        let time = format!("T([0-9]{{1,9}}H([0-9]{{1,9}}M)?({SECONDS})?|[0-9]{{1,9}}M({SECONDS})?|{SECONDS})");
        // What is read as many hours is written as days.
        let date = if generator.contract().is_serialize() { "[0-9]{1,11}D" } else { "[0-9]{1,10}D" };
        json_schema!({
            "type": "string",
            "pattern": format!("^[ \\t\\r\\n]*[+-]?P([0-9]{{1,9}}W|{date}({time})?|{time})[ \\t\\r\\n]*$"),
            "xml": {"x-type": "duration"},
            "description": "Length of time as in ISO 8601, in weeks, days, hours, minutes and seconds: PT1H30M"
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_iso_8601_writes_is_read() {
        for (text, seconds, written) in [
            ("PT1H30M", 5_400, "PT1H30M"),
            ("P1D", 86_400, "P1D"),
            ("P2DT12H", 216_000, "P2DT12H"),
            ("P3W", 1_814_400, "P21D"),
            ("P8DT1S", 691_201, "P8DT1S"),
            ("PT0S", 0, "PT0S"),
            ("-PT36H", -129_600, "-P1DT12H"),
            ("+PT90S", 90, "PT1M30S"),
            ("PT1H1S", 3_601, "PT1H1S"),
        ] {
            let duration: IsoDuration = text.parse().unwrap();
            assert_eq!((duration.0, duration.to_string().as_str()), (TimeDelta::seconds(seconds), written), "{text}");
        }
        assert_eq!("-PT0.5S".parse(), Ok(IsoDuration(TimeDelta::milliseconds(-500))));
        assert_eq!("PT1,000000001S".parse::<IsoDuration>().unwrap().to_string(), "PT1.000000001S");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "1H",
            "PT1",
            "P1Y",
            "P1M",
            "PT1M1H",
            "PT1.5H",
            "PT.5S",
            "PT1.S",
            "PT-1S",
            "PT1S1S",
            "P1H",
            "PT1D",
            "PT1.0000000001S",
            "PT9999999999999S",
            "P999999999999W",
            "P1W1D",
            "PT1W",
            "P99999999999D",
            "pt1h",
            "5400",
            "PTéS",
        ] {
            assert_eq!(text.parse::<IsoDuration>(), Err(InvalidIsoDuration), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_length_comes_back(seconds in -900_000_000_000_i64..900_000_000_000, nanoseconds in 0_u32..1_000_000_000) {
            let duration = IsoDuration(TimeDelta::new(seconds, nanoseconds).unwrap());
            prop_assert_eq!(duration.to_string().parse::<IsoDuration>(), Ok(duration));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+P0-9.,WDTHMSé]{0,20}") {
            let _ = text.parse::<IsoDuration>();
        }
    }
}
