//! Values that are one text: attributes, and the text of an element that has attributes.

use std::fmt::{self, Display};

use serde::{
    Serialize, Serializer,
    ser::{Impossible, SerializeSeq, SerializeTuple},
};

use super::Unwritable;

/// Writes a value as text; `None` is no text at all.
///
/// A list is its items with spaces between them, as XML Schema has lists in attributes (XML Schema part 2 §2.5.1.2).
pub(super) struct AsText;

/// Writes a number that is none to everybody as XML Schema does (part 2 §3.2.4).
pub(super) fn float(value: f64, shown: impl Display) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "INF".to_owned(),
        f64::NEG_INFINITY => "-INF".to_owned(),
        _ => shown.to_string(),
    }
}

/// Bytes that nobody has said how to write.
pub(super) fn bytes() -> Unwritable {
    Unwritable::new("bytes, which XML can't carry as they are")
}

fn no_text() -> Unwritable {
    Unwritable::new("a value of several parts, which is no text")
}

macro_rules! displayed {
    ($($method:ident $ty:ty;)*) => {
        $(fn $method(self, value: $ty) -> Result<Option<String>, Unwritable> {
            Ok(Some(value.to_string()))
        })*
    };
}

impl Serializer for AsText {
    type Ok = Option<String>;
    type Error = Unwritable;
    type SerializeSeq = Words;
    type SerializeTuple = Words;
    type SerializeTupleStruct = Impossible<Self::Ok, Unwritable>;
    type SerializeTupleVariant = Impossible<Self::Ok, Unwritable>;
    type SerializeMap = Impossible<Self::Ok, Unwritable>;
    type SerializeStruct = Impossible<Self::Ok, Unwritable>;
    type SerializeStructVariant = Impossible<Self::Ok, Unwritable>;

    displayed! {
        serialize_bool bool; serialize_i8 i8; serialize_i16 i16; serialize_i32 i32; serialize_i64 i64; serialize_i128 i128;
        serialize_u8 u8; serialize_u16 u16; serialize_u32 u32; serialize_u64 u64; serialize_u128 u128; serialize_char char;
        serialize_str &str;
    }

    fn serialize_f32(self, value: f32) -> Result<Self::Ok, Unwritable> {
        Ok(Some(float(value.into(), value)))
    }

    fn serialize_f64(self, value: f64) -> Result<Self::Ok, Unwritable> {
        Ok(Some(float(value, value)))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Self::Ok, Unwritable> {
        Err(bytes())
    }

    fn serialize_none(self) -> Result<Self::Ok, Unwritable> {
        Ok(None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Self::Ok, Unwritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Self::Ok, Unwritable> {
        Ok(None)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Self::Ok, Unwritable> {
        Ok(None)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Self::Ok, Unwritable> {
        Ok(Some(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Self::Ok, Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Self::Ok, Unwritable> {
        Err(no_text())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Words, Unwritable> {
        Ok(Words(String::new()))
    }

    fn serialize_tuple(self, _: usize) -> Result<Words, Unwritable> {
        Ok(Words(String::new()))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unwritable> {
        Err(no_text())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        Err(no_text())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unwritable> {
        Err(no_text())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Unwritable> {
        Err(no_text())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        Err(no_text())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<Self::Ok, Unwritable> {
        Ok(Some(value.to_string()))
    }
}

/// The items of a list, with spaces between them.
pub(super) struct Words(String);

impl Words {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        let word = value.serialize(AsText)?.unwrap_or_default();
        if word.is_empty() || word.contains(char::is_whitespace) {
            return Err(Unwritable::new("an item of a list in an attribute that is empty or has white space in it"));
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(&word);
        Ok(())
    }
}

impl SerializeSeq for Words {
    type Ok = Option<String>;
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.add(value)
    }

    fn end(self) -> Result<Option<String>, Unwritable> {
        Ok(Some(self.0))
    }
}

impl SerializeTuple for Words {
    type Ok = Option<String>;
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.add(value)
    }

    fn end(self) -> Result<Option<String>, Unwritable> {
        Ok(Some(self.0))
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}
