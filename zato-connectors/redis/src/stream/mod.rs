//! Streams: logs that are appended to and read from any place, by one or by groups.

mod add;
mod entry;
mod group;
mod read;

use std::fmt;

use redis::Cmd;
use zato_core::Result;

pub(crate) use self::entry::{entries, entries_of_streams};
pub use self::{
    add::AddRequest,
    entry::{PAYLOAD, StreamEntry},
    group::{Claimed, PendingEntry, RedisGroup},
    read::ReadRequest,
};
use crate::{Redis, client::command};

/// A stream, as [`Redis::stream`] gives it: its key is under the prefix of the connection.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::Redis;
///
/// async fn first_order(redis: &Redis) -> Result<Option<String>> {
///     let orders = redis.stream("orders");
///     orders.add("a first order").max_length(10_000).await?;
///     let entries = orders.read("0").count(1).await?;
///     entries.first().map(|entry| entry.value()).transpose()
/// }
/// ```
#[derive(Clone)]
pub struct RedisStream<'a> {
    redis: &'a Redis,
    key: String,
}

impl Redis {
    /// Returns a stream, which need not be there yet.
    #[must_use]
    pub fn stream(&self, key: &str) -> RedisStream<'_> {
        RedisStream { redis: self, key: key.to_owned() }
    }
}

impl<'a> RedisStream<'a> {
    /// Returns a group of consumers, each of whose entries goes to one of them. It need not be there yet.
    #[must_use]
    pub fn group(&self, name: &str) -> RedisGroup<'a> {
        RedisGroup::new(self.clone(), name)
    }

    /// Returns how many entries there are.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "XLEN")]
    pub async fn len(&self) -> Result<u64> {
        let client = self.redis.client()?;
        let command = command(&client, "XLEN", &self.key);
        self.redis.typed(self.redis.read(client, &command).await?)
    }

    /// Returns entries from one id to another, both included, in their order, and so many at most; `-` and `+` are the first and
    /// the last.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "XRANGE")]
    pub async fn range(&self, from: &str, to: &str, count: usize) -> Result<Vec<StreamEntry>> {
        let client = self.redis.client()?;
        let mut command = command(&client, "XRANGE", &self.key);
        command.arg(from).arg(to).arg("COUNT").arg(count);
        let answer = self.redis.read(client, &command).await?;
        entries(answer).map_err(|error| self.redis.about(error))
    }

    /// Deletes entries, and returns how many there were.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "XDEL")]
    pub async fn delete(&self, ids: &[&str]) -> Result<u64> {
        self.change("XDEL", |command| {
            command.arg(ids);
        })
        .await
    }

    /// Deletes the oldest entries, so that about so many are left, and not fewer; returns how many were deleted.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "XTRIM")]
    pub async fn trim(&self, length: usize) -> Result<u64> {
        self.change("XTRIM", |command| {
            command.arg("MAXLEN").arg("~").arg(length);
        })
        .await
    }

    async fn change(&self, name: &str, arguments: impl FnOnce(&mut Cmd)) -> Result<u64> {
        let client = self.redis.client()?;
        let mut command = command(&client, name, &self.key);
        arguments(&mut command);
        let answer = self.redis.write(&client, &command).await?;
        self.redis.typed(answer)
    }
}

impl fmt::Debug for RedisStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStream").field("connection", &self.redis.name()).field("key", &self.key).finish()
    }
}
