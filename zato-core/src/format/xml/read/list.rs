//! Elements that are the items of a list.

use std::cell::Cell;

use serde::de::{DeserializeSeed, SeqAccess};

use super::{
    super::{Children, Element, write::ITEM},
    keys,
    notes::Step,
    place::{Many, Place},
};
use crate::model::{Path, TreeError};

/// What Zato calls the one element that a list at the top stands in.
const ITEM_LIST: &str = "item_list";

/// The items of a list, one after the other.
pub(super) struct Items<'d, 'p> {
    place: Place<'d, 'p>,
    source: Source<'d, 'p>,
    /// How many have been read.
    read: usize,
}

enum Source<'d, 'p> {
    /// All elements in it, or all of a name; they may stand in one more element.
    Inside {
        children: Children<'d>,
        name: Option<&'static str>,
        is_listed: bool,
    },
    /// The element itself, and those after it that have its name.
    Beside {
        first: Option<Element<'d>>,
        rest: Children<'d>,
    },
    Group(std::slice::Iter<'p, Element<'d>>),
    /// The element itself, or the items in it, if whoever reads the first says that it is their wrapper.
    Unsure,
}

impl<'d, 'p> Items<'d, 'p> {
    pub(super) fn of(place: Place<'d, 'p>) -> Self {
        let inside = |name| Source::Inside { children: place.element.children(), name, is_listed: false };
        let source = match place.many {
            Many::Root { .. } => {
                let mut children = place.element.children();
                match (children.next(), children.next()) {
                    (Some(list), None) if list.name() == ITEM_LIST => {
                        Source::Inside { children: list.children(), name: None, is_listed: true }
                    }
                    _ => inside(None),
                }
            }
            Many::Item | Many::Unsure(_) => inside(None),
            Many::Wrapped(name) => inside(Some(name)),
            Many::Siblings(rest, takes_all) => {
                takes_all.set(true);
                if may_wrap(place.element, rest) {
                    Source::Unsure
                } else {
                    Source::Beside { first: Some(place.element), rest }
                }
            }
            Many::Group(group) => Source::Group(group.iter()),
        };
        Self { place, source, read: 0 }
    }

    fn next(&mut self) -> Option<Element<'d>> {
        match &mut self.source {
            Source::Inside { children, name, .. } => {
                children.find(|child| name.is_none_or(|name| child.name() == name))
            }
            Source::Beside { first, rest } => first.take().or_else(|| {
                let element = self.place.element;
                rest.find(|child| child.name() == element.name() && child.namespace() == element.namespace())
            }),
            Source::Group(group) => group.next().copied(),
            Source::Unsure => None,
        }
    }

    /// Reads what is either the only item, or the first of those in it.
    fn first_of_unsure<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<T::Value, TreeError> {
        let (is_wrapper, list) = (Cell::new(false), self.place);
        let path = match list.path {
            Path::Element(parent, name, _) => Path::Element(parent, name, 1),
            other => other,
        };
        let item = Place { path, many: Many::Unsure(&is_wrapper), ..list };
        let seen = || item.seen(Step::Index(0), false);
        let value = list.reader.within(&path, seen, || seed.deserialize(item)).map_err(|error| error.at(path))?;
        let mut children = list.element.children();
        if is_wrapper.get() {
            self.read = usize::from(children.next().is_some());
            self.source = Source::Inside { children, name: Some(ITEM), is_listed: false };
        } else {
            self.source = Source::Group([].iter());
        }
        Ok(value)
    }
}

/// Whether an element may be Zato's wrapper of a list: it is alone, and has nothing but elements called `item` in it.
fn may_wrap<'d>(element: Element<'d>, mut after: Children<'d>) -> bool {
    let mut children = element.children();
    let is_item = |child: Element<'_>| child.name() == ITEM;
    children.next().is_some_and(is_item)
        && children.all(is_item)
        && !after.any(|other| other.name() == element.name())
        && !keys::has_data(element)
        && element.text().trim().is_empty()
}

impl<'d> SeqAccess<'d> for Items<'d, '_> {
    type Error = TreeError;

    fn next_element_seed<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<Option<T::Value>, TreeError> {
        if matches!(self.source, Source::Unsure) {
            return self.first_of_unsure(seed).map(Some);
        }
        let Some(element) = self.next() else { return Ok(None) };
        self.read += 1;
        let Place { path: list, reader, namespace, .. } = &self.place;
        let listed = Path::Element(list, ITEM_LIST, 0);
        let path = match (&self.source, list) {
            (Source::Inside { is_listed: true, .. }, _) => Path::Element(&listed, element.name(), self.read),
            (Source::Inside { .. }, list) => Path::Element(list, element.name(), self.read),
            // The items are beside one another: the list itself is nowhere.
            (_, Path::Element(parent, name, _)) => Path::Element(parent, name, self.read),
            (_, list) => Path::Element(list, element.name(), self.read),
        };
        let item = Place { element, path, reader, namespace: *namespace, many: Many::Item };
        let seen = || item.seen(Step::Index(self.read.saturating_sub(1)), false);
        reader.within(&path, seen, || seed.deserialize(item)).map(Some).map_err(|error| error.at(path))
    }
}
