//! A value of a row as serde sees it: of its own type, or of one that it is exactly the same in.

use std::{any::type_name, borrow::Cow};

use serde::{
    Deserializer,
    de::{
        Error as _, IntoDeserializer, Visitor,
        value::{CowStrDeserializer, SeqDeserializer},
    },
};
use zato_core::{
    chrono::{DateTime, NaiveDateTime},
    model::Base64,
    uuid::Uuid,
};

use super::{
    cell::{Cell, date_time, instant},
    fault::RowFault,
};

/// The largest integer up to which a binary fraction has all of them (IEEE 754 double precision).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The same as a whole number.
const WHOLE: u64 = 1 << 53;

/// How many decimal digits survive in a binary fraction.
const DIGITS: usize = 15;

/// How the library of JSON asks for a document as it is (serde_json, `raw.rs`).
const RAW: &str = "$serde_json::private::RawValue";

pub(super) struct CellDe<'r>(pub(super) Cell<'r>);

impl<'r> CellDe<'r> {
    fn misfit<V: Visitor<'r>>(&self, visitor: &V) -> RowFault {
        let expected: &dyn serde::de::Expected = visitor;
        match &self.0 {
            Cell::Null => RowFault::new(format!("expected {expected}, got NULL; make the field an Option")),
            other => RowFault::new(format!("expected {expected}, got {}", other.word())),
        }
    }

    fn integer<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, RowFault> {
        match &self.0 {
            Cell::I64(number) => visitor.visit_i64(*number),
            Cell::U64(number) => visitor.visit_u64(*number),
            Cell::Bool(value) => visitor.visit_u64((*value).into()),
            // What databases make of a sum.
            Cell::Decimal(number) if number.0.fract().is_zero() => match i64::try_from(number.0.trunc()) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(self.misfit(&visitor)),
            },
            Cell::F64(number) if number.fract() == 0.0 && number.abs() < EXACT => {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
                let number = *number as i64;
                visitor.visit_i64(number)
            }
            _ => Err(self.misfit(&visitor)),
        }
    }

    /// Returns the value as a binary fraction, if nothing of it is lost.
    fn fraction(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "only those that lose nothing are taken")]
        match &self.0 {
            Cell::F64(number) => Some(*number),
            Cell::F32(number) => Some((*number).into()),
            Cell::I64(number) => (number.unsigned_abs() <= WHOLE).then_some(*number as f64),
            Cell::U64(number) => (*number <= WHOLE).then_some(*number as f64),
            Cell::Decimal(number) => {
                let text = number.0.normalize().to_string();
                let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
                if digits <= DIGITS { text.parse().ok() } else { None }
            }
            _ => None,
        }
    }

    fn text<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, RowFault> {
        let wanted = type_name::<V::Value>();
        match self.0 {
            Cell::Text(text) => match moment_as_wanted(&text, wanted) {
                Some(written) => visitor.visit_string(written),
                None => match text {
                    Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                    Cow::Owned(text) => visitor.visit_string(text),
                },
            },
            Cell::Date(date) => visitor.visit_string(date.to_string()),
            Cell::Time(time) => visitor.visit_string(time.to_string()),
            Cell::DateTime(at) if is_moment(wanted) => visitor.visit_string(instant(at.and_utc())),
            Cell::DateTime(at) => visitor.visit_string(date_time(at)),
            Cell::Instant(moment) => visitor.visit_string(instant(moment)),
            Cell::Uuid(uuid) => visitor.visit_string(uuid.to_string()),
            Cell::Decimal(number) => visitor.visit_string(number.to_string()),
            Cell::Bytes(bytes) if wanted == type_name::<Base64>() => {
                visitor.visit_string(Base64::from(bytes).to_string())
            }
            Cell::Bytes(bytes) if wanted == type_name::<Uuid>() => match Uuid::from_slice(bytes) {
                Ok(uuid) => visitor.visit_string(uuid.to_string()),
                Err(_) => Err(Self(Cell::Bytes(bytes)).misfit(&visitor)),
            },
            Cell::Json(document) => match std::str::from_utf8(document) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => Err(RowFault::new("it is no text in UTF-8")),
            },
            other => Err(Self(other).misfit(&visitor)),
        }
    }

    /// Hands a document to the reader of JSON.
    fn document<V, F>(self, visitor: V, read: F) -> Result<V::Value, RowFault>
    where
        V: Visitor<'r>,
        F: FnOnce(&mut serde_json::Deserializer<serde_json::de::SliceRead<'r>>, V) -> serde_json::Result<V::Value>,
    {
        let bytes: &'r [u8] = match &self.0 {
            Cell::Json(document) => document,
            // Where the database has no type for JSON, it stands in a text.
            Cell::Text(Cow::Borrowed(text)) => text.as_bytes(),
            _ => return Err(self.misfit(&visitor)),
        };
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let read = read(&mut reader, visitor).and_then(|value| reader.end().map(|()| value));
        // What it says itself may repeat what is in it.
        read.map_err(|error| {
            RowFault::new(format!("its JSON doesn't fit at line {} column {}", error.line(), error.column()))
        })
    }
}

fn is_moment(wanted: &str) -> bool {
    wanted.starts_with("chrono::datetime::DateTime<")
}

/// Writes a time that stands in a text of SQLite's as the type that is wanted reads it. SQLite's own functions write a space
/// in the middle, no time zone, and mean UTC (SQLite, Date And Time Functions).
fn moment_as_wanted(text: &str, wanted: &str) -> Option<String> {
    if is_moment(wanted) {
        if DateTime::parse_from_rfc3339(text).is_ok() {
            return None;
        }
        return naive(text).map(|at| instant(at.and_utc()));
    }
    if wanted == type_name::<NaiveDateTime>() {
        return naive(text).map(date_time);
    }
    None
}

/// Reads a date and time as SQLite's own functions write them.
pub(super) fn spaced(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

fn naive(text: &str) -> Option<NaiveDateTime> {
    spaced(text).or_else(|| text.parse().ok())
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
                self.integer(visitor)
            }
        )*
    };
}

macro_rules! texts {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
                self.text(visitor)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for CellDe<'de> {
    type Error = RowFault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        match self.0 {
            Cell::Null => visitor.visit_unit(),
            Cell::Bool(value) => visitor.visit_bool(value),
            Cell::I64(number) => visitor.visit_i64(number),
            Cell::U64(number) => visitor.visit_u64(number),
            Cell::F32(number) => visitor.visit_f32(number),
            Cell::F64(number) => visitor.visit_f64(number),
            Cell::Bytes(bytes) => visitor.visit_string(Base64::from(bytes).to_string()),
            Cell::Json(_) => self.document(visitor, |reader, visitor| reader.deserialize_any(visitor)),
            Cell::Array(_) => self.deserialize_seq(visitor),
            _ => self.text(visitor),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_u128
    }

    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        match self.0 {
            Cell::Bool(value) => visitor.visit_bool(value),
            Cell::I64(number @ (0 | 1)) => visitor.visit_bool(number == 1),
            Cell::U64(number @ (0 | 1)) => visitor.visit_bool(number == 1),
            // One bit of MariaDB and MySQL in a field of several.
            other => Err(Self(other).misfit(&visitor)),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        if let Cell::F32(number) = self.0 {
            return visitor.visit_f32(number);
        }
        let Some(number) = self.fraction() else { return Err(self.misfit(&visitor)) };
        #[expect(clippy::cast_possible_truncation, reason = "only one that loses nothing is taken")]
        let short = number as f32;
        // What is written in a few digits is the same in either; what has more would lose them.
        if number.is_nan() || f64::from(short) == number || short.to_string() == number.to_string() {
            visitor.visit_f32(short)
        } else {
            Err(RowFault::new("it has more digits than a float of 32 bits; make the field an f64"))
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        match self.fraction() {
            Some(number) => visitor.visit_f64(number),
            None => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        match self.0 {
            Cell::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Cell::Text(text) => visitor.visit_bytes(text.as_bytes()),
            other => Err(Self(other).misfit(&visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        if matches!(self.0, Cell::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        match self.0 {
            Cell::Null => visitor.visit_unit(),
            other => Err(Self(other).misfit(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, RowFault> {
        self.deserialize_unit(visitor)
    }

    /// What is asked for by the name of a raw document is the document as it is.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, RowFault> {
        if name == RAW && matches!(self.0, Cell::Json(_) | Cell::Text(_)) {
            return self.document(visitor, |reader, visitor| reader.deserialize_newtype_struct(name, visitor));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        match self.0 {
            Cell::Array(cells) => {
                let mut items = SeqDeserializer::new(cells.into_iter().map(CellDe));
                visitor.visit_seq(&mut items).and_then(|value| items.end().map(|()| value))
            }
            Cell::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            _ => self.document(visitor, |reader, visitor| reader.deserialize_seq(visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, RowFault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, RowFault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        self.document(visitor, |reader, visitor| reader.deserialize_map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowFault> {
        self.document(visitor, |reader, visitor| reader.deserialize_struct(name, fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowFault> {
        match self.0 {
            Cell::Text(text) if !text.trim_start().starts_with('{') => {
                let name: CowStrDeserializer<'_, RowFault> = text.into_deserializer();
                visitor.visit_enum(name)
            }
            Cell::Text(_) | Cell::Json(_) => {
                self.document(visitor, |reader, visitor| reader.deserialize_enum(name, variants, visitor))
            }
            Cell::Null => Err(RowFault::custom(format!(
                "expected one of {}, got NULL; make the field an Option",
                variants.join(", ")
            ))),
            other => Err(RowFault::custom(format!("expected one of {}, got {}", variants.join(", "), other.word()))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        visitor.visit_unit()
    }
}

impl<'de> IntoDeserializer<'de, RowFault> for CellDe<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_integer_becomes_another_fraction() {
        let fraction = |number: i64| CellDe(Cell::I64(number)).fraction();
        assert_eq!(fraction(1 << 53), Some(9_007_199_254_740_992.0));
        assert_eq!(fraction((1 << 53) + 1), None);
    }

    #[test]
    fn documents_are_read_as_they_are() {
        use serde::Deserialize;
        use serde_json::value::RawValue;

        let raw = Box::<RawValue>::deserialize(CellDe(Cell::Json(b"{\"b\": 1.10, \"a\": 1}"))).unwrap();
        assert_eq!(raw.get(), "{\"b\": 1.10, \"a\": 1}");
        assert!(Box::<RawValue>::deserialize(CellDe(Cell::Json(b"{"))).is_err());
    }
}
