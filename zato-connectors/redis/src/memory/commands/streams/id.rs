//! Ids of entries: a time, and a number within it.

use std::{fmt, str};

use super::super::super::reply::{Fault, Reply, Result};

/// The id of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamId {
    /// Milliseconds since 1970, usually.
    pub(super) millis: u64,
    pub(super) sequence: u64,
}

impl StreamId {
    pub(super) const MIN: Self = Self { millis: 0, sequence: 0 };
    pub(super) const MAX: Self = Self { millis: u64::MAX, sequence: u64::MAX };

    /// Reads an id; one without a number within its time has this one.
    pub(super) fn parse(text: &[u8], sequence: u64) -> Result<Self> {
        Self::read(text, sequence).ok_or_else(invalid)
    }

    fn read(text: &[u8], sequence: u64) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        match text.split_once('-') {
            Some((millis, sequence)) => Some(Self { millis: digits(millis)?, sequence: digits(sequence)? }),
            None => Some(Self { millis: digits(text)?, sequence }),
        }
    }

    /// Reads the time of an id whose number within it is to be found: `5-*`.
    pub(super) fn parse_millis(text: &[u8]) -> Option<u64> {
        digits(str::from_utf8(text).ok()?.strip_suffix("-*")?)
    }

    /// Reads the start of an interval: `-`, `5`, `(5-1`.
    pub(super) fn parse_start(text: &[u8]) -> Result<Self> {
        match text {
            [b'(', text @ ..] => {
                let id = Self::parse(text, 0)?;
                id.next().ok_or_else(|| Fault::new("ERR invalid start ID for the interval"))
            }
            _ => Self::parse_bound(text, 0),
        }
    }

    /// Reads the end of an interval: `+`, `5`, `(5-1`.
    pub(super) fn parse_end(text: &[u8]) -> Result<Self> {
        match text {
            [b'(', text @ ..] => {
                let id = Self::parse(text, u64::MAX)?;
                id.previous().ok_or_else(|| Fault::new("ERR invalid end ID for the interval"))
            }
            _ => Self::parse_bound(text, u64::MAX),
        }
    }

    fn parse_bound(text: &[u8], sequence: u64) -> Result<Self> {
        match text {
            b"-" => Ok(Self::MIN),
            b"+" => Ok(Self::MAX),
            _ => Self::parse(text, sequence),
        }
    }

    pub(super) fn next(self) -> Option<Self> {
        match self.sequence.checked_add(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => Some(Self { millis: self.millis.checked_add(1)?, sequence: 0 }),
        }
    }

    fn previous(self) -> Option<Self> {
        match self.sequence.checked_sub(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => Some(Self { millis: self.millis.checked_sub(1)?, sequence: u64::MAX }),
        }
    }

    pub(super) fn reply(self) -> Reply {
        Reply::bulk(self.to_string())
    }
}

pub(super) fn invalid() -> Fault {
    Fault::new("ERR Invalid stream ID specified as stream command argument")
}

fn digits(text: &str) -> Option<u64> {
    // `parse` would take a plus.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}
