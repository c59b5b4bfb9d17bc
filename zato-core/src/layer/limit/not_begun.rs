use std::{error, fmt};

use crate::error::Error;

/// Why a request has failed whose service was never called: there was no place for it, nor one to wait, or it has waited for
/// longer than its channel's timeout. A cause of the error that says so.
///
/// ```
/// use zato_core::{Error, layer::limit::NotBegun};
///
/// let refused = Error::unavailable("too many requests are in work and waiting").with_source(NotBegun);
/// assert!(NotBegun::is_cause_of(&refused));
/// assert!(!NotBegun::is_cause_of(&Error::unavailable("the warehouse is away")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBegun;

impl NotBegun {
    /// Returns whether an error says this of the request itself, and not of something that its service has asked for.
    #[must_use]
    pub fn is_cause_of(error: &Error) -> bool {
        error.source().is_some_and(<dyn error::Error>::is::<Self>)
    }
}

impl fmt::Display for NotBegun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service was not called")
    }
}

impl error::Error for NotBegun {}
