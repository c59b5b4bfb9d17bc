//! What is seen to for every command: how long it may take, how many are on their way, and what an answer tells of the
//! connection.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{RedisError, RedisResult, ServerErrorKind, Value};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    error::{self, RedisErrorKind, Refusal},
    meter::Meter,
};

/// For how long a connection is kept, once made, whose server takes no writes. Who has a replica on purpose can read from it.
const REPLICA: Duration = Duration::from_secs(30);

/// How long an answer may take where no clock can tell: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What an entry says of every command.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) connection: String,
    pub(crate) key_prefix: String,
    pub(crate) timeout: Duration,
    pub(crate) max_in_flight: usize,
    pub(crate) slow: Duration,
    pub(crate) read_only: ReadOnly,
}

/// What follows when the server says that it takes no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOnly {
    /// The sentinels are asked anew who does.
    AskAgain,
    /// Its name may lead to another one by now.
    ConnectAgainUnlessNew,
    /// The library looks for another node.
    Nothing,
}

/// What is seen to for every command of one connection.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) rules: Rules,
    pub(crate) meter: Arc<Meter>,
    in_flight: AtomicUsize,
    since: Instant,
    gone: CancellationToken,
    reason: OnceLock<&'static str>,
}

/// What an answer may have in it.
pub(crate) trait Answer {
    /// Returns the error that the server gave; of several, the one that says that it takes no writes, or else the first.
    fn fault(&self) -> Option<&redis::ServerError>;
}

impl Answer for Value {
    fn fault(&self) -> Option<&redis::ServerError> {
        if let Self::ServerError(error) = self { Some(error) } else { None }
    }
}

impl Answer for Vec<Value> {
    fn fault(&self) -> Option<&redis::ServerError> {
        let first = self.iter().find_map(Value::fault)?;
        // What follows from this one must not depend on its place.
        let is_read_only = |fault: &&redis::ServerError| fault.kind() == Some(ServerErrorKind::ReadOnly);
        self.iter().filter_map(Value::fault).find(is_read_only).or(Some(first))
    }
}

impl Watched {
    pub(crate) fn new(rules: Rules, meter: Arc<Meter>) -> Self {
        let (gone, reason) = (CancellationToken::new(), OnceLock::new());
        Self { rules, meter, in_flight: AtomicUsize::new(0), since: Instant::now(), gone, reason }
    }

    /// Returns how many commands are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Waits for an answer, for as long as the entry allows. What is waited for stays where it is, here and below: it is large, and
    /// would be copied at each step on its way.
    pub(crate) async fn call<T: Answer>(
        &self,
        what: impl Fn() -> String,
        answer: Pin<&mut impl Future<Output = RedisResult<T>>>,
    ) -> RedisResult<T> {
        let _place = self.enter()?;
        self.see(what, self.rules.timeout, answer).await
    }

    /// The same for a connection of one's own, on which an answer may come later than usual.
    pub(crate) async fn call_own<T: Answer>(
        &self,
        what: impl Fn() -> String,
        timeout: Option<Duration>,
        answer: Pin<&mut impl Future<Output = RedisResult<T>>>,
    ) -> RedisResult<T> {
        match timeout {
            Some(timeout) => self.see(what, timeout, answer).await,
            // Where there is no end, a server that is gone is one.
            None => {
                let answered = tokio::select! {
                    answered = answer => answered,
                    _ = self.given_up() => Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()),
                };
                self.judge(answered)
            }
        }
    }

    async fn see<T: Answer>(
        &self,
        what: impl Fn() -> String,
        timeout: Duration,
        answer: Pin<&mut impl Future<Output = RedisResult<T>>>,
    ) -> RedisResult<T> {
        let begun = Instant::now();
        let until = begun.checked_add(timeout).unwrap_or_else(|| begun + LONGEST);
        let answered = time::timeout_at(until, answer).await.unwrap_or_else(|_| Err(error::late()));
        let took = begun.elapsed();
        self.meter.took(took);
        if took >= self.rules.slow {
            self.tell_slow(&what(), took);
        }
        self.judge(answered)
    }

    #[cold]
    fn tell_slow(&self, command: &str, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        warn!(connection = self.rules.connection, command, took_ms, "slow command");
    }

    /// Counts what went wrong, and finds out whether the connection is of use still.
    fn judge<T: Answer>(&self, answered: RedisResult<T>) -> RedisResult<T> {
        match &answered {
            Ok(answer) => {
                if let Some(fault) = answer.fault() {
                    self.note(&RedisError::from(fault.clone()));
                }
            }
            Err(error) => self.note(error),
        }
        answered
    }

    #[cold]
    fn note(&self, error: &RedisError) {
        self.meter.failed(error::kind_of(error));
        if error::kind_of(error) == RedisErrorKind::ReadOnly {
            let is_enough = match self.rules.read_only {
                ReadOnly::AskAgain => true,
                ReadOnly::ConnectAgainUnlessNew => self.since.elapsed() >= REPLICA,
                ReadOnly::Nothing => false,
            };
            if is_enough {
                self.give_up("the server takes no writes any more");
            }
        }
    }

    /// Says that the connection is of no use any more.
    pub(crate) fn give_up(&self, reason: &'static str) {
        self.reason.get_or_init(|| reason);
        self.gone.cancel();
    }

    /// Waits until the connection was said to be of no use, and returns why.
    pub(crate) async fn given_up(&self) -> &'static str {
        self.gone.cancelled().await;
        self.reason.get().copied().unwrap_or_default()
    }

    fn enter(&self) -> RedisResult<Place<'_>> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.in_flight);
        if before < self.rules.max_in_flight {
            return Ok(place);
        }
        let refused = Refusal::TooManyInFlight(before).into();
        self.meter.failed(error::kind_of(&refused));
        Err(refused)
    }
}

/// A place among what is on its way.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
