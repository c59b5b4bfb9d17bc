use std::{sync::Arc, time::Duration};

use redis::{Cmd, FromRedisValue, Value};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time;
use zato_core::{
    Error, Result,
    connection::{Handle, Slot},
};

use crate::{
    connector::{RedisClient, RedisConnector},
    error::{self, RedisErrorKind},
    key::Key,
    link::RedisConnection,
    pool::RedisDedicated,
    set::SetRequest,
    value,
};

/// How long a command that only reads waits, after its connection broke, for the next one. A server that is not back by then is
/// down.
const SECOND_CHANCE: Duration = Duration::from_secs(1);

/// How many bytes a value has that is written without asking for memory twice.
const VALUE: usize = 256;

/// The handle of an outgoing Redis connection: `#[out("Rates")] redis: Redis`.
///
/// Every key is under the connection's `key_prefix`. A value is a text, a number, a boolean or bytes as they are, and
/// everything else, such as a model, is JSON. All commands share one connection, on which many are on their way at the same
/// time; a clone of the handle points at the same one.
///
/// # Errors
///
/// What all verbs have in common:
///
/// - [`Unavailable`](zato_core::Kind::Unavailable) at once if the connection is down; if it broke while the command was on its
///   way (one that only reads is asked once more then); or if the server can't do it now (READONLY, LOADING, OOM and so on).
/// - [`Timeout`](zato_core::Kind::Timeout) if there was no answer within the `timeout`: what became of the command is not
///   known.
/// - [`Upstream`](zato_core::Kind::Upstream) if the server doesn't allow it, or a value is not what was asked for.
/// - [`Internal`](zato_core::Kind::Internal) if it can't be done as it is (WRONGTYPE).
///
/// [`RedisError`](crate::RedisError) is among the causes, and says which of these it was.
///
/// # Cancel safety
///
/// Of every verb: a command that was not sent yet when its future is dropped never is; of one that was, nobody waits for the
/// answer.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zato_core::Result;
/// use zato_redis::Redis;
///
/// async fn rate(redis: &Redis, year: u16) -> Result<Option<f64>> {
///     redis.get(&format!("rate:{year}")).await
/// }
///
/// async fn keep(redis: &Redis, year: u16, rate: f64) -> Result<()> {
///     redis.set(&format!("rate:{year}"), &rate).expires_in(Duration::from_secs(60)).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Redis(Arc<Slot<RedisConnector>>);

impl Redis {
    /// Reads the value of a key; `None` if there is no such key.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if it is no such value, beside what [all verbs](Redis#errors) have.
    #[doc(alias = "GET")]
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let client = self.client()?;
        let command = command(&client, "GET", key);
        let answer = self.read(client, &command).await?;
        self.value(&answer, key)
    }

    /// Reads the values of several keys at once, in their order. In a cluster, they may be on several nodes.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    #[doc(alias = "MGET")]
    pub async fn get_many<T: DeserializeOwned, K: AsRef<str>>(&self, keys: &[K]) -> Result<Vec<Option<T>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.client()?;
        let mut command = Cmd::with_capacity(keys.len() + 1, 0);
        command.arg("MGET");
        let prefix = &client.settings.key_prefix;
        keys.iter().for_each(|key| {
            command.arg(Key { prefix, name: key.as_ref() });
        });
        let answers: Vec<Value> = self.typed(self.read(client, &command).await?)?;
        answers.iter().zip(keys).map(|(answer, key)| self.value(answer, key.as_ref())).collect()
    }

    /// Begins to write a value; it is written when what is returned is awaited, which gives whether it was.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if the value can't be kept, such as a `None`, beside what
    /// [all verbs](Redis#errors) have.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use zato_core::Result;
    /// use zato_redis::Redis;
    ///
    /// async fn is_first(redis: &Redis, message_id: &str) -> Result<bool> {
    ///     redis.set(message_id, "seen").expires_in(Duration::from_secs(3600)).only_if_absent().await
    /// }
    /// ```
    #[doc(alias = "SET")]
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> SetRequest<'_> {
        let command = self.client().and_then(|client| {
            let mut command = command_with(&client, "SET", key, VALUE);
            value::add(&mut command, value).map_err(|error| self.about(error).with("key", key))?;
            Ok((client, command))
        });
        SetRequest::new(self, command)
    }

    /// Deletes a key, and returns whether there was one.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "DEL")]
    pub async fn delete(&self, key: &str) -> Result<bool> {
        self.one("DEL", key, &[]).await
    }

    /// Tells whether there is a key.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "EXISTS")]
    pub async fn exists(&self, key: &str) -> Result<bool> {
        let client = self.client()?;
        let command = command(&client, "EXISTS", key);
        self.typed(self.read(client, &command).await?)
    }

    /// Has a key expire so long from now, and returns whether there is one.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "PEXPIRE")]
    pub async fn expire(&self, key: &str, after: Duration) -> Result<bool> {
        self.one("PEXPIRE", key, &[milliseconds(after)]).await
    }

    /// Has a key last, and returns whether there was one that would have expired.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "PERSIST")]
    pub async fn persist(&self, key: &str) -> Result<bool> {
        self.one("PERSIST", key, &[]).await
    }

    /// Returns how long a key lasts yet; `None` if there is no such key, or it never expires.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "PTTL")]
    #[doc(alias = "ttl")]
    pub async fn time_to_live(&self, key: &str) -> Result<Option<Duration>> {
        let client = self.client()?;
        let command = command(&client, "PTTL", key);
        let millis: i64 = self.typed(self.read(client, &command).await?)?;
        Ok(u64::try_from(millis).ok().map(Duration::from_millis))
    }

    /// Adds to a whole number, which is 0 if there is no such key, and returns what it is now.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "INCRBY")]
    #[doc(alias = "incr")]
    pub async fn increment(&self, key: &str, by: i64) -> Result<i64> {
        self.one("INCRBY", key, &[by]).await
    }

    /// Returns the connection that commands share, for those that have no verb here.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if it is down.
    pub fn connection(&self) -> Result<RedisConnection> {
        Ok(self.client()?.connection.clone())
    }

    /// Takes a connection of one's own from the pool, for commands that wait or that change the connection.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down, or none was free within the `acquire_timeout`.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn dedicated(&self) -> Result<RedisDedicated> {
        let client = self.client()?;
        client.pool.get().await.map_err(|error| self.about(error))
    }

    /// Sends a ping, and returns how long it took until it was answered.
    ///
    /// # Errors
    ///
    /// As [`Slot::ping`].
    pub async fn ping(&self) -> Result<Duration> {
        self.0.ping().await
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub(crate) fn client(&self) -> Result<Arc<RedisClient>> {
        self.0.client()
    }

    /// Sends a command about one key that changes something.
    async fn one<T: FromRedisValue>(&self, name: &str, key: &str, args: &[i64]) -> Result<T> {
        let client = self.client()?;
        let mut command = command(&client, name, key);
        args.iter().for_each(|arg| {
            command.arg(*arg);
        });
        let answer = self.write(&client, &command).await?;
        self.typed(answer)
    }

    /// Sends a command that must not be done twice.
    pub(crate) async fn write(&self, client: &Arc<RedisClient>, command: &Cmd) -> Result<Value> {
        let answered = client.connection.send(command).await.and_then(Value::extract_error);
        answered.map_err(|error| self.told(client, error))
    }

    /// Makes our error of what a command that must not be done twice failed with.
    #[cold]
    pub(crate) fn told(&self, client: &Arc<RedisClient>, error: redis::RedisError) -> Error {
        self.told_as(client, error, error::error_of)
    }

    /// The same, where it is not that of one command.
    pub(crate) fn told_as(
        &self,
        client: &Arc<RedisClient>,
        error: redis::RedisError,
        error_of: impl FnOnce(redis::RedisError) -> Error,
    ) -> Error {
        // The connections to the nodes of a cluster are made anew one by one.
        let is_lost = error::kind_of(&error) == RedisErrorKind::ConnectionLost && !client.connection.link.is_cluster();
        let error = error_of(error);
        if is_lost {
            self.0.lost(client, &error);
        }
        self.about(error)
    }

    /// Sends a command that only reads: once more, if the connection breaks meanwhile.
    pub(crate) async fn read(&self, client: Arc<RedisClient>, command: &Cmd) -> Result<Value> {
        match client.connection.send(command).await.and_then(Value::extract_error) {
            Ok(value) => Ok(value),
            // In a box, since it is seldom gone through and large.
            Err(error) => Box::pin(self.read_again(client, command, error)).await,
        }
    }

    async fn read_again(&self, client: Arc<RedisClient>, command: &Cmd, error: redis::RedisError) -> Result<Value> {
        let is_lost = error::kind_of(&error) == RedisErrorKind::ConnectionLost;
        let ours = error::error_of_read(error);
        if !is_lost {
            return Err(self.about(ours));
        }
        let patience = SECOND_CHANCE.min(client.connection.watched.rules.timeout);
        if client.connection.link.is_cluster() {
            time::sleep(patience / 2).await;
            let answered = client.connection.send(command).await.and_then(Value::extract_error);
            return answered.map_err(|error| self.about(error::error_of_read(error)));
        }
        self.0.lost(&client, &ours);
        let Ok(next) = time::timeout(patience, self.0.until_up()).await else {
            return Err(self.about(ours));
        };
        let answered = next.connection.send(command).await.and_then(Value::extract_error);
        answered.map_err(|error| self.about(error::error_of_read(error)))
    }

    /// Reads a value, if there is one.
    pub(crate) fn value<T: DeserializeOwned>(&self, answer: &Value, key: &str) -> Result<Option<T>> {
        let bytes = match answer {
            Value::Nil => return Ok(None),
            Value::BulkString(bytes) => bytes.as_slice(),
            Value::SimpleString(text) => text.as_bytes(),
            _ => return Err(self.about(Error::upstream("the server's answer is no value").with("key", key))),
        };
        value::from_bytes(bytes).map(Some).map_err(|error| self.about(error.with("key", key)))
    }

    pub(crate) fn typed<T: FromRedisValue>(&self, answer: Value) -> Result<T> {
        redis::from_redis_value(answer).map_err(|error| self.about(error::error_of(error.into())))
    }

    pub(crate) fn about(&self, error: Error) -> Error {
        error.with("connection", self.name())
    }
}

/// Begins a command about a key.
pub(crate) fn command(client: &RedisClient, name: &str, key: &str) -> Cmd {
    command_with(client, name, key, 0)
}

/// The same with room for so many bytes more.
fn command_with(client: &RedisClient, name: &str, key: &str, more: usize) -> Cmd {
    let prefix = &client.settings.key_prefix;
    let mut command = Cmd::with_capacity(4, name.len() + prefix.len() + key.len() + more);
    command.arg(name).arg(Key { prefix, name: key });
    command
}

/// Returns a duration as the server has it; one of less than a millisecond is one, since nothing lasts for none.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1)
}

#[diagnostic::do_not_recommend]
impl Handle for Redis {
    type Connector = RedisConnector;

    fn from_slot(slot: Arc<Slot<RedisConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<RedisConnector>> {
        &self.0
    }
}
