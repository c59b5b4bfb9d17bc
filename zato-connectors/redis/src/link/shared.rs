use std::{
    fmt,
    pin::{Pin, pin},
    sync::Arc,
};

use redis::{Arg, Cmd, Pipeline, RedisFuture, RedisResult, Value, aio::ConnectionLike};

use super::{Link, Wait, Watched, waits};
use crate::error::Refusal;

/// The connection that ordinary commands share, for the commands of the library: [`AsyncTypedCommands`](redis::AsyncTypedCommands),
/// [`AsyncCommands`](redis::AsyncCommands), pipelines and scripts. A clone is the same connection.
///
/// Keys are what they are here: no prefix is added, [`key`](Self::key) gives one. The connection's `timeout`, `max_in_flight` and metrics count here, too. Commands
/// that would change the connection for everybody, or keep everybody waiting, are refused: `WATCH`, `SELECT`, `BLPOP`,
/// `XREAD` with `BLOCK` and so on. They want a connection that [`Redis::dedicated`](crate::Redis::dedicated) gives.
///
/// # Cancel safety
///
/// A command that was not sent yet when its future is dropped never is; of one that was, nobody waits for the answer.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::{Redis, error_of, redis_rs::AsyncTypedCommands};
///
/// async fn fields(redis: &Redis) -> Result<usize> {
///     let mut raw = redis.connection()?;
///     raw.hset(raw.key("account:1"), "owner", "Ann").await.map_err(error_of)?;
///     raw.hlen(raw.key("account:1")).await.map_err(error_of)
/// }
/// ```
#[derive(Clone)]
pub struct RedisConnection {
    pub(crate) link: Link,
    pub(crate) watched: Arc<Watched>,
    /// Whether its commands count among those that `max_in_flight` limits.
    is_counted: bool,
}

impl RedisConnection {
    pub(crate) fn new(link: Link, watched: Arc<Watched>) -> Self {
        Self { link, watched, is_counted: true }
    }

    /// Returns the same for what must not be refused because there is much to do, such as to keep a lock.
    pub(crate) fn uncounted(&self) -> Self {
        Self { is_counted: false, ..self.clone() }
    }

    /// Returns a key under the prefix of the connection.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        self.watched.rules.key_prefix.clone() + name
    }

    /// Sends a command that may be sent on a connection that others share.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match &self.link {
            Link::Server(server) => {
                let mut connection = server.connection.clone();
                self.see(command, pin!(connection.send_packed_command(command))).await
            }
            Link::Cluster(_) => {
                let mut link = self.link.clone();
                self.see(command, pin!(link.send(command))).await
            }
        }
    }

    async fn see(
        &self,
        command: &Cmd,
        answer: Pin<&mut impl Future<Output = RedisResult<Value>>>,
    ) -> RedisResult<Value> {
        if self.is_counted {
            return self.watched.call(|| name(command), answer).await;
        }
        self.watched.call_own(|| name(command), Some(self.watched.rules.timeout), answer).await
    }

    pub(crate) async fn send_all(&self, pipeline: &Pipeline, offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        let mut link = self.link.clone();
        let answers = pin!(link.send_all(pipeline, offset, count));
        self.watched.call(|| "pipeline".to_owned(), answers).await
    }
}

/// Returns the name of a command, for logs.
pub(crate) fn name(command: &Cmd) -> String {
    match command.args_iter().next() {
        Some(Arg::Simple(name)) => String::from_utf8_lossy(name).to_ascii_uppercase(),
        _ => String::new(),
    }
}

/// Refuses a command that wants a connection of its own.
fn allowed(command: &Cmd) -> RedisResult<()> {
    match waits(command) {
        Wait::No => Ok(()),
        Wait::Changes(name) | Wait::For(name, _) | Wait::Forever(name) => Err(Refusal::NeedsOwnConnection(name).into()),
        Wait::Breaks(name) => Err(Refusal::BreaksConnection(name).into()),
    }
}

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            allowed(command)?;
            self.send(command).await
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            pipeline.cmd_iter().try_for_each(allowed)?;
            self.send_all(pipeline, offset, count).await
        })
    }

    fn get_db(&self) -> i64 {
        self.link.db()
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection").field("connection", &self.watched.rules.connection).finish_non_exhaustive()
    }
}
