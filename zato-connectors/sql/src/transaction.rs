use std::time::Duration;

use serde::de::DeserializeOwned;
use zato_core::{Error, Result, Retry};

use crate::{
    batch, error,
    isolation::TransactionOptions,
    params::Params,
    pool::{Beginning, Done, Failed, Lease},
    row::{FromRow, Only},
    savepoint::Savepoint,
    verbs,
};

/// A transaction: what is done in it is kept by [`commit`](Self::commit), and undone when it is dropped.
///
/// See [`Sql::begin`](crate::Sql::begin). After an error PostgreSQL refuses everything but a roll-back.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let bank = zato_sql::Sql::sqlite_in_memory();
/// bank.script("CREATE TABLE account (id INTEGER, balance INTEGER); INSERT INTO account VALUES (1, 100), (2, 0)").await?;
///
/// let mut tx = bank.begin().await?;
/// tx.execute("UPDATE account SET balance = balance - 30 WHERE id = 1", ()).await?;
/// tx.execute("UPDATE account SET balance = balance + 30 WHERE id = 2", ()).await?;
/// tx.commit().await?;
/// assert_eq!(bank.scalar::<i64>("SELECT balance FROM account WHERE id = 2", ()).await?, 30);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
#[must_use = "it is rolled back when it is dropped"]
pub struct Transaction {
    lease: Lease,
    limit: Option<Duration>,
    name: String,
    /// To what depth savepoints are undone before anything else is done: they were dropped.
    undo_to: Option<u32>,
}

impl Transaction {
    pub(crate) async fn start(
        mut lease: Lease,
        limit: Option<Duration>,
        name: &str,
        options: TransactionOptions,
    ) -> Result<Self> {
        let beginning = options.beginning(&lease);
        lease.begin(beginning).await.map_err(Failed::into_error)?;
        Ok(Self { lease, limit, name: name.to_owned(), undo_to: None })
    }

    /// Begins a part of the transaction that can be undone alone: a savepoint.
    ///
    /// # Errors
    ///
    /// As [`Sql::all`](crate::Sql::all).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn begin(&mut self) -> Result<Savepoint<'_>> {
        self.settle().await?;
        let outside = self.lease.depth();
        let begun = self.lease.begin(Beginning::default()).await.map_err(Failed::into_error);
        begun.map_err(|error| self.about(error))?;
        Ok(Savepoint::new(self, outside))
    }

    /// Does something in a part of the transaction that is undone if it fails; the transaction can go on then.
    ///
    /// # Errors
    ///
    /// What it fails with; otherwise as [`begin`](Self::begin).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn savepoint<T>(&mut self, work: impl AsyncFnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mut savepoint = self.begin().await?;
        match work(&mut savepoint).await {
            Ok(done) => savepoint.commit().await.map(|()| done),
            Err(error) => {
                // If it can't be undone, whatever comes next is told so.
                let _ = savepoint.rollback().await;
                Err(error)
            }
        }
    }

    /// Notes that savepoints were dropped.
    pub(crate) fn undo_to(&mut self, depth: u32) {
        self.undo_to = Some(self.undo_to.map_or(depth, |known| known.min(depth)));
    }

    /// Undoes savepoints that were dropped, and refuses what would not be done in the transaction.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        self.lease.check().map_err(Failed::into_error).map_err(|error| self.about(error))?;
        if self.lease.is_over() {
            let words = "the transaction is over: the database has undone it";
            return Err(self.about(Error::conflict(words).with_retry(Retry::Never)));
        }
        while let Some(depth) = self.undo_to {
            if self.lease.depth() <= depth {
                self.undo_to = None;
                break;
            }
            let undone = self.lease.roll_back_once().await.map_err(Failed::into_error);
            undone.map_err(|error| self.about(error))?;
        }
        Ok(())
    }

    /// Keeps the innermost savepoint.
    pub(crate) async fn release(&mut self) -> Result<()> {
        self.settle().await?;
        if self.lease.is_broken_here() {
            let undone = self.lease.roll_back_once().await.map_err(Failed::into_error);
            undone.map_err(|error| self.about(error))?;
            return Err(self.about(Error::conflict("a statement has failed, so that nothing of it can be kept")));
        }
        let released = self.lease.commit().await.map_err(Failed::into_error);
        released.map_err(|error| self.about(error))
    }

    /// Returns all rows of a statement; see [`Sql::all`](crate::Sql::all).
    ///
    /// # Errors
    ///
    /// As [`Sql::all`](crate::Sql::all).
    ///
    /// # Cancel safety
    ///
    /// When dropped, the transaction is of no more use: its connection is closed, and everything undone.
    pub async fn all<T: FromRow>(&mut self, sql: &str, params: impl Params) -> Result<Vec<T>> {
        self.settle().await?;
        let rows = verbs::all(&mut self.lease, sql, params, self.limit).await;
        rows.map_err(|error| self.about(error))
    }

    /// Returns the only row of a statement; see [`Sql::one`](crate::Sql::one).
    ///
    /// # Errors
    ///
    /// As [`Sql::one`](crate::Sql::one).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn one<T: FromRow>(&mut self, sql: &str, params: impl Params) -> Result<T> {
        self.settle().await?;
        let row = verbs::optional(&mut self.lease, sql, params, self.limit).await.and_then(verbs::found);
        row.map_err(|error| self.about(error))
    }

    /// Returns the only row of a statement, if there is one; see [`Sql::optional`](crate::Sql::optional).
    ///
    /// # Errors
    ///
    /// As [`Sql::optional`](crate::Sql::optional).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn optional<T: FromRow>(&mut self, sql: &str, params: impl Params) -> Result<Option<T>> {
        self.settle().await?;
        let row = verbs::optional(&mut self.lease, sql, params, self.limit).await;
        row.map_err(|error| self.about(error))
    }

    /// Returns the only value of the only row of a statement; see [`Sql::scalar`](crate::Sql::scalar).
    ///
    /// # Errors
    ///
    /// As [`Sql::one`](crate::Sql::one).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn scalar<T: DeserializeOwned + Send + 'static>(&mut self, sql: &str, params: impl Params) -> Result<T> {
        self.one::<Only<T>>(sql, params).await.map(|only| only.0)
    }

    /// Executes a statement that gives no rows; see [`Sql::execute`](crate::Sql::execute).
    ///
    /// # Errors
    ///
    /// As [`Sql::all`](crate::Sql::all).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn execute(&mut self, sql: &str, params: impl Params) -> Result<Done> {
        self.settle().await?;
        let done = verbs::execute(&mut self.lease, sql, params, self.limit).await;
        done.map_err(|error| self.about(error))
    }

    /// Executes a statement with each of many rows; see [`Sql::execute_batch`](crate::Sql::execute_batch).
    ///
    /// # Errors
    ///
    /// As [`Sql::all`](crate::Sql::all), of the first that is refused.
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn execute_batch<P: Params>(&mut self, sql: &str, rows: impl IntoIterator<Item = P>) -> Result<Done> {
        self.settle().await?;
        let done = batch::execute(&mut self.lease, sql, rows, self.limit).await;
        done.map_err(|error| self.about(error))
    }

    /// Executes several statements that have no parameters; see [`Sql::script`](crate::Sql::script).
    ///
    /// # Errors
    ///
    /// As [`Sql::all`](crate::Sql::all).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn script(&mut self, sql: &str) -> Result<Done> {
        self.settle().await?;
        let done = verbs::script(&mut self.lease, sql, self.limit).await;
        done.map_err(|error| self.about(error))
    }

    /// Keeps what was done.
    ///
    /// # Errors
    ///
    /// As [`Sql::all`](crate::Sql::all). If the connection breaks meanwhile, nobody knows whether it was kept: that is
    /// [`Upstream`](zato_core::Kind::Upstream), [`OutcomeUnknown`](crate::SqlErrorKind::OutcomeUnknown), and never worth
    /// another try by itself.
    ///
    /// # Cancel safety
    ///
    /// When dropped, nobody knows whether it was kept.
    pub async fn commit(mut self) -> Result<()> {
        if self.undo_to.is_some() || self.lease.is_busy() {
            self.settle().await?;
        }
        // What can't be kept is undone, and that is known.
        let is_lost = self.lease.is_doomed();
        let committed = self.lease.commit().await;
        let is_unknown = committed.is_err() && self.lease.is_busy() && !is_lost;
        committed.map_err(Failed::into_error).map_err(|error| {
            let error = if is_unknown { error::outcome_unknown(&error) } else { error };
            self.about(error)
        })
    }

    /// Undoes what was done, and waits until that is so.
    ///
    /// # Errors
    ///
    /// As [`Sql::all`](crate::Sql::all); it is undone nevertheless, since the connection is closed then.
    ///
    /// # Cancel safety
    ///
    /// When dropped, it is undone as well.
    pub async fn rollback(mut self) -> Result<()> {
        if self.lease.is_busy() {
            // Closed instead: what was sent last has not ended.
            return Ok(());
        }
        let undone = self.lease.roll_back().await.map_err(Failed::into_error);
        undone.map_err(|error| self.about(error))
    }

    fn about(&self, error: Error) -> Error {
        error.with("connection", &self.name)
    }
}
