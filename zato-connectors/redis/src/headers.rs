//! The fields of ours in entries of streams.

/// The correlation id.
pub(crate) const CID: &str = "x-zato-cid";

/// Where in a trace whoever added the entry stood (W3C Trace Context).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Why an entry was given up, in one line that anybody may read.
pub(crate) const ERROR: &str = "x-zato-error";

/// The kind of that, such as `invalid_input`.
pub(crate) const ERROR_KIND: &str = "x-zato-error-kind";

/// The channel that gave it up.
pub(crate) const CHANNEL_NAME: &str = "x-zato-channel";

/// The service that could not serve it.
pub(crate) const SERVICE: &str = "x-zato-service";

/// The stream that it came from.
pub(crate) const STREAM: &str = "x-zato-stream";

/// The id that it had there.
pub(crate) const ENTRY_ID: &str = "x-zato-entry-id";

/// How often it was tried.
pub(crate) const ATTEMPTS: &str = "x-zato-attempts";

/// When it was given up.
pub(crate) const FAILED_AT: &str = "x-zato-failed-at";

/// What an entry has that was given up, and that one which is put back has no more.
pub(crate) const OF_DEAD: [&str; 8] = [ERROR, ERROR_KIND, CHANNEL_NAME, SERVICE, STREAM, ENTRY_ID, ATTEMPTS, FAILED_AT];
