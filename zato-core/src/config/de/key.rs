//! Keys and the names of variants: texts that can also be the numbers of a `BTreeMap<u16, _>`.

use serde::de::{Deserializer, EnumAccess, Error, Unexpected, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::DeError;
use super::error::integer_words;
use crate::config::{Key, Origin, scalar};

/// Reads a name that has a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'de> {
    pub(super) text: &'de str,
    pub(super) origin: &'de Origin,
    pub(super) hidden: bool,
}

impl<'de> Name<'de> {
    pub(super) fn of(key: &'de Key) -> Self {
        Self { text: &key.name, origin: &key.origin, hidden: false }
    }

    fn located<T>(self, result: Result<T, DeError>) -> Result<T, DeError> {
        result.map_err(|error| error.at(self.origin, self.hidden))
    }

    fn unless<T>(self, value: Option<T>, expected: &str) -> Result<T, DeError> {
        self.located(value.ok_or_else(|| DeError::invalid_type(Unexpected::Str(self.text), &expected)))
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            let value = scalar::integer(self.text).and_then(|value| $type::try_from(value).ok());
            let value = self.unless(value, &integer_words($type::MIN, $type::MAX))?;
            self.located(visitor.$visit(value))
        })*
    };
}

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = DeError;

    integers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128, deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128
    );

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let value = self.unless(scalar::boolean(self.text), "a boolean")?;
        self.located(visitor.visit_bool(value))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.located(visitor.visit_borrowed_str(self.text))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.located(visitor.visit_some(self))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DeError> {
        self.located(visitor.visit_newtype_struct(self))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.located(visitor.visit_enum(self))
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A name alone is a variant that carries nothing.
impl<'de> EnumAccess<'de> for Name<'de> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<S: serde::de::DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), DeError> {
        Ok((self.located(seed.deserialize(self))?, self))
    }
}

impl<'de> VariantAccess<'de> for Name<'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        Ok(())
    }

    fn newtype_variant_seed<S: serde::de::DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, DeError> {
        self.bare()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DeError> {
        self.bare()
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, DeError> {
        self.bare()
    }
}

impl Name<'_> {
    fn bare<T>(self) -> Result<T, DeError> {
        // The text is the name of a variant here, which is no secret.
        let name = self.text;
        Err(DeError::custom(format!("\"{name}\" takes a value; write it as a map, {name}: ...")).at(self.origin, false))
    }
}
