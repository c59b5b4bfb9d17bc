//! Connections of one's own, for what can't be done on one that others share.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use deadpool::{
    Runtime,
    managed::{Manager, Metrics, Object, Pool as Connections, PoolError, RecycleError, RecycleResult, TimeoutType},
};
use redis::{Cmd, ErrorKind, Pipeline, RedisFuture, RedisResult, ServerErrorKind, Value, aio::ConnectionLike};
use tokio::time::Instant;
use zato_core::{Error, Result, Retry};

use crate::{
    config::Node,
    error::{self, Refusal},
    link::{Link, Wait, Watched, name, waits},
    target::{Target, answered},
};

/// After how long without use a connection is asked for a sign of life before it is used again.
const IDLE: Duration = Duration::from_secs(5);

/// What has a connection watch keys.
pub(crate) const WATCH: &str = "WATCH";

/// How long that may take.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Connections that are used by one call at a time.
pub(crate) struct Pool {
    connections: Connections<Maker>,
    acquire_timeout: Duration,
    watched: Arc<Watched>,
}

/// Makes connections, and looks after those that nobody uses.
struct Maker(Arc<Target>);

/// A connection in the pool.
struct Own {
    link: Link,
    /// Of a cluster, the node that keys were watched on last: `link` is several connections, which the library makes anew without
    /// a word, and what was watched on them is forgotten then.
    node: Option<Link>,
    target: Arc<Target>,
    used: Instant,
}

/// How often a node is asked for another one that has the watched keys.
const REDIRECTIONS: u32 = 5;

impl Own {
    /// Watches keys on one connection to the node that has them.
    async fn watch(&mut self, watch: &Cmd) -> RedisResult<Value> {
        let mut node = match self.node.take().filter(|node| !node.is_ended()) {
            Some(node) => node,
            None => self.target.connect_to_node(None).await?,
        };
        for _ in 0..REDIRECTIONS {
            let answer = node.send(watch).await?;
            let Some(place) = moved(&answer) else {
                self.node = Some(node);
                return Ok(answer);
            };
            node = self.target.connect_to_node(Some(place)).await?;
        }
        Err((ErrorKind::Server(ServerErrorKind::TryAgain), "no node has the watched keys now").into())
    }
}

/// Returns who has the keys, if that is somebody else.
fn moved(answer: &Value) -> Option<Node> {
    let Value::ServerError(error) = answer else { return None };
    let error = redis::RedisError::from(error.clone());
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    Some(Node { host: host.to_owned(), port: port.parse().ok()? })
}

impl Manager for Maker {
    type Type = Own;
    type Error = redis::RedisError;

    async fn create(&self) -> RedisResult<Own> {
        let link = self.0.connect_own().await?;
        Ok(Own { link, node: None, target: Arc::clone(&self.0), used: Instant::now() })
    }

    async fn recycle(&self, own: &mut Own, _: &Metrics) -> RecycleResult<redis::RedisError> {
        if own.link.is_ended() {
            return Err(RecycleError::message("the server has closed the connection"));
        }
        if own.used.elapsed() >= IDLE {
            own.node = None;
            let answer = tokio::time::timeout(SIGN_OF_LIFE, own.link.ping()).await;
            answered(answer.map_err(|_| error::late())??)?;
        }
        Ok(())
    }
}

impl Pool {
    pub(crate) fn new(
        target: Arc<Target>,
        size: usize,
        acquire_timeout: Duration,
        watched: Arc<Watched>,
    ) -> Result<Self> {
        let connections = Connections::builder(Maker(target)).max_size(size).runtime(Runtime::Tokio1).build();
        let connections = connections.map_err(|error| Error::internal("no pool of connections").with_source(error))?;
        Ok(Self { connections, acquire_timeout, watched })
    }

    /// Waits for a connection of one's own.
    pub(crate) async fn get(&self) -> Result<RedisDedicated> {
        let timeouts = deadpool::managed::Timeouts { wait: Some(self.acquire_timeout), create: None, recycle: None };
        let own = self.connections.timeout_get(&timeouts).await.map_err(|error| self.told(error))?;
        Ok(RedisDedicated { own: Some(own), is_clean: true, watches: false, watched: Arc::clone(&self.watched) })
    }

    /// Returns how many are used, how many are not, and how many calls wait.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let status = self.connections.status();
        (status.size.saturating_sub(status.available), status.available, status.waiting)
    }

    fn told(&self, error: PoolError<redis::RedisError>) -> Error {
        let (used, _, waiting) = self.counts();
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Error::unavailable(format!(
                "no connection of its own within {:?}: {used} of {} are in use, and {waiting} calls wait",
                self.acquire_timeout,
                self.connections.status().max_size
            ))
            .with_retry(Retry::Unsent),
            PoolError::Backend(error) => error::of_connecting(error),
            other => Error::unavailable("no connection of its own").with_source(other).with_retry(Retry::Unsent),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("status", &self.connections.status()).finish_non_exhaustive()
    }
}

/// A connection of one's own, for commands that wait and for those that change the connection: `BLPOP`, `WATCH`, `XREAD`
/// with `BLOCK`. Keys are what they are here: no prefix is added, [`key`](Self::key)
/// gives one.
///
/// When it is dropped it goes back to the pool, unless something was done with it that others would notice: then it is closed.
/// Commands that wait have the connection's `timeout` beside the time that they say themselves.
///
/// # Cancel safety
///
/// A connection whose command was dropped before it was answered does not go back to the pool.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::{Redis, error_of, redis_rs::AsyncTypedCommands};
///
/// async fn next_job(redis: &Redis) -> Result<Option<String>> {
///     let mut own = redis.dedicated().await?;
///     let job = own.blpop(own.key("jobs"), 5.0).await.map_err(error_of)?;
///     Ok(job.map(|[_list, job]| job))
/// }
/// ```
pub struct RedisDedicated {
    /// There until it is dropped.
    own: Option<Object<Maker>>,
    /// Whether the next user of the connection would notice nothing.
    is_clean: bool,
    /// Whether it watches keys.
    watches: bool,
    watched: Arc<Watched>,
}

impl RedisDedicated {
    /// Returns a key under the prefix of the connection.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        self.watched.rules.key_prefix.clone() + name
    }

    /// Returns whether the server has closed the connection that keys are watched on: whatever is sent there can't arrive.
    pub(crate) fn is_ended(&self) -> bool {
        let link = |own: &Own| own.node.as_ref().filter(|_| self.watches).unwrap_or(&own.link).is_ended();
        self.own.as_deref().is_some_and(link)
    }

    /// Says that nothing is watched any more.
    pub(crate) fn undone(&mut self) {
        self.watches = false;
    }

    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let waits = waits(command);
        let usual = self.watched.rules.timeout;
        let timeout = match waits {
            Wait::No | Wait::Changes(_) => Some(usual),
            Wait::For(_, wait) => usual.checked_add(wait),
            Wait::Forever(_) => None,
            Wait::Breaks(name) => return Err(Refusal::BreaksConnection(name).into()),
        };
        let is_watch = waits == Wait::Changes(WATCH);
        let Some(own) = &mut self.own else { return Err(error::late()) };
        let was_clean = std::mem::replace(&mut self.is_clean, false);
        let (watches, own) = (self.watches, &mut **own);
        let answer = {
            let sent = pin!(async {
                match &mut own.node {
                    _ if is_watch && !watches && own.link.is_cluster() => own.watch(command).await,
                    Some(node) if watches => node.send(command).await,
                    _ => own.link.send(command).await,
                }
            });
            self.watched.call_own(|| name(command), timeout, sent).await?
        };
        own.used = Instant::now();
        self.watches |= is_watch;
        self.is_clean = was_clean && (is_watch || !matches!(waits, Wait::Changes(_)));
        Ok(answer)
    }

    async fn send_all(&mut self, pipeline: &Pipeline, offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        let (mut timeout, mut changes) = (Some(self.watched.rules.timeout), false);
        for command in pipeline.cmd_iter() {
            match waits(command) {
                Wait::No => {}
                // In a pipeline, the answer to it is not looked at before the rest is sent.
                Wait::Changes(_) => changes = true,
                Wait::For(_, wait) => timeout = timeout.and_then(|timeout| timeout.checked_add(wait)),
                Wait::Forever(_) => timeout = None,
                Wait::Breaks(name) => return Err(Refusal::BreaksConnection(name).into()),
            }
        }
        let Some(own) = &mut self.own else { return Err(error::late()) };
        let was_clean = std::mem::replace(&mut self.is_clean, false);
        let own = &mut **own;
        let link = own.node.as_mut().filter(|_| self.watches).unwrap_or(&mut own.link);
        let answers = {
            let answers = pin!(link.send_all(pipeline, offset, count));
            self.watched.call_own(|| "pipeline".to_owned(), timeout, answers).await?
        };
        own.used = Instant::now();
        self.is_clean = was_clean && !changes;
        Ok(answers)
    }
}

impl ConnectionLike for RedisDedicated {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(self.send(command))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(self.send_all(pipeline, offset, count))
    }

    fn get_db(&self) -> i64 {
        self.own.as_ref().map_or(0, |own| own.link.db())
    }
}

impl Drop for RedisDedicated {
    fn drop(&mut self) {
        if let Some(own) = self.own.take()
            && (!self.is_clean || self.watches)
        {
            // Out of the pool, and closed.
            drop(Object::take(own));
        }
    }
}

impl fmt::Debug for RedisDedicated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisDedicated").field("connection", &self.watched.rules.connection).finish_non_exhaustive()
    }
}
