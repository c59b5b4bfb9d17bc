//! What is kept with a file, beside what is in it: extended attributes, read and written by the file that is open, so that they
//! are those of what is read from it and of no other that took its name.

#[cfg(unix)]
use std::ffi::CStr;
use std::{fs::File, io};

#[cfg(unix)]
use rustix::io::Errno;
use zato_core::{Error, Result};

use crate::{
    metadata::Metadata,
    storage::{details::MIME_TYPE, error::of_file},
};

/// The namespace that everybody may write to (xattr(7)).
#[cfg(unix)]
const NAMESPACE: &str = "user.";

/// What is kept with a file: its content type among what is told by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    pub(super) content_type: Option<String>,
    pub(super) metadata: Metadata,
}

impl Attributes {
    /// Returns those of an object.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if metadata has the name that the content type has.
    pub(super) fn new(content_type: Option<&str>, metadata: &Metadata) -> Result<Self> {
        if metadata.get(MIME_TYPE).is_some() {
            let words = "a folder keeps the content type under the name of this metadata; give it another one";
            return Err(Error::invalid_input(words).with("metadata", MIME_TYPE));
        }
        Ok(Self { content_type: content_type.map(ToOwned::to_owned), metadata: metadata.clone() })
    }

    /// Writes them to a file that has none.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if the file system can't keep as much, or none of such a name.
    #[cfg(unix)]
    pub(super) fn write(&self, file: &File) -> Result<()> {
        use rustix::fs::{XattrFlags, fsetxattr};

        let content_type = self.content_type.as_deref().map(|content_type| (MIME_TYPE, content_type));
        for (name, value) in self.metadata.iter().chain(content_type) {
            let written = fsetxattr(file, format!("{NAMESPACE}{name}"), value.as_bytes(), XattrFlags::empty());
            written.map_err(|errno| refused(errno, has_room(file)).with("metadata", name.escape_debug()))?;
        }
        Ok(())
    }

    /// Reads those of a file; where there are no attributes there is none.
    #[cfg(unix)]
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let mut attributes = Self::default();
        for (name, value) in values(file)? {
            // What is not UTF-8 was not written here.
            let (Ok(name), Ok(value)) = (name.to_str(), String::from_utf8(value)) else { continue };
            match name.strip_prefix(NAMESPACE) {
                Some(MIME_TYPE) => attributes.content_type = Some(value),
                Some(name) => attributes.metadata.insert(name, value),
                None => {}
            }
        }
        Ok(attributes)
    }

    #[cfg(not(unix))]
    pub(super) fn write(&self, _: &File) -> Result<()> {
        let is_nothing = self.content_type.is_none() && self.metadata.is_empty();
        if is_nothing { Ok(()) } else { Err(of_file(io::ErrorKind::Unsupported.into())) }
    }

    #[cfg(not(unix))]
    pub(super) fn read(_: &File) -> io::Result<Self> {
        Ok(Self::default())
    }
}

/// Makes our error of what an attribute is refused with. What is too large for one file stays so however often it is tried; the
/// words for it are also those for a disk that is full (setxattr(2), ENOSPC).
#[cfg(unix)]
fn refused(errno: Errno, has_room: bool) -> Error {
    match errno {
        Errno::NOSPC if !has_room => of_file(errno.into()),
        Errno::NOSPC | Errno::TOOBIG | Errno::RANGE => {
            Error::invalid_input("the metadata is too large for the file system of this folder")
                .with_source(io::Error::from(errno))
        }
        Errno::INVAL => {
            Error::invalid_input("the folder can't keep metadata of this name").with_source(io::Error::from(errno))
        }
        _ => of_file(errno.into()),
    }
}

/// Whether there is room left on the disk of a file.
#[cfg(unix)]
fn has_room(file: &File) -> bool {
    rustix::fs::fstatvfs(file).is_ok_and(|known| known.f_bavail > 0)
}

#[cfg(unix)]
fn values(file: &File) -> io::Result<Vec<(std::ffi::CString, Vec<u8>)>> {
    use rustix::fs::{fgetxattr, fgetxattr_query, flistxattr, flistxattr_query};

    let names = match sized(|| flistxattr_query(file), |buffer| flistxattr(file, buffer)) {
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        names => names?,
    };
    let names = names.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok());
    let mut values = Vec::new();
    for name in names.filter(|name| name.to_bytes().starts_with(NAMESPACE.as_bytes())) {
        match sized(|| fgetxattr_query(file, name), |buffer| fgetxattr(file, name, buffer)) {
            Ok(value) => values.push((name.to_owned(), value)),
            // Somebody has taken it away since it was listed.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(values)
}

/// Asks how long something is, and then for it; it may grow between.
#[cfg(unix)]
fn sized(
    length: impl Fn() -> rustix::io::Result<usize>,
    ask: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<u8>> {
    const ATTEMPTS: usize = 10;
    let mut attempt = 0;
    loop {
        let mut buffer = vec![0; length()?];
        if buffer.is_empty() {
            return Ok(buffer);
        }
        attempt += 1;
        match ask(&mut buffer) {
            Err(Errno::RANGE) if attempt < ATTEMPTS => {}
            read => {
                buffer.truncate(read?);
                return Ok(buffer);
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::fs::{XattrFlags, fsetxattr};
    use zato_core::{Kind, Retry};

    use super::*;

    #[test]
    fn they_are_those_of_the_file_that_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let file = File::create_new(&path).unwrap();
        assert!(Attributes::read(&file).unwrap().metadata.is_empty());
        let metadata = Metadata::new().with("empty", "").with("long", "ż".repeat(500)).with("sent-by", "CRM");
        let attributes = Attributes { content_type: Some("text/plain".to_owned()), metadata };
        attributes.write(&file).unwrap();
        fsetxattr(&file, "user.bytes", b"\xff", XattrFlags::empty()).unwrap();
        std::fs::remove_file(&path).unwrap();
        File::create_new(&path).unwrap();
        let read = Attributes::read(&file).unwrap();
        assert_eq!((read.content_type, read.metadata), (attributes.content_type, attributes.metadata));
    }

    #[test]
    fn what_a_file_system_has_no_room_for_is_not_tried_again_unless_the_disk_is_full() {
        for (errno, has_room, kind, words) in [
            (Errno::NOSPC, true, Kind::InvalidInput, "the metadata is too large"),
            (Errno::TOOBIG, true, Kind::InvalidInput, "the metadata is too large"),
            (Errno::RANGE, true, Kind::InvalidInput, "the metadata is too large"),
            (Errno::INVAL, true, Kind::InvalidInput, "metadata of this name"),
            (Errno::NOSPC, false, Kind::Unavailable, "has no room left"),
            (Errno::IO, true, Kind::Unavailable, "can't do this now"),
        ] {
            let error = refused(errno, has_room);
            assert_eq!(error.kind(), kind, "{errno}");
            assert!(error.message().contains(words), "{errno}: {}", error.message());
            assert_eq!(error.retry() == Retry::Never, kind == Kind::InvalidInput, "{errno}");
        }
    }
}
