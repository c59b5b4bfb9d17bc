//! Other spellings of dates and times, which a model takes that is read leniently.
//!
//! Of the many that there are, these are taken because they can mean one thing only: year, month, day in this order with any
//! of the usual separators or none, and day, month, year with dashes or points. A date with slashes that begins with its day
//! or its month is refused, since one half of the world means the other: who guesses is right on 18 days of a month.

use std::fmt::Write;

use chrono::{NaiveDate, NaiveTime};

/// Writes a text anew, as the type wants it that says what it expects; `None` if there is nothing to be done about it.
///
/// Types are told apart by what they say, as nothing else of them is known here.
pub(super) fn respelled(expected: &str, text: &str) -> Option<String> {
    let text = text.trim();
    match expected {
        "a formatted date string" => date(text.split(['T', 't', ' ']).next()?).map(|date| date.to_string()),
        "a formatted time string" => time(text).map(|time| time.to_string()),
        "a formatted date and time string" => {
            let (moment, zone) = moment(text)?;
            // A time without a zone has none to turn it into.
            matches!(zone.as_str(), "" | "Z" | "+00:00").then_some(moment)
        }
        "an RFC 3339 formatted date and time string" => {
            let (moment, zone) = moment(text)?;
            Some(moment + if zone.is_empty() { "Z" } else { &zone })
        }
        _ => None,
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return NaiveDate::parse_from_str(text, "%Y%m%d").ok();
    }
    let separator = text.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '.' | '/'))?;
    let mut parts = text.split(separator);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = match (first.len(), third.len()) {
        (4, 1 | 2) => (first, second, third),
        (1 | 2, 4) if separator != '/' => (third, second, first),
        _ => return None,
    };
    NaiveDate::from_ymd_opt(number(year)?.try_into().ok()?, number(month)?, number(day)?)
}

/// Reads digits, of which `parse` alone would take a sign as well.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn time(text: &str) -> Option<NaiveTime> {
    ["%H:%M:%S%.f", "%H:%M", "%H%M%S"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())
}

/// Reads a date with or without a time of day, and the zone behind it, which is `Z`, an offset, or empty.
fn moment(text: &str) -> Option<(String, String)> {
    let (day, rest) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    let day = date(day)?;
    if rest.is_empty() {
        return Some((format!("{day}T00:00:00"), String::new()));
    }
    let (clock, zone) = rest.split_at_checked(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()))?;
    Some((format!("{day}T{}", time(clock.trim_end())?), offset(zone)?))
}

/// Writes an offset as RFC 3339 does.
fn offset(zone: &str) -> Option<String> {
    let Some(sign) = zone.chars().next() else { return Some(String::new()) };
    if zone.eq_ignore_ascii_case("z") {
        return Some("Z".to_owned());
    }
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.as_str(), "00"),
        4 => digits.split_at_checked(2)?,
        _ => return None,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let mut offset = String::from(sign);
    (hours < 24 && minutes < 60 && write!(offset, "{hours:02}:{minutes:02}").is_ok()).then_some(offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATE: &str = "a formatted date string";
    const TIME: &str = "a formatted time string";
    const NAIVE: &str = "a formatted date and time string";
    const ZONED: &str = "an RFC 3339 formatted date and time string";

    #[test]
    fn what_means_one_thing_is_taken() {
        for (expected, text, written) in [
            (DATE, "31-12-1999", "1999-12-31"),
            (DATE, "01.02.1999", "1999-02-01"),
            (DATE, "1.2.1999", "1999-02-01"),
            (DATE, "1999/12/31", "1999-12-31"),
            (DATE, " 19991231 ", "1999-12-31"),
            (DATE, "31-12-1999T11:22:33Z", "1999-12-31"),
            (TIME, "11:22", "11:22:00"),
            (TIME, "112233", "11:22:33"),
            (NAIVE, "31-12-1999 11:22", "1999-12-31T11:22:00"),
            (NAIVE, "1999-12-31", "1999-12-31T00:00:00"),
            (NAIVE, "1999-12-31T11:22:33Z", "1999-12-31T11:22:33"),
            (ZONED, "31-12-1999T11:22:33.000Z", "1999-12-31T11:22:33Z"),
            (ZONED, "31-12-1999T11:22:33.5", "1999-12-31T11:22:33.500Z"),
            (ZONED, "31.12.1999 11:22 +0200", "1999-12-31T11:22:00+02:00"),
            (ZONED, "19991231T112233-05", "1999-12-31T11:22:33-05:00"),
            (ZONED, "1999-12-31", "1999-12-31T00:00:00Z"),
        ] {
            assert_eq!(respelled(expected, text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn what_may_mean_two_things_or_none_is_not() {
        for (expected, text) in [
            (DATE, "12-31-1999"),
            (DATE, "31/12/1999"),
            (DATE, "31-12-99"),
            (DATE, "31-77-1999"),
            (DATE, "+1-02-1999"),
            (DATE, "1999-12"),
            (DATE, "1-2-3-1999"),
            (TIME, "25:00"),
            (NAIVE, "31-12-1999T11:22:33+02:00"),
            (ZONED, "31-12-1999T11:22:33+2"),
            (ZONED, "31-12-1999T11:22:33+25:00"),
            ("a string", "31-12-1999"),
        ] {
            assert_eq!(respelled(expected, text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9TtZz:+./ é-]{0,24}") {
            for expected in [DATE, TIME, NAIVE, ZONED] {
                let _ = respelled(expected, &text);
            }
        }
    }
}
