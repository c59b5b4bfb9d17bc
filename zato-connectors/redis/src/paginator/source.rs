use std::str::FromStr;

use redis::Cmd;
use zato_core::Error;

use crate::key::Key;

/// What a key holds that pages are read of.
///
/// Lists and sorted sets are; nothing else has pages.
///
/// # Examples
///
/// ```
/// use zato_redis::{List, ListPaginator, Redis, RedisPaginator};
///
/// fn orders(redis: &Redis) -> RedisPaginator<'_, List> {
///     ListPaginator::new(redis, "orders", 6)
/// }
/// ```
pub trait Source: sealed::Commands {}

/// A list.
///
/// ```
/// assert_eq!(zato_redis::List, zato_redis::List);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct List;

/// A sorted set, or what of it has a score between two.
///
/// ```
/// assert_eq!(zato_redis::ZSet::default(), zato_redis::ZSet::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZSet {
    pub(super) min: Option<String>,
    pub(super) max: Option<String>,
}

/// What a key holds, where only a text says so: `list` or `zset`.
///
/// # Examples
///
/// ```
/// use zato_redis::SourceType;
///
/// assert_eq!("zset".parse::<SourceType>().ok(), Some(SourceType::ZSet));
/// assert!("hash".parse::<SourceType>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceType {
    /// A list.
    List,
    /// A sorted set.
    ZSet,
}

impl FromStr for SourceType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "list" => Ok(Self::List),
            "zset" => Ok(Self::ZSet),
            other => Err(Error::invalid_input("no such type of source; there are list and zset").with("given", other)),
        }
    }
}

mod sealed {
    use redis::Cmd;

    /// The commands that pages are read by.
    pub trait Commands {
        fn count(&self, prefix: &str, key: &str) -> Cmd;

        /// Reads items from one to another that is left out itself.
        fn slice(&self, prefix: &str, key: &str, bottom: u64, top: u64) -> Cmd;
    }
}

impl<S: sealed::Commands> Source for S {}

impl sealed::Commands for List {
    fn count(&self, prefix: &str, name: &str) -> Cmd {
        command("LLEN", prefix, name)
    }

    fn slice(&self, prefix: &str, name: &str, bottom: u64, top: u64) -> Cmd {
        let mut command = command("LRANGE", prefix, name);
        command.arg(bottom).arg(top.saturating_sub(1));
        command
    }
}

impl ZSet {
    /// Returns the scores between which items are, if not all are meant.
    fn limits(&self) -> Option<(&str, &str)> {
        let is_all = self.min.is_none() && self.max.is_none();
        let limits = (self.min.as_deref().unwrap_or("-inf"), self.max.as_deref().unwrap_or("+inf"));
        (!is_all).then_some(limits)
    }
}

impl sealed::Commands for ZSet {
    fn count(&self, prefix: &str, name: &str) -> Cmd {
        let Some((min, max)) = self.limits() else { return command("ZCARD", prefix, name) };
        let mut command = command("ZCOUNT", prefix, name);
        command.arg(min).arg(max);
        command
    }

    fn slice(&self, prefix: &str, name: &str, bottom: u64, top: u64) -> Cmd {
        let Some((min, max)) = self.limits() else {
            let mut command = command("ZRANGE", prefix, name);
            command.arg(bottom).arg(top.saturating_sub(1));
            return command;
        };
        let mut command = command("ZRANGEBYSCORE", prefix, name);
        command.arg(min).arg(max).arg("LIMIT").arg(bottom).arg(top.saturating_sub(bottom));
        command
    }
}

impl sealed::Commands for SourceType {
    fn count(&self, prefix: &str, name: &str) -> Cmd {
        match self {
            Self::List => List.count(prefix, name),
            Self::ZSet => ZSet::default().count(prefix, name),
        }
    }

    fn slice(&self, prefix: &str, name: &str, bottom: u64, top: u64) -> Cmd {
        match self {
            Self::List => List.slice(prefix, name, bottom, top),
            Self::ZSet => ZSet::default().slice(prefix, name, bottom, top),
        }
    }
}

fn command(verb: &str, prefix: &str, name: &str) -> Cmd {
    let mut command = Cmd::new();
    command.arg(verb).arg(Key { prefix, name });
    command
}
