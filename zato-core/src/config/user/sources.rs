//! Where files of user configuration are, and reading them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::format::UserFormat;
use super::{UserConfig, UserFiles};
use crate::config::document::{cannot_read, read};
use crate::config::env::{OVERRIDES, is_for, substitute_user};
use crate::config::suggest::quoted;
use crate::config::{ConfigFault, ConfigFaults, Environment, FilePath};

/// The folders whose files are user configuration, and the files that were given a name.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserSources {
    folders: Vec<PathBuf>,
    files: Vec<(String, PathBuf)>,
}

/// What is in the files now.
#[derive(Debug, Default)]
pub(crate) struct UserReading {
    files: Vec<UserConfig>,
    /// The files that can't be used, by name, and the folders that can't be read.
    unusable: BTreeMap<String, Unusable>,
    /// Whether a folder could not be read, so that nobody knows what is in it.
    is_partial: bool,
    /// When each file was saved, by its name.
    pub(crate) saved: BTreeMap<String, Vec<SystemTime>>,
    /// Variables that look as if they were to replace a value, and replace none.
    pub(crate) unused: Vec<String>,
}

/// Why a file can't be used, and when it was saved so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unusable {
    pub(crate) faults: ConfigFaults,
    pub(crate) saved: Vec<SystemTime>,
}

impl UserSources {
    /// Adds a folder.
    pub(crate) fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folders.push(folder.into());
        self
    }

    /// Adds a file that is known by a name, where `path` is what `file` means.
    ///
    /// # Errors
    ///
    /// The end of its name tells no format.
    pub(crate) fn with_file(mut self, name: &str, file: &FilePath, path: PathBuf) -> Result<Self, ConfigFault> {
        if UserFormat::of(&path).is_none() {
            return Err(
                file.fault(format!("is no user configuration; its name has to end with {}", UserFormat::ENDINGS))
            );
        }
        self.files.push((name.to_owned(), path));
        Ok(self)
    }

    /// Gives what to watch.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.folders.iter().chain(self.files.iter().map(|(_, path)| path))
    }

    /// Reads every file.
    pub(crate) fn read(&self, environment: &dyn Environment) -> UserReading {
        let mut reading = UserReading::default();
        let mut used = BTreeSet::new();
        for (name, paths) in self.named(&mut reading) {
            let saved: Vec<_> = paths.iter().filter_map(|path| fs::metadata(path).ok()?.modified().ok()).collect();
            let read = match paths.as_slice() {
                [first, second, ..] => Err(two_of_a_name(&name, first, second).into()),
                [path] => load(path, &name, environment, &mut used),
                [] => Ok(None),
            };
            match read {
                Ok(config) => reading.files.extend(config),
                Err(faults) => {
                    reading.unusable.insert(name.clone(), Unusable { faults, saved: saved.clone() });
                }
            }
            reading.saved.insert(name, saved);
        }
        // What is in a file that can't be used, nobody knows.
        let is_unknown = |variable: &str| reading.unusable.keys().any(|name| is_for(variable, name));
        let is_unused = |name: &String| name.starts_with(OVERRIDES) && !used.contains(name) && !is_unknown(name);
        reading.unused = environment.names().into_iter().filter(is_unused).collect();
        reading.unused.sort_unstable();
        reading
    }

    /// Lists the files by their names.
    fn named(&self, reading: &mut UserReading) -> BTreeMap<String, Vec<PathBuf>> {
        let mut named: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for folder in &self.folders {
            match files_in(folder) {
                Ok(paths) => {
                    for path in paths {
                        named.entry(config_name(&path).unwrap_or_default()).or_default().push(path);
                    }
                }
                Err(fault) => {
                    let unusable = Unusable { faults: fault.into(), saved: Vec::new() };
                    reading.unusable.insert(folder.display().to_string(), unusable);
                    reading.is_partial = true;
                }
            }
        }
        for (name, path) in &self.files {
            let paths = named.entry(name.clone()).or_default();
            // The folder may have it already.
            let is_same = |known: &PathBuf| {
                known.canonicalize().is_ok_and(|known| path.canonicalize().is_ok_and(|path| path == known))
            };
            if path.symlink_metadata().is_ok() && !paths.iter().any(is_same) {
                paths.push(path.clone());
            }
        }
        named
    }
}

impl UserReading {
    /// Gives the files if every one of them can be used.
    pub(crate) fn strict(self) -> Result<UserFiles, ConfigFaults> {
        let faults: ConfigFaults = self.unusable.into_values().flat_map(|unusable| unusable.faults).collect();
        faults.into_result(self.files.into_iter().collect())
    }

    /// Gives the files, those that can't be used with the content that they had before, and why that is so.
    pub(crate) fn over(self, before: &UserFiles) -> (UserFiles, BTreeMap<String, Unusable>) {
        let mut files: UserFiles = self.files.into_iter().collect();
        for name in self.unusable.keys() {
            files.take_from(before, name);
        }
        if self.is_partial {
            let known: BTreeSet<String> = files.names().map(str::to_owned).collect();
            for name in before.names().filter(|name| !known.contains(*name)) {
                files.take_from(before, name);
            }
        }
        (files, self.unusable)
    }
}

fn two_of_a_name(name: &str, first: &Path, second: &Path) -> ConfigFault {
    let (first, second) = (first.display(), second.display());
    ConfigFault::new(format!("two files are named {}: {first} and {second}; rename one", quoted(name)))
}

/// Reads a file; `None` if it went away in the meantime.
fn load(
    path: &Path,
    name: &str,
    environment: &dyn Environment,
    used: &mut BTreeSet<String>,
) -> Result<Option<UserConfig>, ConfigFaults> {
    let shown = path.display().to_string();
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(ConfigFault::new(cannot_read(&shown, &error)).into()),
    };
    // A pipe would be waited at for ever, as soon as it is opened.
    let is_file = match fs::metadata(path) {
        Ok(found) => found.is_file(),
        Err(error) => return unreadable(error),
    };
    if !is_file {
        return unreadable(io::ErrorKind::IsADirectory.into());
    }
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(error),
    };
    let Some(format) = UserFormat::of(path) else { return Ok(None) };
    let mut root = format.parse(&shown, &bytes)?;
    let mut faults = ConfigFaults::new();
    substitute_user(&mut root, name, environment, used, &mut faults);
    faults.into_result(Some(UserConfig::present(name, root)))
}

/// Lists the files in alphabetical order, so that faults come in the same order each time.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, ConfigFault> {
    let cannot = |error: io::Error| {
        let folder = quoted(&folder.display().to_string());
        ConfigFault::new(format!("folder {folder} cannot be read: {}", error.kind()))
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(cannot)?.path();
        if UserFormat::of(&path).is_some() && config_name(&path).is_some() && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Gives the name up to the first dot; `None` for hidden files, which editors leave behind.
fn config_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let name = name.split('.').next().unwrap_or_default();
    if name.is_empty() { None } else { Some(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn sources(folder: &Path) -> UserSources {
        UserSources::default().with_folder(folder)
    }

    #[test]
    fn what_can_not_be_used_keeps_what_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        for name in ["a.yaml", "b.conf", "gone.conf"] {
            write(name, "");
        }
        let before = sources(folder.path()).read(&none()).strict().unwrap();
        write("a.yaml", "[");
        write("b.conf", "x = 1");
        write("c.conf", "[");
        fs::remove_file(folder.path().join("gone.conf")).unwrap();
        let (files, unusable) = sources(folder.path()).read(&none()).over(&before);
        assert_eq!(files.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(files.get("b").i64("x"), Some(1));
        assert_eq!(unusable.keys().collect::<Vec<_>>(), ["a", "c"]);
        write("b.toml", "");
        let (files, unusable) = sources(folder.path()).read(&none()).over(&files);
        assert_eq!((files.get("b").i64("x"), unusable.contains_key("b")), (Some(1), true), "two of a name");
    }

    #[test]
    fn files_have_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.conf"), "x = 1").unwrap();
        let named = |name: &str, file: &str| sources(folder.path()).with_file(name, &FilePath::new(file), path(file));
        for name in ["a", "b"] {
            let files = named(name, "a.conf").unwrap().read(&none()).strict().unwrap();
            assert_eq!((files.get("a").i64("x"), files.get(name).i64("x")), (Some(1), Some(1)));
        }
        let absent = named("b", "b.conf").unwrap().read(&none()).strict().unwrap();
        assert!(!absent.get("b").is_present());
        fs::write(path("b.conf"), "").unwrap();
        let faults = named("a", "b.conf").unwrap().read(&none()).strict().unwrap_err().to_string();
        assert!(faults.starts_with("two files are named \"a\": "), "{faults}");
        let fault = named("a", "a.txt").unwrap_err().to_string();
        assert_eq!(
            fault,
            "the file \"a.txt\" is no user configuration; its name has to end with .yaml, .yml, .toml, .ini or .conf"
        );
        fs::create_dir(path("d.conf")).unwrap();
        let faults = named("d", "d.conf").unwrap().read(&none()).strict().unwrap_err().to_string();
        assert!(faults.ends_with("d.conf\" is a folder; name a file"), "{faults}");
    }

    #[test]
    fn a_folder_that_can_not_be_read_takes_nothing_away() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("conf");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.conf"), "x = 1").unwrap();
        let before = sources(&inner).read(&none()).strict().unwrap();
        fs::remove_dir_all(&inner).unwrap();
        fs::write(&inner, "").unwrap();
        let (files, unusable) = sources(&inner).read(&none()).over(&before);
        assert_eq!((files.get("a").i64("x"), unusable.len()), (Some(1), 1));
    }

    #[test]
    fn variables_that_replace_nothing_are_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.conf"), "x = 1").unwrap();
        let set = |name: &str| (name.to_owned(), "2".to_owned());
        let names = ["Zato_Config_a_x", "Zato_Config_a_X", "Zato_Config_b_x", "HOME"];
        let environment = BTreeMap::from(names.map(set));
        let reading = sources(folder.path()).read(&environment);
        assert_eq!(reading.unused, ["Zato_Config_a_X", "Zato_Config_b_x"]);
        fs::write(folder.path().join("b.conf"), "[").unwrap();
        assert_eq!(
            sources(folder.path()).read(&environment).unused,
            ["Zato_Config_a_X"],
            "it may fit when that is mended"
        );
        fs::remove_file(folder.path().join("b.conf")).unwrap();
        assert_eq!(reading.strict().unwrap().get("a").i64("x"), Some(2));
    }
}
