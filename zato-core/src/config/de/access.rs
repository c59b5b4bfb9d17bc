//! The insides of lists, maps and variants.

use std::slice;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::DeError;
use super::key::Name;
use crate::config::{Key, Node};

/// Gives a seed its node. Whatever goes wrong in it and has no place yet is at that node: an error is often made after
/// the last call to the deserializer, as by `String::deserialize(..)?.parse().map_err(D::Error::custom)`.
pub(super) fn seeded<'de, S: DeserializeSeed<'de>>(seed: S, node: &'de Node) -> Result<S::Value, DeError> {
    seed.deserialize(node).map_err(|error| error.within(node))
}

/// Walks over a list.
#[derive(Debug)]
pub(super) struct Items<'de>(pub(super) slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DeError> {
        self.0.next().map(|item| seeded(seed, item)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// Walks over a map.
#[derive(Debug)]
pub(super) struct Entries<'de> {
    rest: slice::Iter<'de, (Key, Node)>,
    value: Option<&'de Node>,
}

impl<'de> Entries<'de> {
    pub(super) fn of(node: &'de Node) -> Self {
        Self { rest: node.entries().iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DeError> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Name::of(key)).map(Some).map_err(|error| error.at(&key.origin, false))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DeError> {
        let value = self.value.take().ok_or_else(|| DeError::custom("a value was asked for before its key"))?;
        seeded(seed, value)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// Reads a variant that is written as a map with one key.
#[derive(Debug)]
pub(super) struct Variant<'de> {
    pub(super) key: &'de Key,
    pub(super) value: &'de Node,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), DeError> {
        let variant = seed.deserialize(Name::of(self.key)).map_err(|error| error.at(&self.key.origin, false))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        match self.value.entries().first() {
            None if self.value.is_null() || self.value.is_map() => Ok(()),
            None => Err(DeError::mismatch(self.value, "nothing", "a value")),
            Some((key, _)) => Err(DeError::unknown_field(&key.name, &[]).at(&key.origin, false)),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DeError> {
        seeded(seed, self.value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DeError> {
        self.value.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, DeError> {
        self.value.deserialize_struct("", fields, visitor)
    }
}
