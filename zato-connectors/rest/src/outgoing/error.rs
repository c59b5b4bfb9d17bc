//! From reqwest's error to ours, which says who is to blame.

use std::error::Error as _;

use zato_core::{Error, Retry};

/// Tells what went wrong with a call. The URL is left out: what stands in its query string may be secret.
pub(super) fn of(error: reqwest::Error) -> Error {
    told(error, PARTNER)
}

/// Tells what went wrong when a token was fetched.
pub(super) fn of_token_endpoint(error: reqwest::Error) -> Error {
    told(error, "the token endpoint")
}

/// Who is called.
pub(super) const PARTNER: &str = "the partner";

fn told(error: reqwest::Error, whom: &str) -> Error {
    let error = error.without_url();
    let ours = failed_body(&error).unwrap_or_else(|| {
        let ours = Failure::of(&error).into_error(whom);
        if is_unseen(&error) { ours.with_retry(Retry::Unsent) } else { ours }
    });
    ours.with_source(error)
}

/// What a body that we were to send failed with, by which the partner did nothing wrong: our own caller may have broken
/// off what goes through to the partner.
fn failed_body(error: &reqwest::Error) -> Option<Error> {
    let cause = Error::find_in(error)?;
    Some(Error::new(cause.kind(), cause.message().to_owned()).with_public(cause.public_message().to_owned()))
}

/// Whether the partner says itself that it has not begun with the request: by HTTP/2 it refuses a stream, or is going away
/// (RFC 9113 §8.7).
fn is_unseen(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            let is_refused = h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            let is_leaving = h2.is_go_away() && h2.reason() == Some(h2::Reason::NO_ERROR);
            return h2.is_remote() && (is_refused || is_leaving);
        }
        next = cause.source();
    }
    false
}

/// How a call can fail on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It was never a request.
    Unsendable,
    NotAccepted,
    UnknownName,
    Unreachable,
    Slow,
    RedirectsTooOften,
    BrokenOff,
    /// What came, if anything, was no answer.
    Unusable,
}

impl Failure {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_builder() {
            Self::Unsendable
        } else if error.is_connect() && error.is_timeout() {
            Self::NotAccepted
        } else if error.is_dns() {
            Self::UnknownName
        } else if error.is_connect() {
            Self::Unreachable
        } else if error.is_timeout() {
            Self::Slow
        } else if error.is_redirect() {
            Self::RedirectsTooOften
        } else if error.is_body() || error.is_decode() {
            Self::BrokenOff
        } else {
            Self::Unusable
        }
    }

    /// Says who is to blame for it.
    pub(super) fn into_error(self, whom: &str) -> Error {
        match self {
            Self::Unsendable => Error::internal("the request can't be sent as it is"),
            Self::NotAccepted => {
                Error::timeout(format!("{whom} took too long to accept a connection")).with_retry(Retry::Unsent)
            }
            Self::UnknownName => Error::upstream(format!("the name of {whom} is not known")).with_retry(Retry::Unsent),
            Self::Unreachable => Error::upstream(format!("{whom} can't be reached")).with_retry(Retry::Unsent),
            Self::Slow => Error::timeout(format!("{whom} took too long to answer")),
            Self::RedirectsTooOften => Error::upstream(format!("{whom} redirects too often")).with_retry(Retry::Never),
            Self::BrokenOff => Error::upstream(format!("the exchange with {whom} broke off")),
            Self::Unusable => Error::upstream(format!("{whom} gave no usable answer")),
        }
    }
}

/// An answer larger than the connection allows.
pub(super) fn too_large(max: usize) -> Error {
    // The next one is as large.
    Error::upstream(format!("the answer is larger than {max} bytes; max_response_size may allow more"))
        .with_retry(Retry::Never)
}

/// No answer until the end of the call's time.
pub(super) fn too_slow() -> Error {
    Error::timeout("no answer within the call's timeout")
}
