//! Storing and removing files.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use zato_core::{Error, Result};

use super::{
    Folder, Shared,
    attributes::Attributes,
    blocking, is_missing,
    partial::Partial,
    there::{There, in_the_way, look},
};
use crate::storage::{
    details::Stored,
    error::{not_found, of_file, unsupported},
    limits::Limits,
    place::Place,
    put::{Content, Wanted},
};

/// How often a file is moved to its place while others remove the folder that it is to lie in.
const ATTEMPTS: usize = 50;

/// A file that is being written, with what it will be called.
struct Writing {
    file: File,
    partial: Partial,
}

impl Folder {
    /// Writes a file beside the others, and moves it to its place when it is whole, and written out with its attributes.
    pub(crate) async fn put(
        &self,
        place: Place<'_>,
        content: Content,
        wanted: &Wanted<'_>,
        limits: &Limits,
    ) -> Result<Stored> {
        let (attributes, path) = (self.attributes(wanted)?, self.path(place));
        let (shared, partial) = (self.shared.clone(), self.partial());
        let mut bytes = 0;
        let mut writing = limits.step(blocking(move || Writing::begin(&shared.root, partial))).await?;
        match content {
            Content::Bytes(whole) => {
                bytes = whole.len() as u64;
                writing = limits.step(blocking(move || writing.add(&whole))).await?;
            }
            Content::Stream(mut stream) => {
                while let Some(piece) = stream.chunk().await? {
                    bytes += piece.len() as u64;
                    writing = limits.step(blocking(move || writing.add(&piece))).await?;
                }
            }
        }
        let (shared, is_only_if_absent) = (self.shared.clone(), wanted.is_only_if_absent);
        limits.step(blocking(move || writing.settle(&shared, &path, &attributes, is_only_if_absent))).await?;
        Ok(Stored { etag: None, bytes })
    }

    fn attributes(&self, wanted: &Wanted<'_>) -> Result<Attributes> {
        if !self.has_attributes {
            let needs = wanted.needs_content_type || !wanted.metadata.is_empty();
            return if needs { Err(without_attributes()) } else { Ok(Attributes::default()) };
        }
        let content_type = wanted.content_type.map(ToOwned::to_owned);
        Ok(Attributes { content_type, metadata: wanted.metadata.clone() })
    }

    /// Removes a file, and the folders that have nothing in them any more.
    pub(crate) async fn delete(&self, place: Place<'_>) -> Result<bool> {
        let (shared, path, container) = (self.shared.clone(), self.path(place), self.container(place));
        blocking(move || shared.remove(&path, &container)).await
    }
}

impl Writing {
    pub(super) fn begin(root: &Path, partial: Partial) -> Result<Self> {
        let create = || File::options().write(true).create_new(true).open(partial.path());
        let file = match create() {
            // Somebody has taken the folder away in which the files are that are not whole yet.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(root.join(super::partial::FOLDER)).and_then(|()| create())
            }
            file => file,
        };
        Ok(Self { file: file.map_err(of_file)?, partial })
    }

    fn add(mut self, piece: &[u8]) -> Result<Self> {
        self.file.write_all(piece).map_err(of_file)?;
        Ok(self)
    }

    /// Moves it to its place, over the file that is there, or only if there is none.
    fn settle(self, shared: &Shared, target: &Path, attributes: &Attributes, is_only_if_absent: bool) -> Result<()> {
        let Self { file, mut partial } = self;
        attributes.write(&file).map_err(of_file)?;
        shared.durability.file(&file, partial.path()).map_err(of_file)?;
        drop(file);
        if look(&shared.root, target)? == There::Other {
            return Err(in_the_way());
        }
        let parent = target.parent().unwrap_or(&shared.root);
        for attempt in 1..=ATTEMPTS {
            match fs::create_dir_all(parent) {
                Err(error) if is_moving(&error) && attempt < ATTEMPTS => continue,
                made => made.map_err(blocked)?,
            }
            let settled = if is_only_if_absent {
                // In one step: who comes second is refused, in whatever process.
                fs::hard_link(partial.path(), target)
            } else {
                fs::rename(partial.path(), target).inspect(|()| partial.is_gone())
            };
            match settled {
                Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => {}
                Err(error) => return Err(of_file(error)),
                Ok(()) => return shared.durability.folder(&shared.root, parent).map_err(of_file),
            }
        }
        Err(not_found())
    }
}

impl Shared {
    fn remove(&self, path: &Path, container: &Path) -> Result<bool> {
        if look(&self.root, path)? != There::File {
            return Ok(false);
        }
        match fs::remove_file(path) {
            Ok(()) => {}
            // Somebody else was faster.
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(of_file(error)),
        }
        let mut left = path.parent().unwrap_or(container);
        // One that has something in it stays.
        while left != container && left.starts_with(container) && fs::remove_dir(left).is_ok() {
            left = left.parent().unwrap_or(container);
        }
        self.durability.folder(&self.root, left).map_err(of_file)?;
        Ok(true)
    }
}

/// Whether it may be that a folder was just removed by who deleted the last object in it.
fn is_moving(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
}

/// A folder can't be made where a file is.
fn blocked(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => of_file(ErrorKind::NotADirectory.into()),
        _ => of_file(error),
    }
}

fn without_attributes() -> Error {
    unsupported("fs", "keep content types and metadata, as the file system has no extended attributes")
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use zato_core::ambient::Ambient;

    use super::*;

    fn limits() -> Limits {
        Limits { connection: "a".to_owned(), patience: Some(Duration::from_secs(30)), slow: Duration::ZERO }
    }

    /// Stores an object, and returns what was written out meanwhile, below the root.
    async fn written(folder: &Folder, place: Place<'_>) -> Vec<String> {
        let content = Content::Bytes("1".into());
        folder.put(place, content, &Wanted::default(), &limits()).await.unwrap();
        told(folder)
    }

    fn told(folder: &Folder) -> Vec<String> {
        let log = std::mem::take(&mut *folder.shared.durability.log.lock().unwrap());
        let below = |path: PathBuf| path.strip_prefix(&folder.shared.root).unwrap().to_str().unwrap().to_owned();
        log.into_iter()
            .map(below)
            .map(|name| if name.starts_with(".zato") { "file".to_owned() } else { name })
            .collect()
    }

    #[tokio::test]
    async fn what_is_said_to_be_stored_is_written_out_with_all_that_leads_to_it() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path(), true, &Ambient::default()).await.unwrap();
        told(&folder);
        let place = |name| Place { container: "CRM", name };
        assert_eq!(written(&folder, place("2026/11/a")).await, ["file", "CRM/2026/11", "CRM/2026", "CRM", ""]);
        assert_eq!(written(&folder, place("2026/11/b")).await, ["file", "CRM/2026/11"]);
        assert_eq!(written(&folder, place("c")).await, ["file", "CRM"]);
        assert!(folder.delete(place("2026/11/a")).await.unwrap());
        assert_eq!(told(&folder), ["CRM/2026/11"]);
        assert!(folder.delete(place("2026/11/b")).await.unwrap());
        assert_eq!(told(&folder), ["CRM"]);
        assert!(!folder.delete(place("2026/11/b")).await.unwrap());
        // What is made anew is not what was known.
        assert_eq!(written(&folder, place("2026/11/a")).await, ["file", "CRM/2026/11", "CRM/2026", "CRM"]);
    }

    #[tokio::test]
    async fn a_root_that_is_made_is_written_out_and_nothing_is_where_nobody_wants_it() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("a/b");
        let folder = Folder::open(&root, true, &Ambient::default()).await.unwrap();
        let log = folder.shared.durability.log.lock().unwrap().clone();
        let real = temporary.path().canonicalize().unwrap();
        assert!(log.ends_with(&[real.join("a"), real]), "{log:?}");
        let folder = Folder::open(&root, false, &Ambient::default()).await.unwrap();
        assert_eq!(written(&folder, Place { container: "CRM", name: "a" }).await, Vec::<String>::new());
    }
}
