//! Reading files, and the files that they include.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::sections::{Section, Sections, add};
use super::{Document, INCLUDE};
use crate::config::suggest::quoted;
use crate::config::{ConfigFault, ConfigFaults, Environment, Node, NodeKind, Origin, substitute, yaml};

/// How many files may include one another in a chain: reading them is a recursion.
const MAX_CHAIN: usize = 32;

/// Reads the files of one document.
pub(super) struct Loader<'a> {
    sections: &'a Sections,
    environment: &'a dyn Environment,
    root: Vec<Section>,
    files: Vec<PathBuf>,
    /// The files that were read or are being read, links resolved: a file that is reached twice is read once.
    seen: HashSet<PathBuf>,
    /// The files that are being read, each included by the one before, links resolved, and how they were named.
    chain: Vec<(PathBuf, String)>,
    faults: ConfigFaults,
}

impl<'a> Loader<'a> {
    pub(super) fn new(sections: &'a Sections, environment: &'a dyn Environment) -> Self {
        Self {
            sections,
            environment,
            root: Vec::new(),
            files: Vec::new(),
            seen: HashSet::new(),
            chain: Vec::new(),
            faults: ConfigFaults::new(),
        }
    }

    /// The files that were asked for, those among them that could not be read as well.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub(super) fn finish(self) -> Result<Document, ConfigFaults> {
        self.faults.into_result(Document { root: self.root, files: self.files })
    }

    /// Reads the file `path`, which was asked for at `place`; by the user, if there is none.
    pub(super) fn load(&mut self, path: &Path, place: Option<&Origin>) {
        if let Err(message) = self.try_load(path) {
            self.files.push(path.to_owned());
            self.faults.push(ConfigFault { origin: place.cloned(), message });
        }
    }

    fn try_load(&mut self, path: &Path) -> Result<(), String> {
        let name = path.display().to_string();
        let resolved = path.canonicalize().map_err(|error| cannot_read(&name, &error))?;
        if let Some(start) = self.chain.iter().position(|(open, _)| *open == resolved) {
            let circle = self.chain.iter().skip(start).map(|(_, name)| name.as_str());
            let circle = circle.chain([name.as_str()]).collect::<Vec<_>>().join(" -> ");
            return Err(format!("files include one another in a circle: {circle}"));
        }
        if self.chain.len() >= MAX_CHAIN {
            return Err(format!("files include one another more than {MAX_CHAIN} levels deep"));
        }
        if !self.seen.insert(resolved.clone()) {
            return Ok(());
        }
        let bytes = read(path).map_err(|error| cannot_read(&name, &error))?;
        self.files.push(path.to_owned());
        self.chain.push((resolved, name.clone()));
        let parsed = yaml::parse_bytes(&name, &bytes);
        self.take(parsed, Some(path.parent().unwrap_or(Path::new(""))));
        self.chain.pop();
        Ok(())
    }

    pub(super) fn parse(&mut self, name: &str, text: &str, folder: Option<&Path>) {
        self.take(yaml::parse(name, text), folder);
    }

    /// Takes in the content of one file: first what it includes, then its own sections.
    fn take(&mut self, parsed: Result<Node, ConfigFault>, folder: Option<&Path>) {
        let Some(mut root) = self.faults.keep(parsed) else { return };
        substitute(&mut root, self.environment, &mut self.faults);
        let NodeKind::Map(entries) = root.kind else {
            let message = "a configuration is a map of sections, such as channel_rest";
            self.faults.push(ConfigFault::at(&root.origin, message));
            return;
        };
        if let Some((_, include)) = entries.iter().find(|(key, _)| key.name == INCLUDE) {
            self.include(include, folder);
        }
        for (key, value) in entries {
            if key.name == INCLUDE {
                continue;
            }
            match self.sections.find(&key) {
                Ok(name) => add(&mut self.root, name, &key, value, &mut self.faults),
                Err(fault) => self.faults.push(fault),
            }
        }
    }

    fn include(&mut self, include: &Node, folder: Option<&Path>) {
        let files = match &include.kind {
            NodeKind::List(files) => files.as_slice(),
            _ => std::slice::from_ref(include),
        };
        for file in files {
            match (file.as_str(), folder) {
                (Some(written), Some(folder)) if !written.is_empty() => {
                    let path = written.strip_prefix("file://").unwrap_or(written);
                    self.load(&folder.join(path), Some(&file.origin));
                }
                (Some(_), None) => {
                    let message = "a text has no folder to include files from; read it from a file";
                    self.faults.push(ConfigFault::at(&file.origin, message));
                }
                _ if include.is_null() => {}
                _ => {
                    let message = "include takes the name of a file, or a list of names";
                    self.faults.push(ConfigFault::at(&file.origin, message));
                }
            }
        }
    }
}

/// Reads a file, but no more of it than a document may have: `include: /dev/zero` has no end.
pub(in crate::config) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(yaml::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(in crate::config) fn cannot_read(name: &str, error: &io::Error) -> String {
    let name = quoted(name);
    match error.kind() {
        io::ErrorKind::NotFound => format!("file {name} does not exist"),
        io::ErrorKind::PermissionDenied => {
            format!("file {name} may not be read by this program; change its permissions")
        }
        io::ErrorKind::IsADirectory => format!("{name} is a folder; name a file"),
        kind => format!("file {name} cannot be read: {kind}"),
    }
}
