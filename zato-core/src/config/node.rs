//! A value as it was written, with the place of every part.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::Origin;
use crate::config::scalar::{self, Meaning};

/// How hidden text is printed.
pub(crate) const HIDDEN: &str = "******";

/// A key that ends with one of these names a secret. Compared after dashes and blanks became underscores.
const SECRET_KEYS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "secret",
    "secrets",
    "token",
    "credential",
    "credentials",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "secret_key",
];

/// Holds one value of a configuration: a scalar, a list or a map, and where it was written.
///
/// Two nodes are equal if they mean the same: origins do not count, nor does the order of a map's keys. This is how a
/// new configuration tells which of its entries changed.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, yaml};
///
/// let node = yaml::parse("fraud.yaml", "notify:\n  RGV: true\n")?;
/// let rgv = node.at_path("notify.RGV").and_then(|node| node.as_str());
/// assert_eq!(rgv, Some("true"));
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone)]
pub struct Node {
    /// The place of its first character; of its key, if a map has nothing after the colon.
    pub origin: Origin,
    /// What was written there.
    pub kind: NodeKind,
    /// Set when the text came from the environment or stands under a key that names a secret. Such text is never part
    /// of an error, a log line or a `Debug` output.
    pub hidden: bool,
}

/// Tells the shapes of a [`Node`] apart.
///
/// Its `Debug` names the shape alone: whether the text may be shown is known to the node only.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, NodeKind, Style, yaml};
///
/// let node = yaml::parse("a.yaml", "zip: '01234'")?;
/// let quoted = matches!(node.get("zip").map(|zip| &zip.kind), Some(NodeKind::Scalar { style: Style::Quoted, .. }));
/// assert!(quoted);
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, PartialEq)]
pub enum NodeKind {
    /// Nothing at all, `~` or `null`.
    Null,
    /// A word, a number, a text.
    Scalar {
        /// The source text, with quotes and escapes resolved and nothing else done to it: `0123` is still `0123`.
        text: String,
        /// How it was written, which tells what it can be.
        style: Style,
    },
    /// A list, in its order.
    List(Vec<Node>),
    /// A map, in the order in which it was written; no key is there twice.
    Map(Vec<(Key, Node)>),
}

/// Tells how a scalar was written, and so what it can be.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, from_node, ini, yaml};
///
/// let quoted = yaml::parse("a.yaml", "port: '80'")?;
/// assert!(from_node::<u16>(&quoted.entries()[0].1).is_err());
/// let untyped = ini::parse("a.conf", "port = '80'")?;
/// assert_eq!(from_node::<u16>(&untyped.entries()[0].1), Ok(80));
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With no quotes, in a format where they make a difference: a number, a boolean or a text.
    Plain,
    /// With quotes, in such a format: a text and nothing else.
    Quoted,
    /// In a format that has texts alone, such as INI: whatever its reader asks for, and where that is anything, a boolean
    /// if it is `True` or `False`, otherwise a text.
    Untyped,
}

/// Holds a key of a map and the place where it was written.
///
/// Two keys are equal if their names are.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, yaml};
///
/// let node = yaml::parse("a.yaml", "host: localhost\nport: 80")?;
/// let places: Vec<String> = node.entries().iter().map(|(key, _)| format!("{} {}", key.name, key.origin)).collect();
/// assert_eq!(places, ["host a.yaml:1:1", "port a.yaml:2:1"]);
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone)]
pub struct Key {
    /// The text of the key.
    pub name: String,
    /// The place of its first character.
    pub origin: Origin,
}

impl Node {
    /// Makes a node that may be shown.
    #[must_use]
    pub fn new(origin: Origin, kind: NodeKind) -> Self {
        Self { origin, kind, hidden: false }
    }

    /// Gives the value under `key`, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Gives `key` itself and its value, if this is a map that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&(Key, Self)> {
        self.entries().iter().find(|(candidate, _)| candidate.name == key)
    }

    /// Gives the entries of a map; none, if this is no map.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Self)] {
        if let NodeKind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// Gives the items of a list; none, if this is no list.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let NodeKind::List(items) = &self.kind { items } else { &[] }
    }

    /// Gives the source text of a scalar, quoted or not.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let NodeKind::Scalar { text, .. } = &self.kind { Some(text) } else { None }
    }

    /// Tells whether nothing was written, or an unquoted `~` or `null`, or a variable of the environment that is empty.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match &self.kind {
            NodeKind::Null => true,
            NodeKind::Scalar { text, style } => *style == Style::Plain && scalar::is_null(text),
            NodeKind::List(_) | NodeKind::Map(_) => false,
        }
    }

    /// Finds a value by keys and list positions (from 0) with dots between them, such as `notify_fraud.RGV`.
    ///
    /// A key that has dots of its own is found too. The empty path is the node itself.
    #[must_use]
    pub fn at_path(&self, path: &str) -> Option<&Self> {
        if path.is_empty() {
            return Some(self);
        }
        let whole = (path, None);
        let splits = path.match_indices('.').filter_map(|(dot, _)| path.split_at_checked(dot));
        splits.map(|(head, rest)| (head, rest.strip_prefix('.'))).chain([whole]).find_map(|(head, rest)| {
            let child = self.child(head)?;
            rest.map_or(Some(child), |rest| child.at_path(rest))
        })
    }

    fn child(&self, step: &str) -> Option<&Self> {
        match &self.kind {
            NodeKind::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => self.get(step),
        }
    }

    /// Gives the value as JSON, for views whose shape is known only at run time.
    ///
    /// Unquoted scalars become what the core schema of YAML 1.2 makes of them, except that digits after a leading zero
    /// or a plus sign remain text, as do numbers that JSON has no place for. Untyped ones are texts, but for `True` and
    /// `False`. Hidden values are included.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Scalar { text, style } => scalar_to_json(text, *style),
            NodeKind::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            NodeKind::Map(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.name.clone(), value.to_json())).collect())
            }
        }
    }

    /// Hides this value and everything in it.
    pub(crate) fn hide(&mut self) {
        self.hidden = true;
        match &mut self.kind {
            NodeKind::Null | NodeKind::Scalar { .. } => {}
            NodeKind::List(items) => items.iter_mut().for_each(Self::hide),
            NodeKind::Map(entries) => entries.iter_mut().for_each(|(_, value)| value.hide()),
        }
    }

    /// Calls `visit` with each scalar in this node, itself included.
    pub(crate) fn each_scalar<'a>(&'a self, visit: &mut impl FnMut(&'a Self, &'a str, Style)) {
        match &self.kind {
            NodeKind::Null => {}
            NodeKind::Scalar { text, style } => visit(self, text, *style),
            NodeKind::List(items) => items.iter().for_each(|item| item.each_scalar(visit)),
            NodeKind::Map(entries) => entries.iter().for_each(|(_, value)| value.each_scalar(visit)),
        }
    }
}

/// Tells whether a key's value must not be shown.
pub(crate) fn names_a_secret(key: &str) -> bool {
    let key: String = key.chars().map(|c| if matches!(c, '-' | ' ') { '_' } else { c.to_ascii_lowercase() }).collect();
    SECRET_KEYS.iter().any(|ending| key.ends_with(ending))
}

fn scalar_to_json(text: &str, style: Style) -> serde_json::Value {
    use serde_json::{Number, Value};
    let number = match scalar::meaning_of(text, style) {
        Meaning::Null => return Value::Null,
        Meaning::Bool(value) => return Value::Bool(value),
        Meaning::Integer(value) => Number::from_i128(value),
        Meaning::Float(value) => Number::from_f64(value),
        Meaning::Text => None,
    };
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (NodeKind::Map(ours), NodeKind::Map(theirs)) => ours.len() == theirs.len() && same(ours, theirs),
            (ours, theirs) => ours == theirs,
        }
    }
}

fn same(ours: &[(Key, Node)], theirs: &[(Key, Node)]) -> bool {
    fn by_name(entries: &[(Key, Node)]) -> BTreeMap<&str, &Node> {
        entries.iter().map(|(key, value)| (key.name.as_str(), value)).collect()
    }
    by_name(ours) == by_name(theirs)
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Null => f.write_str("null"),
            NodeKind::Scalar { .. } if self.hidden => f.write_str(HIDDEN),
            NodeKind::Scalar { text, style: Style::Plain } => f.write_str(text),
            NodeKind::Scalar { text, .. } => write!(f, "{text:?}"),
            NodeKind::List(items) => f.debug_list().entries(items).finish(),
            NodeKind::Map(entries) => f.debug_map().entries(entries.iter().map(|(key, value)| (key, value))).finish(),
        }
    }
}

impl fmt::Debug for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Scalar { style, .. } => f.debug_struct("Scalar").field("style", style).finish_non_exhaustive(),
            Self::List(items) => write!(f, "List({})", items.len()),
            Self::Map(entries) => write!(f, "Map({})", entries.len()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::yaml::parse;

    fn node(text: &str) -> Node {
        parse("test.yaml", text).unwrap()
    }

    #[test]
    fn at_path_walks_maps_and_lists() {
        let node = node("a: {b: [x, {c: y}]}\nd.e: {f: z}\na.b: shadow");
        let found = |path| node.at_path(path).and_then(Node::as_str);
        assert_eq!(found("a.b.0"), Some("x"));
        assert_eq!(found("a.b.1.c"), Some("y"));
        assert_eq!(found("d.e.f"), Some("z"));
        assert_eq!(found("a.x"), None);
        assert_eq!(found("a.b.2"), None);
        assert_eq!(found("."), None);
        assert_eq!(node.at_path(""), Some(&node));
    }

    #[test]
    fn equality_ignores_places_and_the_order_of_keys() {
        assert_eq!(node("a: 1\nb: [x]"), node("\n\nb:\n  - x\na:   1"));
        assert_ne!(node("a: [1, 2]"), node("a: [2, 1]"));
        assert_ne!(node("a: 1"), node("a: '1'"));
        assert_ne!(node("a: 1"), node("a: 1\nb: 1"));
    }

    #[test]
    fn debug_shows_no_hidden_text() {
        let node = node("name: CRM\npassword: abc\napi-key: [k1]\nzip: '01'\nempty:\n");
        assert_eq!(format!("{node:?}"), "{name: CRM, password: ******, api-key: [******], zip: \"01\", empty: null}");
        let kind = &node.get("password").unwrap().kind;
        assert_eq!(format!("{kind:?}"), "Scalar { style: Plain, .. }");
    }

    #[test]
    fn only_keys_that_end_like_a_secret_name_one() {
        for key in ["password", "Client-Secret", "auth token", "db_password", "apikey"] {
            assert!(names_a_secret(key), "{key}");
        }
        for key in ["max_tokens", "token_ttl", "name", "key", "secretary"] {
            assert!(!names_a_secret(key), "{key}");
        }
    }

    #[test]
    fn to_json_resolves_plain_scalars() {
        let node = node(
            "a: 1\nb: '1'\nc: yes\nd: true\ne: 1.5\nf: ~\ng: [0123, +48]\nh: .inf\ni: 18446744073709551615\n\
             j: 18446744073709551616",
        );
        assert_eq!(
            node.to_json(),
            json!({
                "a": 1, "b": "1", "c": "yes", "d": true, "e": 1.5, "f": null, "g": ["0123", "+48"], "h": ".inf",
                "i": 18_446_744_073_709_551_615_u64, "j": "18446744073709551616",
            })
        );
    }
}
