//! A row of whichever database.

use super::{
    Columns,
    cell::{Cell, Misfit},
    columns::Kind,
};

/// A row as the library has it.
pub(crate) enum NativeRow {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "mysql")]
    MySql(sqlx::mysql::MySqlRow),
}

impl NativeRow {
    /// Works out how the columns are read, which is the same for all rows of a result.
    pub(crate) fn columns(&self) -> Columns {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => super::sqlite::columns(row),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => super::postgres::columns(row),
            #[cfg(feature = "mysql")]
            Self::MySql(row) => super::mysql::columns(row),
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => Columns::default(),
        }
    }

    /// Returns a value.
    pub(crate) fn cell(&self, index: usize, kind: &Kind) -> Result<Cell<'_>, Misfit> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => super::sqlite::cell(row, index, kind),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => super::postgres::cell(row, index, kind),
            #[cfg(feature = "mysql")]
            Self::MySql(row) => super::mysql::cell(row, index, kind),
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => {
                let _ = (index, kind);
                Ok(Cell::Null)
            }
        }
    }
}
