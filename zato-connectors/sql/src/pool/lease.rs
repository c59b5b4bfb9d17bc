//! A connection that somebody has, until it is dropped.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::StreamExt;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{self, Instant},
};

use zato_core::Error;

use super::{Chore, Connection, Done, Failed, Pool, Step};
use crate::{engine::Dialect, error, statement::Reach};

/// How much longer than the server we wait for an answer.
const GRACE: Duration = Duration::from_secs(1);

/// How a transaction begins.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    /// In the words of a database, if they are others than `BEGIN`.
    pub(crate) statement: Option<SqlStr>,
    /// What is said behind its end.
    pub(crate) ending: Option<&'static str>,
}

/// A connection that somebody has. Dropped, it goes back if it is in order, and is closed if its statement goes on.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    made: Instant,
    /// Which change of the tables it has heard of.
    tables: u64,
    holder: u64,
    /// Whether something was sent whose end was not seen.
    is_busy: bool,
    /// Whether the connection broke, so that nothing of it goes on.
    is_lost: bool,
    /// Whether its session is another one than it was at first.
    is_changed: bool,
    /// Whether tables were changed in the transaction.
    has_changed_tables: bool,
    /// Whether it is closed unless it is rolled back first.
    is_forsaken: bool,
    depth: u32,
    /// How deep it was when a statement failed by which PostgreSQL refuses everything else in the transaction.
    broken_at: Option<u32>,
    /// Whether the database has undone the transaction by itself, so that what is sent now would stand alone.
    is_undone: bool,
    /// What is said behind the end of a transaction.
    ending: Option<&'static str>,
    /// Given back last: whoever waits for it finds the connection.
    permit: Option<OwnedSemaphorePermit>,
}

impl Lease {
    pub(super) fn new(
        pool: Arc<Pool>,
        connection: Connection,
        (made, tables): (Instant, u64),
        holder: u64,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            pool,
            connection: Some(connection),
            made,
            tables,
            holder,
            is_busy: false,
            is_lost: false,
            is_changed: false,
            has_changed_tables: false,
            is_forsaken: false,
            depth: 0,
            broken_at: None,
            is_undone: false,
            ending: None,
            permit: Some(permit),
        }
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("a lease has its connection until it is dropped")
    }

    /// Returns the connection, which is closed when it is dropped before [`ended`](Self::ended).
    pub(crate) fn begin_work(&mut self, limit: Option<Duration>) -> &mut Connection {
        self.is_busy = true;
        let connection = self.connection.as_mut().expect("a lease has its connection until it is dropped");
        connection.limit(limit);
        connection
    }

    /// Notes that what was sent has ended.
    pub(crate) fn ended(&mut self) {
        self.is_busy = false;
    }

    /// Notes that the connection is not to be used again.
    pub(crate) fn give_up(&mut self) {
        self.is_busy = true;
    }

    /// Notes how what was sent has ended: after some errors the connection is of no use.
    pub(crate) fn failed(&mut self, failed: &Failed) {
        self.is_busy = failed.is_fatal();
        if failed.is_stale() {
            // The others have prepared theirs for the same tables.
            self.pool.tables_changed();
        }
        if self.is_busy {
            // One that takes too long says nothing about the others.
            if matches!(failed, Failed::Theirs(_)) {
                self.is_lost = true;
                self.pool.suspect();
            }
        } else if let Failed::Theirs(error) = failed
            && self.depth > 0
            && error::undoes_transaction(error)
        {
            self.is_undone = true;
        } else if self.depth > 0
            && matches!(failed, Failed::Theirs(_))
            && self.connection.as_ref().is_some_and(Connection::fails_as_a_whole)
        {
            self.broken_at.get_or_insert(self.depth);
        }
    }

    /// How deep in transactions it is: 0 for in none, more than 1 for savepoints.
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// Refuses what comes after a statement whose end was not seen: in a transaction nobody knows what has become of it.
    pub(crate) fn check(&self) -> Result<(), Failed> {
        if self.is_busy {
            let words = "the connection was given up in the middle of a statement before, and the transaction with it";
            return Err(Failed::Ours(Error::unavailable(words)));
        }
        Ok(())
    }

    /// Refuses what would be done to transactions behind our back, and remembers what changes the session: others expect it as
    /// it was.
    pub(crate) fn admit(&mut self, reach: Reach) -> Result<(), Error> {
        if reach.is_transaction {
            let words = "a statement begins or ends a transaction by itself; use Sql::begin or Sql::transaction, and what a \
                         Transaction has: begin, commit, rollback";
            return Err(Error::internal(words));
        }
        if reach.commits && self.depth > 0 && self.pool.statements.dialect() == Dialect::MySql {
            let words = "MariaDB and MySQL keep a transaction before such a statement, so that nothing of it could be undone; \
                         execute it outside of the transaction";
            return Err(Error::internal(words));
        }
        if reach.changes_session && !(reach.is_local && self.depth > 0) {
            self.is_changed = true;
        }
        Ok(())
    }

    /// Notes that the session may be another one, so that the connection is closed.
    pub(crate) fn session_changed(&mut self) {
        self.is_changed = true;
    }

    /// Sends statements without values, and waits until they have ended.
    pub(crate) async fn say(&mut self, script: SqlStr, limit: Option<Duration>) -> Result<Done, Failed> {
        self.check()?;
        #[cfg(feature = "testing")]
        if let Some(recording) = self.pool.recording.get() {
            recording.note(script.as_str());
            return Ok(Done::default());
        }
        let mut steps = self.begin_work(limit).start_script(script);
        let (mut all, mut ended, mut is_done) = (Done::default(), Ok(()), false);
        while let Some(step) = steps.next().await {
            match step {
                Ok(Step::Done(done)) => {
                    is_done = true;
                    all.and(done);
                }
                Ok(Step::Row(_)) => {}
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
        }
        drop(steps);
        if ended.is_ok() && !is_done && self.says_when_done() {
            ended = Err(sqlx::Error::WorkerCrashed);
        }
        self.note(ended).map(|()| all)
    }

    /// Says something about a transaction, and waits no longer than for a statement.
    async fn tell(&mut self, script: SqlStr) -> Result<(), Failed> {
        let Some(limit) = self.pool.limits.statement_timeout else { return self.say(script, None).await.map(drop) };
        match time::timeout(limit.saturating_add(GRACE), self.say(script, Some(limit))).await {
            Ok(said) => said.map(drop),
            Err(_) => Err(Failed::Unended(error::too_slow(limit))),
        }
    }

    /// Begins a transaction; in one sets a savepoint.
    pub(crate) async fn begin(&mut self, beginning: Beginning) -> Result<(), Failed> {
        let begin = match (self.depth, beginning.statement) {
            (0, Some(statement)) => statement,
            (0, None) => SqlStr::from_static("BEGIN"),
            (depth, _) => numbered("SAVEPOINT", depth),
        };
        if self.depth == 0 {
            (self.ending, self.is_undone) = (beginning.ending, false);
        }
        // Of several statements the first may have been heard, and is there for whoever comes next.
        let is_composed = self.depth == 0 && begin.as_str().contains(';');
        let begun = self.tell(begin).await;
        if begun.is_err() && is_composed {
            self.give_up();
        }
        begun?;
        self.depth += 1;
        Ok(())
    }

    /// Keeps what was done since the last begin.
    pub(crate) async fn commit(&mut self) -> Result<(), Failed> {
        if self.is_doomed() {
            // PostgreSQL would undo it, and say that all is well. Others have undone it already.
            let _ = self.roll_back().await;
            let words = "a statement of the transaction has failed, so that nothing of it can be kept";
            return Err(Failed::Ours(
                Error::conflict(words).with_public("the request conflicts with the current state"),
            ));
        }
        let commit = match self.depth {
            0 => return Ok(()),
            1 => SqlStr::from_static("COMMIT"),
            depth => numbered("RELEASE SAVEPOINT", depth - 1),
        };
        self.tell(commit).await?;
        if self.depth == 1 && std::mem::take(&mut self.has_changed_tables) {
            self.pool.tables_changed();
        }
        self.ended_one().await
    }

    /// Undoes what was done since the last begin.
    pub(crate) async fn roll_back_once(&mut self) -> Result<(), Failed> {
        match self.depth {
            0 => return Ok(()),
            1 => self.tell(SqlStr::from_static("ROLLBACK")).await?,
            depth => {
                self.tell(numbered("ROLLBACK TO SAVEPOINT", depth - 1)).await?;
                self.broken_at = self.broken_at.filter(|broken| *broken < depth);
                // It would be there still, under the one that is set next.
                self.tell(numbered("RELEASE SAVEPOINT", depth - 1)).await?;
            }
        }
        self.broken_at = self.broken_at.filter(|broken| *broken < self.depth);
        self.ended_one().await
    }

    async fn ended_one(&mut self) -> Result<(), Failed> {
        self.depth -= 1;
        if self.depth == 0
            && let Some(ending) = self.ending.take()
        {
            let said = self.tell(SqlStr::from_static(ending)).await;
            if said.is_err() {
                self.is_busy = true;
            }
        }
        Ok(())
    }

    /// Undoes everything. A connection that can't is closed, by which the database undoes it.
    pub(crate) async fn roll_back(&mut self) -> Result<(), Failed> {
        // That of the outermost undoes the savepoints with it.
        self.depth = self.depth.min(1);
        let undone = self.roll_back_once().await;
        match &undone {
            Ok(()) => self.is_forsaken = false,
            Err(_) => self.is_busy = true,
        }
        undone
    }

    /// Whether something was sent whose end was not seen.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Whether nothing of the transaction can be kept.
    pub(crate) fn is_doomed(&self) -> bool {
        self.broken_at.is_some() || self.is_undone
    }

    /// Whether nothing can be done in the transaction any more: it was undone.
    pub(crate) fn is_over(&self) -> bool {
        self.is_undone || self.depth == 0
    }

    /// Whether a statement has failed since the last begin by which everything else is refused.
    pub(crate) fn is_broken_here(&self) -> bool {
        self.broken_at.is_some_and(|depth| depth >= self.depth)
    }

    fn note(&mut self, ended: Result<(), sqlx::Error>) -> Result<(), Failed> {
        match ended.map_err(Failed::from) {
            Ok(()) => self.ended(),
            Err(failed) => {
                self.failed(&failed);
                return Err(failed);
            }
        }
        Ok(())
    }

    pub(crate) fn says_when_done(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::says_when_done)
    }

    /// Notes that tables are other ones now, by which prepared statements may be wrong.
    pub(crate) async fn tables_changed(&mut self) -> Result<(), Failed> {
        // Others see them only once they are kept, and may have prepared theirs for the old ones until then.
        self.has_changed_tables |= self.depth > 0;
        if self.connection.as_ref().is_some_and(Connection::trusts_its_statements) {
            self.pool.tables_changed();
            self.forget_statements().await?;
        }
        Ok(())
    }

    /// Forgets prepared statements.
    pub(crate) async fn forget_statements(&mut self) -> Result<(), Failed> {
        self.tables = self.pool.tables();
        let forgotten = self.begin_work(None).forget_statements().await;
        self.note(forgotten)
    }
}

/// A statement about a savepoint, whose name is ours.
fn numbered(words: &str, depth: u32) -> SqlStr {
    AssertSqlSafe(format!("{words} zato_{depth}")).into_sql_str()
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.is_busy || self.is_forsaken {
            self.pool.lose(self.holder);
            // Of one that broke the number may be somebody else's by now.
            if let Some(id) = connection.abandon().filter(|_| !self.is_lost) {
                self.pool.chore(Chore::Kill(id));
            }
        } else if self.depth > 0 {
            // It would keep its locks until somebody used the connection.
            let lease = Self {
                pool: Arc::clone(&self.pool),
                connection: Some(connection),
                made: self.made,
                tables: self.tables,
                holder: self.holder,
                is_busy: false,
                is_lost: false,
                is_changed: self.is_changed,
                has_changed_tables: false,
                // Should the janitor have no time for it, it is closed, which undoes it as well.
                is_forsaken: true,
                depth: self.depth,
                broken_at: self.broken_at,
                is_undone: self.is_undone,
                ending: self.ending,
                permit: self.permit.take(),
            };
            self.pool.roll_back(lease);
        } else if self.is_changed {
            self.pool.lose(self.holder);
            self.pool.chore(Chore::Close(connection));
        } else {
            self.pool.give_back(connection, (self.made, self.tables), self.holder);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("is_busy", &self.is_busy).field("depth", &self.depth).finish_non_exhaustive()
    }
}
