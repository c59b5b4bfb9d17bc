use std::time::Duration;

use redis::Value;
use zato_core::Result;

use super::{
    ReadRequest, RedisStream, StreamEntry,
    entry::{entries, strange, text},
};
use crate::{
    client::{command, milliseconds},
    error::{RedisError, error_of},
};

/// A group of consumers of a stream, as [`RedisStream::group`] gives it: each entry goes to one of them, and is pending for that one
/// until it is acknowledged. What is pending for too long can be claimed by another.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zato_core::Result;
/// use zato_redis::Redis;
///
/// async fn work(redis: &Redis) -> Result<()> {
///     let group = redis.stream("orders").group("back-office");
///     group.create("0").await?;
///     for entry in group.read("worker-1").count(10).wait(Duration::from_secs(5)).await? {
///         let order: String = entry.value()?;
///         println!("{order}");
///         group.ack(&[&entry.id]).await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RedisGroup<'a> {
    stream: RedisStream<'a>,
    name: String,
}

/// What was claimed of what was pending for others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed {
    /// The entries, which are pending for the one who claimed them now.
    pub entries: Vec<StreamEntry>,
    /// Where to go on; `0-0` once all was looked at.
    pub next: String,
    /// The ids of what was pending and is in the stream no more, since it was trimmed or deleted: nobody can have it, and it is
    /// pending for nobody now. Servers tell since Redis 7.
    pub deleted: Vec<String>,
}

/// An entry that was given to a consumer and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingEntry {
    /// Its id.
    pub id: String,
    /// The consumer that it was given to.
    pub consumer: String,
    /// How long ago.
    pub idle: Duration,
    /// How often it was given to anybody.
    pub deliveries: u64,
}

impl<'a> RedisGroup<'a> {
    pub(super) fn new(stream: RedisStream<'a>, name: &str) -> Self {
        Self { stream, name: name.to_owned() }
    }

    /// Makes the group, and the stream if it is not there, and returns whether it is new. It is given what follows the entry of
    /// an id: `0` for all, `$` for what is added from now on.
    ///
    /// # Errors
    ///
    /// As [all verbs](crate::Redis#errors).
    #[doc(alias = "XGROUP")]
    pub async fn create(&self, after: &str) -> Result<bool> {
        let redis = self.stream.redis;
        let client = redis.client()?;
        let mut command = redis::Cmd::new();
        let key = crate::key::Key { prefix: &client.settings.key_prefix, name: &self.stream.key };
        command.arg("XGROUP").arg("CREATE").arg(key).arg(&self.name).arg(after).arg("MKSTREAM");
        match redis.write(&client, &command).await {
            Ok(_) => Ok(true),
            Err(error) if code(&error) == Some("BUSYGROUP") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins to read entries that no consumer of the group was given yet.
    ///
    /// # Errors
    ///
    /// As [all verbs](crate::Redis#errors); [`Internal`](zato_core::Kind::Internal) if there is no such group (NOGROUP).
    #[doc(alias = "XREADGROUP")]
    pub fn read(&self, consumer: &str) -> ReadRequest<'a> {
        ReadRequest::of_group(self.stream.clone(), &self.name, consumer, ">")
    }

    /// Begins to read entries that are pending for a consumer and follow the entry of an id: `0` is before all of them.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_pending(&self, consumer: &str, after: &str) -> ReadRequest<'a> {
        ReadRequest::of_group(self.stream.clone(), &self.name, consumer, after)
    }

    /// Acknowledges entries, so that they are pending no more, and returns how many were.
    ///
    /// # Errors
    ///
    /// As [all verbs](crate::Redis#errors).
    #[doc(alias = "XACK")]
    pub async fn ack(&self, ids: &[&str]) -> Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let answer = self.call("XACK", |command| {
            command.arg(ids);
        });
        self.stream.redis.typed(answer.await?)
    }

    /// Claims these entries for a consumer if they are pending for any for so long at least.
    ///
    /// # Errors
    ///
    /// As [all verbs](crate::Redis#errors).
    #[doc(alias = "XCLAIM")]
    pub async fn claim(&self, consumer: &str, idle: Duration, ids: &[&str]) -> Result<Vec<StreamEntry>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.call("XCLAIM", |command| {
            command.arg(consumer).arg(whole(idle)).arg(ids);
        });
        entries(answer.await?).map_err(|error| self.stream.redis.about(error))
    }

    /// Claims for a consumer what is pending for any for so long at least, so many entries at most, from this id on: `0-0` is the
    /// first.
    ///
    /// # Errors
    ///
    /// As [all verbs](crate::Redis#errors). Servers know this since Redis 6.2.
    #[doc(alias = "XAUTOCLAIM")]
    pub async fn claim_idle(&self, consumer: &str, idle: Duration, from: &str, count: usize) -> Result<Claimed> {
        let answer = self.call("XAUTOCLAIM", |command| {
            command.arg(consumer).arg(whole(idle)).arg(from).arg("COUNT").arg(count);
        });
        claimed(answer.await?).map_err(|error| self.stream.redis.about(error))
    }

    /// Returns what is pending, the oldest first, from this id on and so much at most: `-` is the first.
    ///
    /// # Errors
    ///
    /// As [all verbs](crate::Redis#errors).
    #[doc(alias = "XPENDING")]
    pub async fn pending(&self, from: &str, count: usize) -> Result<Vec<PendingEntry>> {
        let answer = self.call("XPENDING", |command| {
            command.arg(from).arg("+").arg(count);
        });
        let found: Vec<(String, String, u64, u64)> = self.stream.redis.typed(answer.await?)?;
        let entry = |(id, consumer, idle, deliveries)| PendingEntry {
            id,
            consumer,
            idle: Duration::from_millis(idle),
            deliveries,
        };
        Ok(found.into_iter().map(entry).collect())
    }

    /// Sends a command about the stream and the group.
    async fn call(&self, name: &str, arguments: impl FnOnce(&mut redis::Cmd)) -> Result<Value> {
        let redis = self.stream.redis;
        let client = redis.client()?;
        let mut command = command(&client, name, &self.stream.key);
        command.arg(&self.name);
        arguments(&mut command);
        redis.write(&client, &command).await
    }
}

fn claimed(answer: Value) -> Result<Claimed> {
    let Value::Array(parts) = answer else { return Err(strange()) };
    let mut parts = parts.into_iter();
    let next = parts.next().and_then(text).ok_or_else(strange)?;
    let entries = entries(parts.next().unwrap_or_default())?;
    let deleted = parts.next().map(redis::from_redis_value).transpose().map_err(|error| error_of(error.into()))?;
    Ok(Claimed { next, entries, deleted: deleted.unwrap_or_default() })
}

/// Returns the code that the server has for what went wrong.
fn code(error: &zato_core::Error) -> Option<&str> {
    error.find::<RedisError>()?.client_error().code()
}

/// As `milliseconds`, where none is a time, too.
fn whole(idle: Duration) -> i64 {
    if idle.is_zero() { 0 } else { milliseconds(idle) }
}
