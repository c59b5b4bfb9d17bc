//! The headers of ours, by which one attempt knows of those before it, and a person why a message was given up.

/// How often a message was tried. Copies carry it, which is what tells them from messages as they were sent.
pub(crate) const ATTEMPT: &str = "x-zato-attempt";

/// The exchange that a message was published to at first.
pub(crate) const EXCHANGE: &str = "x-zato-exchange";

/// The routing key that it was published with at first.
pub(crate) const ROUTING_KEY: &str = "x-zato-routing-key";

/// How often a message was tried that was given up. Another name than that of a message that comes again: one that somebody
/// puts back from the dead letters begins anew.
pub(crate) const ATTEMPTS: &str = "x-zato-attempts";

/// The exchange that a message was published to at first that was given up.
pub(crate) const FIRST_EXCHANGE: &str = "x-zato-first-exchange";

/// The routing key that it was published with at first.
pub(crate) const FIRST_ROUTING_KEY: &str = "x-zato-first-routing-key";

/// On a copy that came without the headers of who sent the message, since with ours they would not fit into a frame.
pub(crate) const HEADERS_DROPPED: &str = "x-zato-headers-dropped";

/// The correlation id, on what outgoing connections send as well.
pub(crate) const CID: &str = "x-zato-cid";

/// Where in a trace whoever sent the message stood (W3C Trace Context).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Why a message was given up, in one line that anybody may read.
pub(crate) const ERROR: &str = "x-zato-error";

/// The kind of that, such as `invalid_input`.
pub(crate) const ERROR_KIND: &str = "x-zato-error-kind";

/// The channel that gave it up.
pub(crate) const CHANNEL_NAME: &str = "x-zato-channel";

/// The service that could not serve it.
pub(crate) const SERVICE: &str = "x-zato-service";

/// The queue that it came from.
pub(crate) const QUEUE: &str = "x-zato-queue";

/// When it was given up.
pub(crate) const FAILED_AT: &str = "x-zato-failed-at";
