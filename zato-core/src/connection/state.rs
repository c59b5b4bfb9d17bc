use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

/// How a connection stands.
///
/// ```
/// use zato_core::{chrono::DateTime, connection::State};
///
/// let state = State::Down { since: DateTime::UNIX_EPOCH, error: "connection refused".to_owned(), attempts: 3 };
/// assert!(!state.is_up());
/// assert_eq!(state.to_string(), "down since 1970-01-01T00:00:00Z (3 attempts, last error: connection refused)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Configured with `is_active: false`.
    Inactive,
    /// Not made, since nobody put a fake in its place in a test.
    Unfaked,
    /// Being connected for the first time.
    Connecting,
    /// In use.
    Up {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Up, but the last pings were not answered; calls are made nevertheless.
    Failing {
        /// Since when.
        since: DateTime<Utc>,
        /// What the last ping ended with.
        error: String,
        /// How many pings have failed since.
        attempts: u32,
    },
    /// Lost or never reached; it is tried again with growing pauses.
    Down {
        /// Since when.
        since: DateTime<Utc>,
        /// What the last attempt ended with.
        error: String,
        /// How many attempts have failed since.
        attempts: u32,
    },
    /// Removed or replaced by a newer configuration, or the program is stopping.
    Closed,
}

impl State {
    /// Returns whether it is up, and answers as far as anybody knows.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// Returns it in one word: `inactive`, `unfaked`, `connecting`, `up`, `failing`, `down` or `closed`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Unfaked => "unfaked",
            Self::Connecting => "connecting",
            Self::Up { .. } => "up",
            Self::Failing { .. } => "failing",
            Self::Down { .. } => "down",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = |time: &DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        match self {
            Self::Inactive => f.write_str("inactive"),
            Self::Unfaked => f.write_str(
                "not made in a test; put a fake in its place with `.fake(name, &handle)`, or call `.real_connections()` \
                 on the app",
            ),
            Self::Connecting => f.write_str("still connecting"),
            Self::Up { since } => write!(f, "up since {}", second(since)),
            Self::Failing { since, error, attempts } => {
                write!(f, "failing since {} ({attempts} pings, last error: {error})", second(since))
            }
            Self::Down { since, error, attempts } => {
                write!(f, "down since {} ({attempts} attempts, last error: {error})", second(since))
            }
            Self::Closed => f.write_str("closed"),
        }
    }
}
