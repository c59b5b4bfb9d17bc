//! The name of a file, as a configuration gives it.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config::suggest::quoted;
use crate::config::{ConfigFault, Origin};

/// What a [`FilePath`] asks a node for, which answers with its place beside its text.
pub(in crate::config) const WITH_PLACE: &str = "$zato::FilePath";

/// Names a file, such as one that holds a certificate, and remembers where it is named.
///
/// A relative name starts from the folder of the configuration file that has it. [`Files`](super::Files) reads it. Two
/// are equal if their names are.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use zato_core::config::{ConfigFault, FilePath, from_node, yaml};
///
/// #[derive(serde::Deserialize)]
/// struct Tls {
///     certificate: FilePath,
/// }
///
/// let tls: Tls = from_node(&yaml::parse("zato.yaml", "certificate: tls/server.pem")?)?;
/// assert_eq!(tls.certificate.as_path(), Path::new("tls/server.pem"));
/// assert_eq!(tls.certificate.fault("is empty").to_string(), "zato.yaml:1:14: the file \"tls/server.pem\" is empty");
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone)]
pub struct FilePath {
    path: PathBuf,
    /// `None` if it came from somewhere else than a configuration.
    origin: Option<Origin>,
    /// Whether it came from the environment, which no message shows.
    is_hidden: bool,
}

impl FilePath {
    /// Names a file that no configuration names: for tests.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), origin: None, is_hidden: false }
    }

    /// Gives the name as it was written, relative or not.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.path
    }

    /// Reads a file that need not be named, for `#[serde(deserialize_with)]`: an empty text, which Zato exports where nobody
    /// chose one, names none.
    ///
    /// # Errors
    ///
    /// What the deserializer fails with.
    pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let path = Option::<MaybeNamed>::deserialize(deserializer)?.map(|MaybeNamed(path)| path);
        Ok(path.filter(|path| !path.path.as_os_str().is_empty()))
    }

    /// Gives the place where the file is named.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Makes a fault of the file, at the place where it is named.
    #[must_use]
    pub fn fault(&self, says: impl fmt::Display) -> ConfigFault {
        self.fault_saying(format!("{self} {says}"))
    }

    /// Makes a fault at the place where the file is named.
    #[must_use]
    pub fn fault_saying(&self, message: impl Into<String>) -> ConfigFault {
        ConfigFault { origin: self.origin.clone(), message: message.into() }
    }
}

/// Prints as `the file "tls/server.pem"`.
impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_hidden {
            return f.write_str("the file that the environment names");
        }
        write!(f, "the file {}", quoted(&self.path.display().to_string()))
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for FilePath {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for FilePath {}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(WITH_PLACE, Parts { may_be_empty: false })
    }
}

/// A file that is named, or an empty text.
struct MaybeNamed(FilePath);

impl<'de> Deserialize<'de> for MaybeNamed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(WITH_PLACE, Parts { may_be_empty: true }).map(Self)
    }
}

struct Parts {
    may_be_empty: bool,
}

impl<'de> Visitor<'de> for Parts {
    type Value = FilePath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a file")
    }

    /// From anything but a node: the name alone.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<FilePath, D::Error> {
        self.checked(FilePath::new(String::deserialize(deserializer)?))
    }

    /// From a node: the name, whether it is hidden, file, line and column.
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<FilePath, A::Error> {
        let mut next = || parts.next_element::<String>()?.ok_or_else(|| A::Error::custom("a part is missing"));
        let (path, is_hidden, file) = (next()?, next()? == "true", next()?);
        let mut number = || next()?.parse().map_err(A::Error::custom);
        let origin = Origin::new(file, number()?, number()?);
        self.checked(FilePath { path: path.into(), origin: Some(origin), is_hidden })
    }
}

impl Parts {
    fn checked<E: serde::de::Error>(&self, path: FilePath) -> Result<FilePath, E> {
        let is_refused = path.path.as_os_str().is_empty() && !self.may_be_empty;
        if is_refused { Err(E::custom("expected the name of a file")) } else { Ok(path) }
    }
}

impl JsonSchema for FilePath {
    fn schema_name() -> Cow<'static, str> {
        "FilePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{ConfigFaults, from_node, substitute, yaml};

    #[test]
    fn a_path_knows_its_place() {
        let node = yaml::parse("zato.yaml", "- a.pem\n- 0123\n- ~").unwrap();
        let paths: Vec<Option<FilePath>> = from_node(&node).unwrap();
        let said: Vec<_> = paths.iter().flatten().map(|path| path.fault("is empty").to_string()).collect();
        assert_eq!(said, ["zato.yaml:1:3: the file \"a.pem\" is empty", "zato.yaml:2:3: the file \"0123\" is empty",]);
        assert_eq!(paths[2], None);
        assert_eq!(paths[0], Some(FilePath::new("a.pem")));
    }

    #[test]
    fn what_is_no_path_is_told() {
        for text in ["''", "[a]", "{a: b}"] {
            let node = yaml::parse("zato.yaml", text).unwrap();
            assert!(
                from_node::<FilePath>(&node).unwrap_err().to_string().starts_with("zato.yaml:1:1: expected"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_path_that_need_not_be_named_may_be_an_empty_text() {
        let read =
            |text: &str| FilePath::optional(yaml::parse("zato.yaml", &format!("a: {text}")).unwrap().get("a").unwrap());
        assert_eq!((read("''").unwrap(), read("~").unwrap()), (None, None));
        let path = read("a.pem").unwrap().unwrap();
        assert_eq!(path.fault("is empty").to_string(), "zato.yaml:1:4: the file \"a.pem\" is empty");
        assert!(read("[a]").is_err());
    }

    #[test]
    fn a_path_of_the_environment_is_not_shown() {
        let mut node = yaml::parse("zato.yaml", "${KEYS}/key.pem").unwrap();
        let environment = BTreeMap::from([("KEYS".to_owned(), "/secret".to_owned())]);
        substitute(&mut node, &environment, &mut ConfigFaults::new());
        let path: FilePath = from_node(&node).unwrap();
        assert_eq!(path.as_path(), Path::new("/secret/key.pem"));
        assert_eq!(format!("{path:?}"), "the file that the environment names");
    }

    #[test]
    fn a_path_is_read_from_json_too() {
        let path: FilePath = serde_json::from_str("\"a.pem\"").unwrap();
        assert_eq!((path.as_path(), path.origin()), (Path::new("a.pem"), None));
    }
}
