use std::fmt;

use http::StatusCode;

/// Says what went wrong in terms of what the caller does next.
///
/// Kinds are coarse on purpose: a new one is added only when somebody would act differently on it.
/// Channels turn a kind into their protocol's own sign, for REST through [`Kind::status`].
///
/// ```
/// use zato_core::{Error, Kind};
///
/// let error = Error::new(Kind::Conflict, "the order was changed meanwhile");
/// assert_eq!(error.kind().status().as_u16(), 409);
/// assert!(error.kind().is_callers());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The caller sent something that can't be used; sending it again gives the same answer.
    InvalidInput,
    /// The caller did not say who it is, or not convincingly.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    /// What the caller asked for is not there.
    NotFound,
    /// The state of things does not allow this now: a duplicate, a stale version.
    Conflict,
    /// The caller sent more than is accepted.
    TooLarge,
    /// The caller sent a form of payload that is not understood here.
    UnsupportedMediaType,
    /// The caller asks too often.
    RateLimited,
    /// A deadline passed before the work was done.
    Timeout,
    /// Nothing is wrong with the request, but we can't take it now: overloaded, stopping, or a connection is down.
    Unavailable,
    /// A system that we called failed, or answered something that can't be used.
    Upstream,
    /// The configuration can't be used.
    Config,
    /// A fault of ours, or of the service.
    Internal,
}

impl Kind {
    /// Returns the HTTP status that this kind is told with (RFC 9110 §15).
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidInput => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream => StatusCode::BAD_GATEWAY,
            Self::Config | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns a stable lower-case name, as it stands in logs and metrics (`error.type`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Upstream => "upstream",
            Self::Config => "config",
            Self::Internal => "internal",
        }
    }

    /// Tells whether the fault lies with whoever sent the request.
    #[must_use]
    pub const fn is_callers(self) -> bool {
        matches!(
            self,
            Self::InvalidInput
                | Self::Unauthenticated
                | Self::Forbidden
                | Self::NotFound
                | Self::Conflict
                | Self::TooLarge
                | Self::UnsupportedMediaType
                | Self::RateLimited
        )
    }

    /// Returns what a remote caller reads when an error of this kind carries no public message of its own.
    pub(crate) const fn public_text(self) -> &'static str {
        match self {
            Self::InvalidInput => "the request can't be used",
            Self::Unauthenticated => "credentials are missing or wrong",
            Self::Forbidden => "this is not allowed",
            Self::NotFound => "not found",
            Self::Conflict => "the request conflicts with the current state",
            Self::TooLarge => "the request is too large",
            Self::UnsupportedMediaType => "the payload's format is not supported",
            Self::RateLimited => "too many requests",
            Self::Timeout => "the request took too long",
            Self::Unavailable => "temporarily unavailable",
            Self::Upstream => "another system that is needed for this failed",
            Self::Config | Self::Internal => "an error has occurred",
        }
    }

    /// Returns whether trying again may help, as far as the kind alone can tell.
    pub(crate) const fn retry(self) -> Retry {
        match self {
            Self::RateLimited | Self::Timeout | Self::Unavailable | Self::Upstream => Retry::Later,
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says whether doing the same thing again can help.
///
/// ```
/// use zato_core::{Error, Retry};
///
/// assert_eq!(Error::upstream("the CRM answered 500").retry(), Retry::Later);
/// assert_eq!(Error::not_found("no such client").retry(), Retry::Never);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The same request fails the same way.
    Never,
    /// The same request may succeed after a pause, if it is safe to send twice.
    Later,
    /// The other side has not seen the request, so it may be sent again whatever it is about: a connection that could
    /// not be made.
    Unsent,
}
