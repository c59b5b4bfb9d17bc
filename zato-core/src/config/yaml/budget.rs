//! How much one document may cost.
//!
//! A configuration can come from somebody who wants the program to fall over: a few hundred bytes of aliases of aliases
//! ("a billion laughs") ask for gigabytes, and a thousand brackets for a deep recursion.

use crate::config::{Node, NodeKind};

/// The largest text that is read, in bytes. Files of people have some kilobytes.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// How many lists and maps may stand in one another, aliases resolved.
pub const MAX_DEPTH: usize = 64;

/// About how many bytes a document may need in memory once every alias is replaced by what it stands for.
pub const MAX_EXPANDED_BYTES: usize = 64 * 1024 * 1024;

/// What a value needs besides its text.
const NODE: usize = size_of::<Node>();

/// What a value costs: memory, and levels of nesting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) bytes: usize,
    pub(super) depth: usize,
}

impl Cost {
    /// Measures a finished value. Done once per anchor, so that an alias costs nothing before it is allowed.
    pub(super) fn of(node: &Node) -> Self {
        let children: Vec<Self> = match &node.kind {
            NodeKind::Null => return Self::of_scalar(""),
            NodeKind::Scalar { text, .. } => return Self::of_scalar(text),
            NodeKind::List(items) => items.iter().map(Self::of).collect(),
            NodeKind::Map(entries) => entries.iter().map(|(key, value)| Self::of(value).with_key(&key.name)).collect(),
        };
        Self {
            bytes: children.iter().fold(NODE, |sum, child| sum.saturating_add(child.bytes)),
            depth: 1 + children.iter().map(|child| child.depth).max().unwrap_or(0),
        }
    }

    pub(super) fn of_scalar(text: &str) -> Self {
        Self { bytes: NODE + text.len(), depth: 0 }
    }

    fn with_key(self, key: &str) -> Self {
        Self { bytes: self.bytes.saturating_add(NODE + key.len()), ..self }
    }
}

/// Counts what a document has cost so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    spent: usize,
}

impl Budget {
    /// Pays for a value that is about to stand `depth` levels deep.
    pub(super) fn spend(&mut self, cost: Cost, depth: usize) -> Result<(), String> {
        if depth.saturating_add(cost.depth) > MAX_DEPTH {
            return Err(format!("lists and maps are nested deeper than {MAX_DEPTH} levels here"));
        }
        self.spent = self.spent.saturating_add(cost.bytes);
        if self.spent > MAX_EXPANDED_BYTES {
            return Err(format!(
                "the document needs more than {} MiB here; use fewer aliases",
                MAX_EXPANDED_BYTES >> 20
            ));
        }
        Ok(())
    }
}

pub(in crate::config) fn too_large() -> String {
    format!("the file is larger than {} MiB; split it and use include", MAX_BYTES >> 20)
}
