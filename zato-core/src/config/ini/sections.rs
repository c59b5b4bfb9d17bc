//! Sections in one another, put together with a stack instead of recursion.

use std::collections::HashMap;

use crate::config::node::names_a_secret;
use crate::config::suggest::quoted;
use crate::config::yaml::{MAX_DEPTH, MAX_EXPANDED_BYTES};
use crate::config::{ConfigFault, Key, Node, NodeKind, Origin};

/// The file, and the sections that are open.
pub(super) struct Sections {
    root: Section,
    open: Vec<(Key, Section)>,
    /// About how much memory all of it takes.
    spent: usize,
}

struct Section {
    origin: Origin,
    entries: Vec<(Key, Node)>,
    /// Where each name was seen: a list of entries alone would make a large section quadratic.
    seen: HashMap<String, Origin>,
}

impl Section {
    fn new(origin: Origin) -> Self {
        Self { origin, entries: Vec::new(), seen: HashMap::new() }
    }

    fn see(&mut self, key: &Key) -> Result<(), ConfigFault> {
        match self.seen.insert(key.name.clone(), key.origin.clone()) {
            None => Ok(()),
            Some(first) => {
                let name = quoted(&key.name);
                Err(ConfigFault::at(&key.origin, format!("{name} is already there in this section, at {first}")))
            }
        }
    }

    fn into_node(self) -> Node {
        Node::new(self.origin, NodeKind::Map(self.entries))
    }
}

impl Sections {
    pub(super) fn new(start: Origin) -> Self {
        Self { root: Section::new(start), open: Vec::new(), spent: 0 }
    }

    /// Begins a section that has so many brackets, and ends those that it is not in.
    pub(super) fn open(&mut self, depth: usize, name: Key) -> Result<(), ConfigFault> {
        if depth >= MAX_DEPTH {
            let message = format!("sections are nested deeper than {MAX_DEPTH} levels here");
            return Err(ConfigFault::at(&name.origin, message));
        }
        let known = self.open.len();
        if depth > known + 1 {
            let (least, parent) = ("[".repeat(known + 1), "]".repeat(known + 1));
            let message = format!(
                "this section is {depth} levels deep, and the one before it {known}; write {least}{}{parent}, or the section \
                 that it is in before it",
                name.name
            );
            return Err(ConfigFault::at(&name.origin, message));
        }
        while self.open.len() >= depth {
            self.close();
        }
        self.spend(&name)?;
        self.current().see(&name)?;
        let section = Section::new(name.origin.clone());
        self.open.push((name, section));
        Ok(())
    }

    /// Adds a value to the section that is open.
    pub(super) fn add(&mut self, key: Key, mut value: Node) -> Result<(), ConfigFault> {
        let items = value.items().iter().chain(std::iter::once(&value));
        let texts: usize = items.map(|node| size_of::<Node>() + node.as_str().map_or(0, str::len)).sum();
        self.spent = self.spent.saturating_add(texts);
        self.spend(&key)?;
        self.current().see(&key)?;
        if value.as_str().is_some_and(str::is_empty) && value.origin.line == key.origin.line {
            // What is not there has no place but its key's.
            value.origin = key.origin.clone();
        }
        if names_a_secret(&key.name) {
            value.hide();
        }
        self.current().entries.push((key, value));
        Ok(())
    }

    pub(super) fn finish(mut self) -> Node {
        while !self.open.is_empty() {
            self.close();
        }
        self.root.into_node()
    }

    fn current(&mut self) -> &mut Section {
        self.open.last_mut().map_or(&mut self.root, |(_, section)| section)
    }

    /// Ends the innermost section.
    fn close(&mut self) {
        let Some((key, section)) = self.open.pop() else { return };
        let mut node = section.into_node();
        if names_a_secret(&key.name) {
            node.hide();
        }
        self.current().entries.push((key, node));
    }

    /// Pays for a key, which is kept twice while the file is read.
    fn spend(&mut self, key: &Key) -> Result<(), ConfigFault> {
        self.spent = self.spent.saturating_add(2 * (size_of::<Key>() + key.name.len()) + size_of::<Node>());
        if self.spent > MAX_EXPANDED_BYTES {
            let message = format!("the file needs more than {} MiB of memory here; split it", MAX_EXPANDED_BYTES >> 20);
            return Err(ConfigFault::at(&key.origin, message));
        }
        Ok(())
    }
}
