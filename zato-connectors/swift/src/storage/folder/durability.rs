//! Files and folders on the disk: what was said to be stored is there after the machine has lost its power.
//!
//! A file is there when it was written out itself, and the folder that has its name as well (fsync(2)); and that folder is there
//! when the one above it was written out since it was made.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

/// How many folders are remembered.
const KNOWN: usize = 10_000;

/// Writes out what must not be lost.
#[derive(Debug)]
pub(super) struct Durability {
    is_on: bool,
    /// Folders of which it is known that the ones above them have been written out since they were made, by whomever.
    known: Mutex<HashSet<Identity>>,
    #[cfg(test)]
    pub(super) log: Mutex<Vec<PathBuf>>,
}

/// What tells a folder from another one that had its name, or its number, before it.
type Identity = (PathBuf, u64, Option<SystemTime>);

impl Durability {
    pub(super) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            known: Mutex::default(),
            #[cfg(test)]
            log: Mutex::default(),
        }
    }

    /// Writes out a file with its attributes, before anybody sees it by its name.
    pub(super) fn file(&self, file: &File, path: &Path) -> io::Result<()> {
        self.note(path);
        file.sync_all()
    }

    /// Writes out what was added to a file that is still being written, so that little is left to do at its end.
    pub(super) fn part(&self, file: &File, path: &Path) -> io::Result<()> {
        self.note(path);
        file.sync_data()
    }

    /// Whether what is written has to be written out, too.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Writes out a folder after something in it was moved or removed, and those above it up to the root that have not been since
    /// there was a new one in them.
    pub(super) fn folder(&self, root: &Path, folder: &Path) -> io::Result<()> {
        if !self.is_on {
            return Ok(());
        }
        let mut left = folder;
        loop {
            match self.chain(root, left) {
                // Somebody has removed it meanwhile, with what was in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && left != root => {
                    left = left.parent().unwrap_or(root);
                }
                written => return written,
            }
        }
    }

    fn chain(&self, root: &Path, folder: &Path) -> io::Result<()> {
        self.sync(folder)?;
        for folder in folder.ancestors().take_while(|folder| *folder != root && folder.starts_with(root)) {
            let identity = identity(folder)?;
            if self.lock().contains(&identity) {
                continue;
            }
            self.sync(folder.parent().unwrap_or(root))?;
            let mut known = self.lock();
            if known.len() >= KNOWN {
                known.clear();
            }
            known.insert(identity);
        }
        Ok(())
    }

    /// Writes out the folders that so many new ones at the end of a path are in.
    pub(super) fn made(&self, folder: &Path, new: usize) -> io::Result<()> {
        folder.ancestors().skip(1).take(new).filter(|_| self.is_on).try_for_each(|folder| self.sync(folder))
    }

    fn sync(&self, folder: &Path) -> io::Result<()> {
        self.note(folder);
        // Elsewhere a folder can't be opened.
        if cfg!(unix) { as_far_as_possible(File::open(folder)?.sync_all()) } else { Ok(()) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Identity>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn note(&self, path: &Path) {
        self.log.lock().unwrap().push(path.to_owned());
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests look at what was written out in which order")]
    fn note(&self, _: &Path) {}
}

/// Lets pass that a file system has no such thing as a folder that is written out (fsync(2), EINVAL; some that are reached over a
/// network, EBADF): what was done is done, and they keep folders in their own way.
fn as_far_as_possible(written: io::Result<()>) -> io::Result<()> {
    #[cfg(unix)]
    if let Err(error) = &written
        && let Some(rustix::io::Errno::INVAL | rustix::io::Errno::BADF) = rustix::io::Errno::from_io_error(error)
    {
        return Ok(());
    }
    written
}

fn identity(folder: &Path) -> io::Result<Identity> {
    let known = fs::symlink_metadata(folder)?;
    Ok((folder.to_owned(), number(&known), known.created().ok()))
}

#[cfg(unix)]
fn number(known: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(known)
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> u64 {
    0
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_folder_that_no_file_system_writes_out_is_no_fault_and_all_else_is() {
        for (errno, is_fault) in [(Errno::INVAL, false), (Errno::BADF, false), (Errno::IO, true), (Errno::NOSPC, true)]
        {
            assert_eq!(as_far_as_possible(Err(errno.into())).is_err(), is_fault, "{errno}");
        }
        // One of the system's own folders, where it is so.
        if Path::new("/proc/self").is_dir() {
            assert!(File::open("/proc/self").unwrap().sync_all().is_err());
            Durability::new(true).made(Path::new("/proc/self/a"), 1).unwrap();
        }
    }
}
