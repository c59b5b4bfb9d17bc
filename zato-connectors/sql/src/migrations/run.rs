//! How migrations are applied: under a lock, one after the other.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration};
use tracing::{info, warn};
use zato_core::{Error, Result};

use super::{Migrated, Migrations, folder::File};
use crate::{
    SqlError, SqlErrorKind, error,
    pool::{Connection, Pool, Session, Target},
};

/// Where it stands what was applied, as sqlx's own tools have it.
const TABLE: &str = "_sqlx_migrations";

/// How long SQLite waits for somebody else who writes, such as another program with the same migrations.
#[cfg(feature = "sqlite")]
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server may take to accept a connection: less than the start of a program waits for migrations.
const CONNECT: Duration = Duration::from_secs(7);

/// Which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    /// To a version, which stays.
    DownTo(i64),
}

/// Migrations that are to be applied.
#[derive(Debug)]
pub(super) struct Job<'j> {
    migrations: &'j Migrations,
    way: Way,
    target: Target,
    session: Session,
    connection: &'j str,
    /// Whether it was told of what was applied by a newer program.
    is_told: AtomicBool,
}

/// What is to be done next.
struct Step<'j> {
    file: &'j str,
    migration: &'j Migration,
}

impl<'j> Job<'j> {
    pub(super) fn new(migrations: &'j Migrations, way: Way, pool: &'j Pool) -> Self {
        Self::over(migrations, way, &pool.target, &pool.session, &pool.limits.name)
    }

    pub(super) fn over(
        migrations: &'j Migrations,
        way: Way,
        target: &Target,
        session: &Session,
        connection: &'j str,
    ) -> Self {
        let session = Session { statement_timeout: None, is_read_only: false, ..session.clone() };
        Self { migrations, way, target: patient(target), session, connection, is_told: AtomicBool::new(false) }
    }

    /// Makes a connection; while a program starts, it is told of one that can't be made before it is told of slow migrations.
    async fn connect(&self) -> Result<Connection> {
        let limit = if self.target.is_file() { Duration::MAX } else { CONNECT };
        let connecting = self.target.connect_within(limit, &self.session).await;
        connecting.map_err(|error| error::of_connecting(error, &self.target))
    }

    /// Does what there is to do, over a connection of its own.
    pub(super) async fn run(&self) -> Result<Vec<Migrated>> {
        let mut connection = self.connect().await?;
        let mut done = Vec::new();
        let ended = match &mut connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection, ..) => self.in_file(connection, &mut done).await,
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => self.on_server(&mut **connection, &mut done).await,
            #[cfg(feature = "mysql")]
            Connection::MySql { connection, .. } => match locked(connection).await {
                Ok(()) => self.on_server(&mut **connection, &mut done).await,
                Err(error) => Err(error::of(error)),
            },
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => Err(Error::internal("there is no database in this program")),
        };
        // With it goes the lock.
        connection.close().await;
        ended.map(|()| done)
    }

    /// Under a lock of the server's.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    async fn on_server<C: Migrate + Send>(&self, connection: &mut C, done: &mut Vec<Migrated>) -> Result<()> {
        connection.lock().await.map_err(told)?;
        connection.ensure_migrations_table(TABLE).await.map_err(told)?;
        loop {
            if let Some(version) = connection.dirty_version(TABLE).await.map_err(told)? {
                return Err(self.half_done(version));
            }
            let applied = connection.list_applied_migrations(TABLE).await.map_err(told)?;
            let Some(step) = self.next(&applied)? else { break };
            done.push(self.take(&step, connection).await?);
        }
        connection.unlock().await.map_err(told)
    }

    /// Each in a transaction that nobody else can write meanwhile: what somebody else has applied is seen in it.
    #[cfg(feature = "sqlite")]
    async fn in_file(&self, connection: &mut sqlx::SqliteConnection, done: &mut Vec<Migrated>) -> Result<()> {
        use sqlx::Connection as _;

        loop {
            let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(error::of)?;
            tx.ensure_migrations_table(TABLE).await.map_err(told)?;
            let applied = tx.list_applied_migrations(TABLE).await.map_err(told)?;
            let Some(step) = self.next(&applied)? else {
                return tx.commit().await.map_err(error::of);
            };
            let migrated = if step.migration.no_tx {
                tx.commit().await.map_err(error::of)?;
                self.take(&step, &mut *connection).await?
            } else {
                let migrated = self.take(&step, &mut *tx).await?;
                tx.commit().await.map_err(error::of)?;
                migrated
            };
            done.push(migrated);
        }
    }

    async fn take<C: Migrate + Send>(&self, step: &Step<'_>, connection: &mut C) -> Result<Migrated> {
        let is_up = self.way == Way::Up;
        let taken = if is_up {
            connection.apply(TABLE, step.migration).await
        } else {
            connection.revert(TABLE, step.migration).await
        };
        let took = taken.map_err(|error| refused(step.file, error))?;
        let (connection, migration, took_ms) = (self.connection, step.file, took.as_secs_f64() * 1_000.0);
        if is_up {
            info!(connection, migration, took_ms, "migration applied");
        } else {
            info!(connection, migration, took_ms, "migration undone");
        }
        Ok(Migrated { version: step.migration.version, file: step.file.to_owned(), took })
    }

    /// Compares what was applied with what there is.
    fn next(&self, applied: &[AppliedMigration]) -> Result<Option<Step<'j>>> {
        for known in applied {
            self.check(known)?;
        }
        match self.way {
            Way::Up => {
                let is_new = |file: &&File| applied.iter().all(|known| known.version != file.up.version);
                Ok(self.migrations.iter().find(is_new).map(|file| Step { file: &file.name, migration: &file.up }))
            }
            Way::DownTo(version) => {
                let last = applied.iter().map(|known| known.version).filter(|known| *known > version).max();
                let Some(file) = last.map(|last| self.migrations.get(last).ok_or_else(|| missing(last))).transpose()?
                else {
                    return Ok(None);
                };
                let undone = file.down.as_ref().map(|(file, migration)| Some(Step { file, migration }));
                undone.ok_or_else(|| {
                    Error::internal(format!(
                        "nothing says how the migration {} is undone; that would be .down.sql",
                        file.name
                    ))
                })
            }
        }
    }

    fn check(&self, known: &AppliedMigration) -> Result<()> {
        match self.migrations.get(known.version) {
            Some(file) if file.up.checksum == known.checksum => Ok(()),
            Some(file) => Err(Error::internal(format!(
                "the migration {} was applied, and is another now; make it as it was, and put what is new into a further one",
                file.name
            ))),
            // A newer version of the program was here, and this one is put back in its place.
            None if known.version > self.migrations.newest() => {
                if !self.is_told.swap(true, Ordering::Relaxed) {
                    warn!(
                        connection = self.connection,
                        version = known.version,
                        "a migration was applied that is not here"
                    );
                }
                Ok(())
            }
            None => Err(missing(known.version)),
        }
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn half_done(&self, version: i64) -> Error {
        let file = self.migrations.get(version).map_or_else(|| version.to_string(), |file| file.name.clone());
        Error::internal(format!(
            "the migration {file} was applied in part, and this database can't undo that: put its tables right, and delete \
             the row of version {version} from {TABLE}"
        ))
    }
}

fn missing(version: i64) -> Error {
    Error::internal(format!("a migration {version} was applied, and is not there any more; put its file back"))
}

/// The library asks MariaDB for a lock with an endless wait, which MariaDB takes for none, and then it doesn't look whether
/// it has the lock.
#[cfg(feature = "mysql")]
async fn locked(connection: &mut sqlx::MySqlConnection) -> Result<(), sqlx::Error> {
    const ASK: &str = "SELECT GET_LOCK(CONCAT('zato:', MD5(DATABASE())), 10)";

    while sqlx::query_scalar::<_, Option<i64>>(ASK).fetch_one(&mut *connection).await? != Some(1) {}
    Ok(())
}

#[cfg(feature = "sqlite")]
fn patient(target: &Target) -> Target {
    match target {
        Target::Sqlite(options) => {
            Target::Sqlite(options.clone().busy_timeout(PATIENCE).read_only(false).create_if_missing(true))
        }
        #[cfg(any(feature = "postgres", feature = "mysql"))]
        other => other.clone(),
    }
}

#[cfg(not(feature = "sqlite"))]
fn patient(target: &Target) -> Target {
    target.clone()
}

/// Returns the files that are not applied yet.
pub(super) async fn pending(migrations: &Migrations, pool: &Pool) -> Result<Vec<String>> {
    let job = Job::new(migrations, Way::Up, pool);
    let mut connection = job.connect().await?;
    let applied = match &mut connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(connection, ..) => connection.list_applied_migrations(TABLE).await,
        #[cfg(feature = "postgres")]
        Connection::Postgres(connection) => connection.list_applied_migrations(TABLE).await,
        #[cfg(feature = "mysql")]
        Connection::MySql { connection, .. } => connection.list_applied_migrations(TABLE).await,
        #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        _ => Ok(Vec::new()),
    };
    connection.close().await;
    let applied = match applied.map_err(told) {
        Ok(applied) => applied,
        // Nobody has ever applied one.
        Err(error) if is_kind(&error, SqlErrorKind::UndefinedTable) => Vec::new(),
        Err(error) => return Err(error),
    };
    for known in &applied {
        job.check(known)?;
    }
    let is_new = |file: &&File| applied.iter().all(|known| known.version != file.up.version);
    Ok(migrations.iter().filter(is_new).map(|file| file.name.clone()).collect())
}

fn is_kind(error: &Error, kind: SqlErrorKind) -> bool {
    error.find::<SqlError>().is_some_and(|told| told.kind() == kind)
}

/// Tells what went wrong around the migrations.
fn told(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error::of(error),
        other => Error::internal("migrations can't be applied").with_source(other),
    }
}

/// Tells what went wrong with a migration, with what the database said: whoever reads it wrote the file.
fn refused(file: &str, error: MigrateError) -> Error {
    let error = told(error);
    let words = match error.find::<SqlError>() {
        Some(said) => format!("the migration {file} can't be applied: {}", said.message()),
        None => format!("the migration {file} can't be applied"),
    };
    Error::new(error.kind(), words).with_retry(error.retry()).with_source(zato_core::BoxError::from(error))
}
