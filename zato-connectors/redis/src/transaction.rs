use std::{
    fmt, io,
    sync::{Arc, Mutex as PlainMutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{Arg, Cmd, Pipeline, RedisFuture, ServerErrorKind, Value, aio::ConnectionLike, cluster_routing::Slot};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::Mutex, time};
use zato_core::{Error, Result, Retry};

use crate::{
    Redis, RedisErrorKind,
    client::{command, milliseconds},
    connector::RedisClient,
    error::{self, Refusal},
    key::Key,
    link::{Wait, waits},
    pool::{RedisDedicated, WATCH},
    value,
};

/// How often a transaction is tried in which others come first.
const ATTEMPTS: u32 = 100;

/// The longest pause before it is tried again. With many at once each has its turn sooner if not all try at the same time.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A transaction on a connection of its own, as [`Redis::transaction`] hands it to its closure. A clone is the same one.
///
/// What is read is read at once; what is written is kept until the closure has returned, and done then all at once, or not at
/// all if somebody else changed a watched key meanwhile. It is a connection for commands of the library, too, that read.
#[derive(Clone)]
pub struct Transaction {
    redis: Redis,
    client: Arc<RedisClient>,
    shared: Arc<Shared>,
}

/// What clones have in common.
struct Shared {
    /// `None` once it is over.
    own: Mutex<Option<RedisDedicated>>,
    writes: PlainMutex<Pipeline>,
}

impl Redis {
    /// Runs a transaction: the closure reads, and says what to write; everything it says is done in one step (MULTI), but only if
    /// nobody else has changed one of the watched keys meanwhile. If somebody has, the closure is called again, up to 100 times.
    ///
    /// It should do nothing but that, since it may be called several times. When the closure fails nothing is written.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) with [`PartlyDone`](crate::RedisErrorKind::PartlyDone) if a command can't be done
    /// as it is and others were: Redis takes nothing back. After `tx.set("a", …)` and an `increment` of a key that holds a text,
    /// `a` is written.
    ///
    /// What the closure returns; [`Conflict`](zato_core::Kind::Conflict) if others came first every time; beside what
    /// [all verbs](Redis#errors) have. Where the connection broke before anything was done, or the server has refused all of it,
    /// [`Retry::Unsent`] says so; if it broke at the very end nobody knows whether it was done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before the closure has returned writes nothing; afterwards nobody knows.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_core::{Error, Result};
    /// use zato_redis::Redis;
    ///
    /// async fn withdraw(redis: &Redis, account: &str, amount: i64) -> Result<i64> {
    ///     redis
    ///         .transaction(&[account], async |tx| {
    ///             let balance: i64 = tx.get(account).await?.unwrap_or(0);
    ///             let left = balance.checked_sub(amount).filter(|left| *left >= 0);
    ///             let left = left.ok_or_else(|| Error::conflict("the account has not so much"))?;
    ///             tx.set(account, &left)?;
    ///             Ok(left)
    ///         })
    ///         .await
    /// }
    /// ```
    #[doc(alias = "WATCH")]
    #[doc(alias = "MULTI")]
    pub async fn transaction<T, F, Fut>(&self, watched: &[&str], mut run: F) -> Result<T>
    where
        F: FnMut(Transaction) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let client = self.client()?;
        let own = client.pool.get().await.map_err(|error| self.about(error))?;
        let shared = Shared { own: Mutex::new(Some(own)), writes: PlainMutex::default() };
        let transaction = Transaction { redis: self.clone(), client, shared: Arc::new(shared) };
        let done = transaction.run(watched, &mut run).await;
        // Whoever has a clone of it has nothing of it any more.
        transaction.shared.own.lock().await.take();
        done
    }
}

impl Transaction {
    async fn run<T, F, Fut>(&self, watched: &[&str], run: &mut F) -> Result<T>
    where
        F: FnMut(Self) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        for attempt in 0..ATTEMPTS {
            self.watch(watched).await?;
            match run(self.clone()).await {
                Ok(value) if self.commit(watched).await? => return Ok(value),
                Ok(_) => time::sleep(self.pause(attempt)).await,
                Err(error) => {
                    self.forget().await;
                    return Err(error);
                }
            }
        }
        let error = Error::conflict("others have changed the same again and again").with_retry(Retry::Later);
        Err(self.redis.about(error))
    }

    /// Reads the value of a key, at once.
    ///
    /// # Errors
    ///
    /// As [`Redis::get`].
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let command = command(&self.client, "GET", key);
        let answer = self.send(&command).await?;
        self.redis.value(&answer, key)
    }

    /// Writes a value when the transaction is done.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if it can't be kept.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<()> {
        let command = self.set_command(key, value)?;
        self.writes().add_command(command);
        Ok(())
    }

    /// Writes a value that expires so long after the transaction is done.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if it can't be kept.
    pub fn set_for<T: Serialize + ?Sized>(&self, key: &str, value: &T, expires_in: Duration) -> Result<()> {
        let mut command = self.set_command(key, value)?;
        command.arg("PX").arg(milliseconds(expires_in));
        self.writes().add_command(command);
        Ok(())
    }

    /// Deletes a key when the transaction is done.
    pub fn delete(&self, key: &str) {
        self.writes().add_command(command(&self.client, "DEL", key));
    }

    /// Adds to a whole number when the transaction is done.
    pub fn increment(&self, key: &str, by: i64) {
        let mut command = command(&self.client, "INCRBY", key);
        command.arg(by);
        self.writes().add_command(command);
    }

    /// Does further commands of the library when the transaction is done. Keys are what they are there: no prefix is added. With
    /// one that changes the connection or waits, such as `SELECT` or `BLPOP`, nothing is done and the transaction fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_redis::Transaction;
    ///
    /// fn note(tx: &Transaction, account: &str, line: &str) {
    ///     tx.queue(|commands| {
    ///         commands.rpush(tx.key(account), line).ltrim(tx.key(account), -100, -1);
    ///     });
    /// }
    /// ```
    pub fn queue(&self, commands: impl FnOnce(&mut Pipeline)) {
        commands(&mut self.writes());
    }

    /// Returns a key under the prefix of the connection.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        self.client.settings.key_prefix.clone() + name
    }

    fn set_command<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<Cmd> {
        let mut command = command(&self.client, "SET", key);
        value::add(&mut command, value).map_err(|error| self.redis.about(error).with("key", key))?;
        Ok(command)
    }

    fn writes(&self) -> MutexGuard<'_, Pipeline> {
        self.shared.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, command: &Cmd) -> Result<Value> {
        let mut own = self.shared.own.lock().await;
        let answered = own.as_mut().ok_or_else(over)?.req_packed_command(command).await.and_then(Value::extract_error);
        answered.map_err(|error| self.redis.about(error::undone(self.not_now(error))))
    }

    async fn watch(&self, keys: &[&str]) -> Result<()> {
        *self.writes() = Pipeline::new();
        if keys.is_empty() {
            return Ok(());
        }
        // The library would have each watched where it is, and a transaction is done on one node alone.
        self.in_one_slot(keys, &Pipeline::new())?;
        let mut watch = Cmd::new();
        watch.arg("WATCH");
        for name in keys {
            watch.arg(Key { prefix: &self.client.settings.key_prefix, name });
        }
        self.send(&watch).await.map(drop)
    }

    /// Does what is to be done, and tells whether nobody else came first.
    async fn commit(&self, watched: &[&str]) -> Result<bool> {
        let mut writes = std::mem::take(&mut *self.writes());
        if writes.is_empty() {
            self.forget().await;
            return Ok(true);
        }
        if let Some(refused) = writes.cmd_iter().find_map(refused) {
            self.forget().await;
            return Err(self.told(refused.into()));
        }
        if let Err(error) = self.in_one_slot(watched, &writes) {
            self.forget().await;
            return Err(error);
        }
        writes.atomic();
        let mut own = self.shared.own.lock().await;
        let own = own.as_mut().ok_or_else(over)?;
        if own.is_ended() {
            return Err(self.redis.about(error::undone(io::Error::from(io::ErrorKind::ConnectionAborted).into())));
        }
        // All answers but that to the last command, which has all of them in it.
        let answered = own.req_packed_commands(&writes, writes.len() + 1, 1).await;
        match answered.map(|mut answers| answers.pop().unwrap_or_default()) {
            Ok(Value::Nil) => {
                own.undone();
                Ok(false)
            }
            Ok(Value::Array(answers)) => {
                own.undone();
                let count = answers.len();
                let failed: Vec<_> = answers.into_iter().filter_map(|answer| answer.extract_error().err()).collect();
                let is_all = failed.len() == count;
                match failed.into_iter().next() {
                    None => Ok(true),
                    Some(error) if is_all => Err(self.told(error)),
                    Some(error) => Err(self.redis.about(error::partly_done(error))),
                }
            }
            Ok(Value::ServerError(error)) => Err(self.told(error.into())),
            Ok(_) => Err(self.redis.about(Error::upstream("the server's answer is not that to a transaction"))),
            Err(error) => Err(self.told(error)),
        }
    }

    /// Makes sure that what is watched is on the node that the transaction is done on, if there are several.
    fn in_one_slot(&self, watched: &[&str], writes: &Pipeline) -> Result<()> {
        if !self.client.connection.link.is_cluster() {
            return Ok(());
        }
        let watched = watched.iter().map(|name| Slot::for_key(self.key(name)));
        let mut slots = watched.chain(writes.cmd_iter().filter_map(key_of).map(Slot::for_key));
        let first = slots.next();
        if slots.all(|slot| Some(slot) == first) {
            return Ok(());
        }
        let cross_slot = (ServerErrorKind::CrossSlot.into(), "the keys of a transaction are in several slots").into();
        Err(self.told(cross_slot))
    }

    fn told(&self, error: redis::RedisError) -> Error {
        self.redis.about(error::error_of(self.not_now(error)))
    }

    /// A slot that another node has now can be found there the next time; the server has done nothing of the transaction.
    fn not_now(&self, error: redis::RedisError) -> redis::RedisError {
        if !self.client.connection.link.is_cluster() || error::kind_of(&error) != RedisErrorKind::Moved {
            return error;
        }
        (ServerErrorKind::TryAgain.into(), "the slot is another node's now", error.to_string()).into()
    }

    /// Lets go what is watched, so that the connection is of use for others.
    async fn forget(&self) {
        let mut unwatch = Cmd::new();
        unwatch.arg("UNWATCH");
        if self.send(&unwatch).await.is_ok()
            && let Some(own) = self.shared.own.lock().await.as_mut()
        {
            own.undone();
        }
    }

    fn pause(&self, attempt: u32) -> Duration {
        let longest = Duration::from_millis(1 << attempt.min(8)).min(LONGEST_PAUSE);
        let share = u32::try_from(self.client.settings.ambient.random() & 0xffff).unwrap_or(0);
        longest.mul_f64(f64::from(share) / f64::from(0x1_0000_u32))
    }
}

impl ConnectionLike for Transaction {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            refused(command).filter(|_| !is_watch(command)).map_or(Ok(()), Err)?;
            let mut own = self.shared.own.lock().await;
            own.as_mut().ok_or_else(error::late)?.req_packed_command(command).await
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            // Its end would be that of what is watched.
            let ending = pipeline.is_transaction().then_some(Refusal::NotInTransaction("MULTI"));
            ending.or_else(|| pipeline.cmd_iter().find_map(refused)).map_or(Ok(()), Err)?;
            let mut own = self.shared.own.lock().await;
            own.as_mut().ok_or_else(error::late)?.req_packed_commands(pipeline, offset, count).await
        })
    }

    fn get_db(&self) -> i64 {
        self.client.connection.get_db()
    }
}

/// Tells why a command is none for a transaction, if it isn't.
fn refused(command: &Cmd) -> Option<Refusal> {
    match waits(command) {
        Wait::No => None,
        Wait::Changes(name) | Wait::For(name, _) | Wait::Forever(name) => Some(Refusal::NotInTransaction(name)),
        Wait::Breaks(name) => Some(Refusal::BreaksConnection(name)),
    }
}

fn is_watch(command: &Cmd) -> bool {
    waits(command) == Wait::Changes(WATCH)
}

/// Returns the first key of a command, as far as commands are alike.
fn key_of(command: &Cmd) -> Option<&[u8]> {
    const OTHERS: [&[u8]; 9] =
        [b"BITOP", b"EVAL", b"EVALSHA", b"FCALL", b"MEMORY", b"OBJECT", b"PUBLISH", b"XGROUP", b"XINFO"];
    let mut args = command.args_iter();
    match (args.next()?, args.next()?) {
        (Arg::Simple(name), Arg::Simple(key)) => {
            Some(key).filter(|_| !OTHERS.iter().any(|other| name.eq_ignore_ascii_case(other)))
        }
        _ => None,
    }
}

fn over() -> Error {
    Error::internal("the transaction is over")
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("connection", &self.redis.name()).finish_non_exhaustive()
    }
}
