use std::fmt;

use zato_core::{Error, Result};

use crate::pool::{Pool, Target};

/// A pool of sqlx, of whichever database. Its connections are told what those of the handle are told (`read_only`, `extra`, on
/// servers the `statement_timeout`), and it is closed when the configuration of the connection changes: ask for it anew each
/// time.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let crm = zato_sql::Sql::sqlite_in_memory();
/// let (version,): (String,) = zato_sql::sqlx::query_as("SELECT sqlite_version()").fetch_one(crm.pool()?.sqlite()?).await?;
/// assert!(version.starts_with("3."));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum SqlPool {
    /// Of SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
    /// Of PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    /// Of MariaDB or MySQL.
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlPool),
}

impl SqlPool {
    pub(crate) fn of(pool: &Pool) -> Self {
        let limits = &pool.limits;
        // Each of its connections is told what the others are told.
        macro_rules! lazily {
            ($options:expr, |$session:ident, $held:ident, $connection:ident| $begin:expr) => {{
                let told = (pool.session.clone(), $options.clone());
                sqlx::pool::PoolOptions::new()
                    .max_connections(u32::try_from(limits.size).unwrap_or(u32::MAX))
                    .acquire_timeout(limits.acquire_timeout)
                    .idle_timeout(limits.idle_timeout)
                    .max_lifetime(limits.max_lifetime)
                    .after_connect(move |$connection, _| {
                        let ($session, $held) = told.clone();
                        Box::pin(async move { $begin })
                    })
                    .connect_lazy_with($options.clone())
            }};
        }
        match &pool.target {
            #[cfg(feature = "sqlite")]
            Target::Sqlite(options) => Self::Sqlite(lazily!(options, |session, options, _connection| {
                match &session.anchor {
                    Some(anchor) => anchor.hold(&options).await,
                    None => Ok(()),
                }
            })),
            #[cfg(feature = "postgres")]
            Target::Postgres(options) => Self::Postgres(lazily!(options, |session, _options, connection| {
                session.begin_postgres(connection).await
            })),
            #[cfg(feature = "mysql")]
            Target::MySql(options) => Self::MySql(lazily!(options, |session, _options, connection| {
                session.begin_mysql(connection).await.map(drop)
            })),
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => unreachable!("no pool of any database was made"),
        }
    }

    /// Closes it: nobody gets a connection any more from now on. Waits until those that are in use are given back.
    pub(crate) async fn close(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => pool.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.close().await,
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => pool.close().await,
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => {}
        }
    }

    /// Returns the pool of SQLite.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if it is another database.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(&self) -> Result<&sqlx::SqlitePool> {
        if let Self::Sqlite(pool) = self { Ok(pool) } else { Err(other("SQLite")) }
    }

    /// Returns the pool of PostgreSQL.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if it is another database.
    #[cfg(feature = "postgres")]
    pub fn postgres(&self) -> Result<&sqlx::PgPool> {
        if let Self::Postgres(pool) = self { Ok(pool) } else { Err(other("PostgreSQL")) }
    }

    /// Returns the pool of MariaDB or MySQL.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if it is another database.
    #[cfg(feature = "mysql")]
    pub fn mysql(&self) -> Result<&sqlx::MySqlPool> {
        if let Self::MySql(pool) = self { Ok(pool) } else { Err(other("MariaDB or MySQL")) }
    }
}

fn other(asked: &str) -> Error {
    Error::internal(format!("the connection leads to another database than {asked}"))
}

impl fmt::Debug for SqlPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlPool").finish_non_exhaustive()
    }
}
