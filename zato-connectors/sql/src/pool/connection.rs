//! One connection of whichever database.

#[cfg(feature = "sqlite")]
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::SqliteQueryResult;
use sqlx::{Connection as _, Either, Executor as _, SqlStr};
use tokio::time;
use zato_core::Result;

#[cfg(feature = "sqlite")]
use super::interrupt::Interrupt;
use super::origin::Origin;
use crate::{bind, error, row::NativeRow, statement::Statement, value::SqlValue};
#[cfg(feature = "sqlite")]
use crate::{
    engine::Dialect,
    statement::{self, Effect},
};

/// A connection.
#[derive(Debug)]
pub(crate) enum Connection {
    #[cfg(feature = "sqlite")]
    Sqlite(Box<sqlx::SqliteConnection>, Arc<Interrupt>, KnownTables),
    #[cfg(feature = "postgres")]
    Postgres(Box<sqlx::PgConnection>),
    #[cfg(feature = "mysql")]
    MySql {
        connection: Box<sqlx::MySqlConnection>,
        /// By which another connection can end what this one does.
        origin: Origin,
        is_mariadb: bool,
    },
}

/// What a statement gives, one after the other.
pub(crate) enum Step {
    Row(NativeRow),
    Done(Done),
}

/// What a statement has done.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let crm = zato_sql::Sql::sqlite_in_memory();
/// crm.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)", ()).await?;
/// let done = crm.execute("INSERT INTO customer (name) VALUES (?)", ("Ann",)).await?;
/// assert_eq!((done.rows_affected(), done.last_insert_id()), (1, Some(1)));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    rows_affected: u64,
    last_insert_id: Option<i64>,
}

impl Done {
    /// Returns how many rows were inserted, changed or deleted.
    #[must_use]
    pub fn rows_affected(&self) -> u64 {
        self.rows_affected
    }

    /// Returns the number that the database gave the last row that was inserted; `None` for PostgreSQL, which has
    /// `RETURNING id` for that, and if no row got one.
    #[must_use]
    pub fn last_insert_id(&self) -> Option<i64> {
        self.last_insert_id
    }

    #[cfg(feature = "testing")]
    pub(crate) fn of_rows(rows_affected: u64) -> Self {
        Self { rows_affected, last_insert_id: None }
    }

    /// Adds what a further statement has done.
    pub(crate) fn and(&mut self, next: Self) {
        self.rows_affected += next.rows_affected;
        self.last_insert_id = next.last_insert_id.or(self.last_insert_id);
    }
}

/// Why a statement has not ended well.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It was never sent, or its end was seen.
    Ours(zato_core::Error),
    /// It goes on without us.
    Unended(zato_core::Error),
    Theirs(sqlx::Error),
}

impl Failed {
    pub(crate) fn into_error(self) -> zato_core::Error {
        match self {
            Self::Ours(error) | Self::Unended(error) => error,
            Self::Theirs(error) => error::of(error),
        }
    }

    /// Whether the statement was prepared for tables that have changed since.
    pub(crate) fn is_stale(&self) -> bool {
        matches!(self, Self::Theirs(error) if error::is_stale(error))
    }

    /// Whether the connection can't be used afterwards.
    pub(crate) fn is_fatal(&self) -> bool {
        match self {
            Self::Ours(_) => false,
            Self::Unended(_) => true,
            Self::Theirs(error) => error::is_fatal(error),
        }
    }
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Theirs(error)
    }
}

impl From<zato_core::Error> for Failed {
    fn from(error: zato_core::Error) -> Self {
        Self::Ours(error)
    }
}

/// How many rows that nobody wants are read past, so that the connection can be used again.
const REST: usize = 64;

/// How long that may take.
const REST_TIME: Duration = Duration::from_millis(100);

/// Reads a statement to its end, if that is near, and tells whether it was seen.
pub(crate) async fn read_past(steps: &mut Steps<'_>) -> Result<bool, sqlx::Error> {
    let reading = async {
        for _ in 0..REST {
            match steps.next().await {
                Some(step) => {
                    step?;
                }
                None => return Ok(true),
            }
        }
        Ok(false)
    };
    time::timeout(REST_TIME, reading).await.unwrap_or(Ok(false))
}

pub(crate) type Steps<'c> = BoxStream<'c, Result<Step, sqlx::Error>>;

/// Does the same with a connection of each database.
macro_rules! with_connection {
    ($connection:expr, $it:ident => $done:expr) => {
        match $connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite($it, ..) => $done,
            #[cfg(feature = "postgres")]
            Connection::Postgres($it) => $done,
            #[cfg(feature = "mysql")]
            Connection::MySql { connection: $it, .. } => $done,
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => unreachable!("no connection of any database was made"),
        }
    };
}

impl Connection {
    /// Sends a statement with its values.
    pub(crate) async fn start<'c>(
        &'c mut self,
        statement: &Statement,
        values: &[&SqlValue],
    ) -> Result<Steps<'c>, Failed> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection, _, tables) => {
                if statement.reach().takes_any_column {
                    tables.look(connection).await?;
                }
                let query = sqlx::query_with(statement.sql(), bind::sqlite(statement, values)?);
                let effects = Effects::of(statement.effects().to_vec());
                Ok(connection.fetch_many(query).map_ok(effects.read()).boxed())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                let arguments = if statement.has_parameters() {
                    use sqlx::Statement as _;
                    // Known to the connection after the first time, and then nothing is sent.
                    let prepared = connection.prepare(statement.sql()).await?;
                    let types = match prepared.parameters() {
                        Some(Either::Left(types)) => types,
                        _ => &[],
                    };
                    bind::postgres(statement, values, types)?
                } else {
                    sqlx::postgres::PgArguments::default()
                };
                let query = sqlx::query_with(statement.sql(), arguments);
                Ok(connection.fetch_many(query).map_ok(of_postgres).boxed())
            }
            #[cfg(feature = "mysql")]
            Self::MySql { connection, .. } => {
                let query = sqlx::query_with(statement.sql(), bind::mysql(statement, values)?);
                Ok(connection.fetch_many(query).map_ok(of_mysql).boxed())
            }
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => {
                let _ = (statement, values);
                Err(zato_core::Error::internal("there is no database in this program").into())
            }
        }
    }

    /// Sends statements without values, several of them if they are separated by semicolons.
    pub(crate) fn start_script(&mut self, script: SqlStr) -> Steps<'_> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection, ..) => {
                let effects = Effects::of(statement::effects(script.as_str(), Dialect::Sqlite));
                connection.fetch_many(sqlx::raw_sql(script)).map_ok(effects.read()).boxed()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.fetch_many(sqlx::raw_sql(script)).map_ok(of_postgres).boxed(),
            #[cfg(feature = "mysql")]
            Self::MySql { connection, .. } => connection.fetch_many(sqlx::raw_sql(script)).map_ok(of_mysql).boxed(),
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => {
                drop(script);
                futures_util::stream::empty().boxed()
            }
        }
    }

    /// Has SQLite end what comes after so long; the others count the time on the server.
    pub(crate) fn limit(&self, limit: Option<Duration>) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_, interrupt, _) => interrupt.after(limit),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {}
            #[cfg(feature = "mysql")]
            Self::MySql { .. } => {}
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => {}
        }
    }

    /// Forgets prepared statements, whose results may have changed.
    pub(crate) async fn forget_statements(&mut self) -> Result<(), sqlx::Error> {
        with_connection!(self, connection => connection.clear_cached_statements().await)
    }

    /// Whether the end of a statement is always said: SQLite's thread may end before it.
    pub(crate) fn says_when_done(&self) -> bool {
        self.is_sqlite()
    }

    /// Whether the library takes what it has prepared for good: it doesn't look whether SQLite has prepared it anew, and
    /// fails over columns that were added since.
    pub(crate) fn trusts_its_statements(&self) -> bool {
        self.is_sqlite()
    }

    fn is_sqlite(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(..) => true,
            #[cfg(any(feature = "postgres", feature = "mysql", not(feature = "sqlite")))]
            _ => false,
        }
    }

    /// Whether it is on the server that another was on.
    #[cfg(feature = "mysql")]
    pub(super) async fn is_beside(&mut self, earlier: &Origin) -> bool {
        match self {
            Self::MySql { connection, origin, .. } => Origin::uptime(connection)
                .await
                .is_some_and(|uptime| earlier.shares_server_with(origin, uptime, time::Instant::now())),
            #[cfg(any(feature = "sqlite", feature = "postgres"))]
            _ => false,
        }
    }

    #[cfg(not(feature = "mysql"))]
    #[expect(clippy::unused_async, reason = "with MariaDB and MySQL it asks its server")]
    pub(super) async fn is_beside(&mut self, _: &Origin) -> bool {
        false
    }

    /// Whether a statement that fails takes its whole transaction with it.
    pub(crate) fn fails_as_a_whole(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => true,
            #[cfg(any(feature = "sqlite", feature = "mysql", not(feature = "postgres")))]
            _ => false,
        }
    }

    /// Asks for a sign of life.
    pub(crate) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        with_connection!(self, connection => connection.ping().await)
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        let _ = with_connection!(self, connection => connection.close().await);
    }

    /// Drops the connection without a word, so that the other side ends what it does. Returns where to find one that doesn't
    /// by itself.
    pub(crate) fn abandon(self) -> Option<Origin> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_, interrupt, _) => {
                interrupt.now();
                None
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
            #[cfg(feature = "mysql")]
            Self::MySql { origin, .. } => Some(origin),
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => None,
        }
    }
}

/// Which tables a connection of SQLite knows.
#[cfg(feature = "sqlite")]
#[derive(Debug, Default)]
pub(crate) struct KnownTables(Option<i64>);

#[cfg(feature = "sqlite")]
impl KnownTables {
    /// Looks whether tables were changed, by this program or another. SQLite prepares a statement anew by itself then, and the
    /// library gives the columns that it had before: others than there are, by wrong names.
    async fn look(&mut self, connection: &mut sqlx::SqliteConnection) -> Result<(), sqlx::Error> {
        // What stands in the file; what the connection knows of it comes with the next statement that reads a table.
        let found: i64 = sqlx::query_scalar("PRAGMA schema_version").fetch_one(&mut *connection).await?;
        if self.0 != Some(found) {
            connection.clear_cached_statements().await?;
            sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1").fetch_optional(connection).await?;
            self.0 = Some(found);
        }
        Ok(())
    }
}

/// What the statements do that are sent, one after the other.
#[cfg(feature = "sqlite")]
struct Effects(std::vec::IntoIter<Effect>);

#[cfg(feature = "sqlite")]
impl Effects {
    fn of(effects: Vec<Effect>) -> Self {
        Self(effects.into_iter())
    }

    /// SQLite tells of the connection how many rows were changed last, and which was inserted last, also if that was another
    /// statement (SQLite, `sqlite3_changes`, `sqlite3_last_insert_rowid`).
    fn read(mut self) -> impl FnMut(Either<SqliteQueryResult, sqlx::sqlite::SqliteRow>) -> Step {
        move |step| match step {
            Either::Left(done) => {
                let effect = self.0.next().unwrap_or(Effect { changes: true, inserts: true });
                let rows_affected = if effect.changes { done.rows_affected() } else { 0 };
                let has_inserted = effect.inserts && rows_affected > 0;
                let last_insert_id = Some(done.last_insert_rowid()).filter(|id| has_inserted && *id != 0);
                Step::Done(Done { rows_affected, last_insert_id })
            }
            Either::Right(row) => Step::Row(NativeRow::Sqlite(row)),
        }
    }
}

#[cfg(feature = "postgres")]
fn of_postgres(step: Either<sqlx::postgres::PgQueryResult, sqlx::postgres::PgRow>) -> Step {
    match step {
        Either::Left(done) => Step::Done(Done { rows_affected: done.rows_affected(), last_insert_id: None }),
        Either::Right(row) => Step::Row(NativeRow::Postgres(row)),
    }
}

#[cfg(feature = "mysql")]
fn of_mysql(step: Either<sqlx::mysql::MySqlQueryResult, sqlx::mysql::MySqlRow>) -> Step {
    match step {
        Either::Left(done) => Step::Done(Done {
            rows_affected: done.rows_affected(),
            last_insert_id: i64::try_from(done.last_insert_id()).ok().filter(|id| *id != 0),
        }),
        Either::Right(row) => Step::Row(NativeRow::MySql(row)),
    }
}
