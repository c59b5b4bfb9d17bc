//! Text that was taken for a number because its reader asked for anything, or an untyped number that was taken for text,
//! and the second reading that puts it right.

use std::fmt;

use serde::de::{DeserializeOwned, Unexpected};

use super::DeError;
use crate::config::scalar::{self, Meaning};
use crate::config::suggest::quoted;
use crate::config::{ConfigFault, Node, NodeKind, Origin, Style};

/// How many scalars may turn out to be text before [`from_node`] gives up.
const READINGS: u32 = 32;

/// Reads a value into a type.
///
/// # Errors
///
/// The first thing that does not fit, at its place: a wrong type, an unknown or a missing key.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, from_node, yaml};
///
/// #[derive(Debug, serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Channel {
///     name: String,
///     url_path: String,
/// }
///
/// let node = yaml::parse("zato.yaml", "name: ping\nurlpath: /ping")?;
/// let fault = from_node::<Channel>(&node).unwrap_err();
/// assert_eq!(
///     fault.to_string(),
///     "zato.yaml:2:1: unknown key \"urlpath\"; did you mean \"url_path\"? (name, url_path)"
/// );
/// # Ok::<(), ConfigFault>(())
/// ```
pub fn from_node<T: DeserializeOwned>(node: &Node) -> Result<T, ConfigFault> {
    let mut readings = READINGS;
    read(node, &mut readings).map_err(ConfigFault::from)
}

fn read<T: DeserializeOwned>(node: &Node, readings: &mut u32) -> Result<T, DeError> {
    let error = match T::deserialize(node) {
        Ok(value) => return Ok(value),
        Err(error) => error.within(node),
    };
    for origin in error.misread() {
        let Some(left) = readings.checked_sub(1) else { break };
        *readings = left;
        let mut corrected = node.clone();
        let text = read_otherwise(&mut corrected, origin);
        match read(&corrected, readings) {
            Ok(value) => return Ok(value),
            // As text it does not fit either: it is a number, and another scalar of that text was misread. The place
            // does not tell, because there may be several of that text by now.
            Err(next) if text.is_some() && next.refused() == text.as_deref() => {}
            // Nor as a number.
            Err(next) if text.is_none() && next.origin() == Some(origin) => {}
            Err(next) => return Err(next),
        }
    }
    Err(error)
}

/// Makes text of the scalar at `origin`, and gives it; or a number, if it is an untyped one.
fn read_otherwise(node: &mut Node, origin: &Origin) -> Option<String> {
    let is_number = can_be_another(node);
    match &mut node.kind {
        NodeKind::Scalar { style, .. } if node.origin == *origin && is_number => {
            *style = Style::Plain;
            None
        }
        NodeKind::Scalar { text, style } if node.origin == *origin => {
            *style = Style::Quoted;
            Some(text.clone())
        }
        NodeKind::Null | NodeKind::Scalar { .. } => None,
        // Not `find_map`: an anchor's value is there once per alias, all at one origin.
        NodeKind::List(items) => items.iter_mut().filter_map(|item| read_otherwise(item, origin)).last(),
        NodeKind::Map(entries) => entries.iter_mut().filter_map(|(_, value)| read_otherwise(value, origin)).last(),
    }
}

/// Tells whether a scalar, which is a text where its reader asks for anything, would be a number for one who wants that.
pub(super) fn can_be_another(node: &Node) -> bool {
    let NodeKind::Scalar { text, style: Style::Untyped } = &node.kind else { return false };
    matches!(scalar::meaning(text), Meaning::Integer(_) | Meaning::Float(_))
}

/// A value that serde had in its hands when something did not fit; which scalar it came from is to be found.
#[derive(Debug)]
pub(super) enum Sought {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
}

impl Sought {
    pub(super) fn from_serde(unexpected: Unexpected<'_>) -> Option<Self> {
        match unexpected {
            Unexpected::Bool(value) => Some(Self::Bool(value)),
            Unexpected::Unsigned(value) => Some(Self::Integer(value.into())),
            Unexpected::Signed(value) => Some(Self::Integer(value.into())),
            Unexpected::Float(value) => Some(Self::Float(value)),
            Unexpected::Char(value) => Some(Self::Text(value.into())),
            Unexpected::Str(value) => Some(Self::Text(value.to_owned())),
            _ => None,
        }
    }

    fn is(&self, text: &str, style: Style) -> bool {
        match (self, scalar::meaning_of(text, style)) {
            (Self::Bool(sought), Meaning::Bool(value)) => *sought == value,
            (Self::Integer(sought), Meaning::Integer(value)) => *sought == value,
            (Self::Float(sought), Meaning::Float(value)) => sought.to_bits() == value.to_bits(),
            (Self::Text(sought), Meaning::Text) => sought == text,
            _ => false,
        }
    }
}

impl fmt::Display for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => f.write_str(&quoted(value)),
        }
    }
}

pub(super) fn scalars_that_are<'a>(sought: &Sought, node: &'a Node) -> Vec<&'a Node> {
    let mut found = Vec::new();
    // A scalar that is read itself is what was sought, also if its reader made something of it first.
    let is_scalar = matches!(node.kind, NodeKind::Scalar { .. });
    node.each_scalar(&mut |scalar, text, style| {
        if is_scalar || sought.is(text, style) {
            found.push(scalar);
        }
    });
    found
}
