//! Enums whose variant is named by one of the map's own keys.

use serde::de::DeserializeOwned;

use super::from_node;
use crate::config::{ConfigFault, Key, Node, NodeKind};

/// Reads a map into an enum whose variant is named under the key `tag`, as in `type: basic_auth`.
///
/// `T` is an enum with no `#[serde(tag)]`: that attribute works as well, but makes serde read the fields as anything
/// first (see [the table](crate::config::from_node)), where `yes` is no boolean and a fault may be placed at the whole
/// map. Here every field is read as what it is.
///
/// # Errors
///
/// As [`from_node`], and `missing key "..."` with no tag.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, Secret, from_tagged_node, yaml};
///
/// #[derive(Debug, serde::Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Security {
///     BasicAuth { username: String, password: Secret },
/// }
///
/// let node = yaml::parse("zato.yaml", "{type: basic_auth, username: 123, password: 0123}")?;
/// let Security::BasicAuth { username, password } = from_tagged_node(&node, "type")?;
/// assert_eq!((username.as_str(), password.expose()), ("123", "0123"));
/// # Ok::<(), ConfigFault>(())
/// ```
pub fn from_tagged_node<T: DeserializeOwned>(node: &Node, tag: &str) -> Result<T, ConfigFault> {
    let NodeKind::Map(entries) = &node.kind else {
        return Err(ConfigFault::at(&node.origin, format!("expected a map with the key \"{tag}\"")));
    };
    let Some((key, variant)) = node.entry(tag) else {
        return Err(ConfigFault::at(&node.origin, format!("missing key \"{tag}\"")));
    };
    let Some(name) = variant.as_str().filter(|_| !variant.hidden) else {
        // The name becomes a key, which errors show.
        let message = format!("key \"{}\" takes a name that is written out", key.name);
        return Err(ConfigFault::at(&variant.origin, message));
    };
    let rest = entries.iter().filter(|(key, _)| key.name != tag).cloned().collect();
    let fields = Node { origin: node.origin.clone(), kind: NodeKind::Map(rest), hidden: false };
    let name = Key { name: name.to_owned(), origin: variant.origin.clone() };
    from_node(&Node::new(node.origin.clone(), NodeKind::Map(vec![(name, fields)])))
}
