use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use zato_core::Result;

use crate::transaction::Transaction;

/// A part of a transaction that can be undone alone: a savepoint. It has the verbs of the transaction.
///
/// What is done in it is undone when it is dropped before [`commit`](Self::commit), and is kept with the transaction
/// otherwise. After an error the transaction can go on once the savepoint around it is undone, also in PostgreSQL.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let crm = zato_sql::Sql::sqlite_in_memory();
/// crm.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY)", ()).await?;
///
/// let mut tx = crm.begin().await?;
/// for id in [1, 2, 2, 3] {
///     let mut each = tx.begin().await?;
///     if each.execute("INSERT INTO customer VALUES (?)", (id,)).await.is_ok() {
///         each.commit().await?;
///     }
/// }
/// tx.commit().await?;
/// assert_eq!(crm.scalar::<i64>("SELECT count(*) FROM customer", ()).await?, 3);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[must_use = "it is undone when it is dropped"]
pub struct Savepoint<'t> {
    transaction: &'t mut Transaction,
    /// How deep the transaction is outside of it.
    outside: u32,
    is_open: bool,
}

impl<'t> Savepoint<'t> {
    pub(crate) fn new(transaction: &'t mut Transaction, outside: u32) -> Self {
        Self { transaction, outside, is_open: true }
    }

    /// Keeps what was done in it, as far as the transaction is kept.
    ///
    /// # Errors
    ///
    /// As [`Transaction::commit`].
    ///
    /// # Cancel safety
    ///
    /// When dropped, the whole transaction is undone.
    pub async fn commit(mut self) -> Result<()> {
        self.is_open = false;
        self.transaction.release().await
    }

    /// Undoes what was done in it, and waits until that is so.
    ///
    /// # Errors
    ///
    /// As [`Transaction::rollback`]; then the whole transaction is undone.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the whole transaction is undone.
    pub async fn rollback(mut self) -> Result<()> {
        self.is_open = false;
        self.transaction.undo_to(self.outside);
        self.transaction.settle().await
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.transaction.undo_to(self.outside);
        }
    }
}

impl Deref for Savepoint<'_> {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        self.transaction
    }
}

impl DerefMut for Savepoint<'_> {
    fn deref_mut(&mut self) -> &mut Transaction {
        self.transaction
    }
}

impl fmt::Debug for Savepoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Savepoint").field("outside", &self.outside).finish_non_exhaustive()
    }
}
