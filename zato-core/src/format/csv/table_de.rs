//! Reads a whole input into a list of types, or into one, row by row.

use std::marker::PhantomData;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};

use super::{
    records::{Next, Records},
    row_de::RowDe,
};
use crate::model::{Layered, Overlay};

/// An input that is there as a whole, with parameters that are laid over each of its rows.
pub(super) struct TableDe<'p, E> {
    records: Records,
    input: &'p [u8],
    overlay: Overlay<'p>,
    error: PhantomData<E>,
}

/// Reads the row that was found last, with parameters laid over it.
pub(super) fn read_row<'de, S, E>(seed: S, records: &Records, overlay: Overlay<'_>) -> Result<S::Value, E>
where
    S: DeserializeSeed<'de>,
    E: Error,
{
    let row = RowDe::new(records.row().map_err(E::custom)?, records.header());
    if overlay.params.is_empty() { seed.deserialize(row) } else { seed.deserialize(Layered::new(row, overlay)) }
}

impl<'p, E: Error> TableDe<'p, E> {
    pub(super) fn new(records: Records, input: &'p [u8], overlay: Overlay<'p>) -> Self {
        Self { records, input, overlay, error: PhantomData }
    }

    fn is_at_row(&mut self) -> Result<bool, E> {
        self.records.next(&mut self.input, true).map(|next| next == Next::Row).map_err(E::custom)
    }

    /// Reads the only row into something, or parameters alone if there is nothing at all.
    fn one<'de, S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<S::Value, E> {
        if !self.is_at_row()? {
            return match self.records.header() {
                None => {
                    let empty = MapDeserializer::new(std::iter::empty::<(&str, &str)>());
                    seed.deserialize(Layered::new(empty, self.overlay))
                }
                Some(_) => Err(E::custom("a row is missing")),
            };
        }
        let value = read_row(seed, &self.records, self.overlay)?;
        if self.is_at_row()? { Err(E::custom("more than one row")) } else { Ok(value) }
    }
}

impl<'de, E: Error> Deserializer<'de> for TableDe<'_, E> {
    type Error = E;

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_seq(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_seq(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        self.one(Struct { name, fields, visitor })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        self.one(Map { visitor })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier
    }
}

impl<'de, E: Error> SeqAccess<'de> for TableDe<'_, E> {
    type Error = E;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, E> {
        if !self.is_at_row()? {
            return Ok(None);
        }
        read_row(seed, &self.records, self.overlay).map(Some)
    }
}

/// What asks for a struct, put off until there is a row.
struct Struct<V> {
    name: &'static str,
    fields: &'static [&'static str],
    visitor: V,
}

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Struct<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_struct(self.name, self.fields, self.visitor)
    }
}

struct Map<V> {
    visitor: V,
}

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Map<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_map(self.visitor)
    }
}
