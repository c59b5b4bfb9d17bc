//! PostgreSQL says which type each parameter has, and takes nothing else in its place.

use sqlx::{
    Arguments as _, Encode, Postgres, Type, TypeInfo,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo, PgTypeKind},
};
use zato_core::{
    Result,
    bytes::Bytes,
    chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc},
    model::Decimal,
    uuid::Uuid,
};

use super::{Refusal, bind_all, in_microseconds};
use crate::{
    row::{Kind, pg_binary::EPOCH, postgres::kind},
    statement::Statement,
    value::SqlValue,
};

/// Turns values into what PostgreSQL wants, whose types the prepared statement tells.
pub(crate) fn arguments(statement: &Statement, values: &[&SqlValue], types: &[PgTypeInfo]) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    let mut buffer = Vec::new();
    bind_all(statement, values, |place, value| {
        let type_info = types.get(place).ok_or("the database knows of no such parameter")?;
        buffer.clear();
        let is_null = matches!(value, SqlValue::Null);
        if !is_null {
            encode(value, type_info, &mut buffer)?;
        }
        let bound = Bound { bytes: &buffer, is_null, type_info };
        arguments.add(bound).map_err(|_| "it is too large".into())
    })?;
    Ok(arguments)
}

/// A value in PostgreSQL's binary format.
struct Bound<'a> {
    bytes: &'a [u8],
    is_null: bool,
    type_info: &'a PgTypeInfo,
}

impl Encode<'_, Postgres> for Bound<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        if self.is_null {
            return Ok(IsNull::Yes);
        }
        buffer.extend_from_slice(self.bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.type_info.clone())
    }
}

impl Type<Postgres> for Bound<'_> {
    /// Never asked for: each says what it is.
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }
}

/// Writes a value as a type has it, or says why it is none of that type.
fn encode(value: &SqlValue, type_info: &PgTypeInfo, into: &mut Vec<u8>) -> Result<(), Refusal> {
    let misfit = || Refusal::from(format!("it is {}, and the database expects {}", value.word(), type_info.name()));
    match kind(type_info) {
        Kind::Bool => match value {
            SqlValue::Bool(value) => into.push(u8::from(*value)),
            SqlValue::I64(0) | SqlValue::U64(0) => into.push(0),
            SqlValue::I64(1) | SqlValue::U64(1) => into.push(1),
            _ => return Err(misfit()),
        },
        Kind::Int | Kind::UInt => integer(value, type_info, into).ok_or_else(misfit)??,
        Kind::Float4 => {
            let number = fraction(value).ok_or_else(misfit)?;
            #[expect(clippy::cast_possible_truncation, reason = "only one that loses nothing is taken")]
            let short = number as f32;
            if !number.is_nan() && f64::from(short) != number && short.to_string() != number.to_string() {
                return Err("it has more digits than a real has".into());
            }
            into.extend(short.to_be_bytes());
        }
        Kind::Float8 => into.extend(fraction(value).ok_or_else(misfit)?.to_be_bytes()),
        Kind::Decimal => numeric(decimal(value).ok_or_else(misfit)?, into),
        Kind::Text => into.extend(text(value).ok_or_else(misfit)?.as_bytes()),
        Kind::Bytes => into.extend(&*bytes(value).ok_or_else(misfit)?),
        Kind::Date => {
            let date = date(value).ok_or_else(misfit)?;
            let days = i32::try_from(date.signed_duration_since(EPOCH).num_days()).map_err(|_| misfit())?;
            into.extend(days.to_be_bytes());
        }
        Kind::Time => into.extend(microseconds_of(in_microseconds(time(value).ok_or_else(misfit)?)?).to_be_bytes()),
        Kind::DateTime => into.extend(since_epoch(date_time(value).ok_or_else(misfit)?)?.to_be_bytes()),
        Kind::Instant => into.extend(since_epoch(instant(value).ok_or_else(misfit)?.naive_utc())?.to_be_bytes()),
        Kind::Uuid => into.extend(uuid(value).ok_or_else(misfit)?.as_bytes()),
        Kind::Json => into.extend(document(value).ok_or_else(misfit)?.as_bytes()),
        Kind::Jsonb => {
            into.push(1);
            into.extend(document(value).ok_or_else(misfit)?.as_bytes());
        }
        Kind::Array(_) => array(value, type_info, into).ok_or_else(misfit)??,
        Kind::Interval | Kind::Network | Kind::Void | Kind::Dynamic(_) | Kind::Unreadable => {
            return Err(format!(
                "a {} can't be given as it is; give a text and cast it, as in CAST(:name::text AS {})",
                type_info.name(),
                type_info.name().to_lowercase()
            )
            .into());
        }
    }
    Ok(())
}

/// `None` if it is no integer at all.
fn integer(value: &SqlValue, type_info: &PgTypeInfo, into: &mut Vec<u8>) -> Option<Result<(), Refusal>> {
    let number = match value {
        SqlValue::I64(number) => i128::from(*number),
        SqlValue::U64(number) => i128::from(*number),
        SqlValue::Decimal(number) if number.0.fract().is_zero() => i128::try_from(number.0.trunc()).ok()?,
        _ => return None,
    };
    let written = match base(type_info).oid().map_or(0, |oid| oid.0) {
        21 => i16::try_from(number).map(|number| into.extend(number.to_be_bytes())),
        23 => i32::try_from(number).map(|number| into.extend(number.to_be_bytes())),
        26 => u32::try_from(number).map(|number| into.extend(number.to_be_bytes())),
        _ => i64::try_from(number).map(|number| into.extend(number.to_be_bytes())),
    };
    Some(written.map_err(|_| format!("it is out of the range of {}", type_info.name()).into()))
}

/// The type that a domain restricts.
fn base(type_info: &PgTypeInfo) -> &PgTypeInfo {
    match type_info.kind() {
        PgTypeKind::Domain(inner) => base(inner),
        _ => type_info,
    }
}

fn fraction(value: &SqlValue) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    #[expect(clippy::cast_precision_loss, reason = "only those that lose nothing are taken")]
    match value {
        SqlValue::F64(number) => Some(*number),
        SqlValue::I64(number) if (-EXACT..=EXACT).contains(number) => Some(*number as f64),
        SqlValue::U64(number) if i64::try_from(*number).is_ok_and(|number| number <= EXACT) => Some(*number as f64),
        SqlValue::Decimal(number) => {
            // What has 15 digits survives in a binary fraction (IEEE 754 double precision).
            let text = number.0.normalize().to_string();
            let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
            if digits <= 15 { text.parse().ok() } else { None }
        }
        _ => None,
    }
}

fn decimal(value: &SqlValue) -> Option<Decimal> {
    match value {
        SqlValue::Decimal(number) => Some(*number),
        SqlValue::I64(number) => Some((*number).into()),
        SqlValue::U64(number) => Some(Decimal((*number).into())),
        // Models have amounts as texts, too.
        SqlValue::Text(text) => text.parse().ok(),
        // In its shortest decimal form, which is what was written as long as that had at most 15 digits.
        SqlValue::F64(number) => {
            let text = number.to_string();
            let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
            if digits <= 15 { text.parse().ok() } else { None }
        }
        _ => None,
    }
}

/// Writes a number in digits of base 10000 (PostgreSQL 17, `numeric_recv`).
fn numeric(number: Decimal, into: &mut Vec<u8>) {
    let (scale, mut mantissa) = (number.0.scale(), number.0.mantissa().unsigned_abs());
    // The point has to stand between two digits: up to three zeros are added behind.
    let padding = (4 - scale % 4) % 4;
    mantissa *= 10_u128.pow(padding);
    let mut digits = Vec::with_capacity(9);
    while mantissa > 0 {
        digits.push(u16::try_from(mantissa % 10_000).unwrap_or(0));
        mantissa /= 10_000;
    }
    let behind_point = (scale + padding) / 4;
    let short = |number: usize| i16::try_from(number).unwrap_or(0);
    let weight = short(digits.len()) - 1 - i16::try_from(behind_point).unwrap_or(0);
    into.extend(short(digits.len()).to_be_bytes());
    into.extend(if digits.is_empty() { 0 } else { weight }.to_be_bytes());
    into.extend(if number.0.is_sign_negative() && !digits.is_empty() { 0x4000_u16 } else { 0 }.to_be_bytes());
    into.extend(i16::try_from(scale).unwrap_or(0).to_be_bytes());
    digits.iter().rev().for_each(|digit| into.extend(digit.to_be_bytes()));
}

fn text(value: &SqlValue) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        SqlValue::Text(text) => Some(text.into()),
        SqlValue::Uuid(uuid) => Some(uuid.to_string().into()),
        SqlValue::Decimal(number) => Some(number.to_string().into()),
        SqlValue::Date(date) => Some(date.to_string().into()),
        SqlValue::Json(document) => Some(document.to_string().into()),
        _ => None,
    }
}

fn bytes(value: &SqlValue) -> Option<Bytes> {
    match value {
        SqlValue::Bytes(bytes) => Some(bytes.clone()),
        // How a model writes a Vec<u8>, for which serde has no word.
        SqlValue::Array(items) => items
            .iter()
            .map(|item| match item {
                SqlValue::U64(byte) => u8::try_from(*byte).ok(),
                SqlValue::I64(byte) => u8::try_from(*byte).ok(),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
            .map(Bytes::from),
        _ => None,
    }
}

fn date(value: &SqlValue) -> Option<NaiveDate> {
    match value {
        SqlValue::Date(date) => Some(*date),
        SqlValue::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn time(value: &SqlValue) -> Option<NaiveTime> {
    match value {
        SqlValue::Time(time) => Some(*time),
        SqlValue::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// What has a time zone is taken in UTC, which is that of the connection.
fn date_time(value: &SqlValue) -> Option<NaiveDateTime> {
    match value {
        SqlValue::DateTime(at) => Some(*at),
        SqlValue::Instant(moment) => Some(moment.naive_utc()),
        SqlValue::Text(text) => {
            let spaced = |_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
            text.parse().or_else(spaced).ok()
        }
        _ => None,
    }
}

fn instant(value: &SqlValue) -> Option<DateTime<Utc>> {
    match value {
        SqlValue::Instant(moment) => Some(*moment),
        SqlValue::DateTime(at) => Some(at.and_utc()),
        SqlValue::Text(text) => DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc()),
        _ => None,
    }
}

fn microseconds_of(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000)
}

fn since_epoch(at: NaiveDateTime) -> Result<i64, Refusal> {
    let distance: TimeDelta = in_microseconds(at)?.signed_duration_since(EPOCH.and_time(NaiveTime::MIN));
    distance.num_microseconds().ok_or_else(|| "it is beyond what can be counted".into())
}

fn uuid(value: &SqlValue) -> Option<Uuid> {
    match value {
        SqlValue::Uuid(uuid) => Some(*uuid),
        SqlValue::Text(text) => text.parse().ok(),
        SqlValue::Bytes(bytes) => Uuid::from_slice(bytes).ok(),
        _ => None,
    }
}

/// A text is taken for a document as it stands; PostgreSQL refuses one that is none.
fn document(value: &SqlValue) -> Option<String> {
    match value {
        SqlValue::Json(document) => Some(document.to_string()),
        SqlValue::Text(text) => Some(text.clone()),
        other => crate::params::json(other).ok().map(|document| document.to_string()),
    }
}

/// `None` if it is no list.
fn array(value: &SqlValue, type_info: &PgTypeInfo, into: &mut Vec<u8>) -> Option<Result<(), Refusal>> {
    let (SqlValue::Array(items), PgTypeKind::Array(element)) = (value, base(type_info).kind()) else { return None };
    Some(items_of(items, element, into))
}

fn items_of(items: &[SqlValue], element: &PgTypeInfo, into: &mut Vec<u8>) -> Result<(), Refusal> {
    let oid = element.oid().ok_or("the type of its elements is not known")?.0;
    let length = i32::try_from(items.len()).map_err(|_| "it is too long")?;
    let has_nulls = items.iter().any(|item| matches!(item, SqlValue::Null));
    let dimensions = i32::from(!items.is_empty());
    into.extend(dimensions.to_be_bytes());
    into.extend(i32::from(has_nulls).to_be_bytes());
    into.extend(oid.to_be_bytes());
    if items.is_empty() {
        return Ok(());
    }
    into.extend(length.to_be_bytes());
    into.extend(1_i32.to_be_bytes());
    let mut written = Vec::new();
    for item in items {
        if matches!(item, SqlValue::Null) {
            into.extend((-1_i32).to_be_bytes());
            continue;
        }
        written.clear();
        encode(item, element, &mut written)?;
        into.extend(i32::try_from(written.len()).map_err(|_| "it is too long")?.to_be_bytes());
        into.extend(&written);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::{Cell, pg_binary};

    fn back(value: &SqlValue, type_info: &PgTypeInfo) -> Result<Vec<u8>, Refusal> {
        let mut bytes = Vec::new();
        encode(value, type_info, &mut bytes)?;
        Ok(bytes)
    }

    fn of<T: Type<Postgres>>() -> PgTypeInfo {
        T::type_info()
    }

    #[test]
    fn a_value_fits_exactly_or_is_refused() {
        let refusal = |value: SqlValue, type_info: PgTypeInfo| back(&value, &type_info).unwrap_err().into_owned();
        assert_eq!(refusal(40_000.into(), of::<i16>()), "it is out of the range of INT2");
        assert_eq!(refusal((i64::from(i32::MAX) + 1).into(), of::<i32>()), "it is out of the range of INT4");
        assert_eq!(refusal(u64::MAX.into(), of::<i64>()), "it is out of the range of INT8");
        assert_eq!(refusal("1".into(), of::<i64>()), "it is a text, and the database expects INT8");
        assert_eq!(refusal(0.1.into(), of::<i64>()), "it is a floating-point number, and the database expects INT8");
        assert_eq!(refusal("tomorrow".into(), of::<NaiveDate>()), "it is a text, and the database expects DATE");
        assert!(refusal(0.123_456_789.into(), of::<f32>()).contains("more digits"));
        assert!(back(&0.1.into(), &of::<f32>()).is_ok());
        assert_eq!(back(&7.into(), &of::<i16>()).unwrap(), [0, 7]);
        assert_eq!(back(&"2000-01-02".into(), &of::<NaiveDate>()).unwrap(), [0, 0, 0, 1]);
    }

    #[test]
    fn arrays_come_back() {
        let value = SqlValue::from(vec![Some(1_i64), None, Some(-3)]);
        let bytes = back(&value, &of::<Vec<i64>>()).unwrap();
        let cell = pg_binary::cell(&bytes, &kind(&of::<Vec<i64>>())).unwrap();
        let Cell::Array(cells) = cell else { panic!() };
        assert!(matches!(cells.as_slice(), [Cell::I64(1), Cell::Null, Cell::I64(-3)]));
        let empty = back(&SqlValue::Array(Vec::new()), &of::<Vec<i64>>()).unwrap();
        assert!(
            matches!(pg_binary::cell(&empty, &kind(&of::<Vec<i64>>())), Ok(Cell::Array(cells)) if cells.is_empty())
        );
    }

    proptest! {
        #[test]
        fn every_decimal_comes_back(mantissa in -(1_i128 << 95)..(1_i128 << 95), scale in 0_u32..=28) {
            let number = Decimal(rust_decimal::Decimal::from_i128_with_scale(mantissa, scale));
            let bytes = back(&number.into(), &of::<rust_decimal::Decimal>()).unwrap();
            let Ok(Cell::Decimal(read)) = pg_binary::cell(&bytes, &Kind::Decimal) else { panic!() };
            prop_assert_eq!(read, number);
            prop_assert_eq!(read.0.scale(), scale);
        }
    }
}
