//! Which events of which folders matter.

use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind};

use crate::config::user::UserFormat;

/// How many names are looked at, which keeps a folder of a million links affordable.
const MAX_NAMES: usize = 1024;

/// How many links are followed one after another, which ends circles of them; Linux gives up after as many (`ELOOP`).
const MAX_LINKS: u32 = 40;

/// Knows the names that matter, and the folders that they are in.
///
/// Folders are kept with their links resolved, since that is how events name them.
#[derive(Debug, Default)]
pub(super) struct Interest {
    names: HashSet<(PathBuf, OsString)>,
    /// Folders of which every file of user configuration matters.
    every: HashSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

impl Interest {
    pub(super) fn in_paths(paths: &[PathBuf]) -> Self {
        let mut interest = Self::default();
        let mut open: Vec<(PathBuf, u32)> = paths.iter().map(|path| (path.clone(), 0)).collect();
        let mut seen = HashSet::new();
        while let Some((path, links)) = open.pop() {
            let path = std::path::absolute(&path).unwrap_or(path);
            if links <= MAX_LINKS && seen.len() < MAX_NAMES && seen.insert(path.clone()) {
                let mut further = Vec::new();
                interest.add(&path, &mut further);
                open.extend(further.into_iter().map(|path| (path, links + 1)));
            }
        }
        interest
    }

    /// Adds a path, and puts where the links on the way to it lead on `open`.
    fn add(&mut self, path: &Path, open: &mut Vec<PathBuf>) {
        self.add_name(path);
        for step in path.ancestors() {
            let Ok(target) = fs::read_link(step) else { continue };
            self.add_name(step);
            let target = step.parent().unwrap_or(step).join(target);
            open.push(path.strip_prefix(step).map(|rest| target.join(rest)).unwrap_or(target));
        }
        let Some(folder) = path.canonicalize().ok().filter(|path| path.is_dir()) else { return };
        // The files of a folder may be links themselves: a Kubernetes volume is one link that all of them go through.
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        open.extend(entries.filter(|path| UserFormat::of(path).is_some() && path.is_symlink()));
        self.folders.insert(folder.clone());
        self.every.insert(folder);
    }

    /// Adds a name in its folder. Where that does not exist, the nearest one that does tells when the rest is made.
    fn add_name(&mut self, path: &Path) {
        for step in path.ancestors() {
            let (Some(folder), Some(name)) = (step.parent(), step.file_name()) else { continue };
            // An empty parent is that of a relative name, which only a failure to make it absolute leaves here.
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            if let Some(folder) = folder.canonicalize().ok().filter(|folder| folder.is_dir()) {
                self.folders.insert(folder.clone());
                self.names.insert((folder, name.to_owned()));
                return;
            }
        }
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// Tells whether an event may mean that a file has other content than before.
    pub(super) fn covers(&self, event: &Event) -> bool {
        let content = match event.kind {
            // Reading a file is an event too: whoever reads upon it would wake itself up for ever.
            EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
            _ => true,
        };
        // After lost events (`need_rescan`) anything may have changed.
        event.need_rescan() || (content && event.paths.iter().any(|path| self.covers_path(path)))
    }

    fn covers_path(&self, path: &Path) -> bool {
        if self.folders.contains(path) {
            // The folder itself was moved or deleted.
            return true;
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or(OsStr::new(""));
        self.every.contains(folder) && UserFormat::of(path).is_some()
            || self.names.contains(&(folder.to_owned(), name.to_owned()))
    }
}
