//! An element that is to be read as some type.

use std::{borrow::Cow, cell::Cell};

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, Visitor, value::StrDeserializer},
};

use super::{
    super::{Children, Element, write::ITEM},
    entries::Entries,
    fields::Fields,
    hinted::{HintCache, Hinted},
    keys,
    list::Items,
    notes::{Notes, Seen, Step},
    variant::Variant,
};
use crate::{
    message::ParamsPriority,
    model::{Path, Reading, TextValues, Tree, TreeError, TreePlace, expected},
};

/// What a whole reading is done with.
pub(super) struct Reader<'d> {
    pub(super) reading: &'d Reading,
    pub(super) hints: &'d HintCache,
    /// Whether faults are for somebody to read.
    pub(super) in_words: bool,
    /// What is laid over the root.
    pub(super) params: &'d [(&'d str, Tree<'d>)],
    pub(super) priority: ParamsPriority,
    /// What is asked about the places, once faults are known.
    pub(super) notes: Option<&'d Notes>,
}

impl Reader<'_> {
    /// Reads a place, with a note of it if somebody asks.
    pub(super) fn within<'s, T>(
        &self,
        path: &Path<'_>,
        seen: impl FnOnce() -> Seen<'s>,
        read: impl FnOnce() -> T,
    ) -> T {
        let outer = self.notes.map(|notes| notes.enter(path, seen()));
        let value = read();
        if let (Some(notes), Some(outer)) = (self.notes, outer) {
            notes.leave(outer);
        }
        value
    }

    /// Reads a parameter.
    pub(super) fn param<'d, T: DeserializeSeed<'d>>(
        &self,
        (name, tree): &'d (&'d str, Tree<'d>),
        is_secret: bool,
        seed: T,
    ) -> Result<T::Value, TreeError> {
        let path = Path::Key(&Path::Root, name);
        let seen = || Seen { step: Step::Key(Cow::Borrowed(name)), is_secret, text: tree.scalar_at("") };
        self.within(&path, seen, || {
            if let (Some(_), Tree::Text(values)) = (self.notes, tree) {
                for (index, value) in values.iter().enumerate() {
                    let seen = || Seen { step: Step::Index(index), is_secret: false, text: Some(Cow::Borrowed(value)) };
                    self.within(&Path::Index(&path, index), seen, || {});
                }
            }
            seed.deserialize(TreePlace { tree, path, reading: self.reading }).map_err(|error| error.at(path))
        })
    }
}

/// What else belongs to an element where a list is asked for.
#[derive(Clone, Copy)]
pub(super) enum Many<'d, 'p> {
    /// It is the root: the elements in it are the items.
    Root { checks_name: bool },
    /// It is an item itself: a list in a list has its items in it.
    Item,
    /// The elements in it that have this name are the items.
    Wrapped(&'static str),
    /// It is the first of the items; the others have the same name, among the elements after it. Whoever takes them all says
    /// so in the cell.
    Siblings(Children<'d>, &'p Cell<bool>),
    /// These are the items.
    Group(&'p [Element<'d>]),
    /// It is an item, unless it is a wrapper that nobody has said anything of: all elements in it are called `item`. That
    /// depends on what an item is asked to be; what takes it for a wrapper says so in the cell.
    Unsure(&'p Cell<bool>),
}

/// An element and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Place<'d, 'p> {
    pub(super) element: Element<'d>,
    pub(super) path: Path<'p>,
    pub(super) reader: &'p Reader<'d>,
    /// The namespace that the elements in it have to be in, unless a model says otherwise; any, if there is none.
    pub(super) namespace: Option<&'p str>,
    pub(super) many: Many<'d, 'p>,
}

impl<'d, 'p> Place<'d, 'p> {
    fn is_mended(&self) -> bool {
        self.reader.reading.is_mended(&self.path)
    }

    /// Whether there is nothing but text in it, or nothing at all.
    fn is_leaf(&self) -> bool {
        self.element.children().next().is_none()
    }

    /// Returns the text of an element that stands for one value.
    fn text(&self) -> Result<Cow<'d, str>, TreeError> {
        if let Many::Group(group) = self.many
            && group.len() > 1
        {
            return Err(TreeError::said(format_args!("expected one element, got {}", group.len())));
        }
        if !self.is_leaf() {
            return Err(TreeError::said(format_args!("expected text, got elements")));
        }
        Ok(self.element.text())
    }

    /// Returns what is known of it before it is read.
    pub(super) fn seen(&self, step: Step<'d>, is_secret: bool) -> Seen<'d> {
        let is_one = match self.many {
            Many::Group(group) => group.len() == 1,
            Many::Wrapped(_) => false,
            _ => true,
        };
        let is_text = is_one && self.is_leaf() && !self.element.is_nil();
        let text = is_text.then(|| self.element.text());
        // Of the root, and of one with attributes, an empty text says nothing.
        let is_void = matches!(self.many, Many::Root { .. }) || keys::has_data(self.element);
        let text = text.filter(|text| !is_void || !text.trim().is_empty());
        Seen { step, is_secret, text }
    }

    /// Whether it is a wrapper, since what is asked for has no `item` in it.
    fn is_wrapper(&self, names: &[&str]) -> bool {
        match self.many {
            Many::Unsure(is_wrapper) if !names.contains(&ITEM) => {
                is_wrapper.set(true);
                true
            }
            _ => false,
        }
    }

    /// Reads the first item in a wrapper.
    fn first_item<T>(self, read: impl FnOnce(Place<'d, '_>) -> Result<T, TreeError>) -> Result<T, TreeError> {
        let Some(element) = self.element.children().next() else {
            return Err(TreeError::said(format_args!("expected an element with items")).at(self.path));
        };
        let list = match self.path {
            Path::Element(parent, name, _) => Path::Element(parent, name, 0),
            other => other,
        };
        let (path, reader, namespace) = (Path::Element(&list, ITEM, 1), self.reader, self.namespace);
        let item = Place { element, path, reader, namespace, many: Many::Item };
        reader.within(&path, || item.seen(Step::Same, false), || read(item))
    }

    fn scalar<T>(self, read: impl FnOnce(TextValues<'_, TreeError>) -> Result<T, TreeError>) -> Result<T, TreeError> {
        let is_blank = || self.reader.reading.is_blank(&self.element.text());
        let read = self.text().and_then(|text| read(TextValues::new(&[text])));
        read.map_err(|error| error.of_text(is_blank()).at(self.path))
    }

    fn string<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let expected = self.reader.in_words.then(|| expected(&visitor));
        let read = self.text().and_then(|text| match (self.reader.reading.respelled(&visitor, &text), text) {
            (Some(text), _) | (None, Cow::Owned(text)) => visitor.visit_string(text),
            (None, Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
        });
        let is_blank = || self.reader.reading.is_blank(&self.element.text());
        read.map_err(|error: TreeError| match expected {
            Some(expected) => error.in_our_words(&expected).of_text(is_blank()).at(self.path),
            None => error,
        })
    }

    /// Reads an element that says that it has no value.
    fn nil<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit().map_err(|error: TreeError| error.at(self.path))
    }

    /// Looks at where a field is, or would be.
    pub(super) fn field_path<T>(&self, field: &str, hinted: Option<&Hinted>, look: impl FnOnce(Path<'_>) -> T) -> T {
        let hint = hinted.map(|hinted| hinted.field(field)).unwrap_or_default();
        let name = hint.name.unwrap_or(field);
        if hint.is_attribute {
            look(Path::Attribute(&self.path, name))
        } else if hint.is_text {
            look(Path::Element(&self.path, "text()", 0))
        } else {
            look(Path::Element(&self.path, name, 0))
        }
    }

    /// Says where a fault is that is about a field as such: it is missing, say.
    fn of_field(&self, mut error: TreeError, hinted: Option<&Hinted>) -> TreeError {
        match error.child.take() {
            Some(field) if error.path.is_none() => self.field_path(&field, hinted, |path| error.at(path)),
            _ => error.at(self.path),
        }
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
            if self.is_wrapper(&[]) {
                return self.first_item(|item| item.$method(visitor));
            }
            if self.is_mended() {
                return self.reader.reading.filler(&self.path).$method(visitor);
            }
            if self.element.is_nil() {
                return self.nil(visitor);
            }
            self.scalar(|text| text.$method(visitor))
        })*
    };
}

impl<'d> Deserializer<'d> for Place<'d, '_> {
    type Error = TreeError;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_any(visitor);
        }
        if self.element.is_nil() {
            return self.nil(visitor);
        }
        if let Many::Group(group) = self.many
            && group.len() > 1
        {
            return visitor.visit_seq(Items::of(self)).map_err(|error| error.at(self.path));
        }
        let has_params = matches!(self.many, Many::Root { .. }) && !self.reader.params.is_empty();
        if self.is_leaf() && !has_params && !keys::has_data(self.element) {
            return self.string(visitor);
        }
        let path = self.path;
        visitor.visit_map(Entries::of(self)).map_err(|error| error.at(path))
    }

    fn deserialize_str<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_wrapper(&[]) {
            return self.first_item(|item| item.deserialize_str(visitor));
        }
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_str(visitor);
        }
        if self.element.is_nil() {
            return self.nil(visitor);
        }
        self.string(visitor)
    }

    fn deserialize_string<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        // What can be left out is, where it is at fault: that is plausible whatever it would hold.
        if self.element.is_nil() || self.is_mended() || self.reader.reading.is_nothing(&self.path) {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'d>>(self, name: &'static str, visitor: V) -> Result<V::Value, TreeError> {
        // A decimal asks for the text behind a newtype; attributes that nobody asked for are no part of it.
        if name.contains("RawValue")
            && self.is_leaf()
            && keys::has_data(self.element)
            && !self.is_mended()
            && !self.element.is_nil()
        {
            return self.scalar(|text| visitor.visit_newtype_struct(text));
        }
        visitor.visit_newtype_struct(self).map_err(|error| error.at(self.path))
    }

    fn deserialize_unit<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_mended() || self.element.is_nil() || (self.is_leaf() && self.element.text().trim().is_empty()) {
            return self.nil(visitor);
        }
        Err(TreeError::said(format_args!("expected an empty element")).at(self.path))
    }

    fn deserialize_unit_struct<V: Visitor<'d>>(self, _: &'static str, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_seq<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_seq(visitor);
        }
        let path = self.path;
        visitor.visit_seq(Items::of(self)).map_err(|error| error.at(path))
    }

    fn deserialize_tuple<V: Visitor<'d>>(self, len: usize, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_tuple(len, visitor);
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'d>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_map(visitor);
        }
        if self.element.is_nil() {
            return self.nil(visitor);
        }
        let path = self.path;
        visitor.visit_map(Entries::of(self)).map_err(|error| error.at(path))
    }

    fn deserialize_struct<V: Visitor<'d>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        if self.is_wrapper(fields) {
            return self.first_item(|item| item.deserialize_struct(name, fields, visitor));
        }
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_struct(name, fields, visitor);
        }
        if self.element.is_nil() {
            return self.nil(visitor);
        }
        let hinted = self.reader.hints.get(name);
        let given = Fields::of(self, hinted.as_deref(), fields).map_err(|error| error.at(self.path))?;
        given.note_all();
        visitor.visit_map(given).map_err(|error| self.of_field(error, hinted.as_deref()))
    }

    fn deserialize_enum<V: Visitor<'d>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        if self.is_wrapper(variants) {
            return self.first_item(|item| item.deserialize_enum(name, variants, visitor));
        }
        if self.is_mended() {
            return self.reader.reading.filler(&self.path).deserialize_enum(name, variants, visitor);
        }
        let mut children = self.element.children();
        let read = match (children.next(), children.next()) {
            (None, _) => self.text().and_then(|text| visitor.visit_enum(StrDeserializer::new(text.trim()))),
            (Some(child), None) => visitor.visit_enum(Variant { place: self, child }),
            _ => Err(de::Error::custom("expected the name of a variant, or one element with that name")),
        };
        read.map_err(|error| error.at(self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }

    fn deserialize_char<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_mended() {
            // The tag of an enum may be the number of a variant: no text is plausible for all of them.
            return self.reader.reading.filler(&self.path).deserialize_any(visitor);
        }
        self.deserialize_str(visitor)
    }
}
