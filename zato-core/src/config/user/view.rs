//! One file of user configuration, looked into by paths.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::config::suggest::quoted;
use crate::config::{ConfigFault, Node, Origin, from_node, ini, scalar, yaml};

/// Looks into a file of user configuration by paths such as `notify_fraud.RGV`.
///
/// A path is keys, and positions in lists from 0, with dots between them. A key that has dots of its own is found all the
/// same: `[x.y]` with `a.b = 1` by `x.y.a.b`; where a path can be taken in two ways, the shorter keys count. What is not
/// there is `None`; so is what is there but of another type, which [`read`](Self::read) tells apart. A file that does not exist answers `None` to
/// everything, so that a service runs, with its own defaults, before somebody writes the file.
///
/// A clone is cheap and shows the same values: a request keeps what it started with, whatever is saved meanwhile.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, UserConfig};
///
/// let tutorial = UserConfig::from_yaml("notify_fraud:\n  RGV: true\nlimits: {daily: 10}")?;
/// assert_eq!(tutorial.bool("notify_fraud.RGV"), Some(true));
/// assert_eq!(tutorial.i64("limits.daily"), Some(10));
/// assert_eq!(tutorial.str("notify_fraud.ABC"), None);
/// assert_eq!(tutorial.keys("limits").collect::<Vec<_>>(), ["daily"]);
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct UserConfig {
    name: Arc<str>,
    root: Option<Arc<Node>>,
}

impl UserConfig {
    /// Shows the values of `root` under the file name `name`.
    pub(super) fn present(name: &str, root: Node) -> Self {
        Self { name: name.into(), root: Some(Arc::new(root)) }
    }

    /// Stands for a file that does not exist.
    #[must_use]
    pub fn absent(name: &str) -> Self {
        Self { name: name.into(), root: None }
    }

    /// Makes a configuration out of YAML, for unit tests of services. Variables are not put in.
    ///
    /// # Errors
    ///
    /// The first fault of the text.
    pub fn from_yaml(text: &str) -> Result<Self, ConfigFault> {
        yaml::parse("test.yaml", text).map(|root| Self::present("test", root))
    }

    /// Makes a configuration out of [INI](ini), for unit tests of services. Variables are not put in.
    ///
    /// # Errors
    ///
    /// The first fault of the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_core::config::{ConfigFault, UserConfig};
    ///
    /// let tutorial = UserConfig::from_ini("[notify_fraud]\nRGV = True\n[limits]\ndaily = 10")?;
    /// assert_eq!(tutorial.bool("notify_fraud.RGV"), Some(true));
    /// assert_eq!(tutorial.i64("limits.daily"), Some(10));
    /// # Ok::<(), ConfigFault>(())
    /// ```
    pub fn from_ini(text: &str) -> Result<Self, ConfigFault> {
        ini::parse("test.conf", text).map(|root| Self::present("test", root))
    }

    /// Makes a configuration out of TOML, for unit tests of services. Variables are not put in.
    ///
    /// # Errors
    ///
    /// The first fault of the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_core::config::{ConfigFault, UserConfig};
    ///
    /// let tutorial = UserConfig::from_toml("[notify_fraud]\nRGV = true")?;
    /// assert_eq!(tutorial.bool("notify_fraud.RGV"), Some(true));
    /// # Ok::<(), ConfigFault>(())
    /// ```
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, ConfigFault> {
        crate::config::toml::parse("test.toml", text).map(|root| Self::present("test", root))
    }

    /// Gives it another name, for tests of what looks files up by name.
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The file's name up to its first dot, which is what `#[config("...")]` says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether the file exists.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.root.is_some()
    }

    /// Gives the value at `path` with its place; the whole file for the empty path.
    #[must_use]
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.root.as_deref()?.at_path(path)
    }

    /// Gives the value at `path` as JSON, whatever its type is.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<serde_json::Value> {
        self.node(path).map(Node::to_json)
    }

    /// Tells whether there is anything at `path`; a key with nothing after it is something.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.node(path).is_some()
    }

    /// Gives the text of a scalar as it was written: `0123` is `"0123"`.
    #[must_use]
    pub fn str(&self, path: &str) -> Option<&str> {
        self.node(path).filter(|node| !node.is_null()).and_then(Node::as_str)
    }

    /// Gives a boolean: `true`, `yes`, `on` and their opposites, in any case, quoted or not.
    #[must_use]
    pub fn bool(&self, path: &str) -> Option<bool> {
        self.str(path).and_then(scalar::boolean)
    }

    /// Gives an integer, quoted or not.
    #[must_use]
    pub fn i64(&self, path: &str) -> Option<i64> {
        self.str(path).and_then(scalar::integer).and_then(|value| value.try_into().ok())
    }

    /// Gives a number with or without a fraction, quoted or not.
    #[must_use]
    pub fn f64(&self, path: &str) -> Option<f64> {
        self.str(path).and_then(scalar::float)
    }

    /// Gives the keys of a map in the order of the file; none for anything else.
    pub fn keys(&self, path: &str) -> impl Iterator<Item = &str> {
        self.node(path).map(Node::entries).unwrap_or_default().iter().map(|(key, _)| key.name.as_str())
    }

    /// Gives the items of a list that are scalars, as they were written; none for anything else.
    pub fn strings(&self, path: &str) -> impl Iterator<Item = &str> {
        self.node(path).map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str)
    }

    /// Reads what is at `path` into a type; `None` if nothing is there.
    ///
    /// # Errors
    ///
    /// What is there does not fit the type; the fault has its place.
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ConfigFault> {
        self.node(path).map(from_node).transpose()
    }

    /// Reads what is at `path` into a type, and does not do without.
    ///
    /// # Errors
    ///
    /// Nothing is there, or it does not fit the type.
    pub fn require<T: DeserializeOwned>(&self, path: &str) -> Result<T, ConfigFault> {
        self.read(path)?.ok_or_else(|| self.missing(path))
    }

    fn missing(&self, path: &str) -> ConfigFault {
        match &self.root {
            Some(root) => {
                let origin = Origin::start_of(root.origin.file.clone());
                ConfigFault::at(&origin, format!("there is nothing at {}", quoted(path)))
            }
            None => {
                let name = quoted(&self.name);
                let file = quoted(&format!("{}.yaml", self.name));
                ConfigFault::new(format!("there is no user configuration named {name}; write {file}"))
            }
        }
    }
}

impl fmt::Debug for UserConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserConfig").field("name", &self.name).field("root", &self.root).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> UserConfig {
        UserConfig::from_yaml("a: {yes: 'on', n: 12, f: 1.5, zip: 0123, none: , list: [x, 2, [y]]}\nb: true").unwrap()
    }

    #[test]
    fn lookups_convert() {
        let config = config();
        assert_eq!(config.bool("a.yes"), Some(true));
        assert_eq!(config.i64("a.n"), Some(12));
        assert_eq!(config.i64("a.zip"), Some(123));
        assert_eq!(config.f64("a.n"), Some(12.0));
        assert_eq!(config.f64("a.f"), Some(1.5));
        assert_eq!(config.str("a.zip"), Some("0123"));
        assert_eq!(config.str("a.list.0"), Some("x"));
        assert_eq!(config.get("a.list"), Some(json!(["x", 2, ["y"]])));
        assert_eq!(config.keys("").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(config.strings("a.list").collect::<Vec<_>>(), ["x", "2"]);
    }

    #[test]
    fn what_is_not_there_or_of_another_type_is_none() {
        let config = config();
        assert_eq!((config.i64("a.f"), config.bool("a.n"), config.str("a"), config.str("c")), (None, None, None, None));
        assert_eq!((config.str("a.none"), config.contains("a.none"), config.contains("a.x")), (None, true, false));
    }

    #[test]
    fn read_tells_absence_from_a_wrong_type() {
        let config = config();
        assert_eq!(config.read::<u8>("a.n"), Ok(Some(12)));
        assert_eq!(config.read::<u8>("a.x"), Ok(None));
        let fault = config.read::<u8>("a.f").unwrap_err();
        assert_eq!(fault.to_string(), "test.yaml:1:26: expected an integer from 0 to 255, found \"1.5\"");
        let fault = config.require::<u8>("a.x").unwrap_err();
        assert_eq!(fault.to_string(), "test.yaml:1:1: there is nothing at \"a.x\"");
    }

    #[test]
    fn an_absent_file_answers_none() {
        let config = UserConfig::absent("tutorial");
        assert!(!config.is_present());
        assert_eq!((config.str("a"), config.get(""), config.contains("a")), (None, None, false));
        assert_eq!(config.read::<String>("a"), Ok(None));
        let fault = config.require::<String>("a").unwrap_err();
        assert_eq!(fault.to_string(), "there is no user configuration named \"tutorial\"; write \"tutorial.yaml\"");
    }

    #[test]
    fn debug_hides_secrets() {
        let config = UserConfig::from_yaml("password: abc").unwrap();
        assert_eq!(format!("{config:?}"), "UserConfig { name: \"test\", root: Some({password: ******}) }");
    }
}
