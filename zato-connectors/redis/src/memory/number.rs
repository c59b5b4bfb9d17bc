//! Numbers as Redis reads and writes them.

use std::str;

use super::reply::{Fault, Result};

/// How many digits follow the point where a number is added to exactly.
const DECIMALS: usize = 17;

/// Reads an integer: digits alone, with a minus if need be, and no leading zeros.
pub(super) fn parse_int(bytes: &[u8]) -> Result<i64> {
    let text = str::from_utf8(bytes).map_err(|_| Fault::NOT_AN_INTEGER)?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !digits.starts_with('0'))
        && !digits.is_empty();
    if !is_plain {
        return Err(Fault::NOT_AN_INTEGER);
    }
    text.parse().map_err(|_| Fault::NOT_AN_INTEGER)
}

/// Reads a number with a point, an exponent, or infinity.
pub(super) fn parse_float(bytes: &[u8]) -> Result<f64> {
    let text = str::from_utf8(bytes).map_err(|_| Fault::NOT_A_FLOAT)?;
    let float: f64 = text.parse().map_err(|_| Fault::NOT_A_FLOAT)?;
    if float.is_nan() {
        return Err(Fault::NOT_A_FLOAT);
    }
    Ok(float)
}

/// Returns a length as the wire counts.
pub(super) fn int(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// Returns the whole part of a number.
#[expect(clippy::cast_possible_truncation, reason = "what is too large becomes the largest, which is what is wanted")]
pub(super) fn truncated(number: f64) -> i64 {
    number as i64
}

/// Returns a number that is not negative as a length.
pub(super) fn len(int: i64) -> usize {
    usize::try_from(int).unwrap_or(0)
}

/// Returns the part of a sequence from one index to another, both included, where negative ones count from the end.
pub(super) fn span(start: i64, stop: i64, length: usize) -> std::ops::Range<usize> {
    let length = int(length);
    let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let start = from_end(start).max(0);
    let stop = from_end(stop).saturating_add(1).min(length);
    if start >= stop { 0..0 } else { len(start)..len(stop) }
}

/// Writes a number as C's `%.17g` does, which is what Redis 7.0 writes scores with.
pub(super) fn general(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if number == 0.0 {
        return if number.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{number:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..17).contains(&exponent) {
        let decimals = usize::try_from(16 - exponent).unwrap_or(0);
        return trimmed(format!("{number:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa.to_owned()), exponent.abs())
}

/// Adds two numbers that are written out, and writes the sum out.
///
/// Redis has the 80 bits of `long double` for it, and writes 17 digits after the point. What has no more digits than fit an
/// integer is added exactly here, which is the same for what is small and may differ in the last digits for what is
/// large; the rest is added with 64 bits.
pub(super) fn add(left: &[u8], right: &[u8]) -> Result<String> {
    let (first, second) = (parse_float(left)?, parse_float(right)?);
    if let (Some(left), Some(right)) = (decimal(left), decimal(right))
        && let Some(sum) = left.checked_add(right)
    {
        let scale = 10_u128.pow(17);
        let digits = format!("{}.{:017}", sum.unsigned_abs() / scale, sum.unsigned_abs() % scale);
        let sign = if sum < 0 { "-" } else { "" };
        return Ok(format!("{sign}{}", trimmed(digits)));
    }
    let sum = first + second;
    if !sum.is_finite() {
        return Err(Fault::new("ERR increment would produce NaN or Infinity"));
    }
    Ok(format!("{sum}"))
}

/// Reads a number as so many parts of 10^-17.
fn decimal(bytes: &[u8]) -> Option<i128> {
    let text = str::from_utf8(bytes).ok()?;
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    // 80 bits have 19 digits: what has more is rounded by Redis, too.
    if whole.len() + fraction.len() > 18 || fraction.len() > DECIMALS {
        return None;
    }
    let parts: i128 = format!("{whole}{fraction:0<DECIMALS$}").parse().ok()?;
    Some(if is_negative { -parts } else { parts })
}

fn trimmed(digits: String) -> String {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.').to_owned() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_digits_alone() {
        for (text, expected) in [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX)] {
            assert_eq!(parse_int(text.as_bytes()).expect(text), expected);
        }
        for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "9223372036854775808", "x"] {
            assert!(parse_int(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn scores_are_written_with_seventeen_digits() {
        let numbers = [3.0, 3.1, 0.1, 1e20, 1e-7, 1e16, 1e17, 0.0001, -2.5, f64::INFINITY];
        let written = numbers.map(general);
        let expected = [
            "3",
            "3.1000000000000001",
            "0.10000000000000001",
            "1e+20",
            "9.9999999999999995e-08",
            "10000000000000000",
            "1e+17",
            "0.0001",
            "-2.5",
            "inf",
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn decimal_numbers_are_added_exactly() {
        for (left, right, sum) in
            [("10.5", "0.1", "10.6"), ("0.1", "0.2", "0.3"), ("5.0e3", "200", "5200"), ("-1", "0.5", "-0.5")]
        {
            assert_eq!(add(left.as_bytes(), right.as_bytes()).expect(left), sum);
        }
        assert!(add(b"x", b"1").is_err());
    }
}
