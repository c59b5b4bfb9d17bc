use std::time::Duration;

use http::StatusCode;

use super::{Deadline, bulkhead::Place};
use crate::error::{Error, Kind, Result, Retry};

/// A request to another system, as far as the layers of this room need to know it.
///
/// A clone is what is sent once more, so it has to be cheap: a connector keeps what is large behind an `Arc`.
///
/// # Examples
///
/// ```
/// use zato_core::resilience::{OutgoingRequest, Repeat};
///
/// #[derive(Clone)]
/// struct Query(&'static str);
///
/// impl OutgoingRequest for Query {
///     fn repeat(&self) -> Repeat {
///         if self.0.starts_with("SELECT") { Repeat::Safe } else { Repeat::Unsent }
///     }
/// }
///
/// assert_eq!(Query("DELETE FROM orders").repeat(), Repeat::Unsent);
/// ```
pub trait OutgoingRequest: Clone {
    /// Says under which circumstances it may be sent more than once.
    fn repeat(&self) -> Repeat;

    /// Returns when its caller stops waiting, retries and pauses included; `None` if it waits for as long as it takes.
    fn deadline(&self) -> Option<Deadline> {
        None
    }
}

/// Under which circumstances a request may be sent more than once.
///
/// # Examples
///
/// ```
/// use zato_core::{Retry, resilience::Repeat};
///
/// assert!(Repeat::Safe.allows(Retry::Later));
/// assert!(Repeat::Unsent.allows(Retry::Unsent) && !Repeat::Unsent.allows(Retry::Later));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repeat {
    /// Twice has the effect of once: an idempotent method (RFC 9110 §9.2.2), or its caller said so.
    Safe,
    /// Only if the other side has not seen it.
    Unsent,
    /// Never: there is only one of it, such as a body that is read while it is sent.
    Never,
}

impl Repeat {
    /// Tells whether a request may be sent again after a failure of that class.
    #[must_use]
    pub const fn allows(self, retry: Retry) -> bool {
        match retry {
            Retry::Never => false,
            Retry::Later => matches!(self, Self::Safe),
            Retry::Unsent => !matches!(self, Self::Never),
        }
    }
}

/// The answer of another system, as far as the layers of this room need to know it.
///
/// # Examples
///
/// ```
/// use zato_core::{http::StatusCode, resilience::{Health, OutgoingResponse, Verdict}};
///
/// struct Answer(StatusCode);
///
/// impl OutgoingResponse for Answer {
///     fn verdict(&self) -> Verdict {
///         Verdict::of_status(self.0, None)
///     }
/// }
///
/// assert_eq!(Answer(StatusCode::NOT_FOUND).verdict().health, Health::Good);
/// ```
pub trait OutgoingResponse {
    /// Says what the answer tells of the other side.
    fn verdict(&self) -> Verdict {
        Verdict::GOOD
    }

    /// Takes over the place that the call had among those at work. It is given back when it is dropped, which is at once
    /// unless this keeps it: an answer whose body is still to come keeps it until that has ended.
    fn hold(&mut self, place: Place) {
        drop(place);
    }
}

/// What a single attempt tells of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// It did its work, even if that was to say no.
    Good,
    /// It failed, was too slow, or was not there.
    Failed,
    /// Nothing: it was not asked.
    Unknown,
}

/// What is to be made of a single attempt.
///
/// # Examples
///
/// ```
/// use zato_core::{Error, Retry, resilience::{Health, Verdict}};
///
/// let verdict = Verdict::of_error(&Error::upstream("connection refused").with_retry(Retry::Unsent));
/// assert_eq!((verdict.health, verdict.retry), (Health::Failed, Retry::Unsent));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What it tells of the other side, which is what a circuit breaker counts.
    pub health: Health,
    /// Whether the same may be tried again.
    pub retry: Retry,
    /// When, if the other side has said so.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    /// All is well.
    pub const GOOD: Self = Self { health: Health::Good, retry: Retry::Never, retry_after: None };

    /// The other side failed, and trying again does not help.
    pub const FAILED: Self = Self { health: Health::Failed, retry: Retry::Never, retry_after: None };

    /// Says whether trying again can help, and when.
    #[must_use]
    pub const fn with_retry(self, retry: Retry, retry_after: Option<Duration>) -> Self {
        Self { retry, retry_after, ..self }
    }

    /// Judges a status of HTTP, with what its `Retry-After` says.
    ///
    /// A status of 500 and above is a failure of the other side, of which 502, 503 and 504 may be tried again. So may 429,
    /// which is no failure: who is there to count requests is well.
    #[must_use]
    pub fn of_status(status: StatusCode, retry_after: Option<Duration>) -> Self {
        match status.as_u16() {
            429 => Self::GOOD.with_retry(Retry::Later, retry_after),
            502..=504 => Self::FAILED.with_retry(Retry::Later, retry_after),
            500.. => Self::FAILED,
            _ => Self::GOOD,
        }
    }

    /// Judges an error by its kind.
    ///
    /// [`Kind::Upstream`] and [`Kind::Timeout`] are failures of the other side. Every other kind was decided on this side,
    /// such as [`Kind::Unavailable`] where a circuit breaker is open; it is tried again only if the error itself says
    /// [`Retry::Unsent`]. So is one that has another of ours among its causes: somebody else failed, on whom the call
    /// depended, such as the sender of a body that goes through or the endpoint that issues tokens.
    #[must_use]
    pub fn of_error(error: &Error) -> Self {
        let (retry, retry_after) = (error.retry(), error.retry_after());
        let is_somebody_elses = error.source().is_some_and(|cause| Error::find_in(cause).is_some());
        match error.kind() {
            Kind::Upstream | Kind::Timeout if !is_somebody_elses => Self::FAILED.with_retry(retry, retry_after),
            _ => {
                let retry = if retry == Retry::Unsent { retry } else { Retry::Never };
                Self { health: Health::Unknown, retry, retry_after }
            }
        }
    }

    /// Judges what an attempt has come to.
    pub fn of<R: OutgoingResponse>(result: &Result<R>) -> Self {
        match result {
            Ok(response) => response.verdict(),
            Err(error) => Self::of_error(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BoxError;

    #[test]
    fn a_status_tells_who_failed_and_whether_to_try_again() {
        for (status, health, retry) in [
            (200, Health::Good, Retry::Never),
            (304, Health::Good, Retry::Never),
            (404, Health::Good, Retry::Never),
            (429, Health::Good, Retry::Later),
            (500, Health::Failed, Retry::Never),
            (501, Health::Failed, Retry::Never),
            (502, Health::Failed, Retry::Later),
            (503, Health::Failed, Retry::Later),
            (504, Health::Failed, Retry::Later),
            (505, Health::Failed, Retry::Never),
            (999, Health::Failed, Retry::Never),
        ] {
            let verdict = Verdict::of_status(StatusCode::from_u16(status).unwrap(), None);
            assert_eq!((verdict.health, verdict.retry), (health, retry), "{status}");
        }
    }

    #[test]
    fn what_was_decided_on_this_side_says_nothing_of_the_other() {
        let wait = Duration::from_secs(1);
        for (error, health, retry) in [
            (Error::upstream("reset"), Health::Failed, Retry::Later),
            (Error::upstream("refused").with_retry(Retry::Unsent), Health::Failed, Retry::Unsent),
            (Error::upstream("too large").with_retry(Retry::Never), Health::Failed, Retry::Never),
            (Error::timeout("slow"), Health::Failed, Retry::Later),
            (Error::unavailable("open").with_retry_after(wait), Health::Unknown, Retry::Never),
            (Error::invalid_input("no id"), Health::Unknown, Retry::Never),
            (Error::internal("bug"), Health::Unknown, Retry::Never),
            (
                Error::timeout("no token").with_source(BoxError::from(Error::timeout("the endpoint is slow"))),
                Health::Unknown,
                Retry::Never,
            ),
            (Error::upstream("reset").with_source(std::io::Error::other("reset")), Health::Failed, Retry::Later),
        ] {
            let verdict = Verdict::of_error(&error);
            assert_eq!((verdict.health, verdict.retry), (health, retry), "{error}");
        }
    }

    #[test]
    fn only_what_nobody_has_seen_is_sent_again_whatever_it_is() {
        for (repeat, allowed) in [
            (Repeat::Safe, [false, true, true]),
            (Repeat::Unsent, [false, false, true]),
            (Repeat::Never, [false, false, false]),
        ] {
            assert_eq!([Retry::Never, Retry::Later, Retry::Unsent].map(|retry| repeat.allows(retry)), allowed);
        }
    }
}
