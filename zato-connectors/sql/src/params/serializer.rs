//! A field of a model as a value of a database.

use std::{any::type_name, fmt::Display};

use serde::{Serialize, Serializer, ser};
use zato_core::{
    bytes::Bytes,
    chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime},
    model::{Base64, Decimal},
};

use super::finite::{check, to_json};
use crate::value::SqlValue;

/// Why something can't be a value.
#[derive(Debug)]
pub(crate) struct Unusable(String);

pub(super) fn unusable(words: &str) -> Unusable {
    Unusable(words.to_owned())
}

impl Unusable {
    pub(super) fn at(self, field: &str) -> Self {
        Self(format!("the field {field}: {}", self.0))
    }
}

impl Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl ser::Error for Unusable {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl From<serde_json::Error> for Unusable {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

pub(super) struct ValueSerializer;

/// A list: an array of simple values, or a JSON document.
pub(super) struct Items {
    items: Vec<SqlValue>,
    is_document: bool,
}

/// A map or a struct: a JSON document.
pub(super) struct Document {
    members: serde_json::Map<String, serde_json::Value>,
    key: Option<String>,
    variant: Option<&'static str>,
}

impl Document {
    fn new(variant: Option<&'static str>) -> Self {
        Self { members: serde_json::Map::new(), key: None, variant }
    }

    fn add<T: Serialize + ?Sized>(&mut self, key: String, value: &T) -> Result<(), Unusable> {
        let value = to_json(value).map_err(|error| error.at(&key))?;
        self.members.insert(key, value);
        Ok(())
    }

    fn finish(self) -> SqlValue {
        let members = serde_json::Value::Object(self.members);
        SqlValue::Json(match self.variant {
            Some(variant) => serde_json::json!({ variant: members }),
            None => members,
        })
    }
}

impl Items {
    fn new(is_document: bool) -> Self {
        Self { items: Vec::new(), is_document }
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        let value = value.serialize(ValueSerializer)?;
        self.is_document |= matches!(value, SqlValue::Json(_) | SqlValue::Array(_));
        self.items.push(value);
        Ok(())
    }

    fn finish(self) -> Result<SqlValue, Unusable> {
        if !self.is_document {
            return Ok(SqlValue::Array(self.items));
        }
        let items: Result<Vec<_>, _> = self.items.into_iter().map(|item| json(&item)).collect();
        Ok(SqlValue::Json(serde_json::Value::Array(items?)))
    }
}

/// Returns what a value is in a JSON document.
pub(crate) fn json(value: &SqlValue) -> Result<serde_json::Value, Unusable> {
    let document = match value {
        SqlValue::F64(number) => {
            check(*number)?;
            serde_json::to_value(number)
        }
        SqlValue::Null => Ok(serde_json::Value::Null),
        SqlValue::Bool(value) => serde_json::to_value(value),
        SqlValue::I64(value) => serde_json::to_value(value),
        SqlValue::U64(value) => serde_json::to_value(value),
        SqlValue::Decimal(value) => serde_json::to_value(value),
        SqlValue::Text(value) => serde_json::to_value(value),
        SqlValue::Bytes(value) => serde_json::to_value(Base64(value.clone())),
        SqlValue::Date(value) => serde_json::to_value(value),
        SqlValue::Time(value) => serde_json::to_value(value),
        SqlValue::DateTime(value) => serde_json::to_value(value),
        SqlValue::Instant(value) => serde_json::to_value(value),
        SqlValue::Uuid(value) => serde_json::to_value(value),
        SqlValue::Json(value) => Ok(value.clone()),
        SqlValue::Array(values) => {
            return values.iter().map(json).collect::<Result<_, _>>().map(serde_json::Value::Array);
        }
    };
    Ok(document?)
}

/// Makes a JSON document of a value.
pub(crate) fn document<T: Serialize>(
    value: &T,
) -> Result<serde_json::Value, impl std::error::Error + Send + Sync + 'static> {
    to_json(value)
}

/// Takes a text that something has written itself as for what it was before. serde has no word for dates, decimals and
/// bytes in Base64; the type that is written tells, whose name is compared since it may borrow.
fn written<T: ?Sized>(text: String) -> SqlValue {
    let name = type_name::<T>();
    let value = if name == type_name::<Base64>() {
        text.parse().ok().map(|bytes: Base64| SqlValue::Bytes(bytes.0))
    } else if name == type_name::<rust_decimal::Decimal>() {
        text.parse().ok().map(|number: Decimal| SqlValue::Decimal(number))
    } else if name.trim_start_matches('&').starts_with("chrono::") {
        // Written by a type of the library's own, around the one that is meant.
        moment(&text)
    } else {
        None
    };
    value.unwrap_or(SqlValue::Text(text))
}

fn moment(text: &str) -> Option<SqlValue> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(SqlValue::Instant(moment.to_utc()));
    }
    let at = text.parse::<NaiveDateTime>().map(SqlValue::DateTime);
    let day = |_| text.parse::<NaiveDate>().map(SqlValue::Date);
    let hour = |_| text.parse::<NaiveTime>().map(SqlValue::Time);
    at.or_else(day).or_else(hour).ok()
}

macro_rules! simple {
    ($($method:ident($type:ty))*) => {
        $(
            fn $method(self, value: $type) -> Result<SqlValue, Unusable> {
                Ok(value.into())
            }
        )*
    };
}

impl Serializer for ValueSerializer {
    type Ok = SqlValue;
    type Error = Unusable;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = ser::Impossible<SqlValue, Unusable>;
    type SerializeMap = Document;
    type SerializeStruct = Document;
    type SerializeStructVariant = Document;

    simple! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_u8(u8)
        serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f64(f64) serialize_str(&str)
    }

    /// In its shortest decimal form: what was 0.1 stays 0.1.
    fn serialize_f32(self, value: f32) -> Result<SqlValue, Unusable> {
        Ok(SqlValue::F64(value.to_string().parse().unwrap_or_else(|_| value.into())))
    }

    fn serialize_char(self, value: char) -> Result<SqlValue, Unusable> {
        Ok(SqlValue::Text(value.to_string()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<SqlValue, Unusable> {
        Ok(SqlValue::Bytes(Bytes::copy_from_slice(value)))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<SqlValue, Unusable> {
        Ok(written::<T>(value.to_string()))
    }

    fn serialize_none(self) -> Result<SqlValue, Unusable> {
        Ok(SqlValue::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<SqlValue, Unusable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<SqlValue, Unusable> {
        Ok(SqlValue::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<SqlValue, Unusable> {
        Ok(SqlValue::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<SqlValue, Unusable> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<SqlValue, Unusable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<SqlValue, Unusable> {
        let inner = to_json(value)?;
        Ok(SqlValue::Json(serde_json::json!({ variant: inner })))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items, Unusable> {
        Ok(Items::new(false))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items, Unusable> {
        Ok(Items::new(false))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items, Unusable> {
        Ok(Items::new(true))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unusable> {
        Err(unusable("a variant with several values can't be a value of a database"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Document, Unusable> {
        Ok(Document::new(None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Document, Unusable> {
        Ok(Document::new(None))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Document, Unusable> {
        Ok(Document::new(Some(variant)))
    }
}

impl ser::SerializeSeq for Items {
    type Ok = SqlValue;
    type Error = Unusable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        self.add(value)
    }

    fn end(self) -> Result<SqlValue, Unusable> {
        self.finish()
    }
}

impl ser::SerializeTuple for Items {
    type Ok = SqlValue;
    type Error = Unusable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        self.add(value)
    }

    fn end(self) -> Result<SqlValue, Unusable> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Items {
    type Ok = SqlValue;
    type Error = Unusable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        self.add(value)
    }

    fn end(self) -> Result<SqlValue, Unusable> {
        self.finish()
    }
}

impl ser::SerializeMap for Document {
    type Ok = SqlValue;
    type Error = Unusable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unusable> {
        self.key = match serde_json::to_value(key)? {
            serde_json::Value::String(key) => Some(key),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => return Err(unusable("the keys of a JSON document are texts")),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        let key = self.key.take().unwrap_or_default();
        self.add(key, value)
    }

    fn end(self) -> Result<SqlValue, Unusable> {
        Ok(self.finish())
    }
}

impl ser::SerializeStruct for Document {
    type Ok = SqlValue;
    type Error = Unusable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unusable> {
        self.add(key.to_owned(), value)
    }

    fn end(self) -> Result<SqlValue, Unusable> {
        Ok(self.finish())
    }
}

impl ser::SerializeStructVariant for Document {
    type Ok = SqlValue;
    type Error = Unusable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unusable> {
        self.add(key.to_owned(), value)
    }

    fn end(self) -> Result<SqlValue, Unusable> {
        Ok(self.finish())
    }
}
