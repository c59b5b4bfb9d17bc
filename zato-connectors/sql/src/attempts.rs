//! Transactions that are done again when others were in their way.

use tokio::time::{self, Instant};
use zato_core::{Result, ambient::Ambient};

use crate::{
    Sql, error,
    isolation::{self, TransactionOptions},
    transaction::Transaction,
};

impl Sql {
    /// Does something in a transaction, which is kept if that returns `Ok`, and undone otherwise.
    ///
    /// If the database undoes it because of others (a deadlock, transactions that can't be put in order), or the connection
    /// breaks before the end, it is done again from its beginning, up to ten times after pauses and not for much longer than a
    /// statement may take. It is not done again once its end was asked for.
    ///
    /// Begin the closure with `async move`, and clone before what is needed afterwards: of one that borrows, the compiler can't
    /// see yet that a service may wait for it ("implementation of `Send` is not general enough").
    ///
    /// # Errors
    ///
    /// What it fails with; otherwise as [`all`](Self::all) and [`Transaction::commit`].
    ///
    /// # Cancel safety
    ///
    /// When dropped, it is undone; if its end was asked for, nobody knows whether it was kept.
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
    /// let left: i64 = bank
    ///     .transaction(async move |tx| {
    ///         tx.execute("UPDATE account SET balance = balance + 30 WHERE id = 2", ()).await?;
    ///         tx.execute("UPDATE account SET balance = balance - 30 WHERE id = 1", ()).await?;
    ///         tx.scalar("SELECT balance FROM account WHERE id = 1", ()).await
    ///     })
    ///     .await?;
    /// assert_eq!(left, 70);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub async fn transaction<T>(&self, work: impl AsyncFnMut(&mut Transaction) -> Result<T>) -> Result<T> {
        self.transaction_with(TransactionOptions::new(), work).await
    }

    /// Does something in a transaction that is to be as is said; otherwise as [`transaction`](Self::transaction).
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction).
    ///
    /// # Cancel safety
    ///
    /// As [`transaction`](Self::transaction).
    pub async fn transaction_with<T>(
        &self,
        options: TransactionOptions,
        mut work: impl AsyncFnMut(&mut Transaction) -> Result<T>,
    ) -> Result<T> {
        let (begun, random) = (Instant::now(), Ambient::default());
        let mut retries = 0;
        loop {
            let error = match self.attempt(options, &mut work).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let longest = self.limit.or(self.client()?.pool.limits.statement_timeout);
            let is_late = longest.is_some_and(|longest| begun.elapsed() >= longest);
            if retries >= options.retries || is_late || !error::is_worth_another_try(&error) {
                return Err(error);
            }
            let pause = isolation::pause(retries, random.random());
            retries += 1;
            tracing::debug!(connection = self.name(), retries, error = error.message(), "transaction is done again");
            time::sleep(pause).await;
        }
    }

    async fn attempt<T>(
        &self,
        options: TransactionOptions,
        work: &mut impl AsyncFnMut(&mut Transaction) -> Result<T>,
    ) -> Result<T> {
        let mut tx = self.begin_with(options).await?;
        match work(&mut tx).await {
            Ok(done) => tx.commit().await.map(|()| done),
            Err(error) => {
                // If it can't be undone, its connection is closed, and then it is.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }
}
