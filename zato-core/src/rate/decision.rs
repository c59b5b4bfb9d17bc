use std::time::Duration;

use chrono::{DateTime, Utc};

/// What a limiter says of a request.
///
/// # Examples
///
/// ```
/// use zato_core::rate::Decision;
///
/// fn status(decision: &Decision) -> u16 {
///     match decision {
///         Decision::Limited { .. } => 429,
///         Decision::Disallowed => 403,
///         _ => 200,
///     }
/// }
///
/// assert_eq!(status(&Decision::Unlimited), 200);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Nothing is said about this address at this time.
    Unlimited,
    /// It is within the limit, and was counted.
    Allowed(Standing),
    /// It is one too many, and was not counted.
    Limited {
        /// Of the limit that is used up.
        standing: Standing,
        /// When there will be room for one more.
        retry_after: Duration,
        /// Whether it is the first that this client is refused since one was allowed: enough to log.
        is_first: bool,
    },
    /// This address may not send anything at this time.
    Disallowed,
}

/// How much of a limit a client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// How many requests there may be in all.
    pub limit: u64,
    /// How many more there may be now.
    pub remaining: u64,
    /// How long the window is; for a bucket, how long an empty one takes to be full.
    pub window: Duration,
    /// How long it is until all of the limit is there again.
    pub resets_in: Duration,
    /// When that is.
    pub resets_at: DateTime<Utc>,
}

impl Standing {
    pub(super) fn new(limit: u64, remaining: u64, window: Duration, resets_in: Duration, now: DateTime<Utc>) -> Self {
        Self { limit, remaining, window, resets_in, resets_at: now + resets_in }
    }
}
