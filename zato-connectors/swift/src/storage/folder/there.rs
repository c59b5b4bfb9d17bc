//! What is at a path: links and what is neither a file nor a folder lie outside of what objects are made of.

use std::{
    fs::{self, File, FileType, OpenOptions},
    io,
    path::Path,
};

use zato_core::{Error, Kind, Result};

use super::is_missing;
use crate::storage::error::{not_found, of_file};

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    File,
    Folder,
    /// A pipe, a socket, a device.
    Other,
}

impl There {
    /// # Errors
    ///
    /// [`InvalidInput`](Kind::InvalidInput) if it is a link.
    fn of(kind: FileType) -> Result<Self> {
        match kind {
            kind if kind.is_symlink() => Err(link()),
            kind if kind.is_file() => Ok(Self::File),
            kind if kind.is_dir() => Ok(Self::Folder),
            _ => Ok(Self::Other),
        }
    }
}

/// Looks what is at a path below a root.
///
/// # Errors
///
/// [`InvalidInput`](Kind::InvalidInput) if it leads over a link, or to one: wherever that leads, an object has one name, and no
/// name leads out of the root.
pub(super) fn look(root: &Path, path: &Path) -> Result<There> {
    let (mut reached, mut there) = (root.to_owned(), There::Folder);
    for segment in path.strip_prefix(root).unwrap_or(path) {
        if there != There::Folder {
            return Ok(There::Nothing);
        }
        reached.push(segment);
        there = at(&reached)?;
    }
    Ok(there)
}

/// Looks what is at a path, whatever leads to it.
///
/// # Errors
///
/// [`InvalidInput`](Kind::InvalidInput) if it is a link.
pub(super) fn at(path: &Path) -> Result<There> {
    match fs::symlink_metadata(path) {
        Ok(known) => There::of(known.file_type()),
        Err(error) if is_missing(&error) => Ok(There::Nothing),
        Err(error) => Err(of_file(error)),
    }
}

/// Opens a file to read it, without waiting for anybody.
///
/// # Errors
///
/// [`NotFound`](Kind::NotFound) if there is none, whatever else there is; beside that as [`look`].
pub(super) fn open(root: &Path, path: &Path) -> Result<File> {
    // What is no file is not even opened: a device may take that for an order.
    if look(root, path)? != There::File {
        return Err(not_found());
    }
    // Somebody may have put something else there meanwhile.
    let file = reading().open(path).map_err(|error| match error {
        error if is_missing(&error) => not_found(),
        error if is_link(&error) => link(),
        error => of_file(error),
    })?;
    if file.metadata().map_err(of_file)?.is_file() { Ok(file) } else { Err(not_found()) }
}

#[cfg(unix)]
fn reading() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;

    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options
}

#[cfg(not(unix))]
fn reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    options
}

#[cfg(unix)]
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(not(unix))]
fn is_link(_: &io::Error) -> bool {
    false
}

#[cold]
fn link() -> Error {
    Error::invalid_input("the path leads over a link, and a folder of objects follows none")
}

/// Says that what is at a path can't be replaced by an object.
#[cold]
pub(super) fn in_the_way() -> Error {
    Error::new(Kind::Conflict, "what has this name is neither an object nor a folder")
}
