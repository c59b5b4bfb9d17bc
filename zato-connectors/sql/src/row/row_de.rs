//! A row as serde sees it: a map of its columns, a list of them, or, if there is one only, what is in that.

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};

use super::{Columns, NativeRow, cell_de::CellDe, fault::RowFault};

/// Reads a row into a model.
pub(crate) fn read<T: DeserializeOwned>(row: &NativeRow, columns: &Columns) -> Result<T, RowFault> {
    T::deserialize(RowDe { row, columns }).map_err(|fault| match fault.to_string() {
        // What there is helps whoever has mistyped a name.
        message if message.starts_with("the result has no column") => {
            RowFault::new(format!("{message}; it has {}", columns.listed()))
        }
        _ => fault,
    })
}

/// Reads one value of a row.
pub(crate) fn read_cell<T: DeserializeOwned>(row: &NativeRow, columns: &Columns, index: usize) -> Result<T, RowFault> {
    RowDe { row, columns }.cell(index, std::marker::PhantomData)
}

/// Reads the only value of a row.
pub(crate) fn read_only<T: DeserializeOwned>(row: &NativeRow, columns: &Columns) -> Result<T, RowFault> {
    if columns.len() != 1 {
        return Err(not_single(columns));
    }
    read_cell(row, columns, 0)
}

fn not_single(columns: &Columns) -> RowFault {
    RowFault::new(format!("a single value was asked for, and a row has {} columns", columns.len()))
}

#[derive(Clone, Copy)]
struct RowDe<'r> {
    row: &'r NativeRow,
    columns: &'r Columns,
}

impl<'r> RowDe<'r> {
    fn cell<'de, S: DeserializeSeed<'de>>(self, index: usize, seed: S) -> Result<S::Value, RowFault>
    where
        'r: 'de,
    {
        let column =
            self.columns.get(index).ok_or_else(|| RowFault::new(format!("there is no column {}", index + 1)))?;
        let cell = self.row.cell(index, &column.kind).map_err(|misfit| RowFault::new(misfit).at(column))?;
        seed.deserialize(CellDe(cell)).map_err(|fault| fault.at(column))
    }

    /// What is in the only column.
    fn only<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        how: impl FnOnce(CellDe<'r>, V) -> Result<V::Value, RowFault>,
    ) -> Result<V::Value, RowFault> {
        let Some(column) = self.columns.get(0).filter(|_| self.columns.len() == 1) else {
            return Err(not_single(self.columns));
        };
        let cell = self.row.cell(0, &column.kind).map_err(|misfit| RowFault::new(misfit).at(column))?;
        how(CellDe(cell), visitor).map_err(|fault| fault.at(column))
    }
}

/// Walks through the columns.
struct Walk<'r> {
    row: RowDe<'r>,
    next: usize,
}

impl<'r> MapAccess<'r> for Walk<'r> {
    type Error = RowFault;

    fn next_key_seed<K: DeserializeSeed<'r>>(&mut self, seed: K) -> Result<Option<K::Value>, RowFault> {
        let Some(column) = self.row.columns.get(self.next) else { return Ok(None) };
        let name: StrDeserializer<'_, RowFault> = (&*column.name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'r>>(&mut self, seed: V) -> Result<V::Value, RowFault> {
        self.next += 1;
        self.row.cell(self.next - 1, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.columns.len() - self.next)
    }
}

impl<'r> SeqAccess<'r> for Walk<'r> {
    type Error = RowFault;

    fn next_element_seed<T: DeserializeSeed<'r>>(&mut self, seed: T) -> Result<Option<T::Value>, RowFault> {
        if self.next == self.row.columns.len() {
            return Ok(None);
        }
        self.next += 1;
        self.row.cell(self.next - 1, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.columns.len() - self.next)
    }
}

macro_rules! of_only_column {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
                self.only(visitor, |cell, visitor| cell.$method(visitor))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for RowDe<'de> {
    type Error = RowFault;

    /// What takes any column by its name, such as a JSON object, would lose one of two with the same.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        match self.columns.twice() {
            Some(column) => Err(RowFault::new(super::namesakes(column))),
            None => visitor.visit_map(Walk { row: self, next: 0 }),
        }
    }

    /// A model refuses those that it has itself.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowFault> {
        visitor.visit_map(Walk { row: self, next: 0 })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! { identifier ignored_any }

    of_only_column! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
    }

    /// An only column may be NULL; a row is there or isn't.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        if self.columns.len() == 1
            && let Some(column) = self.columns.get(0)
            && let Ok(super::Cell::Null) = self.row.cell(0, &column.kind)
        {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, RowFault> {
        visitor.visit_unit()
    }

    /// A number of ours asks by a name of its own; whatever else is one is what it has in it.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, RowFault> {
        if self.columns.len() == 1
            && std::any::type_name::<V::Value>() == std::any::type_name::<zato_core::model::Decimal>()
        {
            return self.only(visitor, |cell, visitor| cell.deserialize_newtype_struct(name, visitor));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowFault> {
        visitor.visit_seq(Walk { row: self, next: 0 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, RowFault> {
        if len != self.columns.len() {
            let words = format!("{len} values were asked for, and a row has {} columns", self.columns.len());
            return Err(RowFault::new(words));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, RowFault> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowFault> {
        self.only(visitor, |cell, visitor| cell.deserialize_enum(name, variants, visitor))
    }
}
