use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;
use zato_core::{Error, Kind, Result, Retry, message::ByteStream};

use super::{
    details::{ObjectDetails, Stored},
    get::Part,
    place::Place,
    put::{Content, Wanted},
};
use crate::{
    Listed, Object, PutRequest, Swift,
    error::{self, SwiftErrorKind},
    name,
    object::{ByteRange, MAX_OBJECT},
};

/// How many containers are remembered to be there.
const KNOWN: usize = 1000;

/// How many entries are asked for at once.
const PAGE: usize = 1000;

/// How long is relied on that a container has no segments: somebody else may put the first large object into it meanwhile, and
/// what is put in its place then leaves the segments.
const RELIED_ON: Duration = Duration::from_secs(60);

/// How many objects are deleted at once that may have segments.
const AT_ONCE: usize = 4;

/// An account of Swift. Its own verbs do here what opendal would do less well: they compare checksums, read on where a
/// connection broke, know whether what was deleted was there, and keep a stream as one object.
///
/// What does not fit into one, or nobody knows how long it is, is a large object. Its segments go with it when it is deleted,
/// or something else is put in its place.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) swift: Swift,
    /// So that nobody has to ask whether a container is there before a stream is sent, which is sent once.
    known: Mutex<BTreeMap<String, Known>>,
}

/// What is known of a container.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    is_there: bool,
    /// Whether there is one of its segments, and when that was seen.
    has_segments: Option<(bool, Instant)>,
}

impl Account {
    pub(crate) fn new(swift: Swift) -> Self {
        Self { swift, known: Mutex::default() }
    }

    fn object(&self, place: Place<'_>) -> Object {
        self.swift.object(place.container, place.name)
    }

    pub(crate) async fn head(&self, place: Place<'_>) -> Result<ObjectDetails> {
        self.object(place).head().await.map(Into::into)
    }

    pub(crate) async fn read(&self, place: Place<'_>, range: Option<ByteRange>) -> Result<Part> {
        let object = self.object(place);
        let crate::Part { details, stream } = match object.get().byte_range(range).stream().await {
            // No range has anything in common with nothing.
            Err(error) if range.is_some() && error::kind_of(&error) == Some(SwiftErrorKind::RangeNotSatisfiable) => {
                let whole = object.get().stream().await?;
                if whole.details.bytes > 0 {
                    return Err(error);
                }
                whole
            }
            part => part?,
        };
        Ok(Part { details: details.into(), stream })
    }

    pub(crate) async fn put(&self, place: Place<'_>, content: Content, wanted: &Wanted<'_>) -> Result<Stored> {
        let bytes = match content {
            Content::Bytes(bytes) => bytes,
            Content::Stream(stream) => {
                self.have(place.container).await?;
                let put = self.put_stream(place, stream, wanted).await;
                return put.map_err(|error| self.without_container(place, error));
            }
        };
        let put = || Box::pin(send(self.object(place).put(bytes.clone()), wanted));
        match self.replacing(place, wanted.is_only_if_absent, put()).await {
            Err(error) if error.kind() == Kind::NotFound => {
                self.create(place.container).await?;
                put().await
            }
            stored => stored,
        }
    }

    async fn put_stream(&self, place: Place<'_>, stream: ByteStream, wanted: &Wanted<'_>) -> Result<Stored> {
        let object = self.object(place);
        if stream.length().is_none_or(|length| length > MAX_OBJECT) {
            let stored = upload(&object, stream, wanted).await?;
            // It may be the first large one.
            self.note(place.container, |known| known.has_segments = None);
            return Ok(stored);
        }
        let put = Box::pin(send(object.put_stream(stream), wanted));
        self.replacing(place, wanted.is_only_if_absent, put).await.map_err(|error| match error::kind_of(&error) {
            Some(SwiftErrorKind::TooLarge) => error.with("remedy", "a stream without a length is stored in segments"),
            _ => error,
        })
    }

    /// Puts something into a place, or deletes what is there, and removes the segments of a large object that was there.
    async fn replacing<T>(&self, place: Place<'_>, is_new: bool, deed: impl Future<Output = Result<T>>) -> Result<T> {
        if !is_new && self.has_segments(place).await? {
            Box::pin(self.object(place).replacing(deed)).await
        } else {
            deed.await
        }
    }

    /// Whether there are segments of large objects of a container.
    async fn has_segments(&self, place: Place<'_>) -> Result<bool> {
        let known = self.lock().get(place.container).and_then(|known| known.has_segments);
        if let Some((has_segments, _)) = known.filter(|(has, seen)| *has || seen.elapsed() < RELIED_ON) {
            return Ok(has_segments);
        }
        let segments_in = self.object(place).segments_in();
        if name::container(&segments_in).is_err() {
            return Ok(false);
        }
        let has_segments = match self.swift.container(&segments_in).exists().await {
            // Who may not look at them may not remove any, either.
            Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::NotAllowed) => false,
            exists => exists?,
        };
        self.note(place.container, |known| known.has_segments = Some((has_segments, Instant::now())));
        Ok(has_segments)
    }

    /// Has a container that somebody has deleted made before the next stream.
    fn without_container(&self, place: Place<'_>, error: Error) -> Error {
        // Not what the stream itself failed with.
        if error::kind_of(&error) != Some(SwiftErrorKind::NotFound) {
            return error;
        }
        self.lock().remove(place.container);
        error.with_retry(Retry::Later)
    }

    /// Makes sure that a container is there.
    async fn have(&self, container: &str) -> Result<()> {
        if self.lock().get(container).is_some_and(|known| known.is_there) {
            return Ok(());
        }
        self.create(container).await
    }

    /// Makes a container, which may be there; who may not make one may still put something into it.
    async fn create(&self, container: &str) -> Result<()> {
        match self.swift.container(container).create().await {
            Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::NotAllowed) => {}
            done => drop(done?),
        }
        self.note(container, |known| known.is_there = true);
        Ok(())
    }

    /// Notes something about a container.
    fn note(&self, container: &str, what: impl FnOnce(&mut Known)) {
        let mut known = self.lock();
        if known.len() >= KNOWN && !known.contains_key(container) {
            known.clear();
        }
        what(known.entry(container.to_owned()).or_default());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn delete(&self, place: Place<'_>) -> Result<bool> {
        let object = self.object(place);
        self.replacing(place, false, Box::pin(object.delete())).await
    }

    pub(crate) async fn delete_many(&self, container: &str, names: &[String]) -> Result<()> {
        if !self.has_segments(Place { container, name: "" }).await? {
            return self.swift.container(container).delete_objects(names).await.map(drop);
        }
        let objects: Vec<_> = names.iter().map(|name| self.swift.object(container, name)).collect();
        let deleted: Vec<_> = objects.iter().map(|object| object.replacing(object.delete())).collect();
        stream::iter(deleted).buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await
    }

    pub(crate) async fn copy(&self, from: Place<'_>, to: Place<'_>) -> Result<()> {
        let was_known = self.lock().get(to.container).is_some_and(|known| known.is_there);
        self.have(to.container).await?;
        match self.copy_once(from, to).await {
            // It is the original that is gone, or the container, which somebody has deleted since.
            Err(error) if was_known && error::kind_of(&error) == Some(SwiftErrorKind::NotFound) => {
                self.lock().remove(to.container);
                self.create(to.container).await?;
                self.copy_once(from, to).await
            }
            copied => copied,
        }
    }

    async fn copy_once(&self, from: Place<'_>, to: Place<'_>) -> Result<()> {
        let copy = self.object(from).copy_to(to.container, to.name).into_future();
        self.replacing(to, false, copy).await.map(drop)
    }

    /// Returns the next entries after one; a container that is not there has none.
    pub(crate) async fn page(&self, place: Place<'_>, is_recursive: bool, after: Option<&str>) -> Result<Vec<Listed>> {
        let container = self.swift.container(place.container);
        let mut list = container.objects().prefix(place.name).page_size(PAGE).limit(PAGE);
        if !is_recursive {
            list = list.delimiter("/");
        }
        if let Some(after) = after {
            list = list.marker(after);
        }
        match list.collect().await {
            Err(error) if error.kind() == Kind::NotFound => Ok(Vec::new()),
            page => page,
        }
    }
}

async fn send(mut put: PutRequest, wanted: &Wanted<'_>) -> Result<Stored> {
    if let Some(content_type) = wanted.content_type {
        put = put.content_type(content_type);
    }
    if wanted.is_only_if_absent {
        put = put.only_if_absent();
    }
    let crate::Stored { etag, bytes } = put.metadata(wanted.metadata.clone()).await?;
    Ok(Stored { etag: Some(etag), bytes })
}

/// Stores what is longer than one object may be, or might be.
async fn upload(object: &Object, stream: ByteStream, wanted: &Wanted<'_>) -> Result<Stored> {
    let mut upload = object.upload(stream);
    if let Some(content_type) = wanted.content_type {
        upload = upload.content_type(content_type);
    }
    if wanted.is_only_if_absent {
        upload = upload.only_if_absent();
    }
    let crate::Stored { etag, bytes } = upload.metadata(wanted.metadata.clone()).await?;
    Ok(Stored { etag: Some(etag), bytes })
}
