//! The lists, maps and variants of a tree, item by item.

use std::borrow::Cow;

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::{StrDeserializer, StringDeserializer},
    },
};

use super::{
    hints::Hints,
    text::Lent,
    tree::Tree,
    tree_de::{Place, Reading},
    tree_error::{Path, TreeError},
};

pub(super) struct Items<'t, 'p> {
    pub(super) place: Place<'t, 'p>,
    pub(super) items: &'t [Tree<'t>],
    pub(super) index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = TreeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TreeError> {
        let Some(tree) = self.items.get(self.index) else { return Ok(None) };
        let path = Path::Index(&self.place.path, self.index);
        self.index += 1;
        seed.deserialize(Place { tree, path, ..self.place }).map(Some).map_err(|error| error.at(path))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len().saturating_sub(self.index))
    }
}

/// A single value in the place of a list, where the reading is lenient.
pub(super) struct Once<'t, 'p>(pub(super) Option<Place<'t, 'p>>);

impl<'de> SeqAccess<'de> for Once<'de, '_> {
    type Error = TreeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TreeError> {
        self.0.take().map(|place| seed.deserialize(place)).transpose()
    }
}

/// Several texts of one name, lent.
pub(super) struct LentItems<'t>(pub(super) &'t [Cow<'t, str>]);

impl<'de> SeqAccess<'de> for LentItems<'de> {
    type Error = TreeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TreeError> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(None) };
        self.0 = rest;
        seed.deserialize(Lent::new(first)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

pub(super) struct Entries<'t, 'p> {
    pub(super) place: Place<'t, 'p>,
    pub(super) entries: &'t [(String, Tree<'t>)],
    pub(super) index: usize,
    /// The keys that a struct has and that may still be given as mended ones, once the entries are through; `None` for a
    /// map, or for a struct that has others flattened into it: what keys it has, nobody says.
    pub(super) missing: Option<&'static [&'static str]>,
    /// How many mended keys have been given that nobody has said.
    pub(super) unsaid: usize,
    /// The value asked for next is that of a mended key.
    pub(super) mended: Option<Cow<'static, str>>,
    /// What the struct says of its fields.
    pub(super) hints: Hints,
}

impl Entries<'_, '_> {
    fn is_passed_over(&self, name: &str) -> bool {
        let Reading { unknown, doubled, .. } = self.place.reading;
        if unknown.is_empty() && doubled.is_empty() {
            return false;
        }
        let path = Path::Key(&self.place.path, name).to_string();
        let is_again = || self.entries.iter().take(self.index).any(|(before, _)| before == name);
        unknown.contains(&path) || (doubled.contains(&path) && is_again())
    }

    /// Returns the next key that is known to be missing, and that something plausible is given for.
    fn next_mended(&mut self) -> Option<&'static str> {
        while let Some((field, rest)) = self.missing?.split_first() {
            self.missing = Some(rest);
            let is_given = self.entries.iter().any(|(name, _)| name == field);
            if !is_given && self.place.reading.mended.contains_key(&Path::Key(&self.place.path, field).to_string()) {
                return Some(field);
            }
        }
        None
    }

    /// Returns the next key that is known to be missing, where nobody says which keys there are.
    fn next_unsaid(&mut self) -> Option<String> {
        if self.missing.is_some() || self.place.reading.mended.is_empty() {
            return None;
        }
        let mut keys = self.place.reading.mended_below(&self.place.path);
        keys.retain(|key| !self.entries.iter().any(|(name, _)| name == key));
        let key = keys.into_iter().nth(self.unsaid)?;
        self.unsaid += 1;
        Some(key)
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = TreeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, TreeError> {
        while let Some((name, _)) = self.entries.get(self.index) {
            if self.is_passed_over(name) {
                self.index += 1;
                continue;
            }
            let path = Path::Key(&self.place.path, name);
            return seed.deserialize(de::value::BorrowedStrDeserializer::new(name)).map(Some).map_err(
                |error: TreeError| match error.child {
                    Some(_) => error.at(self.place.path),
                    None => error.at(path),
                },
            );
        }
        if let Some(field) = self.next_mended() {
            self.mended = Some(Cow::Borrowed(field));
            return seed.deserialize(StrDeserializer::new(field)).map(Some);
        }
        let Some(key) = self.next_unsaid() else { return Ok(None) };
        self.mended = Some(Cow::Owned(key.clone()));
        seed.deserialize(StringDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, TreeError> {
        if let Some(field) = self.mended.take() {
            let path = Path::Key(&self.place.path, &field);
            return seed.deserialize(self.place.reading.filler(&path)).map_err(|error| error.at(path));
        }
        let Some((name, tree)) = self.entries.get(self.index) else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let path = Path::Key(&self.place.path, name);
        self.index += 1;
        seed.deserialize(Place { tree, path, ..self.place })
            .map_err(|error| error.at(path).secret_if(self.hints.field(name).is_secret))
    }
}

pub(super) struct Variant<'t, 'p> {
    pub(super) place: Place<'t, 'p>,
    pub(super) word: &'t str,
    pub(super) value: &'t Tree<'t>,
}

impl<'de, 'p> EnumAccess<'de> for Variant<'de, 'p> {
    type Error = TreeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), TreeError> {
        let name = seed.deserialize(StrDeserializer::new(self.word))?;
        Ok((name, self))
    }
}

impl<'de> Variant<'de, '_> {
    fn read<T>(self, read: impl FnOnce(Place<'de, '_>) -> Result<T, TreeError>) -> Result<T, TreeError> {
        let path = Path::Key(&self.place.path, self.word);
        read(Place { tree: self.value, path, reading: self.place.reading }).map_err(|error| error.at(path))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de, '_> {
    type Error = TreeError;

    fn unit_variant(self) -> Result<(), TreeError> {
        match self.value {
            Tree::Null => Ok(()),
            _ => Err(de::Error::custom("expected null, since this variant has no content")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, TreeError> {
        self.read(|place| seed.deserialize(place))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, TreeError> {
        self.read(|place| place.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.read(|place| place.deserialize_struct("", fields, visitor))
    }
}
