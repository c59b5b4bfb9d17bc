//! What an element has for the fields of a struct.

use std::{borrow::Cow, cell::Cell};

use serde::de::{
    self, DeserializeSeed, MapAccess,
    value::{BorrowedStrDeserializer, SeqDeserializer, StrDeserializer},
};

use super::{
    super::{Attribute, Children, Element},
    hinted::Hinted,
    keys,
    notes::{Seen, Step},
    place::{Many, Place},
    text::TextPlace,
};
use crate::{
    message::ParamsPriority,
    model::{Hint, Path, TreeError},
};

/// The attributes of an element, then the elements in it, then its text, with the parameters laid over the root.
pub(super) struct Fields<'d, 'p> {
    place: Place<'d, 'p>,
    hinted: Option<&'p Hinted>,
    /// The namespace that the elements have to be in.
    namespace: Option<&'p str>,
    /// The fields that may still be given as mended ones, once all is through.
    missing: &'static [&'static str],
    /// What else may be missing: a struct with others flattened into it doesn't say which fields it has.
    unsaid: std::vec::IntoIter<String>,
    stage: Stage,
    attribute: usize,
    children: Children<'d>,
    param: usize,
    /// The field that is looked at next for being a list without items.
    list: usize,
    /// The parameters that the payload has given a value for already.
    overruled: Vec<bool>,
    /// Names of which all elements have been read, as items of a list.
    listed: Vec<Element<'d>>,
    next: Next<'d>,
}

/// Where the next key is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    ParamsFirst,
    Attributes,
    Elements,
    Text,
    ParamsLast,
    Lists,
    Mended,
}

/// What the value asked for next is.
enum Next<'d> {
    Param(usize),
    Attribute(Attribute<'d>),
    Element(Element<'d>, Hint),
    Text,
    NoItems,
    Mended(Cow<'static, str>),
    None,
}

impl<'d, 'p> Fields<'d, 'p> {
    /// Begins to read the fields.
    ///
    /// # Errors
    ///
    /// If the element is none for the struct at all: it has another name, or just text in it.
    pub(super) fn of(
        place: Place<'d, 'p>,
        hinted: Option<&'p Hinted>,
        fields: &'static [&'static str],
    ) -> Result<Self, TreeError> {
        let own = hinted.map(|hinted| hinted.own).unwrap_or_default();
        if let Many::Root { checks_name: true } = place.many {
            check_root(place, own)?;
        }
        let has_text = hinted.is_some_and(|hinted| hinted.text.is_some());
        if !has_text && place.element.children().next().is_none() && !place.element.text().trim().is_empty() {
            return Err(TreeError::said(format_args!("expected elements, got text")));
        }
        let unsaid = if fields.is_empty() { place.reader.reading.mended_below(&place.path) } else { Vec::new() };
        let params = if matches!(place.many, Many::Root { .. }) { place.reader.params.len() } else { 0 };
        Ok(Self {
            place,
            hinted,
            namespace: own.namespace.or(place.namespace),
            missing: fields,
            unsaid: unsaid.into_iter(),
            stage: Stage::ParamsFirst,
            attribute: 0,
            children: place.element.children(),
            param: 0,
            list: 0,
            overruled: vec![false; params],
            listed: Vec::new(),
            next: Next::None,
        })
    }

    /// Gives the next parameter that the payload has not overruled.
    fn next_param(&mut self) -> Option<&'d str> {
        while let Some(is_overruled) = self.overruled.get(self.param) {
            let param = self.param;
            self.param += 1;
            if !is_overruled {
                self.next = Next::Param(param);
                return self.place.reader.params.get(param).map(|(name, _)| *name);
            }
        }
        None
    }

    /// Whether a parameter counts in place of what the payload has for a key.
    fn is_overruled(&mut self, key: &str) -> bool {
        if self.overruled.is_empty() {
            return false;
        }
        let Some(param) = self.place.reader.params.iter().position(|(name, _)| *name == key) else { return false };
        if self.place.reader.priority == ParamsPriority::ChannelParamsOverMsg {
            return true;
        }
        if let Some(overruled) = self.overruled.get_mut(param) {
            *overruled = true;
        }
        false
    }

    fn next_attribute(&mut self) -> Option<Cow<'d, str>> {
        while let Some(attribute) = self.place.element.attribute_at(self.attribute) {
            self.attribute += 1;
            let field = keys::attribute_field(self.hinted, &attribute);
            if field.is_none() && !keys::is_data(&attribute) {
                continue;
            }
            let key = field.map_or_else(|| Cow::Owned(keys::of_attribute(&attribute)), Cow::Borrowed);
            let path = Path::Attribute(&self.place.path, attribute.written);
            if self.place.reader.reading.is_unknown(&path) || self.is_overruled(&key) {
                continue;
            }
            self.next = Next::Attribute(attribute);
            return Some(key);
        }
        None
    }

    fn next_element(&mut self) -> Option<Cow<'d, str>> {
        while let Some(element) = self.children.next() {
            let is_same =
                |listed: &Element<'_>| listed.name() == element.name() && listed.namespace() == element.namespace();
            if self.listed.iter().any(is_same) || self.is_passed_over(element) {
                continue;
            }
            let (key, hint) = keys::element_field(self.hinted, self.namespace, element);
            if self.is_overruled(&key) {
                continue;
            }
            self.next = Next::Element(element, hint);
            return Some(key);
        }
        None
    }

    fn is_passed_over(&self, element: Element<'d>) -> bool {
        let reading = self.place.reader.reading;
        let path = Path::Element(&self.place.path, element.name(), 0);
        let is_again = || {
            let before = |child: &Element<'_>| child.is_same_place(element);
            let first = self.place.element.children().find(|child| child.name() == element.name());
            !first.is_some_and(|first| before(&first))
        };
        reading.is_unknown(&path) || (reading.is_doubled(&path) && is_again())
    }

    fn next_text(&mut self) -> Option<Cow<'d, str>> {
        let text = self.hinted.and_then(|hinted| hinted.text);
        let is_given = text.is_some() || !self.place.element.text().trim().is_empty();
        let key = text.unwrap_or(keys::TEXT);
        let path = Path::Element(&self.place.path, "text()", 0);
        if !is_given || self.place.reader.reading.is_unknown(&path) || self.is_overruled(key) {
            return None;
        }
        self.next = Next::Text;
        Some(Cow::Borrowed(key))
    }

    /// Returns the next list that no element is an item of: an empty one is written as nothing.
    fn next_list(&mut self) -> Option<&'static str> {
        let hinted = self.hinted?;
        while let Some((field, hint)) = hinted.fields().nth(self.list) {
            self.list += 1;
            if hint.is_list && !self.is_given(field) {
                self.next = Next::NoItems;
                return Some(field);
            }
        }
        None
    }

    /// Returns the next field that is known to be missing, and that something plausible is given for.
    fn next_mended(&mut self) -> Option<Cow<'static, str>> {
        if self.place.reader.reading.is_first() {
            return None;
        }
        while let Some((field, rest)) = self.missing.split_first() {
            self.missing = rest;
            let is_mended = |path: Path<'_>| self.place.reader.reading.is_mended(&path);
            if self.place.field_path(field, self.hinted, is_mended) && !self.is_given(field) {
                self.next = Next::Mended(Cow::Borrowed(field));
                return Some(Cow::Borrowed(field));
            }
        }
        while let Some(name) = self.unsaid.next() {
            let field = keys::field_called(self.hinted, name);
            if !self.is_given(&field) {
                self.next = Next::Mended(field.clone());
                return Some(field);
            }
        }
        None
    }

    fn is_given(&self, field: &str) -> bool {
        let is_param = || {
            let params = self.place.reader.params.get(..self.overruled.len()).unwrap_or_default();
            params.iter().any(|(name, _)| *name == field)
        };
        let is_attribute = |attribute: Attribute<'_>| keys::attribute_field(self.hinted, &attribute) == Some(field);
        let is_element = |element: Element<'_>| keys::element_field(self.hinted, self.namespace, element).0 == field;
        let is_text = self.hinted.is_some_and(|hinted| hinted.text == Some(field));
        is_text
            || is_param()
            || self.place.element.attributes().any(is_attribute)
            || self.place.element.children().any(is_element)
    }

    fn next_key(&mut self) -> Option<Cow<'d, str>> {
        loop {
            let (key, after) = match self.stage {
                Stage::ParamsFirst => {
                    let are_first = self.place.reader.priority == ParamsPriority::ChannelParamsOverMsg;
                    (if are_first { self.next_param().map(Cow::Borrowed) } else { None }, Stage::Attributes)
                }
                Stage::Attributes => (self.next_attribute(), Stage::Elements),
                Stage::Elements => (self.next_element(), Stage::Text),
                Stage::Text => {
                    // There is at most one.
                    self.stage = Stage::ParamsLast;
                    (self.next_text(), Stage::ParamsLast)
                }
                Stage::ParamsLast => (self.next_param().map(Cow::Borrowed), Stage::Lists),
                Stage::Lists => (self.next_list().map(Cow::Borrowed), Stage::Mended),
                Stage::Mended => return self.next_mended(),
            };
            if key.is_some() {
                return key;
            }
            self.stage = after;
        }
    }

    /// Says where a key is that is none.
    fn unknown(&self, mut error: TreeError) -> TreeError {
        error.child = None;
        let parent = &self.place.path;
        match &self.next {
            Next::Attribute(attribute) => error.at(Path::Attribute(parent, attribute.written)),
            Next::Element(element, _) => error.at(Path::Element(parent, element.name(), 0)),
            Next::Text => error.at(Path::Element(parent, "text()", 0)),
            Next::Param(param) => {
                let name = self.place.reader.params.get(*param).map_or("", |(name, _)| *name);
                error.at(Path::Key(&Path::Root, name))
            }
            Next::NoItems | Next::Mended(_) | Next::None => error.at(*parent),
        }
    }

    fn element<T: DeserializeSeed<'d>>(
        &mut self,
        seed: T,
        element: Element<'d>,
        hint: Hint,
    ) -> Result<T::Value, TreeError> {
        let takes_all = Cell::new(false);
        let path = Path::Element(&self.place.path, element.name(), 0);
        let place = Place {
            element,
            path,
            reader: self.place.reader,
            namespace: hint.namespace.or(self.namespace),
            many: hint.item.map_or(Many::Siblings(self.children, &takes_all), Many::Wrapped),
        };
        let reader = place.reader;
        let seen = || {
            let (key, hint) = keys::element_field(self.hinted, self.namespace, element);
            place.seen(Step::Key(key), hint.is_secret)
        };
        let value = reader.within(&path, seen, || {
            let value = seed.deserialize(place).map_err(|error| error.at(path));
            if let (Some(notes), true) = (reader.notes, takes_all.get()) {
                notes.forget_text(&path);
            }
            value
        })?;
        if takes_all.get() {
            self.listed.push(element);
        }
        Ok(value)
    }

    fn is_secret(&self, key: &str) -> bool {
        self.hinted.is_some_and(|hinted| hinted.field(key).is_secret)
    }

    /// Returns what is known of a field that has no text.
    fn empty<'s>(&self, key: &'s str) -> Seen<'s> {
        Seen { step: Step::Key(Cow::Borrowed(key)), is_secret: self.is_secret(key), text: None }
    }

    /// Notes where each field would be, for those that are not there.
    pub(super) fn note_all(&self) {
        if self.place.reader.notes.is_none() {
            return;
        }
        for field in self.missing {
            let seen = || self.empty(field);
            self.place.field_path(field, self.hinted, |path| self.place.reader.within(&path, seen, || {}));
        }
    }

    fn text<T: DeserializeSeed<'d>>(
        &self,
        seed: T,
        text: Cow<'d, str>,
        path: Path<'_>,
        key: impl FnOnce() -> Cow<'d, str>,
    ) -> Result<T::Value, TreeError> {
        let is_content = matches!(path, Path::Element(..));
        let said = || {
            let key = key();
            let is_secret = self.is_secret(&key);
            (Step::Key(key), is_secret)
        };
        TextPlace { text, path, reader: self.place.reader, is_content }.read(said, seed)
    }
}

impl<'d> MapAccess<'d> for Fields<'d, '_> {
    type Error = TreeError;

    fn next_key_seed<K: DeserializeSeed<'d>>(&mut self, seed: K) -> Result<Option<K::Value>, TreeError> {
        let read = match self.next_key() {
            None => return Ok(None),
            Some(Cow::Borrowed(key)) => seed.deserialize(BorrowedStrDeserializer::new(key)),
            Some(Cow::Owned(key)) => seed.deserialize(StrDeserializer::new(&key)),
        };
        read.map(Some).map_err(|error| self.unknown(error))
    }

    fn next_value_seed<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<T::Value, TreeError> {
        let (reader, parent) = (self.place.reader, self.place.path);
        match std::mem::replace(&mut self.next, Next::None) {
            Next::Element(element, hint) => self.element(seed, element, hint),
            Next::Attribute(attribute) => {
                let key = || {
                    let field = keys::attribute_field(self.hinted, &attribute);
                    field.map_or_else(|| Cow::Owned(keys::of_attribute(&attribute)), Cow::Borrowed)
                };
                let path = Path::Attribute(&parent, attribute.written);
                self.text(seed, Cow::Borrowed(attribute.value), path, key)
            }
            Next::Text => {
                let key = || Cow::Borrowed(self.hinted.and_then(|hinted| hinted.text).unwrap_or(keys::TEXT));
                self.text(seed, self.place.element.text(), Path::Element(&parent, "text()", 0), key)
            }
            Next::Param(param) => match reader.params.get(param) {
                Some(param) => reader.param(param, reader.notes.is_some() && self.is_secret(param.0), seed),
                None => Err(de::Error::custom("a parameter that is none")),
            },
            Next::NoItems => seed.deserialize(SeqDeserializer::new(std::iter::empty::<()>())),
            Next::Mended(field) => self.place.field_path(&field, self.hinted, |path| {
                let seen = || self.empty(&field);
                reader.within(&path, seen, || seed.deserialize(reader.reading.filler(&path)))
            }),
            Next::None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

/// Checks what the root is called, where its model says how it has to be.
fn check_root(place: Place<'_, '_>, own: Hint) -> Result<(), TreeError> {
    if let Some(name) = own.name
        && name != place.element.name()
    {
        return Err(TreeError::said(format_args!("expected the element {name}")));
    }
    if !keys::is_in(place.element, own.namespace, place.namespace) {
        let namespace = own.namespace.or(place.namespace).unwrap_or_default();
        return Err(TreeError::said(format_args!("expected an element in the namespace \"{namespace}\"")));
    }
    Ok(())
}
