use std::{fmt, marker::PhantomData, sync::Arc};

use zato_core::Result;

use super::{
    entry::Entry,
    pages::Pages,
    stream::{EntryStream, Entrywise},
};
use crate::Swift;

/// A listing that is about to begin: of the objects of a container, or of the containers of the account.
///
/// What is listed is asked for a page at a time, as somebody takes it, so that a listing of any length needs the memory of one
/// page.
#[must_use = "nothing is listed before somebody takes it"]
pub struct ListRequest<E> {
    swift: Swift,
    container: Option<Arc<str>>,
    query: Query,
    entry: PhantomData<fn() -> E>,
}

/// How many entries a server gives at once (Swift's `container_listing_limit`); it refuses to be asked for more.
const MOST: usize = 10_000;

/// Which part of a listing.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) prefix: Option<String>,
    pub(super) delimiter: Option<String>,
    pub(super) marker: Option<String>,
    pub(super) end_marker: Option<String>,
    pub(super) is_reverse: bool,
    pub(super) limit: Option<usize>,
    pub(super) page_size: Option<usize>,
    pub(super) is_at_once: bool,
}

/// What is listed, one after the other.
pub struct Entries<E>(Pages<E>);

impl<E: Entry> ListRequest<E> {
    pub(crate) fn new(swift: Swift, container: Option<Arc<str>>) -> Self {
        Self { swift, container, query: Query::default(), entry: PhantomData }
    }

    /// Lists only what begins with this.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.query.prefix = Some(prefix.into());
        self
    }

    /// Folds into one entry what is the same up to this after the prefix, such as `/` for folders.
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.query.delimiter = Some(delimiter.into());
        self
    }

    /// Begins after this name.
    #[doc(alias = "start_after")]
    pub fn marker(mut self, name: impl Into<String>) -> Self {
        self.query.marker = Some(name.into());
        self
    }

    /// Ends before this name.
    pub fn end_marker(mut self, name: impl Into<String>) -> Self {
        self.query.end_marker = Some(name.into());
        self
    }

    /// Begins at the end.
    pub fn reverse(mut self) -> Self {
        self.query.is_reverse = true;
        self
    }

    /// Lists no more than so many.
    pub fn limit(mut self, number: usize) -> Self {
        self.query.limit = Some(number);
        self
    }

    /// Asks for so many at once; a thousand unless given, and no more than 10,000, which is what servers give.
    pub fn page_size(mut self, number: usize) -> Self {
        self.query.page_size = Some(number.clamp(1, MOST));
        self
    }

    /// Has its pages asked for at once, however many other requests are on their way.
    pub(crate) fn at_once(mut self) -> Self {
        self.query.is_at_once = true;
        self
    }

    /// Begins, one after the other.
    pub fn entries(self) -> Entries<E> {
        Entries(Pages::new(self.swift, self.container, self.query))
    }

    /// The same as a stream.
    pub fn stream(self) -> EntryStream<E> {
        self.entries().into_stream()
    }

    /// Takes all of them. Whoever does not know how many there are sets a [`limit`](Self::limit), or takes them one after the
    /// other.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    pub async fn collect(self) -> Result<Vec<E>> {
        let (mut entries, mut all) = (self.entries(), Vec::new());
        while let Some(entry) = entries.next().await? {
            all.push(entry);
        }
        Ok(all)
    }
}

impl<E: Entry> Entries<E> {
    /// Returns the next one; `None` is the end.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors); who asks once more then goes on where it was.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Result<Option<E>> {
        self.0.next().await
    }

    /// The same as a stream, which ends with the first error.
    pub fn into_stream(self) -> EntryStream<E> {
        EntryStream::of(self)
    }
}

impl<E: Entry> Entrywise for Entries<E> {
    type Entry = E;

    async fn take(&mut self) -> Result<Option<E>> {
        self.next().await
    }
}

impl<E> fmt::Debug for ListRequest<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListRequest")
            .field("container", &self.container)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for Entries<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").finish_non_exhaustive()
    }
}
