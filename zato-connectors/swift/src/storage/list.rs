use std::fmt;

use chrono::{DateTime, Utc};
use zato_core::Result;

use super::{ObjectStorage, listing::Listing};
use crate::{EntryStream, container::Entrywise};

/// A listing that is about to begin.
///
/// What is listed is asked for as somebody takes it, so that a listing of any length needs the memory of one page. Names come
/// in their order, byte by byte, also in a folder; by folder S3 has the folders of a page before the objects, and other schemes
/// have orders of their own. A container that is not there has nothing in it.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_swift::{ObjectStorage, storage::Listed};
///
/// async fn invoices(storage: &ObjectStorage) -> Result<Vec<String>> {
///     let mut paths = Vec::new();
///     let mut listing = storage.list("CRM/2026/").entries();
///     while let Some(entry) = listing.next().await? {
///         if let Listed::Object(object) = entry {
///             paths.push(object.path);
///         }
///     }
///     Ok(paths)
/// }
/// ```
#[derive(Debug)]
#[must_use = "nothing is listed before somebody takes it"]
pub struct ListRequest {
    storage: ObjectStorage,
    prefix: String,
    is_recursive: bool,
    limit: usize,
}

/// What stands in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listed {
    /// What objects have in common whose names go on after a slash, of a listing [by folder](ListRequest::by_folder).
    Folder {
        /// Its path, with a slash at its end.
        path: String,
    },
    /// An object.
    Object(ObjectEntry),
}

/// An object, as it stands in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectEntry {
    /// Its path, by which it is read.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What stands for what is in it, without quotes; a folder and the memory have none.
    pub etag: Option<String>,
    /// When it was stored, by the store's clock; the memory does not know.
    pub last_modified: Option<DateTime<Utc>>,
}

/// What is listed, one after the other.
pub struct Entries {
    request: ListRequest,
    listing: Option<Listing>,
    left: usize,
}

impl ListRequest {
    pub(super) fn new(storage: &ObjectStorage, prefix: String) -> Self {
        Self { storage: storage.clone(), prefix, is_recursive: true, limit: usize::MAX }
    }

    /// Folds into one entry what is the same up to the next slash after the prefix.
    pub fn by_folder(mut self) -> Self {
        self.is_recursive = false;
        self
    }

    /// Lists no more than so many.
    pub fn limit(mut self, number: usize) -> Self {
        self.limit = number;
        self
    }

    /// Begins, one after the other.
    pub fn entries(self) -> Entries {
        Entries { left: self.limit, request: self, listing: None }
    }

    /// The same as a stream.
    pub fn stream(self) -> EntryStream<Listed> {
        self.entries().into_stream()
    }

    /// Takes all of them. Whoever does not know how many there are sets a [`limit`](Self::limit), or takes them one after the
    /// other.
    ///
    /// # Errors
    ///
    /// As [all verbs](ObjectStorage#errors).
    pub async fn collect(self) -> Result<Vec<Listed>> {
        let (mut entries, mut all) = (self.entries(), Vec::new());
        while let Some(entry) = entries.next().await? {
            all.push(entry);
        }
        Ok(all)
    }
}

impl Entries {
    /// Returns the next one; `None` is the end.
    ///
    /// # Errors
    ///
    /// As [all verbs](ObjectStorage#errors).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Result<Option<Listed>> {
        if self.left == 0 {
            return Ok(None);
        }
        let ListRequest { storage, prefix, is_recursive, .. } = &self.request;
        let listing = match &mut self.listing {
            Some(listing) => listing,
            begun => begun.insert(Listing::begin(storage.client()?, prefix, *is_recursive).await?),
        };
        let entry = listing.next(prefix).await?;
        self.left = if entry.is_some() { self.left - 1 } else { 0 };
        Ok(entry)
    }

    /// The same as a stream, which ends with the first error.
    pub fn into_stream(self) -> EntryStream<Listed> {
        EntryStream::of(self)
    }
}

impl Entrywise for Entries {
    type Entry = Listed;

    async fn take(&mut self) -> Result<Option<Listed>> {
        self.next().await
    }
}

impl Listed {
    pub(super) fn path_mut(&mut self) -> &mut String {
        match self {
            Self::Folder { path } => path,
            Self::Object(object) => &mut object.path,
        }
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("request", &self.request).finish_non_exhaustive()
    }
}
