use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::SqlEngine;

/// Further options, as lines of `key=value` or as a map.
///
/// # Examples
///
/// ```
/// use zato_core::config::{from_node, yaml, ConfigFault};
/// use zato_sql::Extra;
///
/// let lines: Extra = from_node(&yaml::parse("zato.yaml", "\"a=1\\nb=2\"")?)?;
/// let map: Extra = from_node(&yaml::parse("zato.yaml", "{a: '1', b: '2'}")?)?;
/// assert_eq!(lines, map);
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra(BTreeMap<String, String>);

impl Extra {
    /// Returns the options, by key.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Says what is wrong with the first that would have values read as others than they are.
    pub(super) fn contradiction(&self, engine: SqlEngine) -> Option<&'static str> {
        let (of_time, of_text): (&[&str], &[&str]) = match engine {
            SqlEngine::Sqlite => (&[], &["encoding"]),
            SqlEngine::Postgres => (&["timezone"], &["client_encoding", "standard_conforming_strings"]),
            SqlEngine::MySql => (
                &["time_zone"],
                &["character_set_client", "character_set_connection", "character_set_results", "names"],
            ),
        };
        self.0.iter().find_map(|(key, value)| {
            let is_one_of = |names: &[&str]| names.iter().any(|name| key.eq_ignore_ascii_case(name));
            let has_no_backslashes =
                key.eq_ignore_ascii_case("sql_mode") && value.to_ascii_uppercase().contains("NO_BACKSLASH_ESCAPES");
            if is_one_of(of_time) {
                Some("each session is in UTC, by which times without a zone are read; leave out its time zone")
            } else if is_one_of(of_text) {
                Some("texts are UTF-8, and read as they are in statements; leave out what says otherwise")
            } else if engine == SqlEngine::MySql
                && key.eq_ignore_ascii_case("collation_connection")
                && !value.to_ascii_lowercase().starts_with("utf8mb4")
            {
                Some("texts are UTF-8; take a collation_connection that begins with utf8mb4, or leave it out")
            } else if has_no_backslashes && engine == SqlEngine::MySql {
                Some("with NO_BACKSLASH_ESCAPES parameters would not be found behind a backslash; leave it out of sql_mode")
            } else {
                None
            }
        })
    }
}

struct Lines;

/// Keys are put into the text of statements, so that only what can be a name is one.
fn is_name(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

fn checked<E: Error>(key: &str) -> Result<String, E> {
    if is_name(key) {
        return Ok(key.to_owned());
    }
    Err(E::custom("expected options such as search_path=billing, with letters, digits and _ in their names"))
}

impl<'de> Visitor<'de> for Lines {
    type Value = Extra;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lines of key=value, or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<Extra, E> {
        Ok(Extra::default())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Extra, E> {
        let mut extra = Extra::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            extra.0.insert(checked(key.trim())?, value.trim().to_owned());
        }
        Ok(extra)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra, A::Error> {
        let mut extra = Extra::default();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            extra.0.insert(checked(&key)?, value);
        }
        Ok(extra)
    }
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lines)
    }
}

impl JsonSchema for Extra {
    fn schema_name() -> Cow<'static, str> {
        "Extra".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object", "null"],
            "description": "Lines of key=value, or a map",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        })
    }

    fn inline_schema() -> bool {
        true
    }
}
