//! SQLite has integers, binary fractions, texts and bytes; everything else is a text (SQLite, Datatypes).

use sqlx::{Arguments as _, sqlite::SqliteArguments};
use zato_core::{
    Result,
    chrono::{Datelike, NaiveDate, NaiveDateTime},
    model::Decimal,
};

use super::{Refusal, bind_all};
use crate::{statement::Statement, value::SqlValue};

pub(crate) fn arguments(statement: &Statement, values: &[&SqlValue]) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    bind_all(statement, values, |_, value| add(&mut arguments, value))?;
    Ok(arguments)
}

/// A decimal number as SQLite has it.
#[derive(Debug, PartialEq)]
enum Number {
    Whole(i64),
    Fraction(f64),
}

/// How many digits come back from a binary fraction as they were.
const DIGITS: usize = 15;

/// Has a number compare as one: a text is greater than all of them, wherever no column says otherwise (SQLite, Datatypes §4).
fn exact(number: Decimal) -> Result<Number, Refusal> {
    let number = number.0.normalize();
    if number.scale() == 0
        && let Ok(whole) = i64::try_from(number)
    {
        return Ok(Number::Whole(whole));
    }
    let digits = number.mantissa().unsigned_abs().to_string().len();
    match number.to_string().parse() {
        Ok(fraction) if digits <= DIGITS => Ok(Number::Fraction(fraction)),
        _ => Err("it has more than 15 digits, and SQLite would round it; give it as a text, for a column of the type TEXT, or \
                  round it yourself"
            .into()),
    }
}

/// Refuses a day that SQLite doesn't count, and whose text would not sort (SQLite, Date And Time Functions).
fn counted(date: NaiveDate) -> Result<NaiveDate, Refusal> {
    if (0..=9_999).contains(&date.year()) { Ok(date) } else { Err("SQLite counts the years from 0 to 9999".into()) }
}

/// Writes a moment as SQLite's own functions do, in UTC, so that one is before another as its text is, also if one of them is
/// `CURRENT_TIMESTAMP`: a fraction stands behind whatever has none, and nothing stands behind a fraction.
fn date_time(at: NaiveDateTime) -> Result<String, Refusal> {
    counted(at.date())?;
    Ok(at.format("%Y-%m-%d %H:%M:%S%.f").to_string())
}

fn add(arguments: &mut SqliteArguments, value: &SqlValue) -> Result<(), Refusal> {
    let added = match value {
        SqlValue::Null => arguments.add(None::<i64>),
        SqlValue::Bool(value) => arguments.add(*value),
        SqlValue::I64(number) => arguments.add(*number),
        SqlValue::U64(number) => {
            let number = i64::try_from(*number).map_err(|_| "SQLite has no integers beyond 9223372036854775807")?;
            arguments.add(number)
        }
        // It would become NULL.
        SqlValue::F64(number) if number.is_nan() => return Err("SQLite has no NaN".into()),
        SqlValue::F64(number) => arguments.add(*number),
        SqlValue::Decimal(number) => match exact(*number)? {
            Number::Whole(number) => arguments.add(number),
            Number::Fraction(number) => arguments.add(number),
        },
        SqlValue::Text(text) => arguments.add(text.clone()),
        SqlValue::Bytes(bytes) => arguments.add(bytes.to_vec()),
        SqlValue::Date(date) => arguments.add(counted(*date)?.to_string()),
        SqlValue::Time(time) => arguments.add(time.to_string()),
        SqlValue::DateTime(at) => arguments.add(date_time(*at)?),
        SqlValue::Instant(moment) => arguments.add(date_time(moment.naive_utc())?),
        SqlValue::Uuid(uuid) => arguments.add(uuid.to_string()),
        SqlValue::Json(document) => arguments.add(document.to_string()),
        SqlValue::Array(_) => return Err("SQLite has no arrays; give it as JSON with SqlValue::json".into()),
    };
    added.map_err(|_| "it can't be written".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zato_core::chrono::{DateTime, Utc};

    use super::*;

    fn moment(seconds: i64, nanoseconds: u32) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, nanoseconds).unwrap()
    }

    #[test]
    fn a_whole_second_is_as_sqlite_writes_it() {
        assert_eq!(date_time(moment(0, 0).naive_utc()).unwrap(), "1970-01-01 00:00:00");
        assert_eq!(date_time(moment(0, 500_000_000).naive_utc()).unwrap(), "1970-01-01 00:00:00.500");
        assert!(date_time(moment(253_402_300_800, 0).naive_utc()).is_err());
    }

    proptest! {
        #[test]
        fn moments_sort_as_their_texts(
            one in 0_i64..4, other in 0_i64..4,
            part in prop::sample::select(vec![0, 1, 1_000, 999_000, 1_000_000, 500_000_000, 500_000_001, 999_999_999]),
            other_part in prop::sample::select(vec![0, 1, 1_000, 999_000, 1_000_000, 500_000_000, 500_000_001, 999_999_999]),
        ) {
            let (one, other) = (moment(one, part).naive_utc(), moment(other, other_part).naive_utc());
            prop_assert_eq!(date_time(one).unwrap().cmp(&date_time(other).unwrap()), one.cmp(&other));
            prop_assert_eq!(one.time().to_string().cmp(&other.time().to_string()), one.time().cmp(&other.time()));
        }
    }
}
