//! What a reading met in the places that somebody asks about.

use std::{borrow::Cow, cell::RefCell, collections::BTreeMap};

use crate::model::{Path, is_secret_name};

/// What a reading met, in the places that are asked about and no others: a document has as many places as it likes, and the
/// path of each is as long as all names around it.
///
/// Faults are told with XPaths, and constraints know of keys and indices alone: each note has both.
#[derive(Debug)]
pub(super) struct Notes(RefCell<State>);

#[derive(Debug)]
struct State {
    by: By,
    /// The places asked about, in order.
    asked: Vec<String>,
    /// What was met in each of them.
    met: Vec<Option<Note>>,
    /// Where the reading stands, as a JSON Pointer.
    pointer: String,
    is_secret: bool,
}

/// By what places are asked about.
#[derive(Clone, Copy, Debug)]
enum By {
    Path,
    /// If a place is not met itself, what is around it is.
    Pointer,
}

/// What was met in a place.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) path: String,
    pub(super) pointer: String,
    /// What stands there, if that is one text and may be repeated.
    pub(super) text: Option<String>,
}

/// How a place is called in the one around it.
#[derive(Debug)]
pub(super) enum Step<'s> {
    Key(Cow<'s, str>),
    Index(usize),
    /// It is the same for whoever reads it.
    Same,
}

/// What is known of a place before it is read.
#[derive(Debug)]
pub(super) struct Seen<'s> {
    pub(super) step: Step<'s>,
    /// Whether its model says so; a name may say so as well.
    pub(super) is_secret: bool,
    /// What stands there, if that is one text.
    pub(super) text: Option<Cow<'s, str>>,
}

/// Where a reading stood before it went on to a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outer {
    length: usize,
    is_secret: bool,
}

impl Notes {
    /// Asks about places by their XPaths.
    pub(super) fn of_paths(paths: Vec<String>) -> Self {
        Self::of(By::Path, paths)
    }

    /// Asks about places by their JSON Pointers.
    pub(super) fn of_pointers(pointers: Vec<String>) -> Self {
        Self::of(By::Pointer, pointers)
    }

    fn of(by: By, mut asked: Vec<String>) -> Self {
        asked.sort_unstable();
        asked.dedup();
        let met = vec![None; asked.len()];
        Self(RefCell::new(State { by, asked, met, pointer: String::new(), is_secret: false }))
    }

    /// Goes on to a place.
    pub(super) fn enter(&self, path: &Path<'_>, seen: Seen<'_>) -> Outer {
        let state = &mut *self.0.borrow_mut();
        let outer = Outer { length: state.pointer.len(), is_secret: state.is_secret };
        let is_named_so = match &seen.step {
            Step::Key(key) => {
                state.pointer.push_str(&Path::Key(&Path::Root, key).to_string());
                is_secret_name(key)
            }
            Step::Index(index) => {
                state.pointer.push_str(&Path::Index(&Path::Root, *index).to_string());
                false
            }
            Step::Same => false,
        };
        state.is_secret |= seen.is_secret || is_named_so || path.name().is_some_and(is_secret_name);
        state.note(path, seen.text.filter(|_| !state.is_secret));
        outer
    }

    /// Goes back to the place around.
    pub(super) fn leave(&self, outer: Outer) {
        let state = &mut *self.0.borrow_mut();
        state.pointer.truncate(outer.length);
        state.is_secret = outer.is_secret;
    }

    /// Forgets the text of the place where the reading stands: it is only a part of what is there.
    pub(super) fn forget_text(&self, path: &Path<'_>) {
        let state = &mut *self.0.borrow_mut();
        let (path, pointer) = (path.to_string(), state.pointer.as_str());
        let here = state.met.iter_mut().flatten().filter(|note| note.path == path && note.pointer == pointer);
        here.for_each(|note| note.text = None);
    }

    /// Ends the notes, and returns what was met in places by what they were asked about as.
    pub(super) fn into_met(self) -> BTreeMap<String, Note> {
        let State { asked, met, .. } = self.0.into_inner();
        asked.into_iter().zip(met).filter_map(|(asked, note)| Some((asked, note?))).collect()
    }
}

impl State {
    /// Notes what is met, if that is asked about.
    fn note(&mut self, path: &Path<'_>, text: Option<Cow<'_, str>>) {
        let pointer = self.pointer.as_str();
        let range = match self.by {
            By::Path => match self.asked.binary_search(&path.to_string()) {
                Ok(position) => position..position + 1,
                Err(_) => return,
            },
            By::Pointer => {
                let from = self.asked.partition_point(|asked| asked.as_str() < pointer);
                let beside = self.asked.iter().skip(from).take_while(|asked| asked.starts_with(pointer)).count();
                from..from + beside
            }
        };
        if range.is_empty() {
            return;
        }
        let text = text.map(Cow::into_owned);
        let note = Note { path: path.to_string(), pointer: pointer.to_owned(), text };
        for (asked, met) in self.asked.iter().zip(&mut self.met).take(range.end).skip(range.start) {
            let is_it = match self.by {
                By::Path => true,
                By::Pointer => asked.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            };
            let is_nearer = |met: &Note| match self.by {
                // The words of an attribute have no XPath but that of the attribute.
                By::Path => pointer.len() <= met.pointer.len(),
                By::Pointer => met.pointer.len() <= pointer.len(),
            };
            if is_it && met.as_ref().is_none_or(is_nearer) {
                *met = Some(note.clone());
            }
        }
    }
}

impl Note {
    /// Returns the XPath of a place in this one, or of this one, by its JSON Pointer.
    ///
    /// What has not been read, since it isn't there, or since serde set aside what it is in, is called as the keys are.
    pub(super) fn path_of(&self, pointer: &str) -> String {
        let mut path = self.path.clone();
        for step in pointer.strip_prefix(&self.pointer).unwrap_or_default().split('/').skip(1) {
            match step.parse::<usize>() {
                // No name of XML begins with a digit.
                Ok(index) => path.push_str(&format!("[{}]", index.saturating_add(1))),
                Err(_) => {
                    path.push('/');
                    path.push_str(&step.replace("~1", "/").replace("~0", "~"));
                }
            }
        }
        path
    }

    /// Returns the text of a place, if this is its note.
    pub(super) fn text_of(&self, pointer: &str) -> Option<&str> {
        self.text.as_deref().filter(|_| self.pointer == pointer)
    }
}
