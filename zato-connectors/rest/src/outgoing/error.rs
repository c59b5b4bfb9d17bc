//! From reqwest's error to ours, which says who is to blame.

use zato_core::Error;

/// Tells what went wrong with a call. The URL is left out: what stands in its query string may be secret.
pub(super) fn of(error: reqwest::Error) -> Error {
    told(error, "the partner")
}

/// Tells what went wrong when a token was fetched.
pub(super) fn of_token_endpoint(error: reqwest::Error) -> Error {
    told(error, "the token endpoint")
}

fn told(error: reqwest::Error, whom: &str) -> Error {
    let error = error.without_url();
    let ours = if error.is_builder() {
        Error::internal("the request can't be sent as it is")
    } else if error.is_connect() && is_slow(&error) {
        Error::timeout(format!("{whom} took too long to accept a connection"))
    } else if error.is_dns() {
        Error::upstream(format!("the name of {whom} is not known"))
    } else if error.is_connect() {
        Error::upstream(format!("{whom} can't be reached"))
    } else if is_slow(&error) {
        Error::timeout(format!("{whom} took too long to answer"))
    } else if error.is_redirect() {
        Error::upstream(format!("{whom} redirects too often"))
    } else if error.is_body() || error.is_decode() {
        Error::upstream(format!("the exchange with {whom} broke off"))
    } else {
        Error::upstream(format!("{whom} gave no usable answer"))
    };
    ours.with_source(error)
}

fn is_slow(error: &reqwest::Error) -> bool {
    error.is_timeout()
}

/// An answer larger than the connection allows.
pub(super) fn too_large(max: usize) -> Error {
    Error::upstream(format!("the answer is larger than {max} bytes; max_response_size may allow more"))
}

/// No answer until the end of the call's time.
pub(super) fn too_slow() -> Error {
    Error::timeout("no answer within the call's timeout")
}
