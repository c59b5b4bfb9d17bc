//! What is kept with a file, beside what is in it: extended attributes, read and written by the file that is open, so that they
//! are those of what is read from it and of no other that took its name.

#[cfg(unix)]
use std::ffi::CStr;
use std::{fs::File, io};

use crate::{metadata::Metadata, storage::details::MIME_TYPE};

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
    /// Writes them to a file that has none.
    #[cfg(unix)]
    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        use rustix::fs::{XattrFlags, fsetxattr};

        let content_type = self.content_type.as_deref().map(|content_type| (MIME_TYPE, content_type));
        for (name, value) in self.metadata.iter().chain(content_type) {
            fsetxattr(file, format!("{NAMESPACE}{name}"), value.as_bytes(), XattrFlags::empty())?;
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
    pub(super) fn write(&self, _: &File) -> io::Result<()> {
        let is_nothing = self.content_type.is_none() && self.metadata.is_empty();
        if is_nothing { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    #[cfg(not(unix))]
    pub(super) fn read(_: &File) -> io::Result<Self> {
        Ok(Self::default())
    }
}

#[cfg(unix)]
fn values(file: &File) -> io::Result<Vec<(std::ffi::CString, Vec<u8>)>> {
    use rustix::{
        fs::{fgetxattr, fgetxattr_query, flistxattr, flistxattr_query},
        io::Errno,
    };

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
            Err(rustix::io::Errno::RANGE) if attempt < ATTEMPTS => {}
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
}
