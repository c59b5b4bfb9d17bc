//! Databases for tests: they live in the test's own process.

mod recorder;

use zato_core::{
    config::{from_node, yaml},
    connection::{Handle, Slot},
};

pub(crate) use self::recorder::{Played, Recording};
pub use self::recorder::{RecordedStatement, SqlRecorder};
use crate::{Sql, SqlConfig, connector::PreparedSql, options, pool::Target};

impl Sql {
    /// Makes an empty database in memory, of SQLite, and a handle of it: for unit tests of services.
    ///
    /// It is gone with the last clone of the handle, and has one connection: whoever holds a transaction uses that. Has to be
    /// called in a runtime of tokio's.
    ///
    /// # Panics
    ///
    /// Outside of such a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> zato_core::Result<()> {
    /// let crm = zato_sql::Sql::sqlite_in_memory();
    /// assert_eq!(crm.scalar::<i64>("SELECT 1 + 1", ()).await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn sqlite_in_memory() -> Self {
        let read = yaml::parse("fake", "{name: fake, engine: sqlite, db_name: ':memory:', idle_timeout: 0}");
        let config: SqlConfig =
            read.and_then(|node| from_node(&node)).expect("the configuration of the fake is part of the program");
        let target = Target::Sqlite(options::sqlite(&config));
        Self::from_slot(Slot::up("fake", PreparedSql::new(&config, target).client()))
    }
}
