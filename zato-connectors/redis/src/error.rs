//! From what a server says to our error, which says who is to blame and whether trying again helps.

use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use redis::{ErrorKind, ServerErrorKind};
use zato_core::{Error, Kind, Retry};

/// How long to wait before a server is asked again that has something else to do now.
const BUSY: Duration = Duration::from_secs(1);

/// What went wrong with a command, as the cause of the [`Error`] that a call ends with.
///
/// # Examples
///
/// ```
/// use zato_redis::{RedisError, RedisErrorKind, error_of, redis_rs};
///
/// let library = redis_rs::RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
/// let error = error_of(library);
/// let cause: Option<&RedisError> = error.find();
/// assert_eq!(cause.map(RedisError::kind), Some(RedisErrorKind::ConnectionLost));
/// ```
#[derive(Clone, Debug)]
pub struct RedisError {
    kind: RedisErrorKind,
    source: redis::RedisError,
}

/// What went wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedisErrorKind {
    /// The connection broke: what became of the command is not known.
    ConnectionLost,
    /// There was no answer in time: what became of the command is not known.
    Timeout,
    /// More commands were on their way than `max_in_flight`; it was not sent.
    TooManyInFlight,
    /// The command needs a connection of its own; it was not sent.
    NeedsOwnConnection,
    /// The server wants to know who connects, does not believe it, or does not allow the command (NOAUTH, WRONGPASS, NOPERM).
    NotAllowed,
    /// The server takes no writes: it is a replica, such as after a failover (READONLY).
    ReadOnly,
    /// The server can't do it now: it loads its data, has lost its master, or runs a script (LOADING, MASTERDOWN, BUSY,
    /// TRYAGAIN and so on).
    NotNow,
    /// The cluster can't do it now (CLUSTERDOWN), or no node of it is reachable.
    ClusterDown,
    /// The keys of a command are in different slots of a cluster (CROSSSLOT).
    CrossSlot,
    /// The server is a node of a cluster and has not the key (MOVED, ASK).
    Moved,
    /// There is no memory left for what is written (OOM).
    OutOfMemory,
    /// The key holds another kind of value than the command is for (WRONGTYPE).
    WrongType,
    /// The server doesn't know the script (NOSCRIPT).
    NoScript,
    /// A transaction was given up, since one of its commands can't be done (EXECABORT).
    Aborted,
    /// Some commands of a transaction were done and others failed, since Redis takes nothing back: the keys and arguments of a
    /// command were not what it is for.
    PartlyDone,
    /// What was answered is not what was expected.
    UnexpectedAnswer,
    /// The command can't be done as it is (ERR and so on).
    Refused,
}

impl RedisError {
    /// Returns what went wrong.
    #[must_use]
    pub fn kind(&self) -> RedisErrorKind {
        self.kind
    }

    /// Returns the error of the library.
    #[must_use]
    pub fn client_error(&self) -> &redis::RedisError {
        &self.source
    }
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl StdError for RedisError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        StdError::source(&self.source)
    }
}

/// Makes our error of one of the library's, for what was done with a raw connection: `.map_err(redis::error_of)`.
///
/// What the server says stands in it for the log alone, since it may name keys and values. Whether trying again helps is told
/// for a command that must not be done twice.
#[must_use]
pub fn error_of(error: redis::RedisError) -> Error {
    let kind = kind_of(&error);
    let ours = Error::new(kind.kind(), kind.words()).with_retry(kind.retry());
    let ours = if kind.is_passing() { ours.with_retry_after(BUSY) } else { ours };
    ours.with_source(RedisError { kind, source: error })
}

/// The same for a connection that could not be made.
pub(crate) fn of_connecting(error: redis::RedisError) -> Error {
    let kind = kind_of(&error);
    let words = match kind {
        RedisErrorKind::ConnectionLost => "no connection to the server",
        RedisErrorKind::Timeout => "no connection to the server in time",
        RedisErrorKind::Refused if error.kind() == ErrorKind::MasterNameNotFoundBySentinel => {
            "the sentinels know no master of the name"
        }
        RedisErrorKind::Refused => "the server does not take the connection as it is asked for",
        kind => kind.words(),
    };
    Error::unavailable(words).with_retry(Retry::Unsent).with_source(RedisError { kind, source: error })
}

/// The same for a command that does no harm when it is done twice, such as one that only reads.
pub(crate) fn error_of_read(error: redis::RedisError) -> Error {
    let error = error_of(error);
    let kind = error.find::<RedisError>().map(RedisError::kind);
    match kind {
        Some(RedisErrorKind::ConnectionLost | RedisErrorKind::Timeout) => error.with_retry(Retry::Later),
        _ => error,
    }
}

/// Makes our error of what several commands failed with that were sent at once: only if none of them was done they may be sent
/// again.
pub(crate) fn error_of_several(error: redis::RedisError, count: usize, is_atomic: bool) -> Error {
    let failed = error.clone().into_server_errors().map_or(0, |faults| faults.len());
    let is_given_up = is_atomic && error.kind() == ErrorKind::Server(ServerErrorKind::ExecAbort);
    let is_unsent = refusal(&error).is_some() || error.kind() == ErrorKind::ClusterConnectionNotFound;
    if is_given_up || is_unsent || failed >= count {
        return error_of(error);
    }
    // A server that can't do it now has refused all of it.
    let is_partly_done = is_atomic && failed > 0 && !kind_of(&error).is_passing();
    if is_partly_done { partly_done(error) } else { error_of(error).with_retry(Retry::Never) }
}

/// Makes our error of what a script failed with, which may have done something before.
pub(crate) fn error_of_script(error: redis::RedisError) -> Error {
    let is_amid = matches!(error.code(), Some("OOM" | "MISCONF" | "NOREPLICAS"));
    let error = error_of(error);
    if is_amid { error.with_retry(Retry::Never) } else { error }
}

/// Makes our error of what has broken a transaction before anything of it was sent that writes: nothing of it is done.
pub(crate) fn undone(error: redis::RedisError) -> Error {
    let kind = kind_of(&error);
    let words = match kind {
        RedisErrorKind::ConnectionLost => {
            "the connection to the server broke before anything of the transaction was done"
        }
        RedisErrorKind::Timeout => "the server did not answer in time, and nothing of the transaction is done",
        _ => return error_of(error),
    };
    Error::new(kind.kind(), words).with_retry(Retry::Unsent).with_source(RedisError { kind, source: error })
}

/// Makes our error of a transaction of which not all was done: Redis takes nothing back.
pub(crate) fn partly_done(error: redis::RedisError) -> Error {
    let kind = RedisErrorKind::PartlyDone;
    Error::new(kind.kind(), kind.words()).with_retry(Retry::Never).with_source(RedisError { kind, source: error })
}

/// Tells what an error of the library is about; of several, the first that says so.
pub(crate) fn kind_of(error: &redis::RedisError) -> RedisErrorKind {
    let faults = error.clone().into_server_errors();
    let kinds = faults.iter().flat_map(|faults| faults.iter()).map(|(_, fault)| of_one(&fault.clone().into()));
    let telling = { kinds }.find(|kind| !matches!(kind, RedisErrorKind::Refused | RedisErrorKind::Aborted));
    telling.unwrap_or_else(|| of_one(error))
}

fn of_one(error: &redis::RedisError) -> RedisErrorKind {
    match error.kind() {
        ErrorKind::Io => of_io(error),
        ErrorKind::AuthenticationFailed => RedisErrorKind::NotAllowed,
        ErrorKind::ClusterConnectionNotFound => RedisErrorKind::ClusterDown,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => RedisErrorKind::UnexpectedAnswer,
        ErrorKind::Server(kind) => of_server(kind, error),
        ErrorKind::Extension => of_code(error.code().unwrap_or_default()),
        _ => RedisErrorKind::Refused,
    }
}

fn of_io(error: &redis::RedisError) -> RedisErrorKind {
    match refusal(error) {
        Some(Refusal::TooManyInFlight(_)) => RedisErrorKind::TooManyInFlight,
        Some(Refusal::NeedsOwnConnection(_)) => RedisErrorKind::NeedsOwnConnection,
        Some(Refusal::BreaksConnection(_) | Refusal::NotInTransaction(_)) => RedisErrorKind::Refused,
        None if error.is_timeout() => RedisErrorKind::Timeout,
        None => RedisErrorKind::ConnectionLost,
    }
}

fn of_server(kind: ServerErrorKind, error: &redis::RedisError) -> RedisErrorKind {
    match kind {
        ServerErrorKind::ReadOnly => RedisErrorKind::ReadOnly,
        ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown | ServerErrorKind::TryAgain => {
            RedisErrorKind::NotNow
        }
        ServerErrorKind::ClusterDown => RedisErrorKind::ClusterDown,
        ServerErrorKind::CrossSlot => RedisErrorKind::CrossSlot,
        ServerErrorKind::Moved | ServerErrorKind::Ask => RedisErrorKind::Moved,
        ServerErrorKind::NoScript => RedisErrorKind::NoScript,
        ServerErrorKind::NoPerm => RedisErrorKind::NotAllowed,
        ServerErrorKind::ExecAbort => RedisErrorKind::Aborted,
        ServerErrorKind::ResponseError
            if error.detail().is_some_and(|detail| detail.contains("max number of clients")) =>
        {
            RedisErrorKind::NotNow
        }
        _ => RedisErrorKind::Refused,
    }
}

/// Codes that the library has no names for.
fn of_code(code: &str) -> RedisErrorKind {
    match code {
        "OOM" => RedisErrorKind::OutOfMemory,
        "WRONGTYPE" => RedisErrorKind::WrongType,
        "NOAUTH" | "WRONGPASS" => RedisErrorKind::NotAllowed,
        "BUSY" | "MISCONF" | "NOREPLICAS" | "UNKILLABLE" | "NOGOODSLAVE" => RedisErrorKind::NotNow,
        _ => RedisErrorKind::Refused,
    }
}

impl RedisErrorKind {
    fn kind(self) -> Kind {
        match self {
            Self::Timeout => Kind::Timeout,
            Self::ConnectionLost
            | Self::TooManyInFlight
            | Self::ReadOnly
            | Self::NotNow
            | Self::ClusterDown
            | Self::OutOfMemory => Kind::Unavailable,
            Self::NotAllowed | Self::Moved | Self::UnexpectedAnswer => Kind::Upstream,
            Self::NeedsOwnConnection
            | Self::CrossSlot
            | Self::WrongType
            | Self::NoScript
            | Self::Aborted
            | Self::PartlyDone
            | Self::Refused => Kind::Internal,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::ConnectionLost => "the connection to the server broke before it answered",
            Self::Timeout => "the server did not answer in time",
            Self::TooManyInFlight => "too many commands are on their way to the server",
            Self::NeedsOwnConnection => "the command can't be sent on a connection that others share",
            Self::NotAllowed => "the server does not allow this to who connects",
            Self::ReadOnly => "the server takes no writes, since it is a replica",
            Self::NotNow => "the server can't do this now",
            Self::ClusterDown => "the cluster can't do this now",
            Self::CrossSlot => "the keys of a command are in different slots of the cluster",
            Self::Moved => "the server is a node of a cluster: name its nodes with \"cluster\"",
            Self::OutOfMemory => "the server has no memory left for what is written",
            Self::WrongType => "the key holds another kind of value than the command is for",
            Self::NoScript => "the server does not know the script",
            Self::Aborted => "the transaction was given up, since one of its commands can't be done",
            Self::PartlyDone => "some of the transaction was done, and not all",
            Self::UnexpectedAnswer => "what the server answered is not what was expected",
            Self::Refused => "the command can't be done as it is",
        }
    }

    /// Tells whether trying again helps for a command that must not be done twice.
    fn retry(self) -> Retry {
        match self {
            // The server has said that it has not done it, or was never asked.
            Self::TooManyInFlight | Self::ReadOnly | Self::NotNow | Self::ClusterDown => Retry::Unsent,
            Self::OutOfMemory => Retry::Later,
            _ => Retry::Never,
        }
    }

    fn is_passing(self) -> bool {
        matches!(self, Self::TooManyInFlight | Self::ReadOnly | Self::NotNow | Self::ClusterDown)
    }

    /// Returns the word that metrics count it by.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ConnectionLost => "connection_lost",
            Self::Timeout => "timeout",
            Self::TooManyInFlight => "too_many_in_flight",
            Self::NotAllowed => "not_allowed",
            Self::ReadOnly => "read_only",
            Self::NotNow => "not_now",
            Self::ClusterDown => "cluster_down",
            Self::OutOfMemory => "out_of_memory",
            _ => "refused",
        }
    }
}

/// Why a command was not sent, wrapped as the library's own error, which it has to be where its traits ask for one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// So many are on their way.
    TooManyInFlight(usize),
    /// The command of this name.
    NeedsOwnConnection(&'static str),
    /// The command of this name, after which answers can't be told apart.
    BreaksConnection(&'static str),
    /// The command of this name, which would change or end a transaction.
    NotInTransaction(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyInFlight(number) => {
                write!(f, "{number} are on their way, as many as \"max_in_flight\" allows")
            }
            Self::NeedsOwnConnection(command) => {
                write!(
                    f,
                    "{command} would change the connection for everybody, or keep them waiting: use one that `dedicated` gives"
                )
            }
            Self::BreaksConnection(command) => {
                write!(f, "after {command} the answers of a connection belong to no command any more: it is never sent")
            }
            Self::NotInTransaction(command) => {
                write!(f, "{command} changes the connection, or waits, which a transaction can't")
            }
        }
    }
}

impl StdError for Refusal {}

impl From<Refusal> for redis::RedisError {
    fn from(refusal: Refusal) -> Self {
        Self::from(io::Error::other(refusal))
    }
}

/// Finds what a command was refused for by us.
fn refusal(error: &redis::RedisError) -> Option<Refusal> {
    // The library has causes in an `Arc`, which is what it gives out.
    let cause = error.source()?.downcast_ref::<Arc<dyn StdError + Send + Sync>>()?;
    let io: &io::Error = (**cause).downcast_ref()?;
    io.get_ref()?.downcast_ref::<Refusal>().copied()
}

/// Makes the library's error of a time that is over.
pub(crate) fn late() -> redis::RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server answers with.
    fn said(line: &str) -> redis::RedisError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn what_a_server_says_is_told_by_who_is_to_blame() {
        for (line, found, kind, retry) in [
            (
                "READONLY You can't write against a read only replica.",
                RedisErrorKind::ReadOnly,
                Kind::Unavailable,
                Retry::Unsent,
            ),
            (
                "LOADING Redis is loading the dataset in memory",
                RedisErrorKind::NotNow,
                Kind::Unavailable,
                Retry::Unsent,
            ),
            ("MASTERDOWN Link with MASTER is down", RedisErrorKind::NotNow, Kind::Unavailable, Retry::Unsent),
            ("BUSY Redis is busy running a script.", RedisErrorKind::NotNow, Kind::Unavailable, Retry::Unsent),
            ("ERR max number of clients reached", RedisErrorKind::NotNow, Kind::Unavailable, Retry::Unsent),
            ("CLUSTERDOWN The cluster is down", RedisErrorKind::ClusterDown, Kind::Unavailable, Retry::Unsent),
            ("OOM command not allowed", RedisErrorKind::OutOfMemory, Kind::Unavailable, Retry::Later),
            ("MOVED 1 127.0.0.1:1", RedisErrorKind::Moved, Kind::Upstream, Retry::Never),
            ("NOAUTH Authentication required.", RedisErrorKind::NotAllowed, Kind::Upstream, Retry::Never),
            ("WRONGPASS invalid username-password pair", RedisErrorKind::NotAllowed, Kind::Upstream, Retry::Never),
            ("NOPERM this user has no permissions", RedisErrorKind::NotAllowed, Kind::Upstream, Retry::Never),
            ("WRONGTYPE Operation against a key", RedisErrorKind::WrongType, Kind::Internal, Retry::Never),
            ("CROSSSLOT Keys in request", RedisErrorKind::CrossSlot, Kind::Internal, Retry::Never),
            ("NOSCRIPT No matching script", RedisErrorKind::NoScript, Kind::Internal, Retry::Never),
            ("EXECABORT Transaction discarded", RedisErrorKind::Aborted, Kind::Internal, Retry::Never),
            ("ERR unknown command 'secret'", RedisErrorKind::Refused, Kind::Internal, Retry::Never),
        ] {
            let error = error_of(said(line));
            assert_eq!(error.find::<RedisError>().map(RedisError::kind), Some(found), "{line}");
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{line}");
            assert!(!error.public_message().contains("secret"), "{line}");
            assert!(error.report().to_string().len() > error.message().len(), "{line}: {}", error.report());
        }
    }

    #[test]
    fn what_became_of_a_command_is_known_or_not() {
        let broken = || redis::RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        for (error, found, of_write, of_read) in [
            (broken(), RedisErrorKind::ConnectionLost, Retry::Never, Retry::Later),
            (late(), RedisErrorKind::Timeout, Retry::Never, Retry::Later),
            (Refusal::TooManyInFlight(7).into(), RedisErrorKind::TooManyInFlight, Retry::Unsent, Retry::Unsent),
            (
                Refusal::NeedsOwnConnection("WATCH").into(),
                RedisErrorKind::NeedsOwnConnection,
                Retry::Never,
                Retry::Never,
            ),
        ] {
            assert_eq!(kind_of(&error), found);
            assert_eq!(
                (error_of(error.clone()).retry(), error_of_read(error).retry()),
                (of_write, of_read),
                "{found:?}"
            );
        }
    }
}
