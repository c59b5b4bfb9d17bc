//! Merge keys: `<<: *defaults` puts the entries of another map in, where the map has none of its own.

use std::collections::HashSet;

use crate::config::{ConfigFault, Key, Node, NodeKind};

/// The key that merges, if it was not quoted.
pub(super) const MERGE: &str = "<<";

/// Adds the entries of `sources`, each a map or a list of maps, to `entries`. What is there already wins, and of
/// several sources the earlier one does.
pub(super) fn merge(entries: &mut Vec<(Key, Node)>, sources: Vec<Node>) -> Result<(), ConfigFault> {
    let mut names: HashSet<String> = entries.iter().map(|(key, _)| key.name.clone()).collect();
    for source in sources {
        for map in maps(source)? {
            for (key, value) in map {
                if names.insert(key.name.clone()) {
                    entries.push((key, value));
                }
            }
        }
    }
    Ok(())
}

fn maps(source: Node) -> Result<Vec<Vec<(Key, Node)>>, ConfigFault> {
    let only = |node: Node| match node.kind {
        NodeKind::Map(entries) => Ok(entries),
        _ => Err(ConfigFault::at(&node.origin, "only a map or a list of maps can be merged with <<")),
    };
    match source.kind {
        NodeKind::List(items) => items.into_iter().map(only).collect(),
        _ => only(source).map(|map| vec![map]),
    }
}
