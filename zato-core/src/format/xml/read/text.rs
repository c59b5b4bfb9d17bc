//! A text that is to be read as some type: an attribute, or what an element with attributes has in it.

use std::borrow::Cow;

use serde::{
    Deserializer,
    de::{DeserializeSeed, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

use super::{
    notes::{Seen, Step},
    place::Reader,
};
use crate::model::{Path, TextValues, TreeError, expected};

/// A text, and where it stands.
#[derive(Clone)]
pub(super) struct TextPlace<'d, 'p> {
    pub(super) text: Cow<'d, str>,
    pub(super) path: Path<'p>,
    pub(super) reader: &'p Reader<'d>,
    /// Whether an empty one is nothing, as that of an element is which has none.
    pub(super) is_content: bool,
}

impl<'d> TextPlace<'d, '_> {
    fn is_mended(&self) -> bool {
        self.reader.reading.is_mended(&self.path)
    }

    /// Reads it; what it is called where it stands, and whether that is a secret, is asked if somebody asks about places.
    pub(super) fn read<'s, T: DeserializeSeed<'d>>(
        self,
        called: impl FnOnce() -> (Step<'s>, bool),
        seed: T,
    ) -> Result<T::Value, TreeError> {
        let (path, reader) = (self.path, self.reader);
        let read = if reader.notes.is_none() {
            seed.deserialize(self)
        } else {
            let ((step, is_secret), text) = (called(), self.text.to_string());
            let seen = || Seen { step, is_secret, text: Some(Cow::Owned(text)) };
            reader.within(&path, seen, || seed.deserialize(self))
        };
        read.map_err(|error| error.at(path))
    }

    fn string<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let expected = self.reader.in_words.then(|| expected(&visitor));
        let is_blank = self.reader.reading.is_blank(&self.text);
        let read = match (self.reader.reading.respelled(&visitor, &self.text), self.text) {
            (Some(text), _) | (None, Cow::Owned(text)) => visitor.visit_string(text),
            (None, Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
        };
        read.map_err(|error: TreeError| match expected {
            Some(expected) => error.in_our_words(&expected).of_text(is_blank).at(self.path),
            None => error,
        })
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
            if self.is_mended() {
                return self.reader.reading.filler(&self.path).$method(visitor);
            }
            let is_blank = self.reader.reading.is_blank(&self.text);
            let read = TextValues::new(&[self.text]).$method(visitor);
            read.map_err(|error: TreeError| error.of_text(is_blank).at(self.path))
        })*
    };
}

macro_rules! strings {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
            if self.is_mended() {
                return self.reader.reading.filler(&self.path).$method(visitor);
            }
            self.string(visitor)
        })*
    };
}

impl<'d> Deserializer<'d> for TextPlace<'d, '_> {
    type Error = TreeError;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    strings! { deserialize_any deserialize_str deserialize_string }

    fn deserialize_option<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let is_nothing = self.reader.reading.is_nothing(&self.path);
        if is_nothing || self.is_mended() || (self.is_content && self.text.is_empty()) {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'d>>(self, _: &'static str, visitor: V) -> Result<V::Value, TreeError> {
        let path = self.path;
        visitor.visit_newtype_struct(self).map_err(|error| error.at(path))
    }

    /// A list in an attribute is words with white space between them (XML Schema part 2 §2.5.1.2).
    fn deserialize_seq<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_seq(visitor);
        }
        let path = self.path;
        visitor.visit_seq(Words { place: self, at: 0, read: 0 }).map_err(|error| error.at(path))
    }

    fn deserialize_tuple<V: Visitor<'d>>(self, len: usize, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_tuple(len, visitor);
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'d>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_enum(name, variants, visitor);
        }
        let word = Cow::Owned(self.text.trim().to_owned());
        TextValues::new(&[word])
            .deserialize_enum(name, variants, visitor)
            .map_err(|error: TreeError| error.at(self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <V: Visitor<'d>>
        char bytes byte_buf unit unit_struct tuple_struct map struct identifier
    }
}

struct Words<'d, 'p> {
    place: TextPlace<'d, 'p>,
    /// Where in the text the next word is looked for.
    at: usize,
    /// How many have been read.
    read: usize,
}

impl<'d> SeqAccess<'d> for Words<'d, '_> {
    type Error = TreeError;

    fn next_element_seed<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<Option<T::Value>, TreeError> {
        let rest = self.place.text.get(self.at..).unwrap_or_default();
        let Some(word) = rest.split_ascii_whitespace().next() else { return Ok(None) };
        let white = rest.len() - rest.trim_ascii_start().len();
        self.at += white + word.len();
        let text = Cow::Owned(word.to_owned());
        let word = TextPlace { text, path: self.place.path, reader: self.place.reader, is_content: false };
        let index = self.read;
        self.read += 1;
        word.read(|| (Step::Index(index), false), seed).map(Some)
    }
}
