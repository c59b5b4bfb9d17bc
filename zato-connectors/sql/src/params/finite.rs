//! Finds what JSON has no word for, and what would become null without anybody's having said so.

use std::fmt::Display;

use serde::{Serialize, Serializer, ser};

use super::serializer::{Unusable, unusable};

/// Writes a value as JSON that is in a model.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<serde_json::Value, Unusable> {
    value.serialize(Finite)?;
    Ok(serde_json::to_value(value)?)
}

/// Refuses numbers that are none.
pub(super) fn check(number: f64) -> Result<(), Unusable> {
    if number.is_finite() { Ok(()) } else { Err(unusable("JSON has neither NaN nor infinity")) }
}

/// Goes through a value, and keeps nothing of it.
struct Finite;

macro_rules! finite {
    ($($method:ident($type:ty))*) => {
        $(
            fn $method(self, _: $type) -> Result<(), Unusable> {
                Ok(())
            }
        )*
    };
}

impl Serializer for Finite {
    type Ok = ();
    type Error = Unusable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    finite! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128) serialize_char(char)
        serialize_str(&str) serialize_bytes(&[u8]) serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unusable> {
        check(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unusable> {
        check(value)
    }

    /// It is written as a text, in which there is nothing to find.
    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<(), Unusable> {
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unusable> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unusable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unusable> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Unusable> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unusable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unusable> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Unusable> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Unusable> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unusable> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Unusable> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Unusable> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unusable> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Unusable> {
        Ok(self)
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident;)*) => {
        $(
            impl ser::$trait for Finite {
                type Ok = ();
                type Error = Unusable;

                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
                    value.serialize(Self)
                }

                fn end(self) -> Result<(), Unusable> {
                    Ok(())
                }
            }
        )*
    };
}

elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! fields {
    ($($trait:ident)*) => {
        $(
            impl ser::$trait for Finite {
                type Ok = ();
                type Error = Unusable;

                fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unusable> {
                    value.serialize(Self).map_err(|error| error.at(key))
                }

                fn end(self) -> Result<(), Unusable> {
                    Ok(())
                }
            }
        )*
    };
}

fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Finite {
    type Ok = ();
    type Error = Unusable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Unusable> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        value.serialize(Self)
    }

    fn end(self) -> Result<(), Unusable> {
        Ok(())
    }
}
