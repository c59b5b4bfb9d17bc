//! A connection of redis-rs to the server in memory.

use std::{fmt, sync::Arc};

use redis::{
    AsyncConnectionConfig, Cmd, IntoConnectionInfo as _, Pipeline, ProtocolVersion, RedisConnectionInfo, RedisFuture,
    RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::task::JoinSet;

use super::Memory;

/// A connection to a [`Memory`], by way of redis-rs.
///
/// A clone is the same connection, as with redis-rs: what blocks holds up the rest.
///
/// ```
/// use redis::AsyncTypedCommands as _;
/// use zato_redis::memory::Memory;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> redis::RedisResult<()> {
/// let mut connection = Memory::new().connect(0).await?;
/// assert_eq!(connection.incr("visits", 1).await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryConnection {
    connection: MultiplexedConnection,
    /// The task that moves bytes; it ends with the last clone.
    _driver: Arc<JoinSet<()>>,
}

impl Memory {
    /// Connects to a database, speaking RESP3.
    ///
    /// # Errors
    ///
    /// If connections are [refused](Self::refuse), or there is no such database.
    pub async fn connect(&self, database: u8) -> RedisResult<MemoryConnection> {
        self.connect_with(database, ProtocolVersion::RESP3).await
    }

    /// Connects to a database, speaking a version of the protocol.
    ///
    /// # Errors
    ///
    /// If connections are [refused](Self::refuse), or there is no such database.
    pub async fn connect_with(&self, database: u8, protocol: ProtocolVersion) -> RedisResult<MemoryConnection> {
        let settings: RedisConnectionInfo = "redis://memory".into_connection_info()?.redis_settings().clone();
        let settings = settings.set_db(database.into()).set_protocol(protocol);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&settings, self.stream(), AsyncConnectionConfig::new()).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(driver);
        Ok(MemoryConnection { connection, _driver: Arc::new(tasks) })
    }
}

impl ConnectionLike for MemoryConnection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        self.connection.req_packed_command(cmd)
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.connection.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }
}

impl fmt::Debug for MemoryConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryConnection").field("database", &self.get_db()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redis::{AsyncTypedCommands as _, ErrorKind, ServerErrorKind, cmd, pipe};
    use tokio::time;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keys_expire_by_the_clock_of_the_test() {
        let mut connection = Memory::new().connect(0).await.expect("connected");
        connection.set_ex("key", "value", 60).await.expect("set");
        time::advance(Duration::from_millis(59_000)).await;
        assert_eq!(connection.ttl("key").await.expect("time"), redis::IntegerReplyOrNoOp::IntegerReply(1));
        time::advance(Duration::from_millis(1_000)).await;
        assert_eq!(connection.get("key").await.expect("answer"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_those_that_were_asked_for() {
        let memory = Memory::new();
        let mut connection = memory.connect(0).await.expect("connected");
        memory.fail_next("GET", "LOADING Redis is loading the dataset in memory");
        let error = connection.get("key").await.expect_err("loading");
        assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::BusyLoading));
        assert_eq!(connection.get("key").await.expect("answer"), None);

        memory.set_readonly(true);
        let error = connection.set("key", 1).await.expect_err("read-only");
        assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly));
        memory.set_readonly(false);

        memory.set_out_of_memory(true);
        let error = connection.set("key", 1).await.expect_err("out of memory");
        assert_eq!(error.code(), Some("OOM"));
        connection.del("key").await.expect("removed");
        assert_eq!(memory.calls("set"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_lost_with_its_answer() {
        let memory = Memory::new();
        let mut connection = memory.connect(0).await.expect("connected");
        memory.disconnect_next("set");
        let error = connection.set("key", "value").await.expect_err("lost");
        assert!(error.is_connection_dropped() || error.is_io_error(), "{error}");
        assert_eq!(memory.connections(), 0);

        let mut connection = memory.connect(0).await.expect("connected again");
        assert_eq!(connection.get("key").await.expect("answer").as_deref(), Some("value"));
        memory.disconnect_all();
        assert!(connection.get("key").await.is_err());
        memory.refuse(true);
        assert!(memory.connect(0).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_done_during_a_pause() {
        let memory = Memory::new();
        let mut connection = memory.connect(0).await.expect("connected");
        memory.pause(Duration::from_millis(400));
        let start = time::Instant::now();
        connection.set("key", "value").await.expect("set");
        assert!(start.elapsed() >= Duration::from_millis(400));

        memory.pause(Duration::from_secs(60));
        let error = connection.get("key").await.expect_err("no answer in time");
        assert!(error.is_timeout(), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn transactions_are_those_of_redis_rs() {
        let memory = Memory::new();
        let (mut one, mut two) =
            (memory.connect(0).await.expect("connected"), memory.connect(0).await.expect("connected"));
        let mut incremented = pipe();
        incremented.atomic().incr("count", 1);
        cmd("WATCH").arg("count").exec_async(&mut one).await.expect("watched");
        two.set("count", 5).await.expect("set");
        assert_eq!(incremented.query_async::<Option<Vec<i64>>>(&mut one).await.expect("aborted"), None);
        assert_eq!(incremented.query_async::<Option<Vec<i64>>>(&mut one).await.expect("done"), Some(vec![6]));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_served_in_turn() {
        let memory = Memory::new();
        let mut waiting = JoinSet::new();
        for name in ["first", "second"] {
            let mut connection = memory.connect(0).await.expect("connected");
            waiting.spawn(async move { (name, connection.blpop("list", 0.0).await.expect("answer")) });
            tokio::task::yield_now().await;
        }
        let mut connection = memory.connect(0).await.expect("connected");
        time::sleep(Duration::from_millis(100)).await;
        connection.rpush("list", &["a", "b"]).await.expect("pushed");
        let mut served: Vec<_> = waiting.join_all().await;
        served.sort_unstable();
        let got = |element: &str| Some(["list".to_owned(), element.to_owned()]);
        assert_eq!(served, [("first", got("a")), ("second", got("b"))]);
    }
}
