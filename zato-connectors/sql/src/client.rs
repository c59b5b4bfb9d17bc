use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::de::DeserializeOwned;
use zato_core::{
    Error, Result,
    connection::{Handle, Slot},
};

use crate::{
    connector::SqlConnector,
    isolation::TransactionOptions,
    params::Params,
    pool::{Done, Janitor, Lease, Pool},
    raw::SqlPool,
    row::{FromRow, Only},
    stream::Rows,
    transaction::Transaction,
    verbs,
};

/// The handle of an SQL connection: `#[out("CRM")] crm: Sql`.
///
/// A statement's parameters are written `:name`, `?` or `$1`, whichever the database, and given by name with
/// [`params!`](crate::params) or as a reference to a model, or by position as a tuple or a list; `()` is none. They are bound,
/// and never become part of the statement. A question mark that is an operator of PostgreSQL's is written twice: `??`.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// use zato_sql::{Sql, params};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Customer {
///     id: i64,
///     name: String,
/// }
///
/// let crm = Sql::sqlite_in_memory();
/// crm.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)", ()).await?;
/// let ann = Customer { id: 1, name: "Ann".to_owned() };
/// crm.execute("INSERT INTO customer (id, name) VALUES (:id, :name)", &ann).await?;
///
/// let found: Option<Customer> = crm.optional("SELECT * FROM customer WHERE id = ?", (1,)).await?;
/// let like_a: Vec<Customer> = crm.all("SELECT * FROM customer WHERE name LIKE :p", params! { p: "A%" }).await?;
/// let count: i64 = crm.scalar("SELECT count(*) FROM customer", ()).await?;
/// assert_eq!((found.map(|one| one.name), like_a.len(), count), (Some("Ann".to_owned()), 1, 1));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Sql {
    slot: Arc<Slot<SqlConnector>>,
    /// Another time than what is configured.
    pub(crate) limit: Option<Duration>,
}

/// The connections behind a [`Sql`].
#[derive(Debug)]
pub struct SqlClient {
    pub(crate) pool: Arc<Pool>,
    pub(crate) raw: OnceLock<SqlPool>,
    #[cfg(feature = "postgres")]
    pub(crate) locks: OnceLock<zato_core::lock::Locks>,
    _janitor: Janitor,
}

impl SqlClient {
    pub(crate) fn new((pool, janitor): (Arc<Pool>, Janitor)) -> Self {
        Self {
            pool,
            raw: OnceLock::new(),
            #[cfg(feature = "postgres")]
            locks: OnceLock::new(),
            _janitor: janitor,
        }
    }
}

impl Sql {
    /// Returns all rows of a statement.
    ///
    /// # Errors
    ///
    /// - [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down, or none is free in time.
    /// - [`Timeout`](zato_core::Kind::Timeout) if it took longer than the `statement_timeout`.
    /// - [`Conflict`](zato_core::Kind::Conflict) for a constraint that does not hold, and for transactions that are in each other's
    ///   way, which may be [tried again](zato_core::Error::retry).
    /// - [`Internal`](zato_core::Kind::Internal) if the database refuses the statement, parameters are missing, or a row doesn't fit.
    ///
    /// What the database said is found by [`Error::find::<SqlError>`](crate::SqlError).
    ///
    /// # Cancel safety
    ///
    /// When dropped, the database ends the statement, and the connection is closed. Whether what it was to change is changed,
    /// nobody knows.
    pub async fn all<T: FromRow>(&self, sql: &str, params: impl Params) -> Result<Vec<T>> {
        let (mut lease, limit) = self.lease().await?;
        verbs::all(&mut lease, sql, params, limit).await.map_err(|error| self.about(error))
    }

    /// Returns the only row of a statement.
    ///
    /// # Errors
    ///
    /// [`NotFound`](zato_core::Kind::NotFound) if there is none, [`Internal`](zato_core::Kind::Internal) if there are several;
    /// otherwise as [`all`](Self::all).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn one<T: FromRow>(&self, sql: &str, params: impl Params) -> Result<T> {
        let (mut lease, limit) = self.lease().await?;
        let row = verbs::optional(&mut lease, sql, params, limit).await.and_then(verbs::found);
        row.map_err(|error| self.about(error))
    }

    /// Returns the only row of a statement, if there is one.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if there are several; otherwise as [`all`](Self::all).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn optional<T: FromRow>(&self, sql: &str, params: impl Params) -> Result<Option<T>> {
        let (mut lease, limit) = self.lease().await?;
        verbs::optional(&mut lease, sql, params, limit).await.map_err(|error| self.about(error))
    }

    /// Returns the only value of the only row of a statement, such as a count. If it may be NULL, ask for an `Option`.
    ///
    /// # Errors
    ///
    /// As [`one`](Self::one).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn scalar<T: DeserializeOwned + Send + 'static>(&self, sql: &str, params: impl Params) -> Result<T> {
        self.one::<Only<T>>(sql, params).await.map(|only| only.0)
    }

    /// Executes a statement that gives no rows, and tells what it has done.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn execute(&self, sql: &str, params: impl Params) -> Result<Done> {
        let (mut lease, limit) = self.lease().await?;
        verbs::execute(&mut lease, sql, params, limit).await.map_err(|error| self.about(error))
    }

    /// Executes several statements that are separated by semicolons and have no parameters, such as those that make tables. Of
    /// PostgreSQL they are one transaction, unless they say otherwise.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all), of the first that is refused.
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn script(&self, sql: &str) -> Result<Done> {
        let (mut lease, limit) = self.lease().await?;
        verbs::script(&mut lease, sql, limit).await.map_err(|error| self.about(error))
    }

    /// Executes a statement with each of many rows, in one transaction, and tells what all of them have done. Plain inserts,
    /// such as `INSERT INTO t (a, b) VALUES (:a, :b)`, are sent as few of many rows each.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute), of the first that is refused; then nothing is kept.
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> zato_core::Result<()> {
    /// let crm = zato_sql::Sql::sqlite_in_memory();
    /// crm.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)", ()).await?;
    /// let rows = (0..1_000).map(|id| (id, format!("customer {id}")));
    /// let done = crm.execute_batch("INSERT INTO customer (id, name) VALUES (?, ?)", rows).await?;
    /// assert_eq!(done.rows_affected(), 1_000);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub async fn execute_batch<P: Params>(&self, sql: &str, rows: impl IntoIterator<Item = P>) -> Result<Done> {
        let mut tx = self.begin().await?;
        let done = tx.execute_batch(sql, rows).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Returns the rows of a statement one after the other, as many as there may be: it holds one connection until it is read to
    /// its end or dropped.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all); what comes later is an item of the stream, and the last one.
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all). A stream that is dropped ends its statement.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> zato_core::Result<()> {
    /// let crm = zato_sql::Sql::sqlite_in_memory();
    /// let mut rows = crm.stream::<(i64,)>("SELECT 1 UNION ALL SELECT 2", ()).await?;
    /// let mut sum = 0;
    /// while let Some((number,)) = rows.next().await? {
    ///     sum += number;
    /// }
    /// assert_eq!(sum, 3);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub async fn stream<T: FromRow>(&self, sql: &str, params: impl Params) -> Result<Rows<T>> {
        let (lease, limit) = self.lease().await?;
        Rows::start(lease, sql, params, limit, self.name()).map_err(|error| self.about(error))
    }

    /// Begins a transaction, which is rolled back when it is dropped before [`commit`](Transaction::commit). It holds one
    /// connection.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    ///
    /// # Cancel safety
    ///
    /// When dropped, no transaction is left open.
    pub async fn begin(&self) -> Result<Transaction> {
        self.begin_with(TransactionOptions::new()).await
    }

    /// Begins a transaction that is to be as is said; otherwise as [`begin`](Self::begin).
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    ///
    /// # Cancel safety
    ///
    /// As [`begin`](Self::begin).
    pub async fn begin_with(&self, options: TransactionOptions) -> Result<Transaction> {
        let (lease, limit) = self.lease().await?;
        Transaction::start(lease, limit, self.name(), options).await.map_err(|error| self.about(error))
    }

    /// Returns a handle whose statements may take so long, in place of what is configured.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn report(crm: zato_sql::Sql) -> zato_core::Result<i64> {
    /// use std::time::Duration;
    ///
    /// crm.with_timeout(Duration::from_secs(300)).scalar("SELECT count(*) FROM customer", ()).await
    /// # }
    /// ```
    #[must_use]
    pub fn with_timeout(&self, limit: Duration) -> Self {
        Self { slot: Arc::clone(&self.slot), limit: Some(limit.max(Duration::from_millis(1))) }
    }

    /// Returns sqlx's own pool, for what this handle doesn't offer. It has connections of its own, as many as `pool_size` at
    /// the most, which are made when somebody uses it, and is closed when the configuration of this one changes: ask for it
    /// anew each time.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down.
    pub fn pool(&self) -> Result<SqlPool> {
        let client = self.slot.client()?;
        Ok(client.raw.get_or_init(|| SqlPool::of(&client.pool)).clone())
    }

    /// Asks the database for a sign of life, and returns how long that took.
    ///
    /// # Errors
    ///
    /// As [`Slot::ping`].
    pub async fn ping(&self) -> Result<Duration> {
        self.slot.ping().await
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.slot.name()
    }

    pub(crate) fn client(&self) -> Result<Arc<SqlClient>> {
        self.slot.client()
    }

    /// Lends a connection, and tells how long a statement may take.
    pub(crate) async fn lease(&self) -> Result<(Lease, Option<Duration>)> {
        let client = self.slot.client()?;
        let lease = client.pool.lease().await.map_err(|error| self.about(error))?;
        let limit = self.limit.or(client.pool.limits.statement_timeout);
        Ok((lease, limit))
    }

    fn about(&self, error: Error) -> Error {
        error.with("connection", self.name())
    }
}

#[diagnostic::do_not_recommend]
impl Handle for Sql {
    type Connector = SqlConnector;

    fn from_slot(slot: Arc<Slot<SqlConnector>>) -> Self {
        Self { slot, limit: None }
    }

    fn slot(&self) -> &Arc<Slot<SqlConnector>> {
        &self.slot
    }
}
