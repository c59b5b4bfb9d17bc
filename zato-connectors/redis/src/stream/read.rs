use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use redis::{Cmd, Value, aio::ConnectionLike};
use zato_core::Result;

use super::{RedisStream, StreamEntry, entries_of_streams};
use crate::{Redis, client::milliseconds, error, key::Key};

/// Entries that are about to be read; awaiting it reads them. There may be none.
///
/// # Cancel safety
///
/// May be dropped at any time. What a group's consumer was given meanwhile is pending for it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zato_core::Result;
/// use zato_redis::{Redis, StreamEntry};
///
/// async fn more(redis: &Redis, last: &str) -> Result<Vec<StreamEntry>> {
///     redis.stream("orders").read(last).count(100).wait(Duration::from_secs(5)).await
/// }
/// ```
#[must_use = "entries are read when it is awaited"]
pub struct ReadRequest<'a> {
    stream: RedisStream<'a>,
    /// The group, the consumer, and whether what it is given counts as done at once.
    group: Option<(String, String, bool)>,
    after: String,
    count: Option<usize>,
    wait: Option<Duration>,
}

impl<'a> RedisStream<'a> {
    /// Begins to read what follows the entry of an id: `0` is before all of them, `$` is after all that are there now, which
    /// makes sense with [`wait`](ReadRequest::wait) alone.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    #[doc(alias = "XREAD")]
    pub fn read(&self, after: &str) -> ReadRequest<'a> {
        ReadRequest { stream: self.clone(), group: None, after: after.to_owned(), count: None, wait: None }
    }
}

impl<'a> ReadRequest<'a> {
    pub(super) fn of_group(stream: RedisStream<'a>, group: &str, consumer: &str, after: &str) -> Self {
        let group = Some((group.to_owned(), consumer.to_owned(), false));
        Self { stream, group, after: after.to_owned(), count: None, wait: None }
    }

    /// Reads so many at most.
    #[doc(alias = "COUNT")]
    pub fn count(mut self, entries: usize) -> Self {
        self.count = Some(entries);
        self
    }

    /// Waits so long for an entry if there is none, on a connection of its own from the pool.
    #[doc(alias = "BLOCK")]
    pub fn wait(mut self, at_most: Duration) -> Self {
        self.wait = Some(at_most);
        self
    }

    /// Has what a group's consumer is given count as done at once, so that nothing is pending.
    #[doc(alias = "NOACK")]
    pub fn without_ack(mut self) -> Self {
        if let Some((_, _, no_ack)) = &mut self.group {
            *no_ack = true;
        }
        self
    }

    fn command(&self, prefix: &str) -> Cmd {
        let mut command = Cmd::new();
        match &self.group {
            None => command.arg("XREAD"),
            Some((group, consumer, _)) => command.arg("XREADGROUP").arg("GROUP").arg(group).arg(consumer),
        };
        if let Some(count) = self.count {
            command.arg("COUNT").arg(count);
        }
        if let Some(wait) = self.wait {
            command.arg("BLOCK").arg(milliseconds(wait));
        }
        if let Some((_, _, true)) = &self.group {
            command.arg("NOACK");
        }
        command.arg("STREAMS").arg(Key { prefix, name: &self.stream.key }).arg(&self.after);
        command
    }

    async fn send(self) -> Result<Vec<StreamEntry>> {
        let redis: &Redis = self.stream.redis;
        let client = redis.client()?;
        let command = self.command(&client.settings.key_prefix);
        let answer = if self.wait.is_some() {
            let mut own = client.pool.get().await.map_err(|error| redis.about(error))?;
            let answered = own.req_packed_command(&command).await.and_then(Value::extract_error);
            answered.map_err(|error| redis.about(error::error_of(error)))?
        } else if self.group.is_some() {
            redis.write(&client, &command).await?
        } else {
            redis.read(client, &command).await?
        };
        entries_of_streams(answer).map_err(|error| redis.about(error))
    }
}

impl<'a> IntoFuture for ReadRequest<'a> {
    type Output = Result<Vec<StreamEntry>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for ReadRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadRequest").field("stream", &self.stream).field("after", &self.after).finish_non_exhaustive()
    }
}
