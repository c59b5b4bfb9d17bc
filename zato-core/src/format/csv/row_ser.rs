//! Writes what a service gave as a table: a list of structs, or one.

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{self, Impossible, SerializeMap, SerializeSeq, SerializeStruct},
};

use serde_json::Value;

use super::{cell_ser::CellSer, writer::RowWriter};

/// Why something is no table, row or value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unwritable(String);

impl Unwritable {
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }

    /// Says which field it is about.
    pub(super) fn of(self, field: &str) -> Self {
        Self(format!("in the field \"{field}\" {self}"))
    }
}

impl ser::Error for Unwritable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

/// What stands for everything that has no place in CSV.
pub(super) type Never = Impossible<(), Unwritable>;

/// Writes a row, or a table, which is a list of those or one alone.
pub(super) struct RowSer<'w> {
    writer: &'w mut RowWriter,
    output: &'w mut Vec<u8>,
    is_table: bool,
}

impl<'w> RowSer<'w> {
    pub(super) fn new(writer: &'w mut RowWriter, output: &'w mut Vec<u8>) -> Self {
        Self { writer, output, is_table: false }
    }

    pub(super) fn of_table(writer: &'w mut RowWriter, output: &'w mut Vec<u8>) -> Self {
        Self { is_table: true, ..Self::new(writer, output) }
    }

    fn fields(self) -> Fields<'w> {
        self.writer.begin();
        Fields { writer: self.writer, output: self.output, next: 0, key: String::new() }
    }
}

fn no_row<T>() -> Result<T, Unwritable> {
    Err(Unwritable::new("what the service gave is no list of models and no model, whose fields would be columns"))
}

macro_rules! no_rows {
    ($($method:ident($($ty:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $ty),*) -> Result<$ok, Unwritable> {
            no_row()
        })*
    };
}

impl<'w> Serializer for RowSer<'w> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Self;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Fields<'w>;
    type SerializeStruct = Fields<'w>;
    type SerializeStructVariant = Never;

    no_rows! {
        serialize_bool(bool) -> (); serialize_i8(i8) -> (); serialize_i16(i16) -> (); serialize_i32(i32) -> ();
        serialize_i64(i64) -> (); serialize_i128(i128) -> (); serialize_u8(u8) -> (); serialize_u16(u16) -> ();
        serialize_u32(u32) -> (); serialize_u64(u64) -> (); serialize_u128(u128) -> (); serialize_f32(f32) -> ();
        serialize_f64(f64) -> (); serialize_char(char) -> (); serialize_str(&str) -> (); serialize_bytes(&[u8]) -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_tuple(usize) -> Never; serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    /// Nothing is a table without rows, and no row.
    fn serialize_unit(self) -> Result<(), Unwritable> {
        if self.is_table { Ok(()) } else { no_row() }
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
        no_row()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Unwritable> {
        if self.is_table { Ok(self) } else { no_row() }
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'w>, Unwritable> {
        Ok(self.fields())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'w>, Unwritable> {
        Ok(self.fields())
    }
}

impl SerializeSeq for RowSer<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        value.serialize(RowSer::new(self.writer, self.output))
    }

    fn end(self) -> Result<(), Unwritable> {
        Ok(())
    }
}

/// The fields of a row, each of which goes to the column of its name.
pub(super) struct Fields<'w> {
    writer: &'w mut RowWriter,
    output: &'w mut Vec<u8>,
    /// The column that comes next, if the fields come in the order of the columns.
    next: usize,
    key: String,
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Unwritable> {
        let column = self.writer.column(self.next, name)?;
        self.next = column + 1;
        value.serialize(CellSer { writer: self.writer, column }).map_err(|error| error.of(name))
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unwritable> {
        self.field(name, value)
    }

    /// A field that is left out of other formats is an empty value: the column is there for other rows.
    fn skip_field(&mut self, name: &'static str) -> Result<(), Unwritable> {
        self.next = self.writer.column(self.next, name)? + 1;
        Ok(())
    }

    fn end(self) -> Result<(), Unwritable> {
        self.writer.end(self.output)
    }
}

impl SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        self.key = match serde_json::to_value(key).map_err(Unwritable::new)? {
            Value::String(name) => name,
            other => other.to_string(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        let key = std::mem::take(&mut self.key);
        self.field(&key, value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.writer.end(self.output)
    }
}
