//! Entries of a section: from nodes to structs, each named once.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use tracing::warn;

use crate::config::{ConfigFault, ConfigFaults, Document, Node, NodeKind, Origin, from_node};

/// One entry as it was read and as it was written.
pub(super) struct Entry<'a, T> {
    pub(super) name: &'a str,
    pub(super) config: T,
    pub(super) node: &'a Node,
}

/// Reads every entry of a section that is a list.
pub(super) fn read<'a, T: DeserializeOwned>(
    document: &'a Document,
    section: &'static str,
    without_counterpart: &[&str],
    faults: &mut ConfigFaults,
) -> Vec<Entry<'a, T>> {
    read_with(document, section, faults, |node| from_node(&without(node, section, without_counterpart)))
}

/// Reads every entry of a section with a function.
pub(super) fn read_with<'a, T>(
    document: &'a Document,
    section: &'static str,
    faults: &mut ConfigFaults,
    read: impl Fn(&Node) -> Result<T, ConfigFault>,
) -> Vec<Entry<'a, T>> {
    if let Some(found) = document.section(section)
        && !matches!(found.value.kind, NodeKind::List(_) | NodeKind::Null)
    {
        faults.push(ConfigFault::at(
            &found.value.origin,
            format!("\"{section}\" is a list; write \"- name: ...\" for each entry"),
        ));
    }
    let mut seen: BTreeMap<&str, &Origin> = BTreeMap::new();
    let mut entries = Vec::new();
    for node in document.entries(section) {
        let Some(config) = faults.keep(read(node)) else { continue };
        let Some(name) = node.get("name").and_then(Node::as_str).filter(|name| !name.trim().is_empty()) else {
            faults.push(ConfigFault::at(&node.origin, format!("an entry of \"{section}\" has no name")));
            continue;
        };
        match seen.insert(name, &node.origin) {
            None => entries.push(Entry { name, config, node }),
            Some(first) => faults.push(ConfigFault::at(
                &node.origin,
                format!("\"{section}\" has two entries named \"{name}\"; the first is at {first}"),
            )),
        }
    }
    entries
}

/// Leaves out the keys of Zato that mean nothing here, and says so.
pub(super) fn without(node: &Node, section: &str, keys: &[&str]) -> Node {
    let NodeKind::Map(entries) = &node.kind else { return node.clone() };
    let kept = entries.iter().filter(|(key, _)| {
        let is_left_out = keys.contains(&key.name.as_str());
        if is_left_out {
            warn!(section, key = key.name, place = %key.origin, "key has no counterpart and is left out");
        }
        !is_left_out
    });
    Node { kind: NodeKind::Map(kept.cloned().collect()), ..node.clone() }
}
