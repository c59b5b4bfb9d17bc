use std::{fmt, str::FromStr, time::SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};
use zato_core::chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// A day, at whose beginning in UTC something happens, or a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String")]
pub struct Date(DateTime<Utc>);

impl Date {
    /// Returns how many seconds after the beginning of 1970 it is.
    #[must_use]
    pub fn timestamp(self) -> i64 {
        self.0.timestamp()
    }
}

impl From<Date> for SystemTime {
    fn from(date: Date) -> Self {
        date.0.into()
    }
}

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
        let date = day.or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()));
        // What HTTP can say of dates ends there (RFC 9110 §5.6.7).
        let is_http = |date: &DateTime<Utc>| (0..253_402_300_800).contains(&date.timestamp());
        date.ok().filter(is_http).map(Self).ok_or(NotADate)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What a text is that is no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADate;

impl fmt::Display for NotADate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a date such as 2030-06-30 or 2030-06-30T12:00:00Z, from 1970 on")
    }
}

impl std::error::Error for NotADate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_or_a_point_in_time() {
        for (text, seconds) in [
            ("1970-01-01", Some(0)),
            ("2030-06-30", Some(1_909_008_000)),
            ("2030-06-30T02:00:00+02:00", Some(1_909_008_000)),
            ("9999-12-31", Some(253_402_214_400)),
            ("10000-01-01", None),
            ("1969-12-31", None),
            ("2030-02-30", None),
            ("30.06.2030", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok().map(Date::timestamp), seconds, "{text}");
        }
    }
}
