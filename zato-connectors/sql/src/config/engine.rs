use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// Which database a connection leads to.
///
/// # Examples
///
/// ```
/// use zato_core::config::{from_node, yaml, ConfigFault};
/// use zato_sql::SqlEngine;
///
/// let engine: SqlEngine = from_node(&yaml::parse("zato.yaml", "mariadb")?)?;
/// assert_eq!(engine, SqlEngine::MySql);
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SqlEngine {
    /// SQLite, which is built into the program.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB or MySQL.
    MySql,
}

impl SqlEngine {
    /// Returns whether the program has what it takes.
    pub(crate) const fn is_built_in(self) -> bool {
        match self {
            Self::Sqlite => cfg!(feature = "sqlite"),
            Self::Postgres => cfg!(feature = "postgres"),
            Self::MySql => cfg!(feature = "mysql"),
        }
    }

    /// Says what is missing if it isn't.
    pub(crate) const fn feature_words(self) -> &'static str {
        match self {
            Self::Sqlite => "this program was built without SQLite; add the feature \"sqlite\" of zato",
            Self::Postgres => "this program was built without PostgreSQL; add the feature \"postgres\" of zato",
            Self::MySql => "this program was built without MariaDB and MySQL; add the feature \"mysql\" of zato",
        }
    }

    /// Returns the name that OpenTelemetry knows it by (`db.system.name`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
            Self::MySql => "mysql",
        }
    }
}

impl<'de> Deserialize<'de> for SqlEngine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // SQLAlchemy's names have the driver behind a plus sign.
        let name = text.split('+').next().unwrap_or_default();
        match name {
            "sqlite" => Ok(Self::Sqlite),
            "postgresql" | "postgres" => Ok(Self::Postgres),
            "mysql" | "mariadb" => Ok(Self::MySql),
            "oracle" | "mssql" | "zato" | "db2" | "snowflake" | "redshift" => Err(de::Error::custom(
                "there is no connection to this database here; there are sqlite, postgresql, mysql and mariadb",
            )),
            _ => Err(de::Error::custom("expected sqlite, postgresql, mysql or mariadb")),
        }
    }
}

impl JsonSchema for SqlEngine {
    fn schema_name() -> Cow<'static, str> {
        "SqlEngine".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Which database it is",
            "enum": ["sqlite", "postgresql", "postgresql+pg8000", "postgres", "mysql", "mysql+pymysql", "mariadb"],
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(text: &str) -> Result<SqlEngine, String> {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_there_is_not_is_said() {
        assert_eq!(read("postgresql+pg8000"), Ok(SqlEngine::Postgres));
        assert!(read("zato+mssql1").unwrap_err().contains("there is no connection to this database here"));
        assert!(read("postgersql").unwrap_err().contains("expected sqlite, postgresql, mysql or mariadb"));
    }
}
