use std::{fmt, ops::RangeBounds};

use serde::de::DeserializeOwned;
use zato_core::{Error, Kind, Result, bytes::Bytes, message::ByteStream};

use super::{ObjectStorage, details::ObjectDetails};
use crate::object::ByteRange;

/// An object that is about to be read, by one of [`bytes`](Self::bytes), [`text`](Self::text), [`model`](Self::model) and
/// [`stream`](Self::stream).
///
/// # Examples
///
/// ```
/// use zato_core::{Result, bytes::Bytes};
/// use zato_swift::ObjectStorage;
///
/// async fn beginning(storage: &ObjectStorage) -> Result<Bytes> {
///     storage.get("CRM/Invoice").range(..1024).bytes().await
/// }
/// ```
#[must_use = "nothing is read before somebody says as what"]
pub struct GetRequest {
    storage: ObjectStorage,
    path: String,
    range: Result<Option<ByteRange>>,
    max: Option<usize>,
}

/// An object, or a part of one, that is being read.
#[derive(Debug)]
pub struct Part {
    /// What is known of the object; the number of bytes is that of the part.
    pub details: ObjectDetails,
    /// What is in it, piece by piece.
    pub stream: ByteStream,
}

impl GetRequest {
    pub(super) fn new(storage: &ObjectStorage, path: &str) -> Self {
        Self { storage: storage.clone(), path: path.to_owned(), range: Ok(None), max: None }
    }

    /// Reads only these bytes, such as `..1024`; fewer, if the object ends before the last.
    pub fn range(mut self, bytes: impl RangeBounds<u64>) -> Self {
        self.range = ByteRange::of(&bytes).map(Some);
        self
    }

    /// Reads only so many bytes at the end.
    pub fn last(mut self, bytes: u64) -> Self {
        self.range = Ok(Some(ByteRange::Last(bytes)));
        self
    }

    /// Reads no more than so many bytes as a whole, in place of the `max_size` of the configuration. A stream has no limit.
    pub fn max_size(mut self, bytes: usize) -> Self {
        self.max = Some(bytes);
        self
    }

    /// Reads it as a whole.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](Kind::TooLarge) if it is larger than the [`max_size`](Self::max_size);
    /// [`InvalidInput`](Kind::InvalidInput) if it ends before the range. Beside that as [all verbs](ObjectStorage#errors).
    pub async fn bytes(self) -> Result<Bytes> {
        let client = self.storage.client()?;
        let max = self.max.unwrap_or(client.max_size);
        let place = client.place(&self.path)?;
        let Part { details, stream } = client.read(place, self.range?).await?;
        stream.bytes_within(max).await.map_err(|error| match error.kind() {
            Kind::TooLarge => {
                let words = format!(
                    "the object has {} bytes, and {max} may be read as a whole; read it as a stream",
                    details.bytes
                );
                client.limits.about(place, Error::new(Kind::TooLarge, words))
            }
            _ => client.limits.about(place, error),
        })
    }

    /// Reads it as a text in UTF-8.
    ///
    /// # Errors
    ///
    /// [`Upstream`](Kind::Upstream) if it is none, beside what [`bytes`](Self::bytes) has.
    pub async fn text(self) -> Result<String> {
        let path = self.path.clone();
        let text = String::from_utf8(self.bytes().await?.into());
        text.map_err(|_| Error::upstream("the object is no text in UTF-8").with("object", path))
    }

    /// Reads it as a model, from JSON.
    ///
    /// # Errors
    ///
    /// [`Upstream`](Kind::Upstream) if it is none, beside what [`bytes`](Self::bytes) has.
    pub async fn model<T: DeserializeOwned>(self) -> Result<T> {
        let path = self.path.clone();
        let bytes = self.bytes().await?;
        let wrong = |error| Error::upstream("the object is not what was asked for").with_source(error);
        serde_json::from_slice(&bytes).map_err(|error| wrong(error).with("object", path))
    }

    /// Begins to read it, piece by piece.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); what is only found out meanwhile is what the stream fails with.
    pub async fn stream(self) -> Result<Part> {
        let client = self.storage.client()?;
        let place = client.place(&self.path)?;
        client.read(place, self.range?).await
    }
}

#[cold]
pub(super) fn ended() -> Error {
    Error::invalid_input("the object ends before the range")
}

impl fmt::Debug for GetRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetRequest").field("path", &self.path).finish_non_exhaustive()
    }
}
