//! What a value is instead of what it should be.

use std::fmt::{self, Display};

use serde::de::{Error, Expected, Unexpected};

use super::misread::{Sought, can_be_another, scalars_that_are};
use crate::config::node::HIDDEN;
use crate::config::suggest::{alternatives, quoted};
use crate::config::{ConfigFault, Key, Node, Origin};

/// Hidden texts shorter than this are struck out of foreign messages only where they are quoted: without their letters
/// no message could be read.
const TELLING: usize = 3;

/// Says why a [`Node`] is not what its reader asked for.
///
/// Made by serde while a node is read; [`ConfigFault`] is what comes out of [`from_node`](super::from_node).
///
/// # Examples
///
/// ```
/// use serde::Deserialize;
/// use zato_core::config::{ConfigFault, yaml};
///
/// let node = yaml::parse("zato.yaml", "maybe")?;
/// let error = bool::deserialize(&node).unwrap_err();
/// assert_eq!(error.to_string(), "zato.yaml:1:1: expected a boolean, found \"maybe\"");
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Debug)]
pub struct DeError(Box<Detail>);

/// Boxed, because it is a part of every `Result` on the way.
#[derive(Debug)]
struct Detail {
    /// Unknown until the error passes the node that it is about.
    origin: Option<Origin>,
    wrong: Wrong,
    /// The scalars that may have been taken for numbers or booleans although text was wanted, or the other way round.
    misread: Vec<Origin>,
    /// The text that was refused, if it was one.
    refused: Option<String>,
}

/// Kept in parts until the place is known, for only then it is known whether the text may be shown.
#[derive(Debug)]
enum Wrong {
    Other(String),
    Mismatch { expected: String, found: Found },
    UnknownKey { name: String, known: &'static [&'static str] },
    UnknownValue { name: Option<String>, known: &'static [&'static str] },
    MissingKey(&'static str),
    RepeatedKey(&'static str),
}

#[derive(Debug)]
enum Found {
    Words(String),
    Scalar(Sought),
}

impl DeError {
    fn new(wrong: Wrong) -> Self {
        Self(Box::new(Detail { origin: None, wrong, misread: Vec::new(), refused: None }))
    }

    /// Says that `node` is not what was expected.
    pub(super) fn mismatch(node: &Node, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let mut error = Self::new(Wrong::Mismatch { expected: expected.into(), found: Found::Words(found.into()) });
        error.0.origin = Some(node.origin.clone());
        error
    }

    /// The place of the value, once it is known.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.0.origin.as_ref()
    }

    pub(super) fn misread(&self) -> &[Origin] {
        &self.0.misread
    }

    pub(super) fn refused(&self) -> Option<&str> {
        self.0.refused.as_deref()
    }

    /// Gives the error the place of the key or variant that was being read; it can be no other.
    pub(super) fn at(mut self, origin: &Origin, hidden: bool) -> Self {
        if self.0.origin.is_none() {
            self.0.origin = Some(origin.clone());
            if hidden {
                self.conceal();
            }
        }
        self
    }

    /// Gives the error the place of `node`, which was being read, or of the part of it that the error is about.
    pub(super) fn within(mut self, node: &Node) -> Self {
        if self.0.origin.is_some() {
            return self;
        }
        let mut origin = &node.origin;
        match &mut self.0.wrong {
            Wrong::Other(message) => strike_out(node, message),
            Wrong::MissingKey(_) => {}
            Wrong::UnknownKey { name, .. } => origin = key_origin(node, name).unwrap_or(origin),
            Wrong::RepeatedKey(name) => origin = key_origin(node, name).unwrap_or(origin),
            Wrong::UnknownValue { name, .. } => {
                let sought = Sought::Text(name.clone().unwrap_or_default());
                let found = scalars_that_are(&sought, node);
                if found.iter().any(|scalar| scalar.hidden) {
                    *name = None;
                }
                origin = only(&found).unwrap_or(origin);
            }
            Wrong::Mismatch { found: Found::Words(words), .. } => strike_out(node, words),
            Wrong::Mismatch { found, .. } => {
                if let Found::Scalar(sought) = found {
                    let scalars = scalars_that_are(sought, node);
                    origin = only(&scalars).unwrap_or(origin);
                    match sought {
                        Sought::Text(text) => {
                            self.0.refused = Some(text.clone());
                            let untyped = scalars.iter().filter(|scalar| can_be_another(scalar));
                            self.0.misread = untyped.map(|scalar| scalar.origin.clone()).collect();
                        }
                        _ => self.0.misread = scalars.iter().map(|scalar| scalar.origin.clone()).collect(),
                    }
                    let hidden = scalars.iter().any(|scalar| scalar.hidden);
                    *found = Found::Words(if hidden { concealed() } else { sought.to_string() });
                }
            }
        }
        self.0.origin = Some(origin.clone());
        self
    }

    fn conceal(&mut self) {
        match &mut self.0.wrong {
            Wrong::Other(message) => *message = format!("{HIDDEN} is not accepted here"),
            Wrong::UnknownKey { name, .. } => *name = HIDDEN.to_owned(),
            Wrong::UnknownValue { name, .. } => *name = None,
            Wrong::Mismatch { found, .. } => *found = Found::Words(concealed()),
            Wrong::MissingKey(_) | Wrong::RepeatedKey(_) => {}
        }
    }

    fn message(&self) -> String {
        match &self.0.wrong {
            Wrong::Other(message) => message.clone(),
            Wrong::Mismatch { expected, found: Found::Words(found) } => format!("expected {expected}, found {found}"),
            Wrong::Mismatch { expected, found: Found::Scalar(sought) } => {
                format!("expected {expected}, found {sought}")
            }
            Wrong::UnknownKey { name, known } => {
                format!("unknown key {}{}", quoted(name), alternatives(name, known.iter().copied()))
            }
            Wrong::UnknownValue { name: Some(name), known } => {
                format!("unknown value {}{}", quoted(name), alternatives(name, known.iter().copied()))
            }
            Wrong::UnknownValue { name: None, known } => {
                format!("unknown value {HIDDEN}{}", alternatives("", known.iter().copied()))
            }
            Wrong::MissingKey(name) => format!("missing key \"{name}\""),
            Wrong::RepeatedKey(name) => {
                format!("key \"{name}\" is given twice, under its name and another name for it")
            }
        }
    }
}

/// What stands for a text that must not be shown.
pub(super) fn concealed() -> String {
    format!("{HIDDEN} (hidden)")
}

fn only<'a>(scalars: &[&'a Node]) -> Option<&'a Origin> {
    if let [scalar] = scalars { Some(&scalar.origin) } else { None }
}

/// Finds a key: in the map itself, else in what is below it, where a buffering reader may have met it.
fn key_origin<'a>(node: &'a Node, name: &str) -> Option<&'a Origin> {
    let origin = |(key, _): &'a (Key, Node)| &key.origin;
    let below = || node.entries().iter().map(|(_, value)| value).chain(node.items());
    node.entry(name).map(origin).or_else(|| below().find_map(|child| key_origin(child, name)))
}

/// Removes hidden texts from a message that somebody else composed, of who knows what.
fn strike_out(node: &Node, message: &mut String) {
    node.each_scalar(&mut |scalar, text, _| {
        if !scalar.hidden || text.is_empty() {
            return;
        }
        for quote in ['"', '\'', '`'] {
            *message = message.replace(&format!("{quote}{text}{quote}"), HIDDEN);
        }
        let escaped = format!("{text:?}");
        *message = message.replace(&escaped, HIDDEN);
        if text.chars().count() >= TELLING {
            *message = message.replace(text, HIDDEN).replace(escaped.trim_matches('"'), HIDDEN);
        }
    });
}

impl Error for DeError {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Wrong::Other(message.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match Sought::from_serde(unexpected) {
            Some(sought) => Found::Scalar(sought),
            None => Found::Words(found_words(unexpected)),
        };
        Self::new(Wrong::Mismatch { expected: expected_words(&expected.to_string()), found })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let found = Found::Words(format!("a list of {length}"));
        Self::new(Wrong::Mismatch { expected: expected_words(&expected.to_string()), found })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Wrong::UnknownValue { name: Some(variant.to_owned()), known: expected })
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Wrong::UnknownKey { name: field.to_owned(), known: expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Wrong::MissingKey(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Wrong::RepeatedKey(field))
    }
}

/// Says in words of YAML what serde calls by the names of Rust's types.
fn expected_words(expected: &str) -> String {
    macro_rules! integers {
        ($($type:ident),*) => {
            match expected {
                $(stringify!($type) => integer_words($type::MIN, $type::MAX),)*
                "f32" | "f64" => "a number".to_owned(),
                "a sequence" => "a list".to_owned(),
                "unit" => "nothing".to_owned(),
                _ if expected.starts_with("struct ") => "a map".to_owned(),
                _ => expected.to_owned(),
            }
        };
    }
    integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize)
}

/// Names the integers of a type; the bounds of the wide ones would only distract.
pub(super) fn integer_words<T: Display>(least: T, greatest: T) -> String {
    let (low, high) = (least.to_string(), greatest.to_string());
    match (high.len() > 10, low == "0") {
        (true, false) => "an integer".to_owned(),
        (true, true) => "an integer that is not negative".to_owned(),
        (false, _) => format!("an integer from {low} to {high}"),
    }
}

fn found_words(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}

impl Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.0.origin {
            write!(f, "{origin}: ")?;
        }
        f.write_str(&self.message())
    }
}

impl std::error::Error for DeError {}

impl From<DeError> for ConfigFault {
    fn from(error: DeError) -> Self {
        let message = error.message();
        Self { origin: error.0.origin, message }
    }
}
