//! Constraints: what a value has to be beyond its type.
//!
//! `#[model(length(min = 1))]` and its like become calls of the functions here, in `Model::__check` of the model. That
//! goes through a value once it is read, and through every model in it; what it finds are faults like those of types. A
//! model that says nothing has an empty check, which the compiler leaves out.

mod items;
mod length;
mod nested;
mod pattern;
mod range;
mod texts;
mod violation;

use std::{borrow::Cow, collections::BTreeMap};

pub use self::{
    items::{Items, each},
    length::{Length, length},
    nested::{Checked, CheckedList, Nested, Unchecked},
    pattern::Pattern,
    range::{Bound, Dated, Ranged, range, range_of_text},
    texts::{Text, email, pattern, url},
    violation::{Violation, custom},
};
use super::{Model, faults::MAX_FAULTS, secrets, tree_error::Path};
use crate::error::{Error, Fault, Result};

/// Checks the constraints of a model that was made by hand.
///
/// What comes in is checked before a service sees it. What a program makes itself is not: not what a service returns,
/// and not what it invokes another service with as a typed input.
///
/// ```
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct User { name: String }
/// # impl zato_core::model::Model for User { const NAME: &'static str = "User"; fn __made_by_the_macro() {} }
/// use zato_core::model::validate;
///
/// let user = User { name: "my.user".to_owned() };
/// assert!(validate(&user).is_ok());
/// ```
///
/// # Errors
///
/// [`InvalidInput`](crate::Kind::InvalidInput) with every constraint that the value violates.
pub fn validate<M: Model>(value: &M) -> Result<()> {
    let found = violations(value, &NOTHING_MENDED, M::__check);
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::faults(found.into_iter().map(|found| found.fault).collect()))
}

/// Whether a value that was read violates nothing.
#[inline]
pub(crate) fn is_valid<M: Model>(value: &M) -> bool {
    violations(value, &NOTHING_MENDED, M::__check).is_empty()
}

/// What goes through a value.
pub(crate) type Check<T> = fn(&T, &mut Checks<'_>);

/// The places of a value that are not what was sent, with how often each was tried.
pub(crate) type Mended = BTreeMap<String, usize>;

pub(super) static NOTHING_MENDED: Mended = BTreeMap::new();

/// A constraint that is violated.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) fault: Fault,
    /// Whether the value in that place must not be repeated.
    pub(crate) is_secret: bool,
}

/// Returns what a value violates, apart from what was only read in place of a fault.
pub(crate) fn violations<T>(value: &T, mended: &Mended, check: Check<T>) -> Vec<Found> {
    let mut found = Vec::new();
    check(value, &mut Checks { path: Path::Root, is_secret: false, mended, found: &mut found });
    found
}

/// Where a check of a value stands, and what it found by then.
#[derive(Debug)]
pub struct Checks<'p> {
    path: Path<'p>,
    is_secret: bool,
    mended: &'p Mended,
    found: &'p mut Vec<Found>,
}

impl Checks<'_> {
    /// Goes on to a field.
    pub fn at<'s>(&'s mut self, key: &'s str) -> Checks<'s> {
        Checks { path: Path::Key(&self.path, key), is_secret: self.is_secret, mended: self.mended, found: self.found }
    }

    /// Goes on to a field whose value is never repeated.
    pub fn at_secret<'s>(&'s mut self, key: &'s str) -> Checks<'s> {
        Checks { is_secret: true, ..self.at(key) }
    }

    /// Goes on to an item of a list.
    pub fn at_item(&mut self, index: usize) -> Checks<'_> {
        Checks {
            path: Path::Index(&self.path, index),
            is_secret: self.is_secret,
            mended: self.mended,
            found: self.found,
        }
    }

    /// Notes that the value here is none of those expected.
    fn refuse(&mut self, detail: impl Into<Cow<'static, str>>) {
        self.note(Fault::new(self.path.to_string(), detail), self.is_secret);
    }

    fn note(&mut self, fault: Fault, is_secret: bool) {
        let is_made_up = || self.mended.keys().any(|mended| is_in(&fault.path, mended));
        if self.found.len() < MAX_FAULTS && !is_made_up() {
            let is_secret = is_secret || secrets::are_in(&fault.path);
            self.found.push(Found { fault, is_secret });
        }
    }

    /// Whether something in the value here was only read in place of a fault.
    fn is_partly_made_up(&self) -> bool {
        !self.mended.is_empty() && {
            let here = self.path.to_string();
            self.mended.keys().any(|mended| is_in(mended, &here))
        }
    }
}

/// Whether a place is another one, or in it.
fn is_in(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Says a count of something.
fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
