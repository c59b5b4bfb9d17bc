use std::fmt;

use serde::{
    Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// Reads a struct from an object only.
///
/// What serde derives takes a list as well, field by field in the order of the declaration, which no caller means: a
/// list in the place of an object is a mistake, and is told as one.
#[derive(Debug)]
pub struct ObjectOnly<D> {
    deserializer: D,
    hints: &'static str,
}

impl<D> ObjectOnly<D> {
    /// Reads through a deserializer, which is told the hints of the model in place of the struct's name.
    pub fn new(deserializer: D, hints: &'static str) -> Self {
        Self { deserializer, hints }
    }
}

macro_rules! as_it_is {
    ($($method:ident($($name:ident: $ty:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $ty,)* visitor: V) -> Result<V::Value, D::Error> {
            self.deserializer.$method($($name,)* visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let name = if self.hints.is_empty() { name } else { self.hints };
        self.deserializer.deserialize_struct(name, fields, NoList(visitor))
    }

    /// With a flattened field, serde reads a struct as a map; what the hints say of its own fields holds nevertheless.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if self.hints.is_empty() {
            return self.deserializer.deserialize_map(visitor);
        }
        self.deserializer.deserialize_struct(self.hints, &[], NoList(visitor))
    }

    as_it_is! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str) deserialize_seq()
        deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) deserialize_identifier()
        deserialize_ignored_any()
    }

    fn is_human_readable(&self) -> bool {
        self.deserializer.is_human_readable()
    }
}

/// A visitor that is never shown a list.
struct NoList<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for NoList<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(map)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }
}
