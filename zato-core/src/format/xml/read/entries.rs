//! What an element has for a map, or for data of no type.

use std::{borrow::Cow, collections::HashMap};

use serde::de::{
    self, DeserializeSeed, MapAccess,
    value::{BorrowedStrDeserializer, StrDeserializer},
};

use super::{
    super::{Attribute, Element},
    keys,
    notes::{Seen, Step},
    place::{Many, Place},
    text::TextPlace,
};
use crate::{
    message::ParamsPriority,
    model::{Path, TreeError},
};

/// The attributes (`@name`), elements by their names, and text (`$text`) of an element, with the parameters laid over the
/// root.
pub(super) struct Entries<'d, 'p> {
    place: Place<'d, 'p>,
    entries: std::vec::IntoIter<(Cow<'d, str>, Given<'d>)>,
    next: Option<(Cow<'d, str>, Given<'d>)>,
    /// The keys that are known to be missing, where something plausible is given: nobody says which keys there are.
    unsaid: std::vec::IntoIter<String>,
    /// The value asked for next is that of such a key.
    mended: Option<String>,
}

enum Given<'d> {
    Attribute(Attribute<'d>),
    /// One element, or all of a name.
    Elements(Vec<Element<'d>>),
    Text(Cow<'d, str>),
    Param(usize),
}

impl<'d, 'p> Entries<'d, 'p> {
    pub(super) fn of(place: Place<'d, 'p>) -> Self {
        let element = place.element;
        let mut entries: Vec<(Cow<'d, str>, Given<'d>)> = element
            .attributes()
            .filter(keys::is_data)
            .map(|attribute| (Cow::Owned(keys::of_attribute(&attribute)), Given::Attribute(attribute)))
            .collect();
        // An element may have as many names in it as a body has room for: looking through all of them for each would take
        // hours.
        let mut positions: HashMap<&str, usize> = HashMap::new();
        for child in element.children() {
            match positions.get(child.name()).and_then(|position| entries.get_mut(*position)) {
                Some((_, Given::Elements(elements))) => elements.push(child),
                _ => {
                    positions.insert(child.name(), entries.len());
                    entries.push((Cow::Borrowed(child.name()), Given::Elements(vec![child])));
                }
            }
        }
        let text = element.text();
        if !text.trim().is_empty() {
            entries.push((Cow::Borrowed(keys::TEXT), Given::Text(text)));
        }
        if matches!(place.many, Many::Root { .. }) {
            lay_over(place, &mut entries);
        }
        let reading = place.reader.reading;
        let mut unsaid = reading.mended_below(&place.path);
        unsaid.retain(|key| !entries.iter().any(|(given, _)| given == key));
        Self { place, entries: entries.into_iter(), next: None, unsaid: unsaid.into_iter(), mended: None }
    }
}

fn lay_over<'d>(place: Place<'d, '_>, entries: &mut Vec<(Cow<'d, str>, Given<'d>)>) {
    for (number, (name, _)) in place.reader.params.iter().enumerate() {
        let is_given = entries.iter().any(|(key, _)| key == name);
        if is_given && place.reader.priority == ParamsPriority::MsgOverChannelParams {
            continue;
        }
        if is_given {
            entries.retain(|(key, _)| key != name);
        }
        entries.push((Cow::Borrowed(name), Given::Param(number)));
    }
}

impl<'d> MapAccess<'d> for Entries<'d, '_> {
    type Error = TreeError;

    fn next_key_seed<K: DeserializeSeed<'d>>(&mut self, seed: K) -> Result<Option<K::Value>, TreeError> {
        self.next = self.entries.next();
        let Some((key, _)) = &self.next else {
            let Some(key) = self.unsaid.next() else { return Ok(None) };
            let read = seed.deserialize(StrDeserializer::new(&key)).map(Some);
            self.mended = Some(key);
            return read;
        };
        let read = match key {
            Cow::Borrowed(key) => seed.deserialize(BorrowedStrDeserializer::new(key)),
            Cow::Owned(key) => seed.deserialize(StrDeserializer::new(key)),
        };
        read.map(Some).map_err(|error: TreeError| match error.child {
            Some(_) => error.at(self.place.path),
            None => error.at(Path::Element(&self.place.path, key, 0)),
        })
    }

    fn next_value_seed<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<T::Value, TreeError> {
        let Place { path: parent, reader, namespace, .. } = &self.place;
        let (parent, reader) = (parent, *reader);
        if let Some(key) = self.mended.take() {
            let path = Path::Element(parent, &key, 0);
            let seen = || Seen { step: Step::Key(Cow::Borrowed(&key)), is_secret: false, text: None };
            return reader.within(&path, seen, || seed.deserialize(reader.reading.filler(&path)));
        }
        let Some((key, given)) = self.next.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let step = || Step::Key(key.clone());
        match given {
            Given::Attribute(attribute) => {
                let (text, path) = (Cow::Borrowed(attribute.value), Path::Attribute(parent, attribute.written));
                TextPlace { text, path, reader, is_content: false }.read(|| (step(), false), seed)
            }
            Given::Text(text) => {
                let path = Path::Element(parent, "text()", 0);
                TextPlace { text, path, reader, is_content: true }.read(|| (step(), false), seed)
            }
            Given::Elements(elements) => {
                let path = Path::Element(parent, &key, 0);
                let Some(element) = elements.first().copied() else {
                    return Err(de::Error::custom("a name without an element"));
                };
                let many = Many::Group(&elements);
                let place = Place { element, path, reader, namespace: *namespace, many };
                let seen = || Seen { step: step(), ..place.seen(Step::Same, false) };
                reader.within(&path, seen, || seed.deserialize(place)).map_err(|error| error.at(path))
            }
            Given::Param(param) => match reader.params.get(param) {
                Some(param) => reader.param(param, false, seed),
                None => Err(de::Error::custom("a parameter that is none")),
            },
        }
    }
}
