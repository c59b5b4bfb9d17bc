//! A configuration file, and the files that it includes, as sections.

mod load;
mod sections;

use std::path::{Path, PathBuf};

use self::load::Loader;
pub(in crate::config) use self::load::{cannot_read, read};
pub use self::sections::{Section, SectionName, Sections};
use crate::config::{ConfigFaults, Environment, Node, NodeKind};

/// The key that names further files, at the top level of a document.
const INCLUDE: &str = "include";

/// Holds the sections of a configuration, with the variables of the environment put in.
///
/// A section that several files give, or one file under two of its names, is one section here: lists are concatenated,
/// what is included comes before what includes it; maps are merged, and a key that is there twice is a fault.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use zato_core::config::{Document, SectionName, Sections};
///
/// let sections = Sections::new([SectionName { name: "outgoing_amqp", aliases: &["outconn_amqp"] }]);
/// let text = "outconn_amqp:\n  - name: ${NAME:-fraud}";
/// let document = Document::parse("zato.yaml", text, &sections, &BTreeMap::new()).map_err(|faults| faults.to_string())?;
/// let entry = &document.entries("outgoing_amqp")[0];
/// assert_eq!(entry.get("name").and_then(|name| name.as_str()), Some("fraud"));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    root: Vec<Section>,
    files: Vec<PathBuf>,
}

impl Document {
    /// Reads a file and what it includes.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: files that cannot be read or parsed, unknown sections, includes that go in a circle,
    /// variables that are not set.
    pub fn load(path: &Path, sections: &Sections, environment: &dyn Environment) -> Result<Self, ConfigFaults> {
        Self::load_watched(path, sections, environment, &mut Vec::new())
    }

    /// Reads as [`Document::load`] does, and tells which files were asked for also if that fails: what to watch until it
    /// is mended, such as an include that is not there yet.
    ///
    /// # Errors
    ///
    /// As [`Document::load`].
    pub(crate) fn load_watched(
        path: &Path,
        sections: &Sections,
        environment: &dyn Environment,
        files: &mut Vec<PathBuf>,
    ) -> Result<Self, ConfigFaults> {
        let mut loader = Loader::new(sections, environment);
        loader.load(path, None);
        files.extend_from_slice(loader.files());
        loader.finish()
    }

    /// Reads a text; `name` stands for the file's name in messages. It cannot include files, having no folder.
    ///
    /// # Errors
    ///
    /// As [`Document::load`].
    pub fn parse(
        name: &str,
        text: &str,
        sections: &Sections,
        environment: &dyn Environment,
    ) -> Result<Self, ConfigFaults> {
        let mut loader = Loader::new(sections, environment);
        loader.parse(name, text, None);
        loader.finish()
    }

    /// Reads a text that includes files relative to `folder`.
    ///
    /// # Errors
    ///
    /// As [`Document::load`].
    pub fn parse_in(
        folder: &Path,
        name: &str,
        text: &str,
        sections: &Sections,
        environment: &dyn Environment,
    ) -> Result<Self, ConfigFaults> {
        let mut loader = Loader::new(sections, environment);
        loader.parse(name, text, Some(folder));
        loader.finish()
    }

    /// Gives the sections in the order in which they were first met; one with nothing in it is not there.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.root
    }

    /// Gives a section by its name, never by an alias.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.root.iter().find(|section| section.name == name)
    }

    /// Gives the items of a section that is a list; none, if it is a map or not there.
    #[must_use]
    pub fn entries(&self, name: &str) -> &[Node] {
        self.section(name).map(|section| section.value.items()).unwrap_or_default()
    }

    /// Gives the value of a section that is a map.
    #[must_use]
    pub fn map(&self, name: &str) -> Option<&Node> {
        self.section(name).map(|section| &section.value).filter(|value| matches!(value.kind, NodeKind::Map(_)))
    }

    /// Gives every file that was read, named as it was reached: what to watch for changes.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

#[cfg(test)]
mod tests;
