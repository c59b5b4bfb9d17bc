//! The fields of a struct, and the entries of a map.

use serde::{
    Serialize,
    ser::{SerializeMap, SerializeStruct, SerializeStructVariant},
};

use super::{
    Unwritable,
    element::{ElementWriter, Ends, Role, within},
    output::Output,
    text::AsText,
};
use crate::model::{Hint, Hints};

/// The fields of a struct, each an element, several, an attribute, or the text.
pub(super) struct Fields<'a, 'w, 'n> {
    pub(super) output: &'a mut Output<'w>,
    /// The namespace of elements that nobody names another for.
    pub(super) namespace: Option<&'w str>,
    pub(super) hints: Hints,
    pub(super) ends: Ends<'w, 'n>,
}

impl Fields<'_, '_, '_> {
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Unwritable> {
        let hint = if self.hints.is_empty() { Hint::default() } else { self.hints.field(key) };
        // What dynamic values call attributes and text.
        let named = key.strip_prefix('@');
        let result = if hint.is_text || key == "$text" {
            self.text(value)
        } else if hint.is_attribute || named.is_some() {
            self.attribute(hint.name.or(named).unwrap_or(key), hint.namespace, value)
        } else {
            let name = hint.name.unwrap_or(key);
            let namespace = within(hint.namespace, self.namespace);
            value.serialize(ElementWriter { output: self.output, name, namespace, item: hint.item, role: Role::Field })
        };
        result.map_err(|error| error.within(key))
    }

    fn text<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        match value.serialize(AsText)? {
            Some(text) if !text.is_empty() => self.output.text(&text),
            _ => Ok(()),
        }
    }

    fn attribute<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        namespace: Option<&str>,
        value: &T,
    ) -> Result<(), Unwritable> {
        let (Some(value), Some(begun)) = (value.serialize(AsText)?, self.ends.inner()) else { return Ok(()) };
        self.output.attribute(begun, name, namespace.filter(|namespace| !namespace.is_empty()), &value)
    }

    fn finish(self) {
        self.ends.write(self.output);
    }
}

macro_rules! fields {
    ($($trait:ident)*) => {
        $(impl $trait for Fields<'_, '_, '_> {
            type Ok = ();
            type Error = Unwritable;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Unwritable> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.finish();
                Ok(())
            }
        })*
    };
}

fields! { SerializeStruct SerializeStructVariant }

/// The entries of a map, by the names of their keys.
pub(super) struct Keyed<'a, 'w, 'n> {
    pub(super) fields: Fields<'a, 'w, 'n>,
    /// The key whose value is to come.
    pub(super) key: Option<String>,
}

impl SerializeMap for Keyed<'_, '_, '_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        let key = key.serialize(AsText)?.ok_or_else(|| Unwritable::new("a map with a key that is nothing"))?;
        self.key = Some(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        let key = self.key.take().unwrap_or_default();
        self.fields.field(&key, value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.fields.finish();
        Ok(())
    }
}
