//! A folder of user configuration.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::UserConfig;
use crate::config::document::{cannot_read, read};
use crate::config::suggest::quoted;
use crate::config::{ConfigFault, ConfigFaults, Environment, substitute, yaml};

/// Holds every file of a folder of user configuration, by name.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use zato_core::config::{ProcessEnvironment, UserFiles};
///
/// let files = UserFiles::load(Path::new("a-folder-that-does-not-exist"), &ProcessEnvironment);
/// let files = files.map_err(|faults| faults.to_string())?;
/// assert!(!files.get("tutorial").is_present());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserFiles {
    files: BTreeMap<String, UserConfig>,
}

impl UserFiles {
    /// Reads every `*.yaml` and `*.yml` of `folder`, with the variables of the environment put in. A file's name goes
    /// up to the first dot. A folder that does not exist has no files; folders in it are not looked into.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: files that cannot be read or parsed, two files of one name, variables that are not set.
    pub fn load(folder: &Path, environment: &dyn Environment) -> Result<Self, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        let mut named: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut files = BTreeMap::new();
        for path in yaml_files(folder)? {
            let Some(name) = config_name(&path) else { continue };
            if let Some(first) = named.insert(name.clone(), path.clone()) {
                let (first, second) = (first.display(), path.display());
                let name = quoted(&name);
                faults.push(ConfigFault::new(format!("two files are named {name}: {first} and {second}; rename one")));
                continue;
            }
            if let Some(config) = load_file(&path, &name, environment, &mut faults) {
                files.insert(name, config);
            }
        }
        faults.into_result(Self { files })
    }

    /// Gives a file by its name; one that does not exist is [absent](UserConfig::is_present).
    #[must_use]
    pub fn get(&self, name: &str) -> UserConfig {
        self.files.get(name).cloned().unwrap_or_else(|| UserConfig::absent(name))
    }

    /// Gives the names of the files in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Walks over the files in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &UserConfig> {
        self.files.values()
    }
}

/// Makes files for tests of what takes a folder; the later of two with one name wins.
impl FromIterator<UserConfig> for UserFiles {
    fn from_iter<I: IntoIterator<Item = UserConfig>>(configs: I) -> Self {
        Self { files: configs.into_iter().map(|config| (config.name().to_owned(), config)).collect() }
    }
}

fn load_file(path: &Path, name: &str, environment: &dyn Environment, faults: &mut ConfigFaults) -> Option<UserConfig> {
    let shown = path.display().to_string();
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            faults.push(ConfigFault::new(cannot_read(&shown, &error)));
            return None;
        }
    };
    let mut root = faults.keep(yaml::parse_bytes(&shown, &bytes))?;
    substitute(&mut root, environment, faults);
    Some(UserConfig::present(name, root))
}

/// Lists the files in alphabetical order, so that faults come in the same order each time.
fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, ConfigFault> {
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
        if is_yaml(&path) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Tells whether a file is one of a folder's configuration files, by its name.
pub(in crate::config) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
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

    fn environment() -> BTreeMap<String, String> {
        BTreeMap::from([("LIMIT".to_owned(), "10".to_owned())])
    }

    #[test]
    fn load_reads_the_yaml_files_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("tutorial.yaml", "limit: ${LIMIT}"),
            ("bank.prod.yml", "a: 1"),
            (".hidden.yaml", "a: ["),
            ("readme.md", "a: ["),
            ("empty.yaml", ""),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::create_dir(folder.path().join("sub.yaml")).unwrap();
        let files = UserFiles::load(folder.path(), &environment()).unwrap();
        assert_eq!(files.names().collect::<Vec<_>>(), ["bank", "empty", "tutorial"]);
        assert_eq!(files.get("tutorial").i64("limit"), Some(10));
        assert!(files.get("empty").is_present());
        assert!(!files.get("other").is_present());
        assert_eq!(files.iter().count(), 3);
    }

    #[test]
    fn load_tells_everything_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a.yaml", "x: 1"), ("a.yml", "x: 2"), ("b.yaml", "y: ${NO}"), ("c.yaml", "[")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let at = folder.path().display();
        let faults = UserFiles::load(folder.path(), &environment()).unwrap_err();
        assert_eq!(
            faults.to_string(),
            format!(
                "two files are named \"a\": {at}/a.yaml and {at}/a.yml; rename one\n\
                 {at}/b.yaml:1:4: environment variable \"NO\" is not set; set it, or write ${{NO:-default}}\n\
                 {at}/c.yaml:1:1: this is not valid YAML: unclosed bracket '['"
            )
        );
    }

    #[test]
    fn files_for_tests_are_found_by_name() {
        let tutorial = UserConfig::from_yaml("a: 1").unwrap().with_name("tutorial");
        let files: UserFiles = [tutorial].into_iter().collect();
        assert_eq!((files.get("tutorial").i64("a"), files.get("test").is_present()), (Some(1), false));
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let faults = UserFiles::load(&file, &environment()).unwrap_err();
        assert_eq!(faults.to_string(), format!("folder \"{}\" cannot be read: not a directory", file.display()));
    }
}
