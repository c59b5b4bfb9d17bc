//! The sections that a configuration may have, and how what several files say about one becomes one.

use std::collections::HashMap;

use crate::config::suggest::{alternatives, quoted};
use crate::config::{ConfigFault, ConfigFaults, Key, Node, NodeKind, Origin};

use super::INCLUDE;

/// Names a section and what else it is called in files.
///
/// # Examples
///
/// ```
/// use zato_core::config::SectionName;
///
/// const OUTGOING_AMQP: SectionName = SectionName { name: "outgoing_amqp", aliases: &["outconn_amqp"] };
/// assert_eq!(OUTGOING_AMQP.name, "outgoing_amqp");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionName {
    /// The name that the document, the registry and messages use.
    pub name: &'static str,
    /// Further names that a file may use, such as those of older Zato versions.
    pub aliases: &'static [&'static str],
}

impl SectionName {
    fn is_called(&self, written: &str) -> bool {
        self.name == written || self.aliases.contains(&written)
    }
}

/// Knows every section that the parts of a program take.
///
/// # Examples
///
/// ```
/// use zato_core::config::{SectionName, Sections};
///
/// let sections = Sections::new([SectionName { name: "definition_amqp", aliases: &["def_amqp"] }]);
/// assert_eq!(sections.canonical("def_amqp"), Some("definition_amqp"));
/// assert_eq!(sections.canonical("sql"), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Sections {
    known: Vec<SectionName>,
    /// With the feature that brings each.
    left_out: Vec<(SectionName, &'static str)>,
}

impl Sections {
    /// Collects the names that the parts of a program handed in.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = SectionName>) -> Self {
        Self { known: names.into_iter().collect(), left_out: Vec::new() }
    }

    /// Tells of sections that this program was built without, and by which feature of zato each is brought: who writes
    /// one reads that, and not that it is unknown.
    #[must_use]
    pub fn left_out(mut self, sections: impl IntoIterator<Item = (SectionName, &'static str)>) -> Self {
        self.left_out.extend(sections);
        self
    }

    /// Gives the name of the section that a file calls `written`.
    #[must_use]
    pub fn canonical(&self, written: &str) -> Option<&'static str> {
        self.known.iter().find(|section| section.is_called(written)).map(|section| section.name)
    }

    pub(super) fn find(&self, key: &Key) -> Result<&'static str, ConfigFault> {
        self.canonical(&key.name).ok_or_else(|| {
            if let Some((_, feature)) = self.left_out.iter().find(|(section, _)| section.is_called(&key.name)) {
                let section = quoted(&key.name);
                let message =
                    format!("this program was built without {section}; enable the feature \"{feature}\" of zato");
                return ConfigFault::at(&key.origin, message);
            }
            // Every alias beside them would hide the names.
            let known = self.known.iter().map(|section| section.name);
            let known = alternatives(&key.name, known.chain([INCLUDE]));
            ConfigFault::at(&key.origin, format!("unknown section {}{known}", quoted(&key.name)))
        })
    }
}

/// Holds what all files together say about one section.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use zato_core::config::{Document, SectionName, Sections};
///
/// let sections = Sections::new([SectionName { name: "server", aliases: &[] }]);
/// let document = Document::parse("zato.yaml", "server: {port: 80}", &sections, &BTreeMap::new());
/// let document = document.map_err(|faults| faults.to_string())?;
/// let server = &document.sections()[0];
/// assert_eq!((server.name, server.origin.to_string().as_str()), ("server", "zato.yaml:1:1"));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Section {
    /// The section's name; never an alias.
    pub name: &'static str,
    /// Where its key was first met.
    pub origin: Origin,
    /// A list or a map, or the scalar of a section that takes one.
    pub value: Node,
}

/// Two sections are equal if they mean the same, wherever they are written.
impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

/// Adds what one more file, or one more name, says about a section.
pub(super) fn add(root: &mut Vec<Section>, name: &'static str, key: &Key, value: Node, faults: &mut ConfigFaults) {
    if value.is_null() {
        // A section whose entries are all commented out.
        return;
    }
    let Some(section) = root.iter_mut().find(|section| section.name == name) else {
        root.push(Section { name, origin: key.origin.clone(), value });
        return;
    };
    let first = section.origin.clone();
    match (&mut section.value.kind, value.kind) {
        (NodeKind::List(ours), NodeKind::List(theirs)) => ours.extend(theirs),
        (NodeKind::Map(ours), NodeKind::Map(theirs)) => {
            let known: HashMap<String, Origin> =
                ours.iter().map(|(key, _)| (key.name.clone(), key.origin.clone())).collect();
            for (key, value) in theirs {
                let Some(first) = known.get(&key.name) else {
                    ours.push((key, value));
                    continue;
                };
                let message = format!("key {} of section \"{name}\" is already set at {first}", quoted(&key.name));
                faults.push(ConfigFault::at(&key.origin, message));
            }
        }
        (ours, theirs) => {
            let (is, was) = (shape(&theirs), shape(ours));
            let message = format!("section \"{name}\" is {is} here and {was} at {first}");
            faults.push(ConfigFault::at(&key.origin, message));
        }
    }
}

fn shape(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::List(_) => "a list",
        NodeKind::Map(_) => "a map",
        NodeKind::Null | NodeKind::Scalar { .. } => "a single value",
    }
}
