use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use redis::{Cmd, Value};
use zato_core::Result;

use crate::{Redis, client::milliseconds, connector::RedisClient};

/// A value that is about to be written; awaiting it writes it, and gives whether it was written: `false` if a condition did
/// not hold.
///
/// A key that is written without an expiry lasts, whatever it was before.
///
/// # Cancel safety
///
/// A command that was not sent yet when the future is dropped never is; of one that was, nobody knows whether it was done.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zato_core::Result;
/// use zato_redis::Redis;
///
/// async fn touch(redis: &Redis, session: &str) -> Result<bool> {
///     redis.set(session, &1).expires_in(Duration::from_secs(600)).only_if_present().await
/// }
/// ```
#[must_use = "a value is written when it is awaited"]
pub struct SetRequest<'a> {
    redis: &'a Redis,
    command: Result<(Arc<RedisClient>, Cmd)>,
    expiry: Expiry,
    condition: Option<&'static str>,
}

/// When a key expires.
enum Expiry {
    Never,
    As(&'static str),
    At(&'static str, i64),
}

impl<'a> SetRequest<'a> {
    pub(crate) fn new(redis: &'a Redis, command: Result<(Arc<RedisClient>, Cmd)>) -> Self {
        Self { redis, command, expiry: Expiry::Never, condition: None }
    }

    /// Has the key expire so long from now, in milliseconds.
    #[doc(alias = "PX")]
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.expiry = Expiry::At("PX", milliseconds(after));
        self
    }

    /// Has the key expire at this moment, by the clock of the server; at once if it is over.
    #[doc(alias = "PXAT")]
    pub fn expires_at(mut self, at: impl Into<SystemTime>) -> Self {
        let since = at.into().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.expiry = Expiry::At("PXAT", milliseconds(since));
        self
    }

    /// Lets the key expire when it would have.
    #[doc(alias = "KEEPTTL")]
    pub fn keeps_expiry(mut self) -> Self {
        self.expiry = Expiry::As("KEEPTTL");
        self
    }

    /// Writes the value only if there is no such key.
    #[doc(alias = "NX")]
    pub fn only_if_absent(mut self) -> Self {
        self.condition = Some("NX");
        self
    }

    /// Writes the value only if there is such a key.
    #[doc(alias = "XX")]
    pub fn only_if_present(mut self) -> Self {
        self.condition = Some("XX");
        self
    }

    async fn send(self) -> Result<bool> {
        let (client, mut command) = self.command?;
        match self.expiry {
            Expiry::Never => {}
            Expiry::As(word) => {
                command.arg(word);
            }
            Expiry::At(word, number) => {
                command.arg(word).arg(number);
            }
        }
        command.arg(self.condition);
        Ok(self.redis.write(&client, &command).await? != Value::Nil)
    }
}

impl<'a> IntoFuture for SetRequest<'a> {
    type Output = Result<bool>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<bool>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for SetRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetRequest").field("connection", &self.redis.name()).finish_non_exhaustive()
    }
}
