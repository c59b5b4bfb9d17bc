//! Locks that PostgreSQL keeps: advisory ones, each of a session of its own, so that one that ends gives them back.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::PgConnection;
use zato_core::{
    Error, Result,
    lock::{Attempt, Claim, Grant, Lease, LockFuture, LockStore, Locks},
};

use crate::{
    Sql, error,
    pool::{Connection, Pool, Target},
};

/// How many sessions are kept that hold no lock.
const KEPT: usize = 4;

impl Sql {
    /// Returns locks that all programs share that use this database: PostgreSQL's advisory ones, one session for each that is
    /// held, beside those of the pool.
    ///
    /// A lock is given back when its program ends, and from PostgreSQL 14 on also when it is not renewed in its time to live.
    /// Fencing tokens are numbers of transactions, which grow for as long as the database is there.
    ///
    /// # Errors
    ///
    /// - [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down.
    /// - [`Internal`](zato_core::Kind::Internal) if it is another database than PostgreSQL.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn close_books(crm: zato_sql::Sql) -> zato_core::Result<()> {
    /// let lock = crm.locks()?.lock("books").acquire().await?;
    /// // What nobody else may do at the same time.
    /// lock.release().await
    /// # }
    /// ```
    pub fn locks(&self) -> Result<Locks> {
        let client = self.client()?;
        client.pool.target.only_postgres("advisory locks")?;
        let store = || Locks::new(Arc::new(AdvisoryLocks { pool: Arc::clone(&client.pool), idle: Arc::default() }));
        Ok(client.locks.get_or_init(store).clone())
    }
}

impl Target {
    /// Refuses other databases than PostgreSQL.
    pub(crate) fn only_postgres(&self, what: &str) -> Result<&sqlx::postgres::PgConnectOptions> {
        match self {
            Self::Postgres(options) => Ok(options),
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            other => {
                let name = other.folder_names().first().copied().unwrap_or_default();
                Err(Error::internal(format!("there are no {what} in this database ({name}); PostgreSQL has them")))
            }
        }
    }
}

/// Sessions that hold no lock now.
type Idle = Arc<Mutex<Vec<PgConnection>>>;

struct AdvisoryLocks {
    pool: Arc<Pool>,
    idle: Idle,
}

impl AdvisoryLocks {
    async fn session(&self) -> Result<PgConnection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut session) = idle
            && sqlx::Connection::ping(&mut session).await.is_ok()
        {
            return Ok(session);
        }
        match self
            .pool
            .target
            .connect(&self.pool.session)
            .await
            .map_err(|error| error::of_connecting(error, &self.pool.target))?
        {
            Connection::Postgres(session) => Ok(*session),
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            _ => Err(Error::internal("the connection leads to another database than PostgreSQL")),
        }
    }

    async fn claim(&self, claim: &Claim) -> Result<Attempt> {
        let (mut session, key) = (self.session().await?, key(claim.name()));
        if !try_to_have(&mut session, key, claim.ttl()).await.map_err(error::of)? {
            put_back(&self.idle, session);
            return Ok(Attempt::Taken(None));
        }
        // A number that nobody had before: whoever had the lock before has asked for one while having it.
        let token = sqlx::query_scalar::<_, i64>("SELECT txid_current()").fetch_one(&mut session).await;
        let token = u64::try_from(token.map_err(error::of)?).unwrap_or_default();
        let lease =
            AdvisoryLease { session: tokio::sync::Mutex::new(Some(session)), key, idle: Arc::clone(&self.idle) };
        Ok(Attempt::Granted(Grant { fencing_token: token, lease: Box::new(lease) }))
    }
}

/// Tries to have a lock, and with the same statement has the server end the session that nothing is heard of for so long: a
/// program that is suspended between two would have it for ever.
async fn try_to_have(session: &mut PgConnection, key: i64, ttl: Duration) -> Result<bool, sqlx::Error> {
    let take = "SELECT CASE WHEN pg_try_advisory_lock($1) THEN set_config('idle_session_timeout', $2, false) END";
    let taken = sqlx::query_scalar::<_, Option<String>>(take).bind(key).bind(ttl.as_millis().to_string());
    match taken.fetch_one(session).await {
        Ok(limit) => Ok(limit.is_some()),
        // There since version 14; without it a session lives until its program is gone. The lock outlives what fails.
        Err(sqlx::Error::Database(refused)) if refused.code().as_deref() == Some("42704") => Ok(true),
        Err(error) => Err(error),
    }
}

/// Has the server end a session that nothing is heard of for so long; zero for ever.
async fn limit(session: &mut PgConnection, ttl: Duration) -> Result<(), sqlx::Error> {
    let set = sqlx::query("SELECT set_config('idle_session_timeout', $1, false)");
    set.bind(ttl.as_millis().to_string()).execute(session).await.map(drop)
}

fn put_back(idle: &Idle, session: PgConnection) {
    let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
    if idle.len() < KEPT {
        idle.push(session);
    }
}

/// The number that PostgreSQL knows a name by: FNV-1a, of 64 bits. Two names that have the same one exclude each other.
pub(crate) fn key(name: &str) -> i64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.cast_signed()
}

impl LockStore for AdvisoryLocks {
    fn try_lock<'a>(&'a self, claim: &'a Claim) -> LockFuture<'a, Result<Attempt>> {
        Box::pin(self.claim(claim))
    }
}

struct AdvisoryLease {
    /// Closed when it is dropped, by which the lock is given back.
    session: tokio::sync::Mutex<Option<PgConnection>>,
    key: i64,
    idle: Idle,
}

impl AdvisoryLease {
    /// Whether the session is there still: the lock is with it.
    async fn is_there(&self, ttl: Duration) -> Result<bool> {
        let mut kept = self.session.lock().await;
        let Some(session) = kept.as_mut() else { return Ok(false) };
        let is_there = match limit(session, ttl).await {
            Err(sqlx::Error::Database(refused)) if !refused.code().is_some_and(|code| code.starts_with("57P")) => {
                sqlx::Connection::ping(session).await.is_ok()
            }
            answered => answered.is_ok(),
        };
        if !is_there {
            *kept = None;
        }
        Ok(is_there)
    }

    async fn give_back(&self) -> Result<bool> {
        let Some(mut session) = self.session.lock().await.take() else { return Ok(false) };
        let unlock = sqlx::query_scalar::<_, bool>("SELECT pg_advisory_unlock($1)").bind(self.key);
        let was_held = unlock.fetch_one(&mut session).await.map_err(error::of)?;
        if limit(&mut session, Duration::ZERO).await.is_ok() {
            put_back(&self.idle, session);
        }
        Ok(was_held)
    }
}

impl Lease for AdvisoryLease {
    fn renew(&self, ttl: Duration) -> LockFuture<'_, Result<bool>> {
        Box::pin(self.is_there(ttl))
    }

    fn release(&self) -> LockFuture<'_, Result<bool>> {
        Box::pin(self.give_back())
    }
}

impl fmt::Debug for AdvisoryLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdvisoryLocks").finish_non_exhaustive()
    }
}
