//! What models say of their fields, taken apart once for each model and document.

use std::{cell::RefCell, rc::Rc};

use crate::model::{Hint, Hints};

/// What a model says.
#[derive(Debug)]
pub(super) struct Hinted {
    /// Of itself.
    pub(super) own: Hint,
    /// Of its fields: those of which it says something.
    fields: Vec<(&'static str, Hint)>,
    /// Whether any of them is an attribute.
    pub(super) has_attributes: bool,
    /// The field that is the element's text.
    pub(super) text: Option<&'static str>,
}

impl Hinted {
    fn of(name: &'static str) -> Self {
        let hints = Hints::of(name);
        let fields: Vec<_> = hints.fields().filter(|(field, _)| !field.is_empty()).collect();
        Self {
            own: hints.of_struct(),
            has_attributes: fields.iter().any(|(_, hint)| hint.is_attribute),
            text: fields.iter().find(|(_, hint)| hint.is_text).map(|(field, _)| *field),
            fields,
        }
    }

    /// Returns what is said of a field.
    pub(super) fn field(&self, field: &str) -> Hint {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, hint)| *hint).unwrap_or_default()
    }

    /// Returns the fields of which something is said.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, Hint)> {
        self.fields.iter().copied()
    }
}

/// Keeps what models say by where their names lie: these are constants of the program.
#[derive(Debug, Default)]
pub(super) struct HintCache(RefCell<Vec<(usize, usize, Rc<Hinted>)>>);

impl HintCache {
    /// Returns what a model says, unless that is nothing.
    pub(super) fn get(&self, name: &'static str) -> Option<Rc<Hinted>> {
        let key = (name.as_ptr().addr(), name.len());
        let mut known = self.0.borrow_mut();
        if let Some((.., hinted)) = known.iter().find(|(address, length, _)| (*address, *length) == key) {
            return Some(Rc::clone(hinted));
        }
        if Hints::of(name).is_empty() {
            return None;
        }
        let hinted = Rc::new(Hinted::of(name));
        known.push((key.0, key.1, Rc::clone(&hinted)));
        Some(hinted)
    }
}
