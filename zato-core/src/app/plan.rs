//! What a new configuration changes, told before it is applied.

use std::fmt;

use crate::config::{Document, FilePath, Node, Origin, Section, UserFiles};

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
    /// The file that it names and in which there is something else now, such as a certificate; `None` if what stands in
    /// the configuration itself has changed.
    pub file: Option<String>,
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
        if !self.name.is_empty() {
            write!(f, " \"{}\"", self.name)?;
        }
        self.file.iter().try_for_each(|file| write!(f, ": {file}"))
    }
}

/// Compares two documents, and the user configuration that goes with them, entry by entry.
pub(super) fn between(old: (&Document, &UserFiles), new: (&Document, &UserFiles)) -> Vec<Change> {
    let (before, after) = (items(old.0, old.1), items(new.0, new.1));
    let change = |kind, key: &Key<'_>| Change { kind, section: key.0.to_owned(), name: key.1.to_owned(), file: None };
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

/// Tells which entries of a document name one of some files that have changed.
pub(super) fn of_files(document: &Document, files: &[FilePath]) -> Vec<Change> {
    let named = |file: &FilePath| {
        let owners = file.origin().map(|origin| owners(document, origin)).unwrap_or_default();
        let change = move |(section, name): Key<'_>| Change {
            kind: ChangeKind::Changed,
            section: section.to_owned(),
            name: name.to_owned(),
            file: Some(file.to_string()),
        };
        owners.into_iter().map(change).collect::<Vec<_>>()
    };
    files.iter().flat_map(named).collect()
}

/// Finds the entries in which something stands at a place; several, where one is an alias for the other.
fn owners<'a>(document: &'a Document, origin: &Origin) -> Vec<Key<'a>> {
    let of_section = |section: &'a Section| {
        let items = section.value.items();
        let named = items.iter().filter(|entry| has(entry, origin)).map(|entry| (section.name, name_of(entry)));
        let whole = (items.is_empty() && has(&section.value, origin)).then_some((section.name, ""));
        named.chain(whole)
    };
    document.sections().iter().flat_map(of_section).collect()
}

fn has(node: &Node, origin: &Origin) -> bool {
    let within = node.items().iter().chain(node.entries().iter().map(|(_, value)| value));
    node.origin == *origin || within.into_iter().any(|node| has(node, origin))
}

fn name_of(entry: &Node) -> &str {
    entry.get("name").and_then(Node::as_str).unwrap_or_default()
}

type Key<'a> = (&'a str, &'a str);

fn items<'a>(document: &'a Document, user: &'a UserFiles) -> Vec<(Key<'a>, Option<&'a Node>)> {
    let mut items = Vec::new();
    for section in document.sections() {
        if section.value.items().is_empty() {
            items.push(((section.name, ""), Some(&section.value)));
        }
        for entry in section.value.items() {
            items.push(((section.name, name_of(entry)), Some(entry)));
        }
    }
    items.extend(user.iter().map(|file| (("user_config", file.name()), file.node(""))));
    items
}
