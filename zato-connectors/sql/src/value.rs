use std::fmt;

use zato_core::{
    bytes::Bytes,
    chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc},
    model::{Base64, Decimal},
    uuid::Uuid,
};

/// A value that a statement is given, and that the database never takes for a part of the statement.
///
/// Nearly everything converts into one by itself: numbers, texts, bytes, dates, an `Option` of them, references to them.
///
/// # Examples
///
/// ```
/// use zato_sql::SqlValue;
///
/// assert_eq!(SqlValue::from(5), SqlValue::I64(5));
/// assert_eq!(SqlValue::from(None::<&str>), SqlValue::Null);
/// assert_eq!(SqlValue::from("O'Neill"), SqlValue::Text("O'Neill".to_owned()));
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum SqlValue {
    /// NULL, of whatever type is expected.
    Null,
    /// A boolean; 0 or 1 where the database has no such type.
    Bool(bool),
    /// An integer.
    I64(i64),
    /// An integer that is not negative.
    U64(u64),
    /// A binary fraction.
    F64(f64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
    /// A date.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A date and time, with no time zone.
    DateTime(NaiveDateTime),
    /// A moment.
    Instant(DateTime<Utc>),
    /// A UUID.
    Uuid(Uuid),
    /// A JSON document.
    Json(serde_json::Value),
    /// An array, which PostgreSQL alone has.
    Array(Vec<Self>),
}

impl SqlValue {
    /// Makes a JSON document of a value.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if it can't be written as JSON, which has neither NaN nor infinity.
    pub fn json(value: impl serde::Serialize) -> zato_core::Result<Self> {
        let document = crate::params::document(&value);
        document
            .map(Self::Json)
            .map_err(|error| zato_core::Error::internal("a parameter can't be written as JSON").with_source(error))
    }

    /// Names the kind of value, for messages, which never repeat the value itself.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "a boolean",
            Self::I64(_) | Self::U64(_) => "an integer",
            Self::F64(_) => "a floating-point number",
            Self::Decimal(_) => "a decimal number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::DateTime(_) => "a date and time",
            Self::Instant(_) => "a moment",
            Self::Uuid(_) => "a UUID",
            Self::Json(_) => "JSON",
            Self::Array(_) => "an array",
        }
    }
}

/// As the kind of value: what is in it is nobody's business in a log.
impl fmt::Debug for SqlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlValue({})", self.word())
    }
}

macro_rules! from {
    ($($source:ty => $value:ident |$it:ident| $made:expr;)*) => {
        $(
            impl From<$source> for SqlValue {
                fn from($it: $source) -> Self {
                    Self::$value($made)
                }
            }
        )*
    };
}

from! {
    bool => Bool |it| it;
    i8 => I64 |it| it.into();
    i16 => I64 |it| it.into();
    i32 => I64 |it| it.into();
    i64 => I64 |it| it;
    u8 => U64 |it| it.into();
    u16 => U64 |it| it.into();
    u32 => U64 |it| it.into();
    u64 => U64 |it| it;
    f32 => F64 |it| it.into();
    f64 => F64 |it| it;
    Decimal => Decimal |it| it;
    rust_decimal::Decimal => Decimal |it| Decimal(it);
    String => Text |it| it;
    &str => Text |it| it.to_owned();
    std::borrow::Cow<'_, str> => Text |it| it.into_owned();
    Bytes => Bytes |it| it;
    Base64 => Bytes |it| it.0;
    &[u8] => Bytes |it| Bytes::copy_from_slice(it);
    NaiveDate => Date |it| it;
    NaiveTime => Time |it| it;
    NaiveDateTime => DateTime |it| it;
    DateTime<Utc> => Instant |it| it;
    DateTime<FixedOffset> => Instant |it| it.to_utc();
    Uuid => Uuid |it| it;
    serde_json::Value => Json |it| it;
}

impl<T: Into<Self>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Of bytes it is bytes, of everything else an array.
impl<T: Into<Self> + 'static> From<Vec<T>> for SqlValue {
    fn from(values: Vec<T>) -> Self {
        let mut slot = Some(values);
        if let Some(bytes) = (&mut slot as &mut dyn std::any::Any).downcast_mut::<Option<Vec<u8>>>() {
            return Self::Bytes(bytes.take().unwrap_or_default().into());
        }
        Self::Array(slot.unwrap_or_default().into_iter().map(Into::into).collect())
    }
}

macro_rules! from_reference {
    ($($source:ty)*) => {
        $(
            impl From<&$source> for SqlValue {
                fn from(value: &$source) -> Self {
                    value.clone().into()
                }
            }
        )*
    };
}

from_reference! {
    bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 Decimal rust_decimal::Decimal String Bytes Base64 NaiveDate NaiveTime
    NaiveDateTime DateTime<Utc> DateTime<FixedOffset> Uuid serde_json::Value SqlValue
}

impl<T: Clone + Into<Self>> From<&Option<T>> for SqlValue {
    fn from(value: &Option<T>) -> Self {
        value.clone().into()
    }
}

impl<T: Clone + Into<Self> + 'static> From<&Vec<T>> for SqlValue {
    fn from(values: &Vec<T>) -> Self {
        values.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_becomes_what_it_is() {
        assert_eq!(SqlValue::from(vec![1_u8, 2]), SqlValue::Bytes(Bytes::from_static(&[1, 2])));
        assert_eq!(SqlValue::from(vec![1_i32, 2]), SqlValue::Array(vec![SqlValue::I64(1), SqlValue::I64(2)]));
        assert_eq!(SqlValue::from(&Some("a".to_owned())), SqlValue::Text("a".to_owned()));
        assert_eq!(SqlValue::from(Some(u64::MAX)), SqlValue::U64(u64::MAX));
    }

    #[test]
    fn nothing_of_a_value_is_printed() {
        assert_eq!(format!("{:?}", SqlValue::from("s3cret")), "SqlValue(a text)");
    }
}
