//! The files of user configuration that one configuration of the app has.

use std::collections::BTreeMap;
use std::path::Path;

use super::{UserConfig, UserSources};
use crate::config::{ConfigFaults, Environment};

/// Holds every file of user configuration, by name.
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
    /// Reads every `*.yaml`, `*.yml`, `*.toml`, `*.ini` and `*.conf` of `folder`, with the variables of the environment
    /// put in. A file's name goes up to the first dot. A folder that does not exist has no files; folders in it are not
    /// looked into.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: files that cannot be read or parsed, two files of one name, variables that are not set.
    pub fn load(folder: &Path, environment: &dyn Environment) -> Result<Self, ConfigFaults> {
        UserSources::default().with_folder(folder).read(environment).strict()
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

    /// Gives a file the content that it has in another configuration; none, if it doesn't exist there.
    pub(crate) fn take_from(&mut self, other: &Self, name: &str) {
        match other.files.get(name) {
            Some(config) => self.files.insert(name.to_owned(), config.clone()),
            None => self.files.remove(name),
        };
    }
}

/// Makes files for tests of what takes a folder; the later of two with one name wins.
impl FromIterator<UserConfig> for UserFiles {
    fn from_iter<I: IntoIterator<Item = UserConfig>>(configs: I) -> Self {
        Self { files: configs.into_iter().map(|config| (config.name().to_owned(), config)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn environment() -> BTreeMap<String, String> {
        BTreeMap::from([("LIMIT".to_owned(), "10".to_owned())])
    }

    #[test]
    fn load_reads_the_files_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("tutorial.yaml", "limit: ${LIMIT}"),
            ("bank.prod.yml", "a: 1"),
            ("fraud.conf", "limit = $LIMIT"),
            ("notes.ini", "a = 1"),
            (".hidden.yaml", "a: ["),
            ("readme.md", "a: ["),
            ("fraud.conf~", "["),
            ("empty.conf", ""),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::create_dir(folder.path().join("sub.yaml")).unwrap();
        let files = UserFiles::load(folder.path(), &environment()).unwrap();
        assert_eq!(files.names().collect::<Vec<_>>(), ["bank", "empty", "fraud", "notes", "tutorial"]);
        assert_eq!((files.get("tutorial").i64("limit"), files.get("fraud").i64("limit")), (Some(10), Some(10)));
        assert!(files.get("empty").is_present() && files.get("empty").keys("").next().is_none());
        assert!(!files.get("other").is_present());
        assert_eq!(files.iter().count(), 5);
    }

    #[test]
    fn load_tells_everything_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("a.yaml", "x: 1"), ("a.conf", "x = 2"), ("b.yaml", "y: ${NO}"), ("c.yaml", "["), ("d.ini", "[")]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let at = folder.path().display();
        let faults = UserFiles::load(folder.path(), &environment()).unwrap_err();
        assert_eq!(
            faults.to_string(),
            format!(
                "two files are named \"a\": {at}/a.conf and {at}/a.yaml; rename one\n\
                 {at}/b.yaml:1:4: environment variable \"NO\" is not set; set it, or write ${{NO:-default}}\n\
                 {at}/c.yaml:1:1: this is not valid YAML: unclosed bracket '['\n\
                 {at}/d.ini:1:1: \"[\" stands 1 times before this section's name and \"]\" 0 times after it; write both as \
                 often"
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
