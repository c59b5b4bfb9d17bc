//! How the tables of a database come to be what a program expects: files that are applied once each, in their order.

mod folder;
mod run;
mod startup;

use std::{path::Path, time::Duration};

use zato_core::{Error, Result};

use self::run::{Job, Way};
pub(crate) use self::{folder::Migrations, startup::AtStart};
use crate::{Sql, pool::Failed};

/// A migration that was applied, or undone.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("0001_create_customer.sql"), "CREATE TABLE customer (id INTEGER PRIMARY KEY)")?;
///
/// let crm = zato_sql::Sql::sqlite_in_memory();
/// let applied = crm.migrate(folder.path()).await?;
/// assert_eq!((applied[0].version(), applied[0].file()), (1, "0001_create_customer.sql"));
/// assert!(crm.migrate(folder.path()).await?.is_empty(), "each is applied once");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    version: i64,
    file: String,
    took: Duration,
}

impl Migrated {
    /// Returns the number that its file's name begins with.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Returns its file's name, without the folder.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns how long it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }
}

impl Sql {
    /// Applies what a folder has and the database has not, and returns that: the same as the key `migrations` does before the
    /// connection counts as up.
    ///
    /// The folder has files such as `0001_create_customer.sql`; their numbers are their order. Where databases need different
    /// ones, a folder in it that is called `sqlite`, `postgresql` or `mysql` has them, in place of those of the same number. Each
    /// is a transaction, except for MariaDB and MySQL, which keep every change to tables at once, and for those that
    /// begin with `-- no-transaction`. Two programs that begin at the same time wait for each other. What was applied is
    /// in the table `_sqlx_migrations`, as sqlx's own tools have it. No `statement_timeout` holds for it.
    ///
    /// # Errors
    ///
    /// - [`Internal`](zato_core::Kind::Internal) if the folder can't be read, a file is refused by the database, or one that was
    ///   applied is another now. What comes before it is kept.
    /// - [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the migration that is being applied is undone, by MariaDB and MySQL in part.
    pub async fn migrate(&self, folder: impl AsRef<Path>) -> Result<Vec<Migrated>> {
        self.run_migrations(folder.as_ref(), Way::Up).await
    }

    /// Undoes migrations down to a version, which stays, the last first, by their files such as
    /// `0001_create_customer.down.sql`, and returns them. With 0 all are undone.
    ///
    /// # Errors
    ///
    /// As [`migrate`](Self::migrate); also if one has no such file.
    ///
    /// # Cancel safety
    ///
    /// As [`migrate`](Self::migrate).
    pub async fn migrate_down_to(&self, folder: impl AsRef<Path>, version: i64) -> Result<Vec<Migrated>> {
        self.run_migrations(folder.as_ref(), Way::DownTo(version)).await
    }

    /// Returns the files that [`migrate`](Self::migrate) would apply.
    ///
    /// # Errors
    ///
    /// As [`migrate`](Self::migrate).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time; nothing is changed.
    pub async fn migrations_pending(&self, folder: impl AsRef<Path>) -> Result<Vec<String>> {
        let migrations = self.read_migrations(folder.as_ref()).await?;
        let (lease, _) = self.lease().await?;
        let pending = run::pending(&migrations, lease.pool()).await;
        pending.map_err(|error| error.with("connection", self.name()))
    }

    async fn run_migrations(&self, folder: &Path, way: Way) -> Result<Vec<Migrated>> {
        let migrations = self.read_migrations(folder).await?;
        // Held meanwhile: what is in memory is gone with its last connection.
        let (mut lease, _) = self.lease().await?;
        let job = Job::new(&migrations, way, lease.pool());
        let run = job.run().await;
        lease.tables_changed().await.map_err(Failed::into_error)?;
        run.map_err(|error| error.with("connection", self.name()))
    }

    async fn read_migrations(&self, folder: &Path) -> Result<Migrations> {
        let (folder, names) = (folder.to_owned(), self.client()?.pool.target.folder_names());
        let read = tokio::task::spawn_blocking(move || Migrations::read(&folder, names)).await;
        let read = read.map_err(|error| Error::internal("migrations can't be read").with_source(error))?;
        read.map_err(Error::internal)
    }
}
