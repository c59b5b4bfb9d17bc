//! What is wrong with a tree, and where.

use std::{borrow::Cow, cell::RefCell, fmt};

use serde::de::{self, Expected, Unexpected};

use super::expected;

/// What has to be done about a fault so that the reading gets past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    Fill,
    PassOver,
    TakeFirst,
    /// What was read in place of a fault could not be used either.
    Impossible,
}

/// Where a reading stands, as a list from the inside out that costs nothing until it is written down.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
    /// An element of XML, and which of those of its name, counted from 1; 0 where there is one alone.
    #[cfg(feature = "xml")]
    Element(&'a Self, &'a str, usize),
    /// An attribute of XML.
    #[cfg(feature = "xml")]
    Attribute(&'a Self, &'a str),
}

#[cfg(feature = "xml")]
impl Path<'_> {
    /// Returns the name of an element or an attribute.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Element(_, name, _) | Self::Attribute(_, name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(parent, key) => write!(f, "{parent}/{}", escaped(key)),
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
            #[cfg(feature = "xml")]
            Self::Element(parent, name, 0) => write!(f, "{parent}/{name}"),
            #[cfg(feature = "xml")]
            Self::Element(parent, name, position) => write!(f, "{parent}/{name}[{position}]"),
            #[cfg(feature = "xml")]
            Self::Attribute(parent, name) => write!(f, "{parent}/@{name}"),
        }
    }
}

/// Escapes a key for a JSON Pointer (RFC 6901 §3).
fn escaped(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { Cow::Owned(key.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(key) }
}

/// What is wrong, and where as soon as that is known.
#[derive(Debug)]
pub(crate) struct TreeError {
    pub(crate) path: Option<String>,
    pub(super) detail: Cow<'static, str>,
    /// The key that is missing, unknown or doubled below the place where this was noticed.
    pub(crate) child: Option<Cow<'static, str>>,
    pub(super) mend: Mend,
    /// The keys from the place where this was noticed down to where it is, as a JSON Pointer: what serde has set aside has no
    /// place that a reading knows of.
    below: RefCell<String>,
    /// An empty text stood there, which may stand for nothing.
    pub(super) is_of_empty: bool,
    /// What was sent there is not to be repeated: it is a secret, or nobody asked for it, or it is not there.
    pub(super) is_secret: bool,
    /// The words are a library's own, which may repeat what was sent.
    is_foreign: bool,
}

impl TreeError {
    pub(crate) fn said(detail: fmt::Arguments<'_>) -> Self {
        Self {
            path: None,
            detail: Cow::Owned(detail.to_string()),
            child: None,
            mend: Mend::Fill,
            below: RefCell::default(),
            is_of_empty: false,
            is_secret: false,
            is_foreign: false,
        }
    }

    /// Returns an error of any type as what it is, if it is one of a tree.
    pub(super) fn of<E: std::error::Error>(error: &E) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    /// Whether the words are a library's own.
    pub(super) fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Says that this is within the value of a key, of an object that has been set aside.
    pub(super) fn is_below(&self, key: &str) {
        if self.path.is_none() {
            self.below.borrow_mut().insert_str(0, &format!("/{}", escaped(key)));
        }
    }

    /// Puts our words in place of a library's, where those are about a text that it could not parse.
    pub(crate) fn in_our_words(self, expected: &str) -> Self {
        if !self.is_foreign || self.path.is_some() {
            return self;
        }
        Self { is_foreign: false, detail: Cow::Owned(format!("expected {expected}, which the text is not")), ..self }
    }

    /// Says whether it was an empty text that could not be read.
    pub(crate) fn of_text(mut self, is_empty: bool) -> Self {
        self.is_of_empty |= is_empty && self.path.is_none();
        self
    }

    /// Notes that what was sent there is not to be repeated, if that is so.
    pub(crate) fn secret_if(mut self, is_secret: bool) -> Self {
        self.is_secret |= is_secret;
        self
    }

    pub(crate) fn at(mut self, path: Path<'_>) -> Self {
        if self.path.is_none() {
            let mut path = format!("{path}{}", self.below.get_mut());
            if let Some(child) = &self.child {
                path.push('/');
                path.push_str(&escaped(child));
            }
            self.path = Some(path);
        }
        self
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for TreeError {
    /// Itself, so that it is found in an error whose type is only known to be one of serde's.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self)
    }
}

impl de::Error for TreeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { is_foreign: true, ..Self::said(format_args!("{message}")) }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::said(format_args!("expected {}, got {}", expected::of(expected), expected::kind_of(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::said(format_args!(
            "expected {}, got {} that does not fit",
            expected::of(expected),
            expected::kind_of(found)
        ))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        Self::said(format_args!("expected {}, got {len} items", expected::of(expected)))
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Self {
        Self::said(format_args!("{}", expected::one_of(variants)))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let error = Self::said(format_args!("unknown key, {}", expected::one_of(known)));
        // Whatever stands under a name that nobody knows may be a password whose name is misspelt.
        Self { child: Some(Cow::Owned(field.to_owned())), mend: Mend::PassOver, is_secret: true, ..error }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { child: Some(Cow::Borrowed(field)), is_secret: true, ..Self::said(format_args!("missing")) }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self {
            child: Some(Cow::Borrowed(field)),
            mend: Mend::TakeFirst,
            is_secret: true,
            ..Self::said(format_args!("given more than once"))
        }
    }
}
