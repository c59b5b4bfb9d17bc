//! From what a broker says to our error, which says who is to blame and whether trying again helps.

use zato_core::{Error, Retry};

use crate::wire::{Code, Scope, WireError};

/// Tells what a broker refused, or why it could not be asked. What it says itself is for the log: it names hosts, users
/// and queues.
pub(crate) fn of(error: WireError) -> Error {
    let message = error.message;
    let ours = match (error.scope, error.code) {
        (Scope::Nothing, _) => Error::internal(message),
        // Asked again, the broker says the same.
        (_, Some(Code::AccessRefused | Code::NotAllowed | Code::NotFound | Code::PreconditionFailed)) => {
            Error::upstream(message).with_retry(Retry::Never)
        }
        (Scope::Channel, _) => Error::upstream(message),
        (Scope::Connection, _) => Error::unavailable(message),
    };
    ours.with_public("the broker that messages are exchanged with does not do what it is asked for")
}
