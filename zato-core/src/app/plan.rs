//! What a new configuration changes, told before it is applied.

use std::fmt;

use crate::config::{Document, Node, UserFiles};

/// One thing that a new configuration changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What happens to it.
    pub kind: ChangeKind,
    /// The section that it stands in.
    pub section: String,
    /// Its name; empty for a section that has no entries, such as `server`.
    pub name: String,
}

/// What happens to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is there with other content.
    Changed,
    /// It is gone.
    Removed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ChangeKind::Added => "added",
            ChangeKind::Changed => "changed",
            ChangeKind::Removed => "removed",
        };
        write!(f, "{kind} {}", self.section)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, " \"{}\"", self.name) }
    }
}

/// Compares two documents, and the user configuration that goes with them, entry by entry.
pub(super) fn between(old: (&Document, &UserFiles), new: (&Document, &UserFiles)) -> Vec<Change> {
    let (before, after) = (items(old.0, old.1), items(new.0, new.1));
    let change = |kind, key: &Key<'_>| Change { kind, section: key.0.to_owned(), name: key.1.to_owned() };
    let mut changes = Vec::new();
    for (key, content) in &after {
        match before.iter().find(|(known, _)| known == key) {
            None => changes.push(change(ChangeKind::Added, key)),
            Some((_, known)) if known != content => changes.push(change(ChangeKind::Changed, key)),
            Some(_) => {}
        }
    }
    let is_gone = |key: &Key<'_>| after.iter().all(|(known, _)| known != key);
    changes.extend(before.iter().filter(|(key, _)| is_gone(key)).map(|(key, _)| change(ChangeKind::Removed, key)));
    changes
}

type Key<'a> = (&'a str, &'a str);

fn items<'a>(document: &'a Document, user: &'a UserFiles) -> Vec<(Key<'a>, Option<&'a Node>)> {
    let mut items = Vec::new();
    for section in document.sections() {
        if section.value.items().is_empty() {
            items.push(((section.name, ""), Some(&section.value)));
        }
        for entry in section.value.items() {
            let name = entry.get("name").and_then(Node::as_str).unwrap_or_default();
            items.push(((section.name, name), Some(entry)));
        }
    }
    items.extend(user.iter().map(|file| (("user_config", file.name()), file.node(""))));
    items
}
