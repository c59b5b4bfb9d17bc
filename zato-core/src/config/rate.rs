//! Rate limits as they are written, in the form that Zato has had since its version 4.1.

use std::{borrow::Cow, fmt};

use chrono::{NaiveTime, Timelike};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Unexpected, Visitor},
};

use crate::config::Network;

/// How many requests clients of some addresses may send at which time: an entry of `rate_limiting`.
///
/// Of several, the first that is about a client's address counts. Who is in none of them is not limited.
///
/// # Examples
///
/// ```
/// use zato_core::config::{RateLimitRule, from_node, yaml};
///
/// let text = "{cidr_list: [10.0.0.0/8], time_range: [{is_all_day: true, limit: 500, limit_unit: month}]}";
/// let rule: RateLimitRule = from_node(&yaml::parse("zato.yaml", text)?)?;
/// assert!(rule.is_about([10, 1, 2, 3].into()));
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RateLimitRule {
    /// The addresses, and ranges of them, that it is about; all there are unless given.
    #[serde(default)]
    pub cidr_list: Vec<Network>,
    /// What holds at which time of the day. One for certain hours counts more than one for the whole day, of several the
    /// first; at a time that is in none, and where there are none, these addresses are not limited.
    #[serde(default)]
    pub time_range: Vec<TimeRange>,
}

impl RateLimitRule {
    /// Tells whether it is about an address.
    #[must_use]
    pub fn is_about(&self, address: std::net::IpAddr) -> bool {
        self.cidr_list.is_empty() || self.cidr_list.iter().any(|network| network.contains(address))
    }
}

/// What holds at a time of the day: an entry of `time_range`.
///
/// # Examples
///
/// ```
/// use zato_core::config::{Allowance, LimitUnit, TimeRange, from_node, yaml};
///
/// let node = yaml::parse("zato.yaml", "{time_from: '22:00', time_to: '06:00', limit: 10, limit_unit: hour}")?;
/// let range: TimeRange = from_node(&node)?;
/// let Allowance::Limited { window: Some(window), bucket: None } = range.allowance else { panic!("a window alone") };
/// assert_eq!((window.limit, window.unit), (10, LimitUnit::Hour));
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeRange {
    /// From when until when; `None` for the whole day.
    pub hours: Option<Hours>,
    /// What is allowed then.
    pub allowance: Allowance,
}

/// Hours of a day in UTC, which may go past midnight.
///
/// # Examples
///
/// ```
/// use zato_core::{chrono::NaiveTime, config::{TimeRange, from_node, yaml}};
///
/// let range: TimeRange = from_node(&yaml::parse("a.yaml", "{time_from: '22:00', time_to: '06:00', rate: 5}")?)?;
/// let night = range.hours.expect("it has hours");
/// assert!(night.contains("23:30:00".parse::<NaiveTime>()?) && !night.contains("06:00:00".parse()?));
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hours {
    /// Seconds since midnight at which they begin.
    pub from: u32,
    /// Seconds since midnight at which they are over.
    pub to: u32,
}

impl Hours {
    /// Tells whether a time is in them.
    #[must_use]
    pub fn contains(self, time: NaiveTime) -> bool {
        let second = time.num_seconds_from_midnight();
        if self.from < self.to {
            (self.from..self.to).contains(&second)
        } else {
            second >= self.from || second < self.to
        }
    }
}

/// What is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allowance {
    /// What is written about this time is out of force, as if it weren't there.
    Ignored,
    /// Nothing at all.
    Nothing,
    /// So much; where both are there, a request has to be within both.
    Limited {
        /// So many requests in each window of time.
        window: Option<FixedWindow>,
        /// So many a second, and more at once after a pause.
        bucket: Option<TokenBucket>,
    },
}

/// A number of requests in each window of time. Windows are those of the clock in UTC: a minute begins with its second
/// 0, a month with its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FixedWindow {
    /// How many requests.
    pub limit: u64,
    /// How long a window is.
    pub unit: LimitUnit,
}

/// A token bucket: it holds `burst` tokens and gets `rate` of them a second; each request takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenBucket {
    /// How many requests a second, in the long run.
    pub rate: u32,
    /// How many at once.
    pub burst: u32,
}

/// How long a window of time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LimitUnit {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day, which begins at midnight in UTC.
    Day,
    /// A month of the calendar.
    Month,
}

/// What holds at a time of the day.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// For the whole day, as it also is where `time_from` and `time_to` are left out.
    #[serde(default)]
    is_all_day: bool,
    /// From when on, in UTC, such as `22:00` or `22:00:30`.
    #[serde(default)]
    time_from: Option<TimeOfDay>,
    /// Until when, in UTC; may be earlier than `time_from`, for hours that go past midnight.
    #[serde(default)]
    time_to: Option<TimeOfDay>,
    /// How many requests a client may send in each `limit_unit`.
    #[serde(default)]
    limit: Option<u64>,
    /// The window of time that `limit` is counted in: one of the clock in UTC, not one that begins with the first request.
    #[serde(default)]
    limit_unit: Option<LimitUnit>,
    /// How many requests a second a client may send, after it has used up its `burst`.
    #[serde(default)]
    rate: Option<u32>,
    /// How many requests a client may send at once; as many as `rate` unless given.
    #[serde(default)]
    burst: Option<u32>,
    /// Puts this out of force, as if it were not written.
    #[serde(default)]
    disabled: bool,
    /// Refuses every request with 403.
    #[serde(default)]
    disallowed: bool,
}

impl Written {
    /// Says what it means, or what it lacks.
    fn meaning(&self) -> Result<TimeRange, &'static str> {
        let (hours, window, bucket) = (self.hours()?, self.window()?, self.bucket()?);
        let allowance = match (window, bucket) {
            _ if self.disabled => Allowance::Ignored,
            _ if self.disallowed => Allowance::Nothing,
            (None, None) => {
                return Err(
                    "this allows everything: give \"limit\" and \"limit_unit\", or \"rate\", or \"disallowed\"",
                );
            }
            (window, bucket) => Allowance::Limited { window, bucket },
        };
        Ok(TimeRange { hours, allowance })
    }

    fn hours(&self) -> Result<Option<Hours>, &'static str> {
        let written = |time: &Option<TimeOfDay>| time.as_ref().and_then(|TimeOfDay(second)| *second);
        match (written(&self.time_from), written(&self.time_to)) {
            (None, None) => Ok(None),
            _ if self.is_all_day => Err("give \"is_all_day\", or \"time_from\" and \"time_to\", not both"),
            (Some(from), Some(to)) if from == to => {
                Err("\"time_from\" and \"time_to\" are the same; write \"is_all_day: true\" for the whole day")
            }
            (Some(from), Some(to)) => Ok(Some(Hours { from, to })),
            (Some(_), None) => Err("\"time_from\" needs a \"time_to\""),
            (None, Some(_)) => Err("\"time_to\" needs a \"time_from\""),
        }
    }

    fn window(&self) -> Result<Option<FixedWindow>, &'static str> {
        match (self.limit, self.limit_unit) {
            (None, _) => Ok(None),
            (Some(0), _) => Err("\"limit\" must be more than 0; write \"disallowed: true\" to refuse everything"),
            (Some(_), None) => Err("\"limit\" needs a \"limit_unit\": second, minute, hour, day or month"),
            (Some(limit), Some(unit)) => Ok(Some(FixedWindow { limit, unit })),
        }
    }

    fn bucket(&self) -> Result<Option<TokenBucket>, &'static str> {
        match (self.rate, self.burst) {
            (None, None) => Ok(None),
            (Some(0), _) | (_, Some(0)) => {
                Err("\"rate\" and \"burst\" must be more than 0; write \"disallowed: true\" to refuse everything")
            }
            (None, Some(_)) => Err("\"burst\" needs a \"rate\""),
            (Some(rate), burst) => Ok(Some(TokenBucket { rate, burst: burst.unwrap_or(rate) })),
        }
    }
}

impl<'de> Deserialize<'de> for TimeRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?.meaning().map_err(D::Error::custom)
    }
}

impl JsonSchema for TimeRange {
    fn schema_name() -> Cow<'static, str> {
        "TimeRange".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

/// Seconds since midnight; `None` for the empty text that Zato writes where nothing was filled in.
struct TimeOfDay(Option<u32>);

const TIME: &str = "a time such as 22:00 or 22:00:30";

impl TimeOfDay {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        // What ends with the day ends at midnight, and is often written like this.
        if text == "24:00" || text == "24:00:00" {
            return Some(Self(Some(24 * 3600)));
        }
        let time = NaiveTime::parse_from_str(text, "%H:%M").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S"));
        let second = time.ok().filter(|time| time.nanosecond() < 1_000_000_000)?.num_seconds_from_midnight();
        Some(Self(Some(second)))
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;

        impl Visitor<'_> for Time {
            type Value = TimeOfDay;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(TIME)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TimeOfDay, E> {
                TimeOfDay::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Time)
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "string", "examples": ["22:00", "22:00:30"]})
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    fn read(text: &str) -> Result<TimeRange, String> {
        from_node(&yaml::parse("a.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn zatos_own_form_is_read() {
        let text = "{is_all_day: true, limit: 500, limit_unit: month, disabled: false, disallowed: false, \
                    time_from: '', time_to: ''}";
        let window = Some(FixedWindow { limit: 500, unit: LimitUnit::Month });
        let allowance = Allowance::Limited { window, bucket: None };
        assert_eq!(read(text).unwrap(), TimeRange { hours: None, allowance });
        let text = "{time_from: '22:00', time_to: 06:00:30, rate: 10, limit: 7, limit_unit: second}";
        let (window, bucket) =
            (Some(FixedWindow { limit: 7, unit: LimitUnit::Second }), Some(TokenBucket { rate: 10, burst: 10 }));
        let hours = Some(Hours { from: 22 * 3600, to: 6 * 3600 + 30 });
        assert_eq!(read(text).unwrap(), TimeRange { hours, allowance: Allowance::Limited { window, bucket } });
        assert_eq!(read("{disallowed: true}").unwrap(), TimeRange { hours: None, allowance: Allowance::Nothing });
        let disabled = read("{disabled: true, limit: 5, limit_unit: day}").unwrap();
        assert_eq!(disabled, TimeRange { hours: None, allowance: Allowance::Ignored });
    }

    #[test]
    fn what_can_not_be_meant_is_told_with_its_place_and_the_remedy() {
        for (text, said) in [
            (
                "{}",
                "a.yaml:1:1: this allows everything: give \"limit\" and \"limit_unit\", or \"rate\", or \"disallowed\"",
            ),
            ("{limit: 5}", "a.yaml:1:1: \"limit\" needs a \"limit_unit\": second, minute, hour, day or month"),
            (
                "{limit: 0, limit_unit: day}",
                "a.yaml:1:1: \"limit\" must be more than 0; write \"disallowed: true\" to refuse everything",
            ),
            (
                "{rate: 0, burst: 5}",
                "a.yaml:1:1: \"rate\" and \"burst\" must be more than 0; write \"disallowed: true\" to refuse everything",
            ),
            ("{burst: 5}", "a.yaml:1:1: \"burst\" needs a \"rate\""),
            ("{rate: 5, time_from: '08:00'}", "a.yaml:1:1: \"time_from\" needs a \"time_to\""),
            ("{rate: 5, time_to: '08:00'}", "a.yaml:1:1: \"time_to\" needs a \"time_from\""),
            (
                "{rate: 5, time_from: '08:00', time_to: '08:00:00'}",
                "a.yaml:1:1: \"time_from\" and \"time_to\" are the same; write \"is_all_day: true\" for the whole day",
            ),
            (
                "{rate: 5, is_all_day: true, time_from: '08:00', time_to: '09:00'}",
                "a.yaml:1:1: give \"is_all_day\", or \"time_from\" and \"time_to\", not both",
            ),
            (
                "{rate: 5, time_from: 8 o'clock, time_to: '09:00'}",
                "a.yaml:1:22: expected a time such as 22:00 or 22:00:30, found \"8 o'clock\"",
            ),
            (
                "{limit: 5, limit_unit: week}",
                "a.yaml:1:24: unknown value \"week\"; known: day, hour, minute, month, second",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), said, "{text}");
        }
    }

    #[test]
    fn hours_may_go_past_midnight() {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M:%S").unwrap();
        let hours = |from, to| {
            let second = |text| TimeOfDay::parse(text).unwrap().0.unwrap();
            Hours { from: second(from), to: second(to) }
        };
        let (day, night, evening) = (hours("08:00", "18:00"), hours("22:00", "06:00"), hours("18:00", "24:00"));
        for (at, expected) in [
            ("00:00:00", [false, true, false]),
            ("05:59:59", [false, true, false]),
            ("06:00:00", [false, false, false]),
            ("08:00:00", [true, false, false]),
            ("17:59:59", [true, false, false]),
            ("18:00:00", [false, false, true]),
            ("22:00:00", [false, true, true]),
            ("23:59:59", [false, true, true]),
        ] {
            assert_eq!([day, night, evening].map(|hours| hours.contains(time(at))), expected, "{at}");
        }
        for text in ["24:01", "25:00", "8", "08:60", "08:00:60", "-1:00", "08:00 ", "noon"] {
            assert!(TimeOfDay::parse(text).is_none(), "{text}");
        }
    }
}
