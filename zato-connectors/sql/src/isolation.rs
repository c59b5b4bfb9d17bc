use std::time::Duration;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::pool::{Beginning, Lease, Target};

/// How much of what others do at the same time a transaction sees.
///
/// # Examples
///
/// ```
/// use zato_sql::{Isolation, TransactionOptions};
///
/// let options = TransactionOptions::new().isolation(Isolation::Serializable);
/// assert!(format!("{options:?}").contains("Serializable"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// What others have not committed yet, too; PostgreSQL and SQLite don't show that nevertheless.
    ReadUncommitted,
    /// What was committed when each statement began.
    ReadCommitted,
    /// What was committed when the transaction first read.
    RepeatableRead,
    /// As if no other transaction ran at the same time. All transactions of SQLite are so.
    Serializable,
}

/// What a transaction is to be like; what is not said is up to the database.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// use zato_sql::{Sql, TransactionOptions};
///
/// let crm = Sql::sqlite_in_memory();
/// crm.execute("CREATE TABLE customer (id INTEGER)", ()).await?;
/// let mut tx = crm.begin_with(TransactionOptions::new().read_only()).await?;
/// assert_eq!(tx.scalar::<i64>("SELECT count(*) FROM customer", ()).await?, 0);
/// assert!(tx.execute("INSERT INTO customer VALUES (1)", ()).await.is_err());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TransactionOptions {
    isolation: Option<Isolation>,
    is_read_only: bool,
    pub(crate) retries: u32,
}

impl Default for TransactionOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl TransactionOptions {
    /// How often a closure is tried again unless something else is said.
    const RETRIES: u32 = 10;

    /// As the database has transactions by itself; a closure is tried again ten times at the most.
    pub fn new() -> Self {
        Self { isolation: None, is_read_only: false, retries: Self::RETRIES }
    }

    /// Asks for an isolation.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// Has the database refuse whatever would change something. One of SQLite waits for nobody then; otherwise it takes the
    /// right to write when it begins.
    pub fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    /// Says how often a [closure](crate::Sql::transaction_with) is tried again at the most; 0 for never.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Says it in the words of the database.
    pub(crate) fn beginning(self, lease: &Lease) -> Beginning {
        let pool = lease.pool();
        let begin = |statement: Option<SqlStr>| Beginning { statement, ending: None };
        match &pool.target {
            // One that first reads and then writes fails if somebody else has written in between (SQLite, Transaction §2.2).
            #[cfg(feature = "sqlite")]
            Target::Sqlite(_) if pool.session.is_read_only => begin(None),
            #[cfg(feature = "sqlite")]
            Target::Sqlite(_) if self.is_read_only => Beginning {
                statement: Some(SqlStr::from_static("PRAGMA query_only = 1; BEGIN DEFERRED")),
                ending: Some("PRAGMA query_only = 0"),
            },
            #[cfg(feature = "sqlite")]
            Target::Sqlite(_) => begin(Some(SqlStr::from_static("BEGIN IMMEDIATE"))),
            #[cfg(feature = "postgres")]
            Target::Postgres(_) => {
                let level = self.isolation.map_or(String::new(), |level| format!(" ISOLATION LEVEL {}", level.words()));
                let mode = if self.is_read_only { " READ ONLY" } else { "" };
                begin(Some(AssertSqlSafe(format!("BEGIN{level}{mode}")).into_sql_str()))
            }
            #[cfg(feature = "mysql")]
            Target::MySql(_) => {
                let level = |level: Isolation| format!("SET TRANSACTION ISOLATION LEVEL {}; ", level.words());
                let level = self.isolation.map_or(String::new(), level);
                let mode = if self.is_read_only { " READ ONLY" } else { "" };
                begin(Some(AssertSqlSafe(format!("{level}START TRANSACTION{mode}")).into_sql_str()))
            }
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => begin(None),
        }
    }
}

impl Isolation {
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    const fn words(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// The first pause before a closure is tried again, which doubles each time up to the longest.
const PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Returns the pause before one more try, between nothing and twice the middle: those who were in each other's way are not so
/// again.
pub(crate) fn pause(try_number: u32, random: u128) -> Duration {
    let longest = PAUSE.saturating_mul(1 << try_number.min(10)).min(LONGEST_PAUSE);
    let share = u32::try_from(random & 0xffff).unwrap_or_default();
    longest.mul_f64(f64::from(share) / f64::from(0x1_0000_u32))
}
