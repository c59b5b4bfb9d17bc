use std::{
    collections::{BTreeSet, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use zato_core::{Error, Result};

use super::there::{self, There};
use crate::storage::{
    error::of_file,
    list::{Listed, ObjectEntry},
    place,
};

/// How many names of a folder are held at once. A larger one is read again for each further part.
const PAGE: usize = 4096;

/// A walk through a folder and those in it, in the order of the names, byte by byte, as all object storages have it: that of
/// a folder counts with a slash at its end.
#[derive(Debug)]
pub(crate) struct Walk {
    root: PathBuf,
    prefix: String,
    is_recursive: bool,
    levels: Vec<Level>,
}

/// A folder that is being walked through.
#[derive(Debug, Default)]
struct Level {
    /// What it is called within the container, with a slash at its end; nothing for the container.
    name: String,
    page: VecDeque<Found>,
    /// What the next part begins after.
    after: Option<String>,
    is_read: bool,
}

#[derive(Clone, Debug)]
struct Found {
    /// With a slash at its end if it is a folder.
    name: String,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Walk {
    pub(super) fn new(root: PathBuf, prefix: &str, is_recursive: bool) -> Self {
        Self { root, prefix: prefix.to_owned(), is_recursive, levels: vec![Level::default()] }
    }

    /// Returns the next object, or folder.
    pub(crate) async fn next(&mut self) -> Result<Option<Listed>> {
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            let Some(found) = level.page.pop_front() else {
                if level.is_read {
                    self.levels.pop();
                } else {
                    self.turn().await?;
                }
                continue;
            };
            let path = format!("{}{}", level.name, found.name);
            if !path.ends_with('/') {
                let last_modified = found.modified.map(Into::into);
                return Ok(Some(Listed::Object(ObjectEntry { path, bytes: found.bytes, etag: None, last_modified })));
            }
            if !self.is_recursive && !self.prefix.starts_with(&path) {
                return Ok(Some(Listed::Folder { path }));
            }
            self.levels.push(Level { name: path, ..Level::default() });
        }
    }

    /// Reads the next part of the folder.
    async fn turn(&mut self) -> Result<()> {
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        let (name, prefix) = (level.name.clone(), self.prefix.clone());
        // With a slash at its end it would be looked at where a link leads to.
        let folder = if name.is_empty() { self.root.clone() } else { self.root.join(name.trim_end_matches('/')) };
        let after = level.after.clone();
        let read = tokio::task::spawn_blocking(move || page(&folder, &name, &prefix, after.as_deref()));
        let page = read.await.map_err(|error| Error::internal("a folder was not read").with_source(error))?;
        let (page, after) = page?;
        (level.page, level.is_read, level.after) = (page, after.is_none(), after);
        Ok(())
    }
}

/// Returns the first names of a folder after one, as far as they have to do with a prefix, and after which one there are more.
fn page(folder: &Path, name: &str, prefix: &str, after: Option<&str>) -> Result<(VecDeque<Found>, Option<String>)> {
    let mut first = BTreeSet::new();
    // Below the container no link is gone into, since none is listed.
    if there::at(folder)? != There::Folder {
        return Ok((VecDeque::new(), None));
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Nothing was ever put here, or it is gone since it was seen.
        Err(error) if super::is_missing(&error) => return Ok((VecDeque::new(), None)),
        Err(error) => return Err(of_file(error)),
    };
    for entry in entries {
        let Some(found) = entry.and_then(|entry| listed(name, &entry)).map_err(of_file)? else { continue };
        let path = format!("{name}{found}");
        let is_wanted = path.starts_with(prefix) || (found.ends_with('/') && prefix.starts_with(&path));
        if !is_wanted || after.is_some_and(|after| found.as_str() <= after) {
            continue;
        }
        first.insert(found);
        if first.len() > PAGE {
            first.pop_last();
        }
    }
    let last = first.last().filter(|_| first.len() == PAGE).cloned();
    Ok((first.into_iter().filter_map(|name| Found::of(folder, name)).collect(), last))
}

/// Returns the name of what is an object or a folder: what has a path that nobody can ask for is neither, nor is a link.
fn listed(within: &str, entry: &fs::DirEntry) -> io::Result<Option<String>> {
    let Ok(mut name) = entry.file_name().into_string() else { return Ok(None) };
    let kind = entry.file_type()?;
    let is_named = if kind.is_dir() {
        name.push('/');
        place::begins(&format!("{within}{name}")).is_ok()
    } else {
        place::checked(&format!("{within}{name}")).is_ok()
    };
    Ok(Some(name).filter(|_| is_named && (kind.is_dir() || kind.is_file())))
}

impl Found {
    /// Returns what is known of a file; `None` if it is gone.
    fn of(folder: &Path, name: String) -> Option<Self> {
        if name.ends_with('/') {
            return Some(Self { name, bytes: 0, modified: None });
        }
        let known = fs::symlink_metadata(folder.join(&name)).ok().filter(fs::Metadata::is_file)?;
        Some(Self { name, bytes: known.len(), modified: known.modified().ok() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_of_any_size_is_walked_through_in_order() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..PAGE * 2 + 5 {
            fs::write(root.path().join(format!("{number:06}")), "").unwrap();
        }
        let mut walk = Walk::new(root.path().to_owned(), "", true);
        let mut expected = 0;
        while let Some(Listed::Object(object)) = walk.next().await.unwrap() {
            assert_eq!(object.path, format!("{expected:06}"));
            assert!(walk.levels.iter().map(|level| level.page.len()).sum::<usize>() <= PAGE);
            expected += 1;
        }
        assert_eq!(expected, PAGE * 2 + 5);
    }
}
