//! The variant of an enum, as the one element in another.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, VariantAccess, Visitor, value::StrDeserializer};

use super::{
    super::Element,
    notes::Step,
    place::{Many, Place},
};
use crate::model::{Path, TreeError};

pub(super) struct Variant<'d, 'p> {
    pub(super) place: Place<'d, 'p>,
    /// Its name says which variant it is.
    pub(super) child: Element<'d>,
}

impl<'d> EnumAccess<'d> for Variant<'d, '_> {
    type Error = TreeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'d>>(self, seed: V) -> Result<(V::Value, Self), TreeError> {
        let name = seed.deserialize(StrDeserializer::new(self.child.name()))?;
        Ok((name, self))
    }
}

impl<'d> Variant<'d, '_> {
    fn read<T>(self, read: impl FnOnce(Place<'d, '_>) -> Result<T, TreeError>) -> Result<T, TreeError> {
        let path = Path::Element(&self.place.path, self.child.name(), 0);
        let Place { reader, namespace, .. } = self.place;
        let place = Place { element: self.child, path, reader, namespace, many: Many::Item };
        let seen = || place.seen(Step::Key(Cow::Borrowed(self.child.name())), false);
        reader.within(&path, seen, || read(place)).map_err(|error| error.at(path))
    }
}

impl<'d> VariantAccess<'d> for Variant<'d, '_> {
    type Error = TreeError;

    fn unit_variant(self) -> Result<(), TreeError> {
        if self.child.children().next().is_some() || !self.child.text().trim().is_empty() {
            return Err(Error::custom("expected an empty element, since this variant has no content"));
        }
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'d>>(self, seed: T) -> Result<T::Value, TreeError> {
        self.read(|place| seed.deserialize(place))
    }

    fn tuple_variant<V: Visitor<'d>>(self, len: usize, visitor: V) -> Result<V::Value, TreeError> {
        self.read(|place| place.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'d>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.read(|place| place.deserialize_struct("", fields, visitor))
    }
}
