//! Files that a configuration names, such as certificates and keys.

mod path;

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::path::FilePath;
pub(in crate::config) use self::path::WITH_PLACE;
use crate::config::{ConfigFault, Origin};

/// How much is read of a file: the certificate authorities of all the world are a quarter of a megabyte.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Reads the files that a configuration names, and remembers what was in them.
///
/// Each application of a configuration has its own. Whoever builds something from a file reads it here, and thereby has
/// it watched: when it is changed, the configuration is applied again, with a [`Change`](crate::app::Change) of the entry
/// that names the file. A configuration that can't be built from what is in the files now changes nothing.
///
/// # Examples
///
/// ```
/// use zato_core::config::{FilePath, Files};
///
/// let files = Files::in_folder("a-folder-that-does-not-exist");
/// let fault = files.read(&FilePath::new("server.pem")).unwrap_err();
/// assert_eq!(fault.to_string(), "the file \"server.pem\" does not exist");
/// ```
pub struct Files {
    /// Where a relative name starts that stands in none of the documents.
    folder: PathBuf,
    /// The files of the configuration itself.
    documents: Vec<PathBuf>,
    /// What was read, by where it was read from.
    known: Mutex<BTreeMap<PathBuf, Known>>,
    /// What was made once, by its type.
    once: Mutex<BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Of no use to anybody who would want to make two contents look alike: its keys are made anew with each value.
    hasher: RandomState,
}

struct Known {
    name: FilePath,
    state: State,
}

/// What was in a file. A digest of it: a key is not kept for longer than it is needed.
#[derive(Clone, PartialEq)]
enum State {
    Content { length: usize, digest: u64 },
    Unreadable(io::ErrorKind),
}

impl Files {
    /// Reads relative names from a folder.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self::of_documents(folder, &[])
    }

    /// Reads a relative name from the folder of that one of `documents` in which it stands, or from `folder`.
    pub(crate) fn of_documents(folder: impl Into<PathBuf>, documents: &[PathBuf]) -> Self {
        let (known, once, hasher) = (Mutex::default(), Mutex::default(), RandomState::new());
        Self { folder: folder.into(), documents: documents.to_vec(), known, once, hasher }
    }

    /// Reads a file, and remembers what was in it.
    ///
    /// # Errors
    ///
    /// A fault at the place where the file is named, if it can't be read or is larger than 4 MiB.
    pub fn read(&self, file: &FilePath) -> Result<Vec<u8>, ConfigFault> {
        let path = self.resolve(file);
        let content = load(&path);
        let known = Known { name: file.clone(), state: self.state(&content) };
        // What was read first stays: if it is another content by now, that is a change.
        self.lock().entry(path).or_insert(known);
        content.map_err(|error| file.fault(words(&error)))
    }

    /// Gives a value that is made once for all who ask for its type: what is costly to read and stands in no file that the
    /// configuration names, such as the authorities that the operating system trusts.
    ///
    /// Each application of a configuration makes its own. `make` must not ask for another one.
    pub fn once<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        let value = once.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(make()));
        Arc::clone(value).downcast().unwrap_or_else(|_| unreachable!("a value is found by its type"))
    }

    /// Gives every file that was asked for: what to watch.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.lock().keys().cloned().collect()
    }

    /// Gives the files in which there is something else now than when they were read.
    pub(crate) fn changed(&self) -> Vec<FilePath> {
        let known = self.lock();
        let is_changed = |path: &Path, known: &Known| self.state(&load(path)) != known.state;
        known.iter().filter(|(path, known)| is_changed(path, known)).map(|(_, known)| known.name.clone()).collect()
    }

    fn state(&self, content: &io::Result<Vec<u8>>) -> State {
        match content {
            Ok(bytes) => State::Content { length: bytes.len(), digest: self.hasher.hash_one(bytes) },
            Err(error) => State::Unreadable(error.kind()),
        }
    }

    /// Returns where a name leads to, for what is no single file, such as a folder. It is not watched.
    #[must_use]
    pub fn path_of(&self, file: &FilePath) -> PathBuf {
        self.resolve(file)
    }

    /// Gives the path that a name means.
    pub(crate) fn resolve(&self, file: &FilePath) -> PathBuf {
        self.folder_of(file.origin()).join(file.as_path())
    }

    fn folder_of(&self, origin: Option<&Origin>) -> &Path {
        let is_it = |path: &&PathBuf| origin.is_some_and(|origin| path.display().to_string() == *origin.file);
        self.documents.iter().find(is_it).and_then(|path| path.parent()).unwrap_or(&self.folder)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the files, and says nothing of what is in them.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.lock();
        f.debug_list().entries(known.values().map(|known| &known.name)).finish()
    }
}

fn load(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would be waited at for ever, as soon as it is opened, and a device has no end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Says why a file can't be read.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read by this program; change its permissions".to_owned(),
        io::ErrorKind::IsADirectory => "is no file; name a file".to_owned(),
        io::ErrorKind::FileTooLarge => "is larger than 4 MiB, which no such file is".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{from_node, yaml};

    #[test]
    fn a_file_is_changed_when_there_is_something_else_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "one").unwrap();
        let files = Files::in_folder(folder.path());
        assert_eq!(files.read(&FilePath::new("a")).unwrap(), b"one");
        assert_eq!(files.read(&FilePath::new("b")).unwrap_err().message, "the file \"b\" does not exist");
        assert_eq!(files.paths(), [path("a"), path("b")]);
        assert_eq!(files.changed(), []);

        fs::write(path("a"), "one").unwrap();
        assert_eq!(files.changed(), [], "the same again is no change");
        fs::write(path("a"), "two").unwrap();
        assert_eq!(files.changed(), [FilePath::new("a")]);
        assert_eq!(files.read(&FilePath::new("a")).unwrap(), b"two");
        assert_eq!(files.changed(), [FilePath::new("a")], "what was read first counts");
        fs::write(path("b"), "").unwrap();
        fs::remove_file(path("a")).unwrap();
        assert_eq!(files.changed(), [FilePath::new("a"), FilePath::new("b")]);
        assert_eq!(format!("{files:?}"), r#"[the file "a", the file "b"]"#);
    }

    #[test]
    fn a_value_of_a_type_is_made_once() {
        let files = Files::in_folder("");
        assert_eq!((*files.once(|| 1_u8), *files.once(|| 2_u8), *files.once(|| 3_u16)), (1, 1, 3));
    }

    #[test]
    fn a_relative_name_starts_where_it_is_written() {
        let documents = [PathBuf::from("/etc/zato/zato.yaml"), PathBuf::from("/etc/zato/tls/tls.yaml")];
        let files = Files::of_documents("/srv", &documents);
        for (document, name, expected) in [
            ("/etc/zato/zato.yaml", "a.pem", "/etc/zato/a.pem"),
            ("/etc/zato/tls/tls.yaml", "a.pem", "/etc/zato/tls/a.pem"),
            ("configuration", "a.pem", "/srv/a.pem"),
            ("/etc/zato/zato.yaml", "/a.pem", "/a.pem"),
        ] {
            let file: FilePath = from_node(&yaml::parse(document, name).unwrap()).unwrap();
            assert_eq!(files.resolve(&file), Path::new(expected));
        }
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("large"), vec![0; 4 * 1024 * 1024 + 1]).unwrap();
        let files = Files::in_folder(folder.path());
        let said = |name: &str| files.read(&FilePath::new(name)).unwrap_err().message;
        assert_eq!(said("."), "the file \".\" is no file; name a file");
        assert_eq!(said("large"), "the file \"large\" is larger than 4 MiB, which no such file is");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_at() {
        let folder = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(made.success());
        let (tell, told) = std::sync::mpsc::channel();
        let files = Files::in_folder(folder.path());
        std::thread::spawn(move || tell.send(files.read(&FilePath::new("pipe")).unwrap_err().message));
        let said = told.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        assert_eq!(said, "the file \"pipe\" is no file; name a file");
    }
}
