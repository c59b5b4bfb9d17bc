//! Reads a row into a type, straight from its texts.

use std::borrow::Cow;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};

use super::records::Row;
use crate::model::TextValues;

/// A row, whose columns have the names of a header, or else those of the struct's fields.
pub(super) struct RowDe<'r, E> {
    row: Row<'r>,
    header: Option<&'r [String]>,
    error: std::marker::PhantomData<E>,
}

impl<'r, E: Error> RowDe<'r, E> {
    pub(super) fn new(row: Row<'r>, header: Option<&'r [String]>) -> Self {
        Self { row, header, error: std::marker::PhantomData }
    }
}

impl<'de, E: Error> Deserializer<'de> for RowDe<'_, E> {
    type Error = E;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        match self.header {
            Some(header) => visitor.visit_map(Named::new(header.iter().map(String::as_str), self.row.iter())),
            None => visitor.visit_map(Named::new(fields.iter().copied(), self.row.iter())),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.header {
            Some(header) => visitor.visit_map(Named::new(header.iter().map(String::as_str), self.row.iter())),
            None => Err(E::custom("the columns have no names without a header")),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.header {
            Some(_) => self.deserialize_map(visitor),
            None => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_seq(Unnamed { values: self.row.iter(), error: self.error })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, E> {
        self.deserialize_seq(visitor)
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
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple_struct enum identifier
    }
}

struct Named<'r, N, I, E> {
    names: N,
    values: I,
    value: Option<&'r str>,
    error: std::marker::PhantomData<E>,
}

impl<'r, N, I, E> Named<'r, N, I, E> {
    fn new(names: N, values: I) -> Self {
        Self { names, values, value: None, error: std::marker::PhantomData }
    }
}

impl<'de, 'r, N, I, E> MapAccess<'de> for Named<'r, N, I, E>
where
    N: Iterator<Item = &'r str>,
    I: Iterator<Item = &'r str>,
    E: Error,
{
    type Error = E;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, E> {
        self.value = self.values.next();
        match (self.names.next(), self.value) {
            (Some(name), Some(_)) => seed.deserialize(StrDeserializer::new(name)).map(Some),
            _ => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, E> {
        seed.deserialize(Cell(&[Cow::Borrowed(self.value.take().unwrap_or_default())], self.error))
    }
}

struct Unnamed<I, E> {
    values: I,
    error: std::marker::PhantomData<E>,
}

impl<'de, 'r, I: Iterator<Item = &'r str>, E: Error> SeqAccess<'de> for Unnamed<I, E> {
    type Error = E;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, E> {
        let Some(value) = self.values.next() else { return Ok(None) };
        seed.deserialize(Cell(&[Cow::Borrowed(value)], self.error)).map(Some)
    }
}

/// One value: as any other text, but that an empty one is as good as none.
struct Cell<'c, E>(&'c [Cow<'c, str>; 1], std::marker::PhantomData<E>);

impl<'c, E: Error> Cell<'c, E> {
    fn text(&self) -> TextValues<'c, E> {
        TextValues::new(self.0)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|text| text.is_empty())
    }
}

macro_rules! as_text {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            self.text().$method(visitor)
        })*
    };
}

impl<'de, E: Error> Deserializer<'de> for Cell<'_, E> {
    type Error = E;

    as_text! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_map deserialize_identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        if self.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        if self.is_empty() {
            TextValues::new(&[]).deserialize_seq(visitor)
        } else {
            self.text().deserialize_seq(visitor)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, E> {
        self.text().deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, E> {
        self.text().deserialize_unit_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, E> {
        self.text().deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, E> {
        self.text().deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        self.text().deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        self.text().deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }
}
