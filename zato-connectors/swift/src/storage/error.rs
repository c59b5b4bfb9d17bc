//! From what opendal fails with to our error.

use std::{error::Error as StdError, io};

use opendal::{Error as OpendalError, ErrorKind};
use zato_core::{Error, Kind, Retry};

/// Makes our error of one of opendal's. What its requests failed with on our own wire is said as it was there, with
/// [`SwiftError`](crate::SwiftError) among the causes.
pub(crate) fn of_opendal(error: OpendalError) -> Error {
    if let Some(cause) = Error::find_in(&error) {
        let ours = Error::new(cause.kind(), cause.message().to_owned()).with_public(cause.public_message().to_owned());
        return ours.with_retry(cause.retry()).with_source(error);
    }
    let (kind, words) = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => (Kind::NotFound, "there is no such container or object"),
        ErrorKind::ConditionNotMatch | ErrorKind::AlreadyExists => {
            (Kind::Conflict, "a condition of the request was not met")
        }
        ErrorKind::Conflict | ErrorKind::IsSameFile | ErrorKind::IsADirectory => {
            (Kind::Conflict, "the state of the container or object does not allow this")
        }
        ErrorKind::PermissionDenied => (Kind::Upstream, "the object storage does not allow this"),
        ErrorKind::RateLimited => (Kind::RateLimited, "the object storage is asked too often"),
        ErrorKind::RangeNotSatisfied => (Kind::InvalidInput, "the object ends before the range"),
        ErrorKind::Unsupported => (Kind::Internal, "the object storage can't do this"),
        ErrorKind::ConfigInvalid => (Kind::Config, "the object storage can't be used as it is configured"),
        _ => of_unexpected(&error),
    };
    let retry = match kind {
        Kind::Unavailable | Kind::RateLimited | Kind::Timeout => Retry::Later,
        _ => Retry::Never,
    };
    Error::new(kind, words).with_retry(retry).with_source(error)
}

/// What opendal has no word for: the operating system may have one.
fn of_unexpected(error: &OpendalError) -> (Kind, &'static str) {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(kind) => of_kind(kind),
        None if error.is_temporary() || error.is_persistent() => {
            (Kind::Unavailable, "the object storage can't do this now")
        }
        None => (Kind::Upstream, "what the object storage answered is not what was expected"),
    }
}

/// Makes our error of what the operating system says about a file.
pub(crate) fn of_file(error: io::Error) -> Error {
    let (kind, words) = of_kind(error.kind());
    let retry = if kind == Kind::Unavailable { Retry::Later } else { Retry::Never };
    Error::new(kind, words).with_retry(retry).with_source(error)
}

fn of_kind(kind: io::ErrorKind) -> (Kind, &'static str) {
    match kind {
        io::ErrorKind::NotFound => (Kind::NotFound, "there is no such container or object"),
        io::ErrorKind::AlreadyExists => (Kind::Conflict, "a condition of the request was not met"),
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty => {
            (Kind::Conflict, "a folder can't have an object and a folder of the same name")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (Kind::Upstream, "the object storage does not allow this")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (Kind::Unavailable, "the object storage has no room left")
        }
        io::ErrorKind::FileTooLarge => (Kind::TooLarge, "the object is larger than what is accepted"),
        io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput => {
            (Kind::InvalidInput, "the object storage can't keep an object of this name")
        }
        io::ErrorKind::Unsupported => (Kind::Internal, "the object storage can't do this"),
        _ => (Kind::Unavailable, "the object storage can't do this now"),
    }
}

/// Says that a store can't do what it was asked for.
pub(crate) fn unsupported(scheme: &str, what: &str) -> Error {
    Error::internal(format!("the object storage can't {what}: its scheme is {scheme}"))
}

/// Says that there is no such object.
pub(crate) fn not_found() -> Error {
    Error::not_found("there is no such container or object")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SwiftError, SwiftErrorKind, error};

    #[test]
    fn each_kind_is_told_by_what_the_caller_does_next() {
        for (kind, ours, retry) in [
            (ErrorKind::NotFound, Kind::NotFound, Retry::Never),
            (ErrorKind::ConditionNotMatch, Kind::Conflict, Retry::Never),
            (ErrorKind::PermissionDenied, Kind::Upstream, Retry::Never),
            (ErrorKind::RateLimited, Kind::RateLimited, Retry::Later),
            (ErrorKind::RangeNotSatisfied, Kind::InvalidInput, Retry::Never),
            (ErrorKind::Unsupported, Kind::Internal, Retry::Never),
            (ErrorKind::ConfigInvalid, Kind::Config, Retry::Never),
            (ErrorKind::Unexpected, Kind::Upstream, Retry::Never),
        ] {
            let error = of_opendal(OpendalError::new(kind, "secret place"));
            assert_eq!((error.kind(), error.retry()), (ours, retry), "{kind}");
            assert!(!error.public_message().contains("secret"), "{kind}");
        }
        let full = OpendalError::new(ErrorKind::Unexpected, "").set_source(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(of_opendal(full).message(), "the object storage has no room left");
    }

    #[test]
    fn what_our_own_wire_failed_with_stays_what_it_is() {
        let ours = error::of_kind(SwiftErrorKind::TooManyWaiting, "5 are on their way");
        let theirs = OpendalError::new(ErrorKind::Unexpected, "").set_source(io::Error::other(ours));
        let error = of_opendal(theirs);
        assert_eq!((error.kind(), error.retry()), (Kind::Unavailable, Retry::Unsent));
        assert_eq!(error.find::<SwiftError>().map(SwiftError::kind), Some(SwiftErrorKind::TooManyWaiting));
    }
}
