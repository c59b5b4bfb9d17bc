use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use zato_core::{Error, Kind, Result, Retry};

use super::{
    details::{ObjectDetails, Stored},
    get::Part,
    place::Place,
    put::{Content, Wanted},
};
use crate::{
    Listed, Object, PutRequest, Swift,
    error::{self, SwiftErrorKind},
    object::ByteRange,
};

/// How many containers are remembered to be there.
const KNOWN: usize = 1000;

/// How many entries are asked for at once.
const PAGE: usize = 1000;

/// An account of Swift. Its own verbs do here what opendal would do less well: they compare checksums, read on where a
/// connection broke, know whether what was deleted was there, and keep a stream as one object.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) swift: Swift,
    /// Containers that were there, so that nobody has to ask before a stream is sent, which is sent once.
    known: Mutex<BTreeSet<String>>,
}

impl Account {
    pub(crate) fn new(swift: Swift) -> Self {
        Self { swift, known: Mutex::default() }
    }

    fn object<'a>(&'a self, place: Place<'a>) -> Object<'a> {
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
                let put = send(self.object(place).put_stream(stream), wanted).await;
                return put.map_err(|error| self.without_container(place, error));
            }
        };
        match send(self.object(place).put(bytes.clone()), wanted).await {
            Err(error) if error.kind() == Kind::NotFound => {
                self.create(place.container).await?;
                send(self.object(place).put(bytes), wanted).await
            }
            stored => stored,
        }
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
        if self.lock().contains(container) {
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
        let mut known = self.lock();
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(container.to_owned());
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn delete(&self, place: Place<'_>) -> Result<bool> {
        self.object(place).delete().await
    }

    pub(crate) async fn delete_many(&self, container: &str, names: &[String]) -> Result<()> {
        self.swift.container(container).delete_objects(names).await.map(drop)
    }

    pub(crate) async fn copy(&self, from: Place<'_>, to: Place<'_>) -> Result<()> {
        self.have(to.container).await?;
        self.object(from).copy_to(to.container, to.name).await.map(drop)
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

async fn send(mut put: PutRequest<'_>, wanted: &Wanted<'_>) -> Result<Stored> {
    if let Some(content_type) = wanted.content_type {
        put = put.content_type(content_type);
    }
    if wanted.is_only_if_absent {
        put = put.only_if_absent();
    }
    let crate::Stored { etag, bytes } = put.metadata(wanted.metadata.clone()).await?;
    Ok(Stored { etag: Some(etag), bytes })
}
