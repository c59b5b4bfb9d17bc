//! Text that was taken for a number because its reader asked for anything, and the second reading that puts it right.

use std::fmt;

use serde::de::{DeserializeOwned, Unexpected};

use super::DeError;
use crate::config::scalar::{self, Meaning};
use crate::config::suggest::quoted;
use crate::config::{ConfigFault, Node, NodeKind, Origin};

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
        let text = read_as_text(&mut corrected, origin);
        match read(&corrected, readings) {
            Ok(value) => return Ok(value),
            // As text it does not fit either: it is a number, and another scalar of that text was misread. The place
            // does not tell, because there may be several of that text by now.
            Err(next) if next.refused() == text.as_deref() => {}
            Err(next) => return Err(next),
        }
    }
    Err(error)
}

/// Makes text of the scalar at `origin`, and gives it.
fn read_as_text(node: &mut Node, origin: &Origin) -> Option<String> {
    match &mut node.kind {
        NodeKind::Scalar { text, plain } if node.origin == *origin => {
            *plain = false;
            Some(text.clone())
        }
        NodeKind::Null | NodeKind::Scalar { .. } => None,
        // Not `find_map`: an anchor's value is there once per alias, all at one origin.
        NodeKind::List(items) => items.iter_mut().filter_map(|item| read_as_text(item, origin)).last(),
        NodeKind::Map(entries) => entries.iter_mut().filter_map(|(_, value)| read_as_text(value, origin)).last(),
    }
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

    fn is(&self, text: &str, plain: bool) -> bool {
        let meaning = if plain { scalar::meaning(text) } else { Meaning::Text };
        match (self, meaning) {
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
    node.each_scalar(&mut |scalar, text, plain| {
        if is_scalar || sought.is(text, plain) {
            found.push(scalar);
        }
    });
    found
}
