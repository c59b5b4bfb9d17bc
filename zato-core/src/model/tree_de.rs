//! Reads a [`Tree`] into a type, knowing at every step where it stands.

use std::{borrow::Cow, collections::BTreeSet};

use serde::{
    Deserializer,
    de::{self, Unexpected, Visitor, value::StrDeserializer},
};

use super::{
    constraints::Mended,
    expected,
    filler::Filler,
    hints::Hints,
    spelling::respelled,
    text::{TextValues, parse_bool},
    tree::Tree,
    tree_access::{Entries, Items, LentItems, Once, Variant},
    tree_error::{Path, TreeError},
};

/// What a reading is done with.
#[derive(Default)]
pub(crate) struct Reading {
    /// Whether a string may stand for a number and the like.
    pub(super) is_lenient: bool,
    /// Whether an empty text is as good as none, where nothing would do.
    pub(super) is_blank_nothing: bool,
    /// The places that are known to be at fault: something plausible is read there instead.
    pub(crate) mended: Mended,
    /// The keys that are known to be unknown: they are passed over.
    pub(super) unknown: BTreeSet<String>,
    /// The places of empty texts that stand for nothing, if something optional is read there.
    pub(super) empty: BTreeSet<String>,
    /// The keys that are known to be given more than once: only the first counts.
    pub(super) doubled: BTreeSet<String>,
}

impl Reading {
    /// Begins a reading that knows of no fault yet.
    pub(crate) fn of(is_lenient: bool) -> Self {
        Self { is_lenient, ..Self::default() }
    }

    /// Whether a text is that of nothing, in a reading that may take it for that.
    pub(crate) fn is_blank(&self, text: &str) -> bool {
        self.is_lenient && text.trim().is_empty()
    }

    /// Whether nothing is read in a place, where that would do.
    pub(crate) fn is_nothing(&self, place: &Path<'_>) -> bool {
        is_among(&self.empty, place)
    }

    /// Returns the keys of an object in a place where something plausible is read.
    pub(crate) fn mended_below(&self, place: &Path<'_>) -> Vec<String> {
        if self.mended.is_empty() {
            return Vec::new();
        }
        let parent = format!("{place}/");
        let below = self.mended.keys().filter_map(|path| path.strip_prefix(&parent));
        below.filter(|key| !key.contains('/')).map(|key| key.replace("~1", "/").replace("~0", "~")).collect()
    }

    /// Returns what is read in a place that is at fault, next after what was tried there before.
    pub(crate) fn filler(&self, path: &Path<'_>) -> Filler {
        Filler::new(self.mended.get(&path.to_string()).copied().unwrap_or_default())
    }
}

/// What a reading of elements asks, which are no tree.
#[cfg(feature = "xml")]
impl Reading {
    /// Writes a text anew as a type wants it, if the reading is lenient and the type a date or a time.
    pub(crate) fn respelled(&self, expected: &dyn de::Expected, text: &str) -> Option<String> {
        if self.is_lenient { respelled(&expected.to_string(), text) } else { None }
    }

    /// Whether it knows of none.
    pub(crate) fn is_first(&self) -> bool {
        self.mended.is_empty() && self.unknown.is_empty() && self.doubled.is_empty()
    }

    /// Whether something plausible is read in a place.
    pub(crate) fn is_mended(&self, place: &Path<'_>) -> bool {
        !self.mended.is_empty() && self.mended.contains_key(&place.to_string())
    }

    /// Whether a place is passed over.
    pub(crate) fn is_unknown(&self, place: &Path<'_>) -> bool {
        is_among(&self.unknown, place)
    }

    /// Whether only the first of what is in a place counts.
    pub(crate) fn is_doubled(&self, place: &Path<'_>) -> bool {
        is_among(&self.doubled, place)
    }
}

fn is_among(known: &BTreeSet<String>, place: &Path<'_>) -> bool {
    !known.is_empty() && known.contains(&place.to_string())
}

/// A place in a tree, to be read.
#[derive(Clone, Copy)]
pub(crate) struct Place<'t, 'p> {
    pub(crate) tree: &'t Tree<'t>,
    pub(crate) path: Path<'p>,
    pub(crate) reading: &'p Reading,
}

impl<'de> Place<'de, '_> {
    /// Returns what is read instead, if the place is at fault.
    fn filler(&self) -> Option<Filler> {
        if self.reading.mended.is_empty() {
            return None;
        }
        self.reading.mended.get(&self.path.to_string()).copied().map(Filler::new)
    }

    /// Reads what is there as it is, whatever was asked for.
    fn plain<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self.tree {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Signed(value) => visitor.visit_i64(*value),
            Tree::Unsigned(value) => visitor.visit_u64(*value),
            Tree::Float(value) => visitor.visit_f64(*value),
            // A text that may stand for something else is lent, a string is given away: see `buffered`.
            Tree::Str(value) if self.reading.is_lenient => visitor.visit_borrowed_str(value),
            Tree::Str(value) => visitor.visit_str(value),
            Tree::Text(values) => match values.as_slice() {
                [one] => visitor.visit_borrowed_str(one),
                more => visitor.visit_seq(LentItems(more)),
            },
            #[cfg(feature = "multipart")]
            Tree::File(_) => Err(TreeError::said(format_args!("expected {}, got a file", expected::of(&visitor)))),
            Tree::List(items) => visitor.visit_seq(Items { place: self, items, index: 0 }),
            Tree::Map(entries) => visitor.visit_map(Entries {
                place: self,
                entries,
                index: 0,
                missing: None,
                unsaid: 0,
                mended: None,
                hints: Hints::of(""),
            }),
        }
    }

    /// Whether it is a text that stands for nothing.
    fn is_blank(&self) -> bool {
        let is_empty = |values: &[Cow<'_, str>]| values.iter().all(|value| value.is_empty());
        self.reading.is_blank_nothing && matches!(self.tree, Tree::Text(values) if is_empty(values))
    }

    /// Returns the text that a scalar is read from, if it is to be read from text.
    fn text(&self) -> Option<Cow<'de, str>> {
        match self.tree {
            Tree::Str(text) if self.reading.is_lenient => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    /// Whether the text of nothing stands here, in a reading that may take it for that.
    fn is_empty(&self) -> bool {
        match self.tree {
            Tree::Str(text) => self.reading.is_blank(text),
            Tree::Text(values) => matches!(values.as_slice(), [one] if self.reading.is_blank(one)),
            _ => false,
        }
    }

    /// Returns the text of a scalar for a field that is a text, or is written as one, if the reading is lenient.
    fn as_text(&self, expected: &str) -> Option<String> {
        if !self.reading.is_lenient {
            return None;
        }
        match self.tree {
            Tree::Str(text) => respelled(expected, text),
            Tree::Text(values) => match values.as_slice() {
                [one] => respelled(expected, one),
                _ => None,
            },
            Tree::Bool(value) => Some(value.to_string()),
            Tree::Signed(value) => Some(value.to_string()),
            Tree::Unsigned(value) => Some(value.to_string()),
            Tree::Float(value) => Some(value.to_string()),
            _ => None,
        }
    }
}

/// Returns a number as the integer that it is: JSON Schema knows no difference between `1` and `1.0`.
///
/// Beyond 2^53 neighbouring integers share a binary fraction (IEEE 754 double precision), so that what was meant is
/// unknown.
pub(super) fn integral(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction, and fits")]
    (number.fract() == 0.0 && number.abs() <= LIMIT).then_some(number as i64)
}

macro_rules! scalars {
    ($($method:ident $integral:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
            if let Some(filler) = self.filler() {
                return filler.$method(visitor);
            }
            let read = match (self.tree, self.text()) {
                (Tree::Text(values), _) => TextValues::new(values).$method(visitor),
                (_, Some(text)) => TextValues::new(&[text]).$method(visitor),
                (Tree::Float(number), _) => match ($integral)(*number) {
                    Some(number) => visitor.visit_i64(number),
                    None => visitor.visit_f64(*number),
                },
                _ => self.plain(visitor),
            };
            read.map_err(|error: TreeError| error.of_text(self.is_empty()).at(self.path))
        })*
    };
}

impl<'de> Deserializer<'de> for Place<'de, '_> {
    type Error = TreeError;

    scalars! {
        deserialize_i8 integral; deserialize_i16 integral; deserialize_i32 integral; deserialize_i64 integral;
        deserialize_i128 integral; deserialize_u8 integral; deserialize_u16 integral; deserialize_u32 integral;
        deserialize_u64 integral; deserialize_u128 integral; deserialize_f32 |_: f64| None; deserialize_f64 |_: f64| None;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if let Some(filler) = self.filler() {
            return filler.deserialize_any(visitor);
        }
        self.plain(visitor).map_err(|error| error.at(self.path))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if let Some(filler) = self.filler() {
            return filler.deserialize_bool(visitor);
        }
        let read = match self.tree {
            Tree::Text(values) => TextValues::new(values).deserialize_bool(visitor),
            Tree::Str(text) if self.reading.is_lenient => match parse_bool(text.trim()) {
                Some(value) => visitor.visit_bool(value),
                None => Err(de::Error::custom("expected a boolean, which the text is not")),
            },
            Tree::Unsigned(value @ (0 | 1)) if self.reading.is_lenient => visitor.visit_bool(*value == 1),
            Tree::Float(value) if self.reading.is_lenient && (*value == 0.0 || *value == 1.0) => {
                visitor.visit_bool(*value == 1.0)
            }
            _ => self.plain(visitor),
        };
        read.map_err(|error| error.of_text(self.is_empty()).at(self.path))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if let Some(filler) = self.filler() {
            return filler.deserialize_str(visitor);
        }
        let said = (&visitor as &dyn de::Expected).to_string();
        let read = match (self.tree, self.as_text(&said)) {
            (_, Some(text)) => visitor.visit_string(text),
            (Tree::Text(values), _) => match values.len() {
                1 => TextValues::new(values).deserialize_str(visitor),
                more => Err(TreeError::said(format_args!("expected one value, got {more}"))),
            },
            _ => self.plain(visitor),
        };
        read.map_err(|error| error.in_our_words(&expected::wording(&said)).of_text(self.is_empty()).at(self.path))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        // What can be left out is, where it is at fault: that is plausible whatever it would hold.
        if matches!(self.tree, Tree::Null) || self.is_blank() || self.filler().is_some() {
            return visitor.visit_none();
        }
        if self.reading.is_nothing(&self.path) {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        #[cfg(feature = "multipart")]
        if let (Tree::File(file), super::FormFile::NAME) = (self.tree, name) {
            return file.give(visitor);
        }
        let _ = name;
        visitor.visit_newtype_struct(self).map_err(|error| error.at(self.path))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if let Some(filler) = self.filler() {
            return filler.deserialize_seq(visitor);
        }
        let read = match self.tree {
            Tree::Text(_) if self.is_blank() => TextValues::new(&[]).deserialize_seq(visitor),
            Tree::Text(values) => visitor.visit_seq(LentItems(values)),
            #[cfg(feature = "multipart")]
            Tree::File(_) => {
                let items = std::slice::from_ref(self.tree);
                visitor.visit_seq(Items { place: self, items, index: 0 })
            }
            Tree::Null if self.reading.is_lenient => visitor.visit_seq(Items { place: self, items: &[], index: 0 }),
            Tree::List(_) => self.plain(visitor),
            _ if self.reading.is_lenient => visitor.visit_seq(Once(Some(self))),
            _ => self.plain(visitor),
        };
        read.map_err(|error| error.at(self.path))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if let Some(filler) = self.filler() {
            return filler.deserialize_map(visitor);
        }
        let read = match self.tree {
            Tree::Text(values) => TextValues::new(values).deserialize_map(visitor),
            _ => self.plain(visitor),
        };
        read.map_err(|error| error.at(self.path))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, TreeError> {
        if let Some(filler) = self.filler() {
            return filler.deserialize_tuple(len, visitor);
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        if let Some(filler) = self.filler() {
            return filler.deserialize_struct(name, fields, visitor);
        }
        let read = match self.tree {
            Tree::Map(entries) => {
                // A struct with others flattened into it doesn't say which keys it has.
                let missing = if fields.is_empty() { None } else { Some(fields) };
                let hints = Hints::of(name);
                visitor.visit_map(Entries { place: self, entries, index: 0, missing, unsaid: 0, mended: None, hints })
            }
            // A derived struct would read it by position.
            Tree::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            Tree::Text(values) => TextValues::new(values).deserialize_struct(name, fields, visitor),
            _ => self.plain(visitor),
        };
        read.map_err(|error| error.at(self.path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        if let Some(filler) = self.filler() {
            return filler.deserialize_enum(name, variants, visitor);
        }
        let read = match self.tree {
            Tree::Str(word) => visitor.visit_enum(StrDeserializer::new(word)),
            Tree::Text(values) => TextValues::new(values).deserialize_enum(name, variants, visitor),
            Tree::Map(entries) => match entries.as_slice() {
                [(word, value)] => visitor.visit_enum(Variant { place: self, word, value }),
                _ => Err(de::Error::custom("expected an object with the variant's name as its only key")),
            },
            _ => self.plain(visitor),
        };
        read.map_err(|error| error.at(self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { char bytes byte_buf unit unit_struct identifier }
}
