//! Writes one value of a row.

use std::fmt::Display;

use serde::{Serialize, Serializer};

use super::{
    row_ser::{Never, Unwritable},
    writer::RowWriter,
};

/// Writes a value into a column: a text, a number, a boolean, the name of a variant, or nothing.
pub(super) struct CellSer<'w> {
    pub(super) writer: &'w mut RowWriter,
    pub(super) column: usize,
}

impl CellSer<'_> {
    fn number(self, value: impl Display) -> Result<(), Unwritable> {
        self.writer.value(self.column, &value.to_string(), true)
    }
}

fn nested<T>(what: &str) -> Result<T, Unwritable> {
    Err(Unwritable::new(format_args!("stands {what}, which no value of CSV can be")))
}

macro_rules! numbers {
    ($($method:ident($ty:ty))*) => {
        $(fn $method(self, value: $ty) -> Result<(), Unwritable> {
            self.number(value)
        })*
    };
}

macro_rules! nested {
    ($($method:ident($($ty:ty),*) -> $what:literal;)*) => {
        $(fn $method(self, $(_: $ty),*) -> Result<Never, Unwritable> {
            nested($what)
        })*
    };
}

/// Says what is no value.
macro_rules! no_values {
    () => {
        type SerializeSeq = Never;
        type SerializeTuple = Never;
        type SerializeTupleStruct = Never;
        type SerializeTupleVariant = Never;
        type SerializeMap = Never;
        type SerializeStruct = Never;
        type SerializeStructVariant = Never;

        nested! {
            serialize_seq(Option<usize>) -> "a list";
            serialize_tuple(usize) -> "a list";
            serialize_tuple_struct(&'static str, usize) -> "a list";
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> "a variant with content";
            serialize_map(Option<usize>) -> "an object";
            serialize_struct(&'static str, usize) -> "an object";
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> "a variant with content";
        }
    };
}

impl Serializer for CellSer<'_> {
    type Ok = ();
    type Error = Unwritable;

    no_values! {}

    numbers! {
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128) serialize_u8(u8)
        serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unwritable> {
        if value.is_finite() { self.number(value) } else { Ok(()) }
    }

    /// What is no number is nothing, as it is in JSON.
    fn serialize_f64(self, value: f64) -> Result<(), Unwritable> {
        if value.is_finite() { self.number(value) } else { Ok(()) }
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unwritable> {
        self.writer.value(self.column, if value { "true" } else { "false" }, false)
    }

    fn serialize_char(self, value: char) -> Result<(), Unwritable> {
        self.writer.value(self.column, value.encode_utf8(&mut [0; 4]), false)
    }

    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        self.writer.value(self.column, value, false)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unwritable> {
        nested("bytes")
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unwritable> {
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unwritable> {
        nested("a variant with content")
    }
}
