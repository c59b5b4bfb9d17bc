//! Looks for numbers that JSON can't say.

use std::fmt::Display;

use serde::{
    Serialize, Serializer,
    ser::{
        Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

/// What is said of such a number.
type NotFinite = serde::de::value::Error;

/// Whether a value has a number in it that is `NaN` or infinite.
pub(super) fn has_infinite(value: &impl Serialize) -> bool {
    value.serialize(Finite).is_err()
}

/// A serializer that writes nothing, and fails at such a number.
struct Finite;

impl Finite {
    fn look(value: f64) -> Result<(), NotFinite> {
        if value.is_finite() { Ok(()) } else { Err(NotFinite::custom("not finite")) }
    }
}

macro_rules! fine {
    ($($method:ident($($name:ident: $ty:ty),*))*) => {
        $(fn $method(self, $($name: $ty),*) -> Result<(), NotFinite> {
            $(let _ = $name;)*
            Ok(())
        })*
    };
}

macro_rules! inside {
    ($($method:ident($($name:ident: $ty:ty),*))*) => {
        $(fn $method<T: Serialize + ?Sized>(self, $($name: $ty,)* value: &T) -> Result<(), NotFinite> {
            $(let _ = $name;)*
            value.serialize(self)
        })*
    };
}

macro_rules! opened {
    ($($method:ident($($name:ident: $ty:ty),*))*) => {
        $(fn $method(self, $($name: $ty),*) -> Result<Self, NotFinite> {
            $(let _ = $name;)*
            Ok(self)
        })*
    };
}

impl Serializer for Finite {
    type Ok = ();
    type Error = NotFinite;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fine! {
        serialize_bool(value: bool) serialize_i8(value: i8) serialize_i16(value: i16) serialize_i32(value: i32)
        serialize_i64(value: i64) serialize_i128(value: i128) serialize_u8(value: u8) serialize_u16(value: u16)
        serialize_u32(value: u32) serialize_u64(value: u64) serialize_u128(value: u128) serialize_char(value: char)
        serialize_str(value: &str) serialize_bytes(value: &[u8]) serialize_none() serialize_unit()
        serialize_unit_struct(name: &'static str)
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str)
    }

    fn serialize_f32(self, value: f32) -> Result<(), NotFinite> {
        Self::look(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), NotFinite> {
        Self::look(value)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<(), NotFinite> {
        Ok(())
    }

    inside! {
        serialize_some() serialize_newtype_struct(name: &'static str)
        serialize_newtype_variant(name: &'static str, index: u32, variant: &'static str)
    }

    opened! {
        serialize_seq(len: Option<usize>) serialize_tuple(len: usize) serialize_map(len: Option<usize>)
        serialize_tuple_struct(name: &'static str, len: usize) serialize_struct(name: &'static str, len: usize)
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
    }
}

macro_rules! compound {
    ($($trait:ident: $($method:ident($($name:ident: $ty:ty),*))*;)*) => {
        $(impl $trait for Finite {
            type Ok = ();
            type Error = NotFinite;

            $(fn $method<T: Serialize + ?Sized>(&mut self, $($name: $ty,)* value: &T) -> Result<(), NotFinite> {
                $(let _ = $name;)*
                value.serialize(Self)
            })*

            fn end(self) -> Result<(), NotFinite> {
                Ok(())
            }
        })*
    };
}

compound! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key() serialize_value();
    SerializeStruct: serialize_field(key: &'static str);
    SerializeStructVariant: serialize_field(key: &'static str);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_is_found_wherever_it_is() {
        let nested = |value: f64| BTreeMap::from([("a", vec![Some((1, value))])]);
        assert!(!has_infinite(&nested(1e300)));
        assert!(has_infinite(&nested(f64::NAN)) && has_infinite(&nested(f64::INFINITY)));
        assert!(has_infinite(&f32::NEG_INFINITY));
    }
}
