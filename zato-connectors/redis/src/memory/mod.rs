//! A Redis in the test's own process: what Redis 7.0 does, as far as its wire can tell.
//!
//! It speaks RESP2 and RESP3 over a [`MemoryStream`], so that redis-rs is the same on this one and on a server elsewhere.
//! What happens happens at once, under one lock, when somebody asks for it, and time is tokio's: a test that pauses it
//! sees keys expire as soon as it likes. The contract suite beside it runs against a real Redis, too, and that one is
//! right.
//!
//! Lua is the one thing that it hasn't: [`Memory::script`] gives a script its answer.

mod command;
mod commands;
mod connection;
#[cfg(test)]
mod contract;
mod faults;
mod glob;
mod keyspace;
mod number;
mod reply;
mod request;
mod scripts;
mod server;
mod session;
mod stream;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::Value;
use tokio::time::Instant;

use self::server::Server;
pub use self::{
    connection::MemoryConnection,
    scripts::{ScriptError, ScriptStore},
    stream::MemoryStream,
};

/// A Redis in the test's own process. A clone is the same server.
///
/// ```
/// use redis::AsyncTypedCommands as _;
/// use zato_redis::memory::Memory;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> redis::RedisResult<()> {
/// let memory = Memory::new();
/// let mut connection = memory.connect(0).await?;
/// connection.set("greeting", "hello").await?;
/// assert_eq!(connection.get("greeting").await?.as_deref(), Some("hello"));
/// assert_eq!(memory.calls("set"), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Server>>);

impl Memory {
    /// Starts a server that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a connection, for redis-rs to speak over.
    ///
    /// One that is [refused](Self::refuse) is at its end at once.
    #[must_use]
    pub fn stream(&self) -> MemoryStream {
        let mut server = self.lock();
        let id = server.enter();
        if server.faults.is_refusing {
            server.session(id).close();
        }
        drop(server);
        MemoryStream::new(self.clone(), id)
    }

    /// Gives a script its answer, since there is no Lua here.
    ///
    /// The stand-in gets the script's keys and arguments, and calls commands on the store, all of which is one step for
    /// everybody else, as the script would be. It must not use the [`Memory`] itself: it would wait for its own end.
    ///
    /// ```
    /// use redis::{Script, Value, cmd};
    /// use zato_redis::memory::Memory;
    ///
    /// const INCREMENT_BELOW: &str = "if tonumber(redis.call('get', KEYS[1]) or 0) >= tonumber(ARGV[1]) then …";
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> redis::RedisResult<()> {
    /// let memory = Memory::new();
    /// memory.script(INCREMENT_BELOW, |keys, arguments, store| {
    ///     let now: Option<i64> = store.query(cmd("GET").arg(&keys[0]))?;
    ///     let limit: i64 = String::from_utf8_lossy(&arguments[0]).parse().unwrap_or(0);
    ///     if now.unwrap_or(0) >= limit { Ok(Value::Nil) } else { store.call(cmd("INCR").arg(&keys[0])) }
    /// });
    ///
    /// let mut connection = memory.connect(0).await?;
    /// let script = Script::new(INCREMENT_BELOW);
    /// let mut call = script.key("count");
    /// let counted: [Option<i64>; 2] = [call.arg(1).invoke_async(&mut connection).await?, call.invoke_async(&mut connection).await?];
    /// assert_eq!(counted, [Some(1), None]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn script<F>(&self, source: &str, stand_in: F)
    where
        F: Fn(&[Vec<u8>], &[Vec<u8>], &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> + Send + Sync + 'static,
    {
        self.lock().scripts.register(source, Arc::new(stand_in));
    }

    /// Returns how often a command was carried out; one that was refused doesn't count.
    #[must_use]
    pub fn calls(&self, command: &str) -> u64 {
        self.lock().calls.get(command.to_ascii_lowercase().as_str()).copied().unwrap_or(0)
    }

    /// Answers the next call of a command with an error, such as `LOADING Redis is loading the dataset in memory`, without
    /// carrying it out. Several are given in turn.
    pub fn fail_next(&self, command: &str, error: &str) {
        self.lock().faults.add_failure(command, error);
    }

    /// Carries out the next call of a command and ends its connection, so that nobody hears of it.
    pub fn disconnect_next(&self, command: &str) {
        self.lock().faults.add_disconnection(command);
    }

    /// Ends all connections. New ones are let in, unless they are [refused](Self::refuse).
    pub fn disconnect_all(&self) {
        self.lock().cut_all();
    }

    /// Refuses new connections, or lets them in again.
    pub fn refuse(&self, is_refusing: bool) {
        self.lock().faults.is_refusing = is_refusing;
    }

    /// Carries out nothing for this long: commands are taken and not answered.
    pub fn pause(&self, duration: Duration) {
        let mut server = self.lock();
        server.faults.paused_until = Instant::now().checked_add(duration);
        server.wake_all();
    }

    /// Goes on before a [pause](Self::pause) is over.
    pub fn resume(&self) {
        let mut server = self.lock();
        server.faults.paused_until = None;
        server.wake_all();
    }

    /// Refuses what changes something, as a replica does (`READONLY`), or carries it out again.
    pub fn set_readonly(&self, is_readonly: bool) {
        self.lock().faults.is_readonly = is_readonly;
    }

    /// Refuses what takes memory, as a server does that has reached its `maxmemory` (`OOM`), or carries it out again.
    pub fn set_out_of_memory(&self, is_out_of_memory: bool) {
        self.lock().faults.is_out_of_memory = is_out_of_memory;
    }

    /// Returns how many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lock().sessions.values().filter(|session| !session.is_ending()).count()
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
