//! Why a row doesn't fit a model.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};
use zato_core::Error;

use super::Column;

/// Says which column doesn't fit and why, and never what is in it.
#[derive(Debug)]
pub(crate) struct RowFault {
    column: Option<String>,
    message: String,
}

impl RowFault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { column: None, message: message.into() }
    }

    /// Says which column it is about, unless that is known.
    pub(super) fn at(mut self, column: &Column) -> Self {
        self.column.get_or_insert_with(|| format!("{} ({})", column.name, column.type_name));
        self
    }

    pub(crate) fn into_error(self) -> Error {
        Error::internal(format!("a row doesn't fit what was asked for: {self}"))
    }
}

impl Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "the column {column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RowFault {}

/// Names what was found; a value is nobody's business in a log.
fn word(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a floating-point number",
        Unexpected::Char(_) | Unexpected::Str(_) => "a text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "NULL",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        _ => "something else",
    }
}

impl de::Error for RowFault {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {}", word(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {} that is none", word(found)))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {length} values"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of {}, got another text", expected.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("the result has a column \"{field}\" and the model has none; it has {}", expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the result has no column \"{field}\""))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the result has several columns \"{field}\"; rename all but one with AS"))
    }
}
