//! One statement on one connection: sent, its rows read, its time kept.

use std::{marker::PhantomData, ops::ControlFlow, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::time;
use tracing::{debug, warn};
use zato_core::{Error, Result};

use crate::{
    error,
    params::Parameters,
    pool::{Connection, Done, Failed, Lease, Pool, Step, read_past},
    row::{Columns, FromRow, NativeRow, NativeRowOf},
    statement::Statement,
    value::SqlValue,
};

/// How much longer than the server we wait for its word that a statement took too long.
const GRACE: Duration = Duration::from_secs(1);

/// What is done with the rows of a statement.
pub(crate) trait Sink: Send {
    /// Takes a row, and says whether there may be more.
    fn row(&mut self, row: NativeRow) -> Result<ControlFlow<()>>;

    /// Takes what the statement has done.
    fn done(&mut self, _done: Done) {}

    /// Whether nothing was taken yet, so that the statement can be sent again.
    fn is_fresh(&self) -> bool;
}

/// A statement that is to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) sql: &'a str,
    pub(crate) parameters: &'a Parameters,
    /// How long it may take; `None` for as long as it likes.
    pub(crate) limit: Option<Duration>,
}

impl Call<'_> {
    /// Sends the statement, and gives what comes to a sink.
    pub(crate) async fn run(self, lease: &mut Lease, sink: &mut dyn Sink) -> Result<()> {
        lease.check().map_err(Failed::into_error)?;
        let pool = Arc::clone(lease.pool());
        let statement = pool.statements.get(self.sql)?;
        let values = statement.order(self.parameters)?;
        lease.admit(statement.reach())?;
        let begun = pool.meter.begin();
        let work = self.work(lease, &statement, &values, sink);
        let ended = match patience(self.limit, &pool) {
            Some(patience) => time::timeout(patience, work)
                .await
                .unwrap_or_else(|_| Err(Failed::Unended(error::too_slow(self.limit.unwrap_or(patience))))),
            None => work.await,
        };
        let ended = ended.map_err(Failed::into_error);
        let took = begun.end(ended.as_ref().err().map(Error::kind));
        note(&pool, &statement, took, ended.as_ref().err());
        ended
    }

    async fn work(
        self,
        lease: &mut Lease,
        statement: &Statement,
        values: &[&SqlValue],
        sink: &mut dyn Sink,
    ) -> Result<(), Failed> {
        let is_other = tell_limit(lease, self.limit).await?;
        let mut ended = attempt(lease, statement, values, self.limit, sink).await;
        if let Err(failed) = &ended
            && failed.is_stale()
            && lease.depth() == 0
            && sink.is_fresh()
        {
            // A table was changed since the statement was prepared.
            lease.forget_statements().await?;
            ended = attempt(lease, statement, values, self.limit, sink).await;
        }
        if ended.is_ok() && statement.reach().changes_tables {
            lease.tables_changed().await?;
        }
        if is_other {
            tell_usual_limit(lease).await;
        }
        ended
    }
}

/// How long we wait ourselves. What the server doesn't know of is ended by closing the connection.
pub(crate) fn patience(limit: Option<Duration>, pool: &Pool) -> Option<Duration> {
    let is_known = match (limit, pool.session.statement_timeout) {
        #[cfg(feature = "postgres")]
        (Some(limit), Some(configured)) if matches!(pool.target, crate::pool::Target::Postgres(_)) => {
            limit >= configured
        }
        (limit, _) => limit.is_some(),
    };
    limit.map(|limit| if is_known { limit.saturating_add(GRACE) } else { limit })
}

/// Logs how a statement ended. Its text is in the log at debug only.
pub(crate) fn note(pool: &Pool, statement: &Statement, took: Duration, error: Option<&Error>) {
    let (connection, took_ms) = (pool.limits.name.as_str(), took.as_secs_f64() * 1_000.0);
    debug!(connection, took_ms, statement = statement.text(), error = error.map(Error::message), "statement ended");
    if pool.limits.slow_statement.is_some_and(|limit| took >= limit) {
        warn!(connection, took_ms, "slow statement");
    }
}

/// Tells the server how long a statement may take, if that is another time than usual and the server has to know.
pub(crate) async fn tell_limit(lease: &mut Lease, limit: Option<Duration>) -> Result<bool, Failed> {
    let configured = lease.pool().session.statement_timeout;
    if limit == configured {
        return Ok(false);
    }
    tell_limit_to(lease, limit).await
}

/// Takes back that a statement may take another time than usual; a connection that can't is not used again.
pub(crate) async fn tell_usual_limit(lease: &mut Lease) {
    let configured = lease.pool().session.statement_timeout;
    if lease.is_busy() {
        return;
    }
    // In a transaction that has failed PostgreSQL refuses this as well, and forgets the other limit with it.
    if tell_limit_to(lease, configured).await.is_err() && !lease.is_doomed() {
        lease.give_up();
    }
}

async fn tell_limit_to(lease: &mut Lease, limit: Option<Duration>) -> Result<bool, Failed> {
    let configured = lease.pool().session.statement_timeout;
    let told: Option<String> = match lease.connection() {
        #[cfg(feature = "postgres")]
        // A shorter one is kept by closing the connection.
        Connection::Postgres(_)
            if limit != configured && limit.is_some_and(|limit| configured.is_none_or(|usual| limit < usual)) =>
        {
            None
        }
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => Some(format!("SET statement_timeout = {}", crate::pool::milliseconds(limit))),
        #[cfg(feature = "mysql")]
        Connection::MySql { is_mariadb, .. } => Some(crate::pool::mysql_timeout(limit, *is_mariadb)),
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(..) => None,
        #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        _ => {
            let _ = limit;
            None
        }
    };
    let Some(told) = told else { return Ok(false) };
    let script = sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(told));
    lease.say(script, configured).await.map(|_| true)
}

async fn attempt(
    lease: &mut Lease,
    statement: &Statement,
    values: &[&SqlValue],
    limit: Option<Duration>,
    sink: &mut dyn Sink,
) -> Result<(), Failed> {
    #[cfg(feature = "testing")]
    if let Some(recording) = lease.pool().recording.get().cloned() {
        match recording.play(statement, values)? {
            crate::testing::Played::Done(done) => sink.done(done),
            crate::testing::Played::Rows(statement, values) => {
                let values: Vec<_> = values.iter().collect();
                if receive(lease.begin_work(limit), &statement, &values, sink).await? {
                    lease.ended();
                }
            }
        }
        return Ok(());
    }
    let connection = lease.begin_work(limit);
    let ended = receive(connection, statement, values, sink).await;
    match &ended {
        Ok(true) => lease.ended(),
        // Closed when it is dropped: there are more rows than anybody reads past.
        Ok(false) => {}
        Err(failed) => lease.failed(failed),
    }
    ended.map(drop)
}

/// Sends a statement, gives what comes to a sink, and tells whether its end was seen.
async fn receive(
    connection: &mut Connection,
    statement: &Statement,
    values: &[&SqlValue],
    sink: &mut dyn Sink,
) -> Result<bool, Failed> {
    let mut steps = connection.start(statement, values).await?;
    let mut is_done = false;
    while let Some(step) = steps.next().await {
        match step? {
            Step::Row(row) => match sink.row(row) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(read_past(&mut steps).await?),
                Err(error) => {
                    let is_ended = read_past(&mut steps).await?;
                    return Err(if is_ended { Failed::Ours(error) } else { Failed::Unended(error) });
                }
            },
            Step::Done(done) => {
                is_done = true;
                sink.done(done);
            }
        }
    }
    drop(steps);
    if is_done || !connection.says_when_done() || !statement.reach().is_anything {
        Ok(true)
    } else {
        Err(Failed::Theirs(sqlx::Error::WorkerCrashed))
    }
}

/// Collects rows, up to a number of them.
pub(crate) struct Collected<T> {
    columns: Option<Arc<Columns>>,
    pub(crate) rows: Vec<T>,
    most: usize,
}

impl<T> Collected<T> {
    pub(crate) fn up_to(most: usize) -> Self {
        Self { columns: None, rows: Vec::new(), most }
    }
}

impl<T: FromRow> Sink for Collected<T> {
    fn row(&mut self, native: NativeRow) -> Result<ControlFlow<()>> {
        let columns = Arc::clone(self.columns.get_or_insert_with(|| Arc::new(native.columns())));
        self.rows.push(T::from_native(NativeRowOf { native, columns })?);
        Ok(if self.rows.len() >= self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn is_fresh(&self) -> bool {
        self.columns.is_none()
    }
}

/// Adds up what was done, and leaves rows alone.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) done: Done,
    is_touched: bool,
    _rows: PhantomData<NativeRow>,
}

impl Sink for Effects {
    fn row(&mut self, _: NativeRow) -> Result<ControlFlow<()>> {
        self.is_touched = true;
        Ok(ControlFlow::Continue(()))
    }

    fn done(&mut self, done: Done) {
        self.is_touched = true;
        self.done.and(done);
    }

    fn is_fresh(&self) -> bool {
        !self.is_touched
    }
}
