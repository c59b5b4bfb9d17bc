use std::{cmp::Ordering, fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

use super::{super::Decimal, Checks};

/// One end of a range, as it was written.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// An integer.
    Integer(i128),
    /// A number with a fraction.
    Fraction(f64),
    /// A date, a time, or a decimal number of more digits than a binary fraction holds.
    Text(&'static str),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Fraction(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

macro_rules! bounds {
    ($($variant:ident($as:ty): $($ty:ty)*;)*) => {
        $($(impl From<$ty> for Bound {
            fn from(number: $ty) -> Self {
                Self::$variant(<$as>::from(number))
            }
        })*)*
    };
}

bounds! { Integer(i128): i8 i16 i32 i64 i128 u8 u16 u32 u64; Fraction(f64): f32 f64; }

/// What numbers bound.
#[diagnostic::on_unimplemented(
    message = "`range` with numbers is about numbers, and `{Self}` is none",
    label = "no number",
    note = "dates and times have their bounds as texts: `range(min = \"2000-01-01\")`; for a text or a list say `length(min = 1, max = 64)`"
)]
pub trait Ranged {
    /// Compares with one end; none if there is no order between the two, and equal for a value that is absent.
    fn compare(&self, bound: &Bound) -> Option<Ordering>;
}

/// What dates, times and exact numbers bound.
#[diagnostic::on_unimplemented(
    message = "`range` with texts is about dates, times and decimals, and `{Self}` is none",
    label = "no date, time or decimal",
    note = "numbers have their bounds as numbers: `range(min = 1, max = 64)`"
)]
pub trait Dated {
    /// Compares with one end; none if that is no such date, and equal for a value that is absent.
    fn compare_to(&self, text: &str) -> Option<Ordering>;
}

/// Checks that a number is within bounds.
pub fn range<T: Ranged + ?Sized>(value: &T, min: Option<Bound>, max: Option<Bound>, checks: &mut Checks<'_>) {
    within(|bound| value.compare(bound), min, max, checks);
}

/// Checks that a date, a time or a decimal is within bounds.
pub fn range_of_text<T: Dated + ?Sized>(
    value: &T,
    min: Option<&'static str>,
    max: Option<&'static str>,
    checks: &mut Checks<'_>,
) {
    let compare = |bound: &Bound| match bound {
        Bound::Text(text) => value.compare_to(text),
        _ => None,
    };
    within(compare, min.map(Bound::Text), max.map(Bound::Text), checks);
}

fn within(
    compare: impl Fn(&Bound) -> Option<Ordering>,
    min: Option<Bound>,
    max: Option<Bound>,
    checks: &mut Checks<'_>,
) {
    // Not a number is neither more nor less than any, and within nothing.
    let is_enough = min.is_none_or(|min| compare(&min).is_some_and(Ordering::is_ge));
    let is_not_too_much = max.is_none_or(|max| compare(&max).is_some_and(Ordering::is_le));
    if is_enough && is_not_too_much {
        return;
    }
    checks.refuse(match (min, max) {
        (Some(min), Some(max)) => format!("expected {min} to {max}"),
        (Some(min), None) => format!("expected at least {min}"),
        (None, max) => format!("expected at most {}", max.unwrap_or(Bound::Integer(0))),
    });
}

macro_rules! integers {
    ($($ty:ty)*) => {
        $(impl Ranged for $ty {
            fn compare(&self, bound: &Bound) -> Option<Ordering> {
                match bound {
                    // What does not fit is more than any other number can say.
                    Bound::Integer(bound) => Some(i128::try_from(*self).map_or(Ordering::Greater, |it| it.cmp(bound))),
                    Bound::Fraction(bound) => of_integer(i128::try_from(*self).unwrap_or(i128::MAX), *bound),
                    Bound::Text(_) => None,
                }
            }
        })*
    };
}

integers! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

/// Compares an integer with a number that has a fraction, through what has both exactly.
fn of_integer(number: i128, bound: f64) -> Option<Ordering> {
    let whole = bound.floor();
    // The limits of what an integer of 128 bits holds, as powers of two.
    if bound.is_nan() {
        return None;
    } else if whole >= 2f64.powi(127) {
        return Some(Ordering::Less);
    } else if whole < -2f64.powi(127) {
        return Some(Ordering::Greater);
    }
    let text = format!("{whole:.0}");
    let order = number.cmp(&text.parse().ok()?);
    Some(if order == Ordering::Equal && bound > whole { Ordering::Less } else { order })
}

macro_rules! fractions {
    ($($ty:ty)*) => {
        $(impl Ranged for $ty {
            fn compare(&self, bound: &Bound) -> Option<Ordering> {
                let number = f64::from(*self);
                match bound {
                    Bound::Integer(bound) if number.is_finite() => of_integer(*bound, number).map(Ordering::reverse),
                    Bound::Integer(_) => number.partial_cmp(&0.0),
                    Bound::Fraction(bound) => number.partial_cmp(bound),
                    Bound::Text(_) => None,
                }
            }
        })*
    };
}

fractions! { f32 f64 }

impl Ranged for Decimal {
    fn compare(&self, bound: &Bound) -> Option<Ordering> {
        self.compare_to(&bound.to_string())
    }
}

macro_rules! read {
    ($([$($generics:tt)*] $ty:ty as $read:ty;)*) => {
        $(impl<$($generics)*> Dated for $ty {
            fn compare_to(&self, text: &str) -> Option<Ordering> {
                self.partial_cmp(&<$read>::from_str(text).ok()?)
            }
        })*
    };
}

read! {
    [] Decimal as Decimal;
    [] NaiveDate as NaiveDate;
    [] NaiveTime as NaiveTime;
    [] NaiveDateTime as NaiveDateTime;
    [Z: TimeZone] DateTime<Z> as DateTime<Utc>;
}

impl<T: Ranged> Ranged for Option<T> {
    fn compare(&self, bound: &Bound) -> Option<Ordering> {
        self.as_ref().map_or(Some(Ordering::Equal), |value| value.compare(bound))
    }
}

impl<T: Dated> Dated for Option<T> {
    fn compare_to(&self, text: &str) -> Option<Ordering> {
        self.as_ref().map_or(Some(Ordering::Equal), |value| value.compare_to(text))
    }
}
