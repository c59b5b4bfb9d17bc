//! Paths: which container, and which object in it.

use zato_core::{Error, Result};

use crate::name;

/// The longest path within a container, in bytes: what Swift and S3 take.
const MAX: usize = 1024;

/// The longest segment of a path, in bytes: what file systems take.
const MAX_SEGMENT: usize = 255;

const SPACES: &str = "has spaces around it, which not all stores keep; take them away";

const LONG_SEGMENT: &str = "has a segment that is too long; one has 255 bytes at most";

/// An object, as it is named on every store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) container: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> Place<'a> {
    /// Reads a path, which begins with its container unless all objects are in one.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if there is a store that can't keep an object of this name, or would
    /// keep it under another.
    pub(crate) fn of(all_in: Option<&'a str>, path: &'a str) -> Result<Self> {
        let (container, name) = match all_in {
            Some(container) => (container, path),
            None => path.split_once('/').ok_or_else(|| {
                refused(path, "has no container; begin it with one, such as CRM/Invoice, or set \"container\" in the configuration")
            })?,
        };
        if all_in.is_none() {
            self::container(container)
                .map_err(|fault| refused(path, &format!("begins with a container that {fault}")))?;
        }
        checked(name).map_err(|fault| refused(path, fault))?;
        Ok(Self { container, name })
    }
}

/// Reads what paths are to begin with: a container, and in it the beginning of a name, which may be empty.
///
/// # Errors
///
/// [`InvalidInput`](zato_core::Kind::InvalidInput) if no path begins like that.
pub(crate) fn prefix<'a>(all_in: Option<&'a str>, prefix: &'a str) -> Result<Place<'a>> {
    let (container, name) = match all_in {
        Some(container) => (container, prefix),
        None => prefix.split_once('/').unwrap_or((prefix, "")),
    };
    if all_in.is_none() {
        self::container(container)
            .map_err(|fault| refused(prefix, &format!("begins with a container that {fault}")))?;
    }
    begins(name).map_err(|fault| refused(prefix, fault))?;
    Ok(Place { container, name })
}

/// Checks the name of a container.
pub(crate) fn container(name: &str) -> Result<(), &'static str> {
    if name::container(name).is_err() || name.len() > MAX_SEGMENT {
        return Err("is empty, too long, made of dots alone, or has a slash or a control character");
    }
    if name.trim() != name {
        return Err("has spaces around it");
    }
    if name.starts_with('.') {
        return Err("begins with a dot, which is kept for what stores need themselves");
    }
    Ok(())
}

/// Checks the name of an object within a container.
pub(crate) fn checked(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("names no object; name one, such as CRM/Invoice");
    }
    of_characters(name)?;
    if name.trim_end() != name {
        return Err(SPACES);
    }
    name.split('/').try_for_each(segment)
}

/// Checks what the names of objects are to begin with. Only the segments that a slash ends are whole.
pub(crate) fn begins(name: &str) -> Result<(), &'static str> {
    of_characters(name)?;
    let (whole, last) = name.rsplit_once('/').map_or((None, name), |(whole, last)| (Some(whole), last));
    whole.map_or(Ok(()), |whole| whole.split('/').try_for_each(segment))?;
    if last.len() > MAX_SEGMENT { Err(LONG_SEGMENT) } else { Ok(()) }
}

/// Checks what has no part in where a name ends.
fn of_characters(name: &str) -> Result<(), &'static str> {
    if name.len() > MAX {
        Err("is too long; names have 1024 bytes at most")
    } else if name.chars().any(char::is_control) {
        Err("has a line break or another control character; take it out, or write it as %0A")
    } else if name.trim_start() != name {
        Err(SPACES)
    } else {
        Ok(())
    }
}

fn segment(segment: &str) -> Result<(), &'static str> {
    match segment {
        "" => Err("has a segment without a character; leave out slashes at its ends and double ones"),
        "." | ".." => Err("has a segment of dots alone, which would lead elsewhere; leave it out"),
        _ if segment.len() > MAX_SEGMENT => Err(LONG_SEGMENT),
        _ => Ok(()),
    }
}

#[cold]
fn refused(path: &str, fault: &str) -> Error {
    let shown: String = path.chars().take(100).collect();
    Error::invalid_input(format!("the path {fault}")).with("path", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use zato_core::Kind;

    use super::*;

    #[test]
    fn a_path_begins_with_its_container_unless_all_objects_are_in_one() {
        assert_eq!(Place::of(None, "CRM/2026/Invoice").unwrap(), Place { container: "CRM", name: "2026/Invoice" });
        assert_eq!(Place::of(Some("CRM"), "2026/Invoice").unwrap(), Place { container: "CRM", name: "2026/Invoice" });
        assert_eq!(prefix(None, "CRM").unwrap(), Place { container: "CRM", name: "" });
        assert_eq!(prefix(None, "CRM/2026/").unwrap(), Place { container: "CRM", name: "2026/" });
        assert_eq!(prefix(Some("CRM"), "").unwrap(), Place { container: "CRM", name: "" });
        for wrong in ["/", "//", "a//", "../", "a/../b", " a", " ", "a\n", &"a".repeat(256), &"a/".repeat(513)] {
            assert!(prefix(Some("CRM"), wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_may_begin_with_what_no_name_ends_with() {
        for right in ["2026 ", ".", "..", "a/.", "a/..", "a /", "a/ ", &"a/".repeat(512)] {
            assert_eq!(prefix(None, &format!("CRM/{right}")).unwrap().name, right, "{right:?}");
        }
    }

    #[test]
    fn what_one_of_the_stores_would_keep_under_another_name_is_refused_with_the_remedy() {
        let long = format!("CRM/{}", "a".repeat(256));
        let longer = format!("CRM/{}", "a/".repeat(600));
        for (path, words) in [
            ("Invoice", "the path has no container; begin it with one"),
            ("", "the path has no container"),
            ("CRM/", "names no object; name one"),
            ("/Invoice", "begins with a container that is empty"),
            (".zato/Invoice", "begins with a container that begins with a dot"),
            ("../Invoice", "begins with a container that is empty, too long, made of dots alone"),
            ("CRM/../../etc/passwd", "has a segment of dots alone"),
            ("CRM/./a", "has a segment of dots alone"),
            ("CRM/a//b", "has a segment without a character"),
            ("CRM//etc/passwd", "has a segment without a character"),
            ("CRM/a/", "has a segment without a character"),
            ("CRM/a\0b", "has a line break or another control character"),
            ("CRM/a\nb", "has a line break or another control character"),
            ("CRM/a ", "has spaces around it"),
            (&long, "has a segment that is too long"),
            (&longer, "is too long; names have 1024 bytes at most"),
        ] {
            let error = Place::of(None, path).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidInput, "{path:?}");
            assert!(error.message().contains(words), "{path:?}: {}", error.message());
        }
        for path in ["CRM/.hidden", "CRM/...", "CRM/a b", "CRM/Żółw/100%", "CRM/a\\b", "CRM/%2e%2e/a"] {
            assert!(Place::of(None, path).is_ok(), "{path}");
        }
    }
}
