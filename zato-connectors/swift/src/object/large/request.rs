use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use chrono::{DateTime, Utc};
use http::header;
use zato_core::{Result, config::ByteSize};

use super::{
    container,
    source::{Opened, Source},
    upload::Upload,
};
use crate::{
    metadata::Metadata,
    object::{
        Object,
        description::{Description, Expiry},
        put::{Stored, there_already},
    },
    progress::{self, Listener, Progress},
};

/// What is about to be uploaded, in segments if it is larger than one; awaiting it uploads it.
///
/// Segments are stored in a container of their own, several at a time, and put together by a manifest at the end, so that an
/// object is there whole or not at all. The server checks each segment, and a segment that fails for a moment is sent again,
/// also if it comes from a stream. What is not larger than one segment is stored as an object like any other.
///
/// Of a stream no more is kept in memory than so many segments as the `segment_parallelism` of the connection says, and the next
/// piece of it is only read when there is room for it; it may take as long as it likes. Of a file nothing is.
///
/// A large object has 1000 segments at the most, so that segments are larger than the `segment_size` where that is needed; those
/// of a stream up to 256 MiB, all that are in memory together. Where nobody knows how much will come, they are twice as large
/// after each 250, which with 8 MiB goes up to 29 GiB: a longer stream has a
/// [length](zato_core::message::ByteStream::with_length), which goes up to 250 GiB, or larger [segments](Self::segment_size),
/// for which there has to be the memory.
///
/// If there was a large object of this name, its segments are removed once the new one is there: those in the container of its
/// segments whose names begin with that of the object and a slash. Other objects that it was put together from stand on their
/// own. Nothing is removed when an object is stored by [`put`](Object::put) or [`copy_to`](Object::copy_to): the segments of
/// what was there are left then, unless [`delete_with_segments`](Object::delete_with_segments) was called before.
///
/// # Errors
///
/// [`Conflict`](zato_core::Kind::Conflict) if it was to be stored only if there is none, and there is one, or if a file was
/// changed meanwhile; [`TooLarge`](zato_core::Kind::TooLarge) if it would take more segments than there may be, or more memory,
/// which is known before anything is sent if the length is; what a stream fails with. Beside that as [all verbs](crate::Swift#errors). The segments are removed then, unless the upload is
/// [resumable](Self::resumable), or nobody knows whether the manifest was stored; that is logged.
///
/// # Cancel safety
///
/// Whether the object was stored is not known if the future is dropped; it is never half-stored. Segments are removed some seconds
/// later then, unless the upload is [resumable](Self::resumable), or the manifest was already on its way; a program that ends
/// leaves them. Their names begin with that of the object and `/slo/`, in a container that was [said](Self::segments_in) with that
/// of its container before it.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, message::ByteStream};
/// use zato_swift::Swift;
///
/// async fn keep(storage: &Swift, night: &str, dump: ByteStream) -> Result<u64> {
///     let object = storage.object("backups", "crm.sql");
///     let stored = object.upload(dump).content_type("application/sql").resumable(night).await?;
///     Ok(stored.bytes)
/// }
/// ```
#[must_use = "an object is uploaded when it is awaited"]
pub struct UploadRequest {
    object: Object,
    source: Source,
    description: Description,
    segments_in: Option<String>,
    segment_size: Option<ByteSize>,
    parallelism: Option<usize>,
    key: Option<String>,
    is_only_if_absent: bool,
    listener: Option<Listener>,
}

impl UploadRequest {
    pub(in crate::object) fn new(object: Object, source: Source) -> Self {
        Self {
            object,
            source,
            description: Description::default(),
            segments_in: None,
            segment_size: None,
            parallelism: None,
            key: None,
            is_only_if_absent: false,
            listener: None,
        }
    }

    /// Says what it is; unless given the server tells by the name, or has `application/octet-stream`.
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.description.text(header::CONTENT_TYPE, content_type);
        self
    }

    /// Says how it is encoded, such as `gzip`.
    pub fn content_encoding(mut self, encoding: &str) -> Self {
        self.description.text(header::CONTENT_ENCODING, encoding);
        self
    }

    /// Says how browsers show it, such as `attachment; filename="invoice.pdf"`.
    pub fn content_disposition(mut self, disposition: &str) -> Self {
        self.description.text(header::CONTENT_DISPOSITION, disposition);
        self
    }

    /// Keeps metadata with it.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.description.metadata = metadata;
        self
    }

    /// Has the server delete it so long from now, in whole seconds, one at the least, and its segments with it. It counts from
    /// the beginning of the upload.
    #[doc(alias = "X-Delete-After")]
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.description.expiry = Some(Expiry::After(after));
        self
    }

    /// Has the server delete it at a moment, in whole seconds, and its segments with it.
    #[doc(alias = "X-Delete-At")]
    pub fn expires_at(mut self, at: impl Into<DateTime<Utc>>) -> Self {
        self.description.expiry = Some(Expiry::At(at.into()));
        self
    }

    /// Stores it only if there is none of this name, which is looked at before anything is sent, and again at the end.
    #[doc(alias = "If-None-Match")]
    pub fn only_if_absent(mut self) -> Self {
        self.is_only_if_absent = true;
        self
    }

    /// Has the segments stored in this container, which is made if it is not there; that of the object with `_segments` after it
    /// unless given.
    #[doc(alias = "segment_container")]
    pub fn segments_in(mut self, container: &str) -> Self {
        self.segments_in = Some(container.to_owned());
        self
    }

    /// Has segments of so many bytes; the `segment_size` of the connection unless given.
    pub fn segment_size(mut self, bytes: u64) -> Self {
        self.segment_size = Some(ByteSize(bytes));
        self
    }

    /// Has so many segments on their way at once; the `segment_parallelism` of the connection unless given.
    pub fn parallelism(mut self, segments: usize) -> Self {
        self.parallelism = Some(segments);
        self
    }

    /// Has the next upload with this key go on where this one ended: segments that are there, and have the same size and MD5,
    /// are not sent again, and none are removed when it fails. A file has a key of its own, of its size and of when it was
    /// modified.
    ///
    /// Nothing is taken that is not equal: a segment is called by its MD5, too, so that one of another content is stored beside
    /// what is there, and takes nothing from an object that is made of that. What is left of other contents under this key is
    /// removed once this one is there. A stream begins anew each time, and of it only what is not there yet is sent.
    pub fn resumable(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Has somebody told how far it has got, five times a second at the most, and at its end. They must not take long.
    pub fn progress(mut self, listener: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.listener = progress::listener(listener);
        self
    }

    async fn send(self) -> Result<Stored> {
        let Self { object, description, is_only_if_absent, .. } = self;
        let client = object.swift().client()?;
        let source = self.source.open().await?;
        let key = match (self.key, &source) {
            (None, Opened::File(file)) => Some(file.key()),
            (key, _) => key,
        };
        let transfer = object.transfer("sent", source.length(), self.listener);
        let segments_in = self.segments_in.unwrap_or_else(|| container::of(&object));
        let upload = Upload {
            object: object.clone(),
            description,
            segments_in,
            segment_size: self.segment_size.unwrap_or(client.settings.segment_size).bytes(),
            parallelism: self.parallelism.unwrap_or(client.settings.segment_parallelism),
            key,
            is_only_if_absent,
            transfer: transfer.clone(),
            client,
        };
        let stored = upload.run(source).await;
        if stored.is_ok() {
            transfer.done();
        }
        stored.map_err(|error| object.about_upload(if is_only_if_absent { there_already(error) } else { error }))
    }
}

impl IntoFuture for UploadRequest {
    type Output = Result<Stored>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Stored>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for UploadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadRequest")
            .field("object", &self.object)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
