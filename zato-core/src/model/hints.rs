//! What a model says of its fields beside their names and types.
//!
//! serde hands a format the name of a struct and the names of its fields, and nothing else. So what `#[model(...)]` says
//! goes in place of the struct's name, as one text made by the macro: formats that have a use for it read it with
//! [`Hints`], and all others never look at the name.
//!
//! The text is the struct's name, then for each field that something is said of its name (as serde has it) and the words,
//! all set apart by [`BETWEEN`]; words by [`WORDS`]. What is said of the struct itself stands at a field without a name.

use std::fmt;

use serde::{Serialize, Serializer};

/// Stands between the parts of a text of hints.
const BETWEEN: char = '\u{1f}';

/// Stands between the words about one field.
const WORDS: char = '\u{1e}';

/// What is said of one field, or of a struct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hint {
    /// `attribute`: in XML it is an attribute.
    pub(crate) is_attribute: bool,
    /// `text`: in XML it is the text of the element.
    pub(crate) is_text: bool,
    /// `item=...`: in XML its list has an element of its own, in which each item is an element of this name.
    pub(crate) item: Option<&'static str>,
    /// `name=...`: what it is called in XML.
    pub(crate) name: Option<&'static str>,
    /// `namespace=...`: the XML namespace of its element, or of all elements of the struct.
    pub(crate) namespace: Option<&'static str>,
    /// `list`: it is a list that has to be there; one without items leaves nothing behind in XML.
    pub(crate) is_list: bool,
    /// `secret`: its value is never repeated in a fault or a log line.
    pub(crate) is_secret: bool,
}

/// The hints of one struct.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hints {
    rest: &'static str,
}

impl Hints {
    /// Takes a struct's name apart that may carry hints.
    pub(crate) fn of(name: &'static str) -> Self {
        Self { rest: name.split_once(BETWEEN).map_or("", |(_, rest)| rest) }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    /// Returns what is said of the struct itself.
    pub(crate) fn of_struct(self) -> Hint {
        self.field("")
    }

    /// Returns what is said of a field.
    pub(crate) fn field(self, field: &str) -> Hint {
        self.fields().find(|(name, _)| *name == field).map(|(_, hint)| hint).unwrap_or_default()
    }

    /// Returns every field that something is said of, the struct itself among them.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'static str, Hint)> {
        let mut parts = self.rest.split(BETWEEN);
        std::iter::from_fn(move || {
            let field = parts.next()?;
            Some((field, hint(parts.next()?)))
        })
    }
}

/// Takes the words about one thing apart.
pub(super) fn hint(words: &'static str) -> Hint {
    let mut hint = Hint::default();
    for word in words.split(WORDS) {
        match word.split_once('=').unwrap_or((word, "")) {
            ("attribute", _) => hint.is_attribute = true,
            ("text", _) => hint.is_text = true,
            ("list", _) => hint.is_list = true,
            ("secret", _) => hint.is_secret = true,
            ("item", item) => hint.item = Some(item),
            ("name", name) => hint.name = Some(name),
            ("namespace", namespace) => hint.namespace = Some(namespace),
            _ => {}
        }
    }
    hint
}

/// Writes a struct through a serializer that is told its hints in place of its name.
pub struct Hinted<S> {
    serializer: S,
    hints: &'static str,
}

impl<S> Hinted<S> {
    /// Writes through a serializer.
    pub fn new(serializer: S, hints: &'static str) -> Self {
        Self { serializer, hints }
    }
}

impl<S> fmt::Debug for Hinted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hinted").field("hints", &self.hints).finish_non_exhaustive()
    }
}

macro_rules! scalars {
    ($($method:ident($ty:ty))*) => {
        $(fn $method(self, value: $ty) -> Result<S::Ok, S::Error> {
            self.serializer.$method(value)
        })*
    };
}

impl<S: Serializer> Serializer for Hinted<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = S::SerializeSeq;
    type SerializeTuple = S::SerializeTuple;
    type SerializeTupleStruct = S::SerializeTupleStruct;
    type SerializeTupleVariant = S::SerializeTupleVariant;
    type SerializeMap = S::SerializeMap;
    type SerializeStruct = S::SerializeStruct;
    type SerializeStructVariant = S::SerializeStructVariant;

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<S::SerializeStruct, S::Error> {
        self.serializer.serialize_struct(self.hints, len)
    }

    scalars! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128) serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128) serialize_f32(f32) serialize_f64(f64) serialize_char(char) serialize_str(&str)
        serialize_bytes(&[u8]) serialize_unit_struct(&'static str)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_some(value)
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_unit()
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_newtype_struct(name, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<S::SerializeSeq, S::Error> {
        self.serializer.serialize_seq(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<S::SerializeTuple, S::Error> {
        self.serializer.serialize_tuple(len)
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<S::SerializeTupleStruct, S::Error> {
        self.serializer.serialize_tuple_struct(name, len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<S::SerializeTupleVariant, S::Error> {
        self.serializer.serialize_tuple_variant(name, index, variant, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<S::SerializeMap, S::Error> {
        self.serializer.serialize_map(len)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<S::SerializeStructVariant, S::Error> {
        self.serializer.serialize_struct_variant(name, index, variant, len)
    }

    fn is_human_readable(&self) -> bool {
        self.serializer.is_human_readable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_hints_is_a_name() {
        let hints = Hints::of("Order");
        assert_eq!((hints.is_empty(), hints.field("id")), (true, Hint::default()));
    }

    #[test]
    fn hints_are_found_by_field() {
        let hints = Hints::of(
            "Rate\u{1f}\u{1f}name=LT_Rate\u{1e}namespace=urn:rates\u{1f}currency\u{1f}attribute\u{1f}pin\u{1f}secret\u{1f}days\u{1f}item=day",
        );
        assert!(!hints.is_empty());
        let of_struct = Hint { name: Some("LT_Rate"), namespace: Some("urn:rates"), ..Hint::default() };
        assert_eq!(hints.of_struct(), of_struct);
        assert!(hints.field("currency").is_attribute && hints.field("pin").is_secret);
        assert_eq!(hints.field("days").item, Some("day"));
        assert_eq!(hints.fields().count(), 4);
    }
}
