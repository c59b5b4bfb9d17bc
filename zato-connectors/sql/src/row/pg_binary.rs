//! Values in PostgreSQL's binary format (the `send` functions of its types, PostgreSQL 17, `src/backend/utils/adt`).

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use zato_core::{
    chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc},
    model::Decimal,
    uuid::Uuid,
};

use super::{
    cell::{Cell, Misfit},
    columns::Kind,
};

/// What a value of the wrong length is.
const BROKEN: Misfit = Cow::Borrowed("it can't be read");

/// PostgreSQL counts from the year 2000.
pub(crate) const EPOCH: NaiveDate = NaiveDate::from_ymd_opt(2000, 1, 1).expect("it is a day");

/// Arrays may have arrays in them, which the server limits to 6 (`MAXDIM`).
const MAX_DIMENSIONS: usize = 6;

pub(crate) fn cell<'r>(bytes: &'r [u8], kind: &Kind) -> Result<Cell<'r>, Misfit> {
    Ok(match kind {
        Kind::Bool => Cell::Bool(fixed::<1>(bytes)? != [0]),
        Kind::Int => Cell::I64(match bytes.len() {
            2 => i16::from_be_bytes(fixed(bytes)?).into(),
            4 => i32::from_be_bytes(fixed(bytes)?).into(),
            _ => i64::from_be_bytes(fixed(bytes)?),
        }),
        Kind::UInt => Cell::U64(u32::from_be_bytes(fixed(bytes)?).into()),
        Kind::Float4 => Cell::F32(f32::from_be_bytes(fixed(bytes)?)),
        Kind::Float8 => Cell::F64(f64::from_be_bytes(fixed(bytes)?)),
        Kind::Decimal => Cell::Decimal(decimal(bytes)?),
        Kind::Text => Cell::text(std::str::from_utf8(bytes).map_err(|_| "it is no text in UTF-8")?),
        Kind::Bytes => Cell::Bytes(bytes),
        Kind::Date => Cell::Date(date(i32::from_be_bytes(fixed(bytes)?))?),
        Kind::Time => Cell::Time(time(i64::from_be_bytes(fixed(bytes)?))?),
        Kind::DateTime => Cell::DateTime(moment(i64::from_be_bytes(fixed(bytes)?))?.naive_utc()),
        Kind::Instant => Cell::Instant(moment(i64::from_be_bytes(fixed(bytes)?))?),
        Kind::Uuid => Cell::Uuid(Uuid::from_bytes(fixed(bytes)?)),
        Kind::Json => Cell::Json(bytes),
        Kind::Jsonb => match bytes.split_first() {
            Some((1, document)) => Cell::Json(document),
            _ => return Err(BROKEN),
        },
        Kind::Interval => Cell::Text(interval(bytes)?.into()),
        Kind::Network => Cell::Text(network(bytes)?.into()),
        Kind::Array(element) => array(bytes, element)?,
        Kind::Void => Cell::Null,
        Kind::Dynamic(_) | Kind::Unreadable => {
            return Err("it is of a type that can't be read; cast it in the statement, as in column::text".into());
        }
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Misfit> {
    bytes.try_into().map_err(|_| BROKEN)
}

fn date(days: i32) -> Result<NaiveDate, Misfit> {
    let distance = Days::new(days.unsigned_abs().into());
    let date = if days < 0 { EPOCH.checked_sub_days(distance) } else { EPOCH.checked_add_days(distance) };
    date.ok_or_else(|| "it is infinity, or a day beyond what can be counted".into())
}

fn time(microseconds: i64) -> Result<NaiveTime, Misfit> {
    let seconds = u32::try_from(microseconds.div_euclid(1_000_000)).map_err(|_| BROKEN)?;
    let nanoseconds = u32::try_from(microseconds.rem_euclid(1_000_000)).map_err(|_| BROKEN)? * 1_000;
    // PostgreSQL has 24:00:00, which no clock has.
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds).ok_or_else(|| "it is no time of day".into())
}

fn moment(microseconds: i64) -> Result<DateTime<Utc>, Misfit> {
    let infinite = || Misfit::from("it is infinity, or a moment beyond what can be counted");
    if matches!(microseconds, i64::MIN | i64::MAX) {
        return Err(infinite());
    }
    let since = EPOCH.and_time(NaiveTime::MIN).and_utc();
    since.checked_add_signed(TimeDelta::microseconds(microseconds)).ok_or_else(infinite)
}

/// A number in digits of base 10000.
fn decimal(bytes: &[u8]) -> Result<Decimal, Misfit> {
    let mut shorts = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
    let (Some(number), Some(weight), Some(sign), Some(scale)) =
        (shorts.next(), shorts.next(), shorts.next(), shorts.next())
    else {
        return Err(BROKEN);
    };
    if !matches!(sign, 0 | 0x4000) {
        return Err("it is NaN or infinity, which no decimal number is".into());
    }
    let too_long =
        || Misfit::from("it is a decimal number of more than 28 digits; cast it in the statement, as in column::text");
    let ten = |exponent: i32| u32::try_from(exponent).ok().and_then(|exponent| 10_i128.checked_pow(exponent));
    let mut mantissa = 0_i128;
    for digit in shorts {
        mantissa =
            mantissa.checked_mul(10_000).and_then(|shifted| shifted.checked_add(digit.into())).ok_or_else(too_long)?;
    }
    // The weight is that of the first digit, and is negative for a small number.
    let behind_point = 4 * (i32::from(number) - 1 - i32::from(weight.cast_signed()));
    let mut scale = i32::from(scale);
    let shift = scale - behind_point;
    mantissa = if shift >= 0 {
        ten(shift).and_then(|factor| mantissa.checked_mul(factor))
    } else {
        ten(-shift).map(|factor| mantissa / factor)
    }
    .ok_or_else(too_long)?;
    while scale > 28 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    let signed = if sign == 0 { mantissa } else { -mantissa };
    let scale = u32::try_from(scale).map_err(|_| BROKEN)?;
    rust_decimal::Decimal::try_from_i128_with_scale(signed, scale).map(Decimal).map_err(|_| too_long())
}

/// A stretch of time as ISO 8601 has it: `P1Y2M3DT4H5M6.5S`.
fn interval(bytes: &[u8]) -> Result<String, Misfit> {
    let (microseconds, rest) = bytes.split_first_chunk::<8>().ok_or(BROKEN)?;
    let (days, months) = rest.split_first_chunk::<4>().ok_or(BROKEN)?;
    let (microseconds, days, months) =
        (i64::from_be_bytes(*microseconds), i32::from_be_bytes(*days), i32::from_be_bytes(fixed(months)?));
    // Since PostgreSQL 17 (`INTERVAL_IS_NOBEGIN`, `INTERVAL_IS_NOEND`).
    if matches!((microseconds, days, months), (i64::MIN, i32::MIN, i32::MIN) | (i64::MAX, i32::MAX, i32::MAX)) {
        return Err("it is infinity, which no stretch of time is".into());
    }
    let mut text = "P".to_owned();
    for (number, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
        if number != 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    }
    let (sign, distance) = (if microseconds < 0 { "-" } else { "" }, microseconds.unsigned_abs());
    let (seconds, fraction) = (distance / 1_000_000, distance % 1_000_000);
    if distance > 0 || text == "P" {
        text.push('T');
    }
    for (number, unit) in [(seconds / 3_600, 'H'), (seconds / 60 % 60, 'M')] {
        if number != 0 {
            text.push_str(&format!("{sign}{number}{unit}"));
        }
    }
    if seconds % 60 != 0 || fraction != 0 || text.ends_with('T') {
        let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
        let seconds = format!("{sign}{}{}", seconds % 60, fraction.trim_end_matches('0'));
        text.push_str(&format!("{seconds}S"));
    }
    Ok(text)
}

/// An address, or a network with the length of its mask.
fn network(bytes: &[u8]) -> Result<String, Misfit> {
    let ([_, bits, is_network, _], address) = bytes.split_first_chunk::<4>().ok_or(BROKEN)?;
    let (text, all) = match address.len() {
        4 => (Ipv4Addr::from(fixed::<4>(address)?).to_string(), 32),
        16 => (Ipv6Addr::from(fixed::<16>(address)?).to_string(), 128),
        _ => return Err(BROKEN),
    };
    Ok(if *is_network == 0 && *bits == all { text } else { format!("{text}/{bits}") })
}

fn array<'r>(bytes: &'r [u8], element: &Kind) -> Result<Cell<'r>, Misfit> {
    let mut input = Input(bytes);
    let dimensions = usize::try_from(input.i32()?).map_err(|_| BROKEN)?;
    // Whether there are NULLs in it, and the type, which the column tells.
    let (_, _) = (input.i32()?, input.i32()?);
    if dimensions > MAX_DIMENSIONS {
        return Err(BROKEN);
    }
    let mut lengths = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        lengths.push(usize::try_from(input.i32()?).map_err(|_| BROKEN)?);
        // Where its places begin to be counted: a list here always begins at its beginning.
        input.i32()?;
    }
    if lengths.is_empty() {
        return Ok(Cell::Array(Vec::new()));
    }
    nested(&mut input, &lengths, element)
}

fn nested<'r>(input: &mut Input<'r>, lengths: &[usize], element: &Kind) -> Result<Cell<'r>, Misfit> {
    let Some((length, inner)) = lengths.split_first() else {
        let len = input.i32()?;
        return match usize::try_from(len) {
            Ok(len) => cell(input.take(len)?, element),
            Err(_) => Ok(Cell::Null),
        };
    };
    // Each element has a length of 4 bytes at least: no more memory is set aside than was sent.
    let mut cells = Vec::with_capacity((*length).min(input.0.len() / 4));
    for _ in 0..*length {
        cells.push(nested(input, inner, element)?);
    }
    Ok(Cell::Array(cells))
}

struct Input<'r>(&'r [u8]);

impl<'r> Input<'r> {
    fn take(&mut self, len: usize) -> Result<&'r [u8], Misfit> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(BROKEN)?;
        self.0 = rest;
        Ok(taken)
    }

    fn i32(&mut self) -> Result<i32, Misfit> {
        Ok(i32::from_be_bytes(fixed(self.take(4)?)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shorts(values: &[u16]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (digits, expected) in [
            (&[2, 0, 0, 2, 12, 3400][..], "12.34"),
            (&[1, 1, 0, 0, 5], "50000"),
            (&[0, 0, 0, 2], "0.00"),
            (&[1, 0xffff, 0x4000, 4, 12], "-0.0012"),
            (&[1, 0, 0, 3, 7], "7.000"),
            (&[1, 0xfffe, 0, 5, 1000], "0.00001"),
        ] {
            assert_eq!(decimal(&shorts(digits)).unwrap().to_string(), expected);
        }
        assert!(decimal(&shorts(&[0, 0, 0xc000, 0])).unwrap_err().contains("NaN"));
        assert!(decimal(&shorts(&[1, 60, 0, 0, 1])).unwrap_err().contains("28 digits"));
    }

    #[test]
    fn stretches_of_time_are_iso_8601() {
        let of = |microseconds: i64, days: i32, months: i32| {
            let mut bytes = microseconds.to_be_bytes().to_vec();
            bytes.extend(days.to_be_bytes());
            bytes.extend(months.to_be_bytes());
            interval(&bytes)
        };
        assert!(of(i64::MAX, i32::MAX, i32::MAX).is_err() && of(i64::MIN, i32::MIN, i32::MIN).is_err());
        let of = |microseconds, days, months| of(microseconds, days, months).unwrap();
        assert_eq!(of(0, 0, 0), "PT0S");
        assert_eq!(of(14_706_500_000, 3, 14), "P1Y2M3DT4H5M6.5S");
        assert_eq!(of(-60_000_000, 0, 0), "PT-1M");
        assert_eq!(of(0, 1, 0), "P1D");
    }

    #[test]
    fn what_nobody_counts_is_refused() {
        assert!(moment(i64::MAX).is_err() && moment(i64::MIN).is_err());
        assert!(date(i32::MAX).is_err() && date(i32::MIN).is_err());
        assert!(time(86_400_000_000).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let kinds = [
                Kind::Bool, Kind::Int, Kind::UInt, Kind::Float4, Kind::Float8, Kind::Decimal, Kind::Text, Kind::Date, Kind::Time,
                Kind::DateTime, Kind::Instant, Kind::Uuid, Kind::Jsonb, Kind::Interval, Kind::Network,
                Kind::Array(Box::new(Kind::Int)), Kind::Array(Box::new(Kind::Decimal)),
            ];
            for kind in kinds {
                let _ = cell(&bytes, &kind);
            }
        }
    }
}
