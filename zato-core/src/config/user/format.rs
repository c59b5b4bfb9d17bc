//! The formats of user configuration.

use std::path::Path;

use crate::config::{ConfigFault, Node, ini, yaml};

/// How a file is written, which the end of its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum UserFormat {
    Yaml,
    Toml,
    Ini,
}

impl UserFormat {
    /// What a file's name may end with.
    pub(super) const ENDINGS: &'static str = ".yaml, .yml, .toml, .ini or .conf";

    /// Tells how a file is written; `None` if it is none of user configuration.
    pub(in crate::config) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "ini" | "conf" => Some(Self::Ini),
            _ => None,
        }
    }

    /// Reads a file's content; one of nothing is an empty map.
    pub(super) fn parse(self, file: &str, bytes: &[u8]) -> Result<Node, ConfigFault> {
        match self {
            Self::Yaml => yaml::parse_bytes(file, bytes),
            Self::Ini => ini::parse_bytes(file, bytes),
            #[cfg(feature = "toml")]
            Self::Toml => crate::config::toml::parse_bytes(file, bytes),
            #[cfg(not(feature = "toml"))]
            Self::Toml => Err(ConfigFault::at(
                &crate::config::Origin::start_of(file),
                "this program can't read TOML; build it with the feature \"toml\" of zato, or write YAML or INI",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_tells_the_format() {
        for (name, expected) in [
            ("a.yaml", Some(UserFormat::Yaml)),
            ("a.b.yml", Some(UserFormat::Yaml)),
            ("a.toml", Some(UserFormat::Toml)),
            ("a.ini", Some(UserFormat::Ini)),
            ("a.conf", Some(UserFormat::Ini)),
            ("a.conf~", None),
            ("a.conf.bak", None),
            ("conf", None),
            (".conf", None),
        ] {
            assert_eq!(UserFormat::of(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_file_of_nothing_is_empty() {
        for format in [UserFormat::Yaml, UserFormat::Ini] {
            assert_eq!(format.parse("a", b"").unwrap().to_json(), serde_json::json!({}));
        }
    }

    #[cfg(not(feature = "toml"))]
    #[test]
    fn a_format_that_is_not_built_in_is_told() {
        let fault = UserFormat::Toml.parse("a.toml", b"a = 1").unwrap_err();
        assert_eq!(
            fault.to_string(),
            "a.toml:1:1: this program can't read TOML; build it with the feature \"toml\" of zato, or write YAML or INI"
        );
    }
}
