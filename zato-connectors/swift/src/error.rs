//! From what Swift answers, and from what happens on the way, to our error.

use std::{
    error::Error as StdError,
    fmt::{self, Write as _},
};

use http::StatusCode;
use zato_core::{BoxError, Error, Kind, Retry};

/// What an exchange with Swift failed with, among the causes of our error.
///
/// # Examples
///
/// ```
/// use zato_core::Error;
/// use zato_swift::{SwiftError, SwiftErrorKind};
///
/// fn is_missing(error: &Error) -> bool {
///     error.find::<SwiftError>().is_some_and(|error| error.kind() == SwiftErrorKind::NotFound)
/// }
/// # assert!(!is_missing(&Error::internal("something else")));
/// ```
#[derive(Debug)]
pub struct SwiftError {
    kind: SwiftErrorKind,
    status: Option<StatusCode>,
    /// What the server said about it, shortened.
    said: String,
}

/// What an exchange with Swift failed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SwiftErrorKind {
    /// No connection could be made, or it broke.
    ConnectionLost,
    /// The server took too long.
    Timeout,
    /// So many requests are on their way that no place was free in time.
    TooManyWaiting,
    /// Who asks was not accepted, also with a new token (401), or could not log in.
    NotAuthenticated,
    /// Who asks may not do this (403).
    NotAllowed,
    /// There is no such container or object (404).
    NotFound,
    /// The container is not empty, or the request goes against another one (409).
    Conflict,
    /// A condition of the request was not met (412).
    PreconditionFailed,
    /// The object is too large, or there is no room for it in the account or container (413).
    TooLarge,
    /// The object ends before the range that was asked for (416).
    RangeNotSatisfiable,
    /// What was stored, or read, is not what was sent (422, or an ETag that differs).
    ChecksumMismatch,
    /// Requests come too fast (498 of Swift, 429 of what stands before it).
    RateLimited,
    /// The server can't do it now (500, 502, 503, 504).
    NotNow,
    /// The disks of the server are full (507).
    Full,
    /// The answer is not what the protocol says.
    UnexpectedAnswer,
    /// The request can't be done as it is (another 4xx), or not by this server (501).
    Refused,
}

impl SwiftError {
    /// Returns what it is about.
    #[must_use]
    pub fn kind(&self) -> SwiftErrorKind {
        self.kind
    }

    /// Returns the status that the server answered with, if it did.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }
}

impl fmt::Display for SwiftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.said.is_empty()) {
            (Some(status), true) => write!(f, "status {}", status.as_u16()),
            (Some(status), false) => write!(f, "status {}: {}", status.as_u16(), self.said),
            (None, true) => f.write_str(self.kind.words()),
            (None, false) => f.write_str(&self.said),
        }
    }
}

impl StdError for SwiftError {}

/// How much of what a server says about a fault is kept.
const SAID: usize = 500;

/// Makes our error of an answer that is none of those that were hoped for.
pub(crate) fn of_status(status: StatusCode, body: &[u8]) -> Error {
    let said: String = String::from_utf8_lossy(body).split_whitespace().collect::<Vec<_>>().join(" ");
    let said = without_tags(&said).chars().take(SAID).collect();
    SwiftErrorKind::of(status).told(Some(status), said)
}

/// Makes our error of something that went wrong without an answer.
pub(crate) fn of_kind(kind: SwiftErrorKind, said: impl Into<String>) -> Error {
    kind.told(None, said.into())
}

/// Makes our error of an answer that is not what the protocol says.
pub(crate) fn unexpected(said: impl Into<String>) -> Error {
    of_kind(SwiftErrorKind::UnexpectedAnswer, said)
}

/// Makes our error of what the library failed with. The URL is left out: a temporary one is as good as a key.
pub(crate) fn of_transport(error: reqwest::Error) -> Error {
    let error = error.without_url();
    if let Some(cause) = Error::find_in(&error) {
        // What a body that we were to send failed with.
        let ours = Error::new(cause.kind(), cause.message().to_owned()).with_public(cause.public_message().to_owned());
        return ours.with_retry(Retry::Never).with_source(error);
    }
    let is_unsent = error.is_connect();
    let kind = if error.is_timeout() { SwiftErrorKind::Timeout } else { SwiftErrorKind::ConnectionLost };
    let ours = of_kind(kind, innermost(&error));
    if is_unsent { ours.with_retry(Retry::Unsent) } else { ours }
}

/// The library's own words are the same for most faults; what it was in fact is said furthest in.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Swift explains itself in HTML.
fn without_tags(text: &str) -> String {
    let (mut plain, mut is_tag) = (String::with_capacity(text.len()), false);
    for character in text.chars() {
        match character {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                plain.push(' ');
            }
            _ if is_tag => {}
            _ => plain.push(character),
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether an answer may be another one when the request is made again, at once, later, or with another token.
pub(crate) fn may_change(status: StatusCode) -> bool {
    let kind = SwiftErrorKind::of(status);
    kind.is_passing() || matches!(kind, SwiftErrorKind::Full | SwiftErrorKind::NotAuthenticated)
}

/// Returns the kind of an error that came from an exchange of this connection.
pub(crate) fn kind_of(error: &Error) -> Option<SwiftErrorKind> {
    own(error).map(SwiftError::kind)
}

/// Whether a server says that a quota of the container or account leaves no room, and not that the object is too large
/// (container_quotas.py and account_quotas.py: "Upload exceeds quota.").
pub(crate) fn is_about_quota(error: &Error) -> bool {
    own(error).is_some_and(|own| own.said.to_ascii_lowercase().contains("quota"))
}

/// Returns what an exchange of this connection failed with, and not that of [another one](elsewhere).
pub(crate) fn own(error: &Error) -> Option<&SwiftError> {
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.is::<Elsewhere>() {
            return None;
        }
        if let Some(own) = cause.downcast_ref() {
            return Some(own);
        }
        next = cause.source();
    }
    None
}

/// Marks what a stream failed with that was to be sent: what it says of an exchange is none of ours, and nothing is tried again,
/// nor a token renewed, because of it.
pub(crate) fn elsewhere(error: Error) -> Error {
    if error.find::<SwiftError>().is_none() {
        return error;
    }
    let ours = Error::new(error.kind(), error.message().to_owned()).with_public(error.public_message().to_owned());
    let ours = match error.retry_after() {
        Some(wait) => ours.with_retry_after(wait),
        None => ours,
    };
    let mut place = String::new();
    for (key, value) in error.context() {
        // Writing into a string can't fail.
        let _ = write!(place, " ({key}: {value})");
    }
    ours.with_retry(error.retry()).with_source(Elsewhere { place, error: error.into() })
}

/// What failed at another connection.
#[derive(Debug)]
struct Elsewhere {
    place: String,
    error: BoxError,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what was to be sent could not be read{}", self.place)
    }
}

impl StdError for Elsewhere {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

impl SwiftErrorKind {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::NotAuthenticated,
            403 => Self::NotAllowed,
            404 => Self::NotFound,
            408 => Self::Timeout,
            409 => Self::Conflict,
            412 => Self::PreconditionFailed,
            413 => Self::TooLarge,
            416 => Self::RangeNotSatisfiable,
            422 => Self::ChecksumMismatch,
            429 | 498 => Self::RateLimited,
            507 => Self::Full,
            400..500 | 501 | 505 => Self::Refused,
            500.. => Self::NotNow,
            _ => Self::UnexpectedAnswer,
        }
    }

    fn told(self, status: Option<StatusCode>, said: String) -> Error {
        Error::new(self.kind(), self.words()).with_retry(self.retry()).with_source(SwiftError {
            kind: self,
            status,
            said,
        })
    }

    fn kind(self) -> Kind {
        match self {
            Self::Timeout => Kind::Timeout,
            Self::ConnectionLost | Self::TooManyWaiting | Self::NotNow | Self::Full => Kind::Unavailable,
            Self::NotFound => Kind::NotFound,
            Self::Conflict | Self::PreconditionFailed => Kind::Conflict,
            Self::TooLarge => Kind::TooLarge,
            Self::RateLimited => Kind::RateLimited,
            Self::NotAuthenticated | Self::NotAllowed | Self::ChecksumMismatch | Self::UnexpectedAnswer => {
                Kind::Upstream
            }
            Self::RangeNotSatisfiable => Kind::InvalidInput,
            Self::Refused => Kind::Internal,
        }
    }

    fn retry(self) -> Retry {
        match self {
            Self::TooManyWaiting => Retry::Unsent,
            Self::ConnectionLost
            | Self::Timeout
            | Self::RateLimited
            | Self::NotNow
            | Self::Full
            | Self::ChecksumMismatch => Retry::Later,
            _ => Retry::Never,
        }
    }

    /// Whether the next attempt may fare better, without anybody doing anything about it.
    pub(crate) fn is_passing(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::Timeout | Self::RateLimited | Self::NotNow)
    }

    fn words(self) -> &'static str {
        match self {
            Self::ConnectionLost => "the connection to the object storage broke, or could not be made",
            Self::Timeout => "the object storage took too long",
            Self::TooManyWaiting => "no place was free for the request in time",
            Self::NotAuthenticated => "the object storage does not accept who asks",
            Self::NotAllowed => "the object storage does not allow this",
            Self::NotFound => "there is no such container or object",
            Self::Conflict => "the state of the container or object does not allow this",
            Self::PreconditionFailed => "a condition of the request was not met",
            Self::TooLarge => "the object is larger than what is accepted",
            Self::RangeNotSatisfiable => "the object ends before the range",
            Self::ChecksumMismatch => "what arrived is not what was sent",
            Self::RateLimited => "the object storage is asked too often",
            Self::NotNow => "the object storage can't do this now",
            Self::Full => "the object storage has no room left",
            Self::UnexpectedAnswer => "what the object storage answered is not what was expected",
            Self::Refused => "the request can't be done as it is",
        }
    }

    /// Returns the word that metrics count it by.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ConnectionLost => "connection_lost",
            Self::Timeout => "timeout",
            Self::TooManyWaiting => "too_many_waiting",
            Self::NotAuthenticated => "not_authenticated",
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::PreconditionFailed => "precondition_failed",
            Self::TooLarge => "too_large",
            Self::RangeNotSatisfiable => "range_not_satisfiable",
            Self::ChecksumMismatch => "checksum_mismatch",
            Self::RateLimited => "rate_limited",
            Self::NotNow => "not_now",
            Self::Full => "full",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_told_by_who_is_to_blame_and_whether_to_try_again() {
        for (status, kind, ours, retry) in [
            (401, SwiftErrorKind::NotAuthenticated, Kind::Upstream, Retry::Never),
            (403, SwiftErrorKind::NotAllowed, Kind::Upstream, Retry::Never),
            (404, SwiftErrorKind::NotFound, Kind::NotFound, Retry::Never),
            (409, SwiftErrorKind::Conflict, Kind::Conflict, Retry::Never),
            (412, SwiftErrorKind::PreconditionFailed, Kind::Conflict, Retry::Never),
            (413, SwiftErrorKind::TooLarge, Kind::TooLarge, Retry::Never),
            (416, SwiftErrorKind::RangeNotSatisfiable, Kind::InvalidInput, Retry::Never),
            (422, SwiftErrorKind::ChecksumMismatch, Kind::Upstream, Retry::Later),
            (429, SwiftErrorKind::RateLimited, Kind::RateLimited, Retry::Later),
            (498, SwiftErrorKind::RateLimited, Kind::RateLimited, Retry::Later),
            (503, SwiftErrorKind::NotNow, Kind::Unavailable, Retry::Later),
            (507, SwiftErrorKind::Full, Kind::Unavailable, Retry::Later),
            (411, SwiftErrorKind::Refused, Kind::Internal, Retry::Never),
            (501, SwiftErrorKind::Refused, Kind::Internal, Retry::Never),
            (302, SwiftErrorKind::UnexpectedAnswer, Kind::Upstream, Retry::Never),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = of_status(status, b"<html><h1>No</h1><p>secret  place</p></html>");
            assert_eq!((kind_of(&error), error.kind(), error.retry()), (Some(kind), ours, retry), "{status}");
            assert!(!error.public_message().contains("secret"), "{status}");
            assert!(error.report().to_string().ends_with("No secret place"), "{}", error.report());
        }
    }
}
