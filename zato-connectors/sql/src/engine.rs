use crate::config::SqlEngine;

/// A language of SQL: how parameters are written, and what is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

impl From<SqlEngine> for Dialect {
    fn from(engine: SqlEngine) -> Self {
        match engine {
            SqlEngine::Sqlite => Self::Sqlite,
            SqlEngine::Postgres => Self::Postgres,
            SqlEngine::MySql => Self::MySql,
        }
    }
}
