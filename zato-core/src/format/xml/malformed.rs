//! What is wrong with bytes that are no XML, and where.

use std::borrow::Cow;

use super::Position;
use crate::error::Fault;

/// Bytes that are no XML, or none that is taken.
#[derive(Debug)]
pub(super) struct Malformed {
    /// What is wrong. It never repeats what was sent, but for the name of an encoding.
    what: Cow<'static, str>,
    /// How many bytes of the text stand before it.
    at: usize,
}

impl Malformed {
    pub(super) fn new(what: impl Into<Cow<'static, str>>, at: usize) -> Self {
        Self { what: what.into(), at }
    }

    /// Tells it as a fault of the whole input.
    pub(super) fn into_fault(self, text: &str) -> Fault {
        let Position { line, column } = Position::of(text, self.at);
        Fault::new("", format!("malformed XML: {} at line {line} column {column}", self.what))
    }
}
