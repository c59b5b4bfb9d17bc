use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use zato_core::service::Context;

use crate::{Metadata, ObjectDetails};

/// What Swift says of the object that a service was called with.
///
/// # Examples
///
/// ```
/// use zato_core::service::Context;
/// use zato_swift::Received;
///
/// fn may_be_done_already(ctx: &Context) -> bool {
///     // `None` if the request came some other way, such as over HTTP.
///     Received::of(ctx).is_some_and(Received::is_redelivered)
/// }
/// ```
pub struct Received {
    pub(crate) container: Arc<str>,
    pub(crate) name: String,
    pub(crate) details: ObjectDetails,
    pub(crate) attempt: u32,
}

impl Received {
    /// Returns what is known of the object that a request began with; `None` if it did not come from a channel of Swift, or if
    /// this is a service that another one has invoked.
    #[must_use]
    pub fn of(ctx: &Context) -> Option<&Self> {
        ctx.extension::<Arc<Self>>().map(Arc::as_ref)
    }

    /// Returns the container that it is in.
    #[must_use]
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns all that is known of it.
    #[must_use]
    pub fn details(&self) -> &ObjectDetails {
        &self.details
    }

    /// Returns its ETag: with the name and [`last_modified`](Self::last_modified) what tells this version from others.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.details.etag
    }

    /// Returns how many bytes it has, whether they were read or not.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.details.bytes
    }

    /// Returns what it is.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.details.content_type.as_deref()
    }

    /// Returns when it or its metadata was stored, by the server's clock.
    #[must_use]
    pub fn last_modified(&self) -> Option<DateTime<Utc>> {
        self.details.changed_at.or(self.details.last_modified)
    }

    /// Returns what is kept with it.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.details.metadata
    }

    /// Returns which attempt this is, from 1 on, also over restarts: those before it have failed, or nobody ever heard of them.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns whether it has come before: it may have been served.
    #[must_use]
    pub fn is_redelivered(&self) -> bool {
        self.attempt > 1
    }
}

/// Says which, and not what is in it.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("container", &self.container)
            .field("name", &self.name)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
