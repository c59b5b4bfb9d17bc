use std::{fmt, sync::Arc, time::Duration};

use zato_core::{bytes::Bytes, service::Context};

use crate::StreamEntry;

/// What Redis says of the entry of a stream that a service was called with.
///
/// # Examples
///
/// ```
/// use zato_core::service::Context;
/// use zato_redis::Received;
///
/// fn may_be_done_already(ctx: &Context) -> bool {
///     // `None` if the request came some other way, such as over HTTP.
///     Received::of(ctx).is_some_and(Received::is_redelivered)
/// }
/// ```
pub struct Received {
    pub(crate) stream: Arc<str>,
    pub(crate) group: Arc<str>,
    pub(crate) consumer: Arc<str>,
    pub(crate) entry: StreamEntry,
    pub(crate) attempt: u32,
}

impl Received {
    /// Returns what is known of the entry that a request began with; `None` if it did not come from a channel of Redis, or if
    /// this is a service that another one has invoked.
    #[must_use]
    pub fn of(ctx: &Context) -> Option<&Self> {
        ctx.extension::<Arc<Self>>().map(Arc::as_ref)
    }

    /// Returns the stream that it stands in, as configured.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Returns the group that it was read for.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Returns the consumer of the group that it was given to.
    #[must_use]
    pub fn consumer(&self) -> &str {
        &self.consumer
    }

    /// Returns its id, such as `1526569495631-0`, which it keeps however often it comes.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.entry.id
    }

    /// Returns which attempt this is, from 1 on, as the server counts: those before it have failed, or nobody ever heard of them.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns whether it has come before: it may have been served.
    #[must_use]
    pub fn is_redelivered(&self) -> bool {
        self.attempt > 1
    }

    /// Returns when it was added, as a time since 1970, if its id was made by the server.
    #[must_use]
    pub fn added(&self) -> Option<Duration> {
        self.entry.added()
    }

    /// Returns the value of a field; the first, if there are several of the name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Bytes> {
        self.entry.field(name)
    }

    /// Goes through the fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.entry.fields.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// Says which, and not what it says.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("stream", &self.stream)
            .field("group", &self.group)
            .field("entry", &self.entry)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
