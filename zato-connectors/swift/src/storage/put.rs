use std::{borrow::Cow, fmt, future::IntoFuture, pin::Pin};

use zato_core::{Result, bytes::Bytes, message::ByteStream};

use super::{ObjectStorage, details::Stored};
use crate::metadata::Metadata;

/// An object that is about to be stored; awaiting it stores it.
///
/// Bytes are sent once more if a connection breaks or a server can't do it for a moment; a stream can't be.
///
/// # Errors
///
/// [`Conflict`](zato_core::Kind::Conflict) if it was to be stored only if there is none, and there is one; in a folder also if
/// a part of its path is an object, or its path a folder. [`Internal`](zato_core::Kind::Internal) if the store can't do what
/// was asked for. Beside that as [all verbs](ObjectStorage#errors).
///
/// # Cancel safety
///
/// Whether the object was stored is not known if the future is dropped; it is never half-stored. In a folder it is not stored
/// afterwards, over what others have put there meanwhile, unless it was being moved to its place at this moment. Of a stream to S3
/// the parts that were sent may stay until a rule of the bucket takes them away.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, bytes::Bytes};
/// use zato_swift::{Metadata, ObjectStorage};
///
/// async fn keep(storage: &ObjectStorage, invoice: Bytes) -> Result<()> {
///     let metadata = Metadata::new().with("sent-by", "CRM");
///     storage.put("CRM/Invoice", invoice).content_type("application/json").metadata(metadata).await?;
///     Ok(())
/// }
/// ```
#[must_use = "an object is stored when it is awaited"]
pub struct PutRequest {
    storage: ObjectStorage,
    path: String,
    content: Result<Content>,
    content_type: Option<Cow<'static, str>>,
    wanted: Wanted<'static>,
}

/// What is stored: bytes, which can be sent as often as need be, or what can be sent once.
#[derive(Debug)]
pub(crate) enum Content {
    Bytes(Bytes),
    Stream(ByteStream),
}

/// What goes with an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) content_type: Option<&'a str>,
    /// Whether somebody said it: where it is only known, a store that can't keep it does without.
    pub(crate) needs_content_type: bool,
    pub(crate) metadata: Metadata,
    pub(crate) is_only_if_absent: bool,
}

impl PutRequest {
    pub(super) fn new(
        storage: &ObjectStorage,
        path: &str,
        content: Result<Content>,
        content_type: Option<&'static str>,
    ) -> Self {
        let (storage, path) = (storage.clone(), path.to_owned());
        Self { storage, path, content, content_type: content_type.map(Cow::Borrowed), wanted: Wanted::default() }
    }

    /// Says what it is.
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = Some(Cow::Owned(content_type.to_owned()));
        self.wanted.needs_content_type = true;
        self
    }

    /// Keeps metadata with it.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.wanted.metadata = metadata;
        self
    }

    /// Stores it only if there is none of this name.
    pub fn only_if_absent(mut self) -> Self {
        self.wanted.is_only_if_absent = true;
        self
    }

    async fn send(self) -> Result<Stored> {
        let client = self.storage.client()?;
        let place = client.place(&self.path)?;
        let wanted = Wanted { content_type: self.content_type.as_deref(), ..self.wanted };
        client.put(place, self.content?, &wanted).await
    }
}

impl IntoFuture for PutRequest {
    type Output = Result<Stored>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Stored>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for PutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutRequest").field("path", &self.path).finish_non_exhaustive()
    }
}
