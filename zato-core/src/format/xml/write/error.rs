//! Why a value can't be written, and where in it that is.

use std::{borrow::Cow, fmt};

use serde::ser;

/// What is wrong with a value that is to become XML.
#[derive(Debug)]
pub(in super::super) struct Unwritable {
    what: Cow<'static, str>,
    /// Where, from the inside out: `order`, `line`, `@note`.
    place: Vec<String>,
}

impl Unwritable {
    pub(super) fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), place: Vec::new() }
    }

    /// Says that it is in something of a name.
    pub(super) fn within(mut self, name: &str) -> Self {
        self.place.push(name.to_owned());
        self
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in self.place.iter().rev() {
            write!(f, "/{name}")?;
        }
        if !self.place.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Unwritable {}

impl ser::Error for Unwritable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}
