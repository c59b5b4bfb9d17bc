use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use futures_util::{StreamExt as _, stream};
use opendal::{
    Buffer, Lister, Operator, Writer,
    options::{ListOptions, ReaderOptions, WriteOptions},
};
use zato_core::{Result, message::ByteStream};

use super::{
    details::{ObjectDetails, Stored, etag},
    error::{not_found, of_opendal, unsupported},
    get::{Part, ended},
    limits::Limits,
    place::Place,
    put::{Content, Wanted},
};
use crate::object::ByteRange;

/// How much of a stream is sent at once where it goes in parts: more than the least that S3 takes (5 MiB).
const PART: usize = 8 * 1024 * 1024;

/// How many parts one object may have (S3).
const PARTS: u64 = 10_000;

/// How many operators are kept; one is made anew in no time.
const KEPT: usize = 1000;

/// Makes the operator of a container.
type Make = Box<dyn Fn(&str) -> Result<Operator> + Send + Sync>;

/// A store that opendal leads to, with an operator for each container.
pub(crate) struct Operators {
    scheme: String,
    make: Make,
    known: Mutex<BTreeMap<String, Operator>>,
    /// Which container is looked at to see whether the store is there.
    probe: Option<String>,
}

impl Operators {
    pub(crate) fn new(scheme: &str, probe: Option<String>, make: Make) -> Self {
        Self { scheme: scheme.to_owned(), make, known: Mutex::default(), probe }
    }

    /// Whether the containers are the operators, so that none is ever forgotten, nor made by who reads.
    fn is_memory(&self) -> bool {
        self.scheme == "memory"
    }

    pub(crate) fn operator(&self, container: &str) -> Result<Operator> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(operator) = known.get(container) {
            return Ok(operator.clone());
        }
        let operator = (self.make)(container)?;
        if !self.is_memory() && known.len() >= KEPT {
            known.clear();
        }
        known.insert(container.to_owned(), operator.clone());
        Ok(operator)
    }

    /// Returns the operator of a container that is there.
    fn existing(&self, container: &str) -> Result<Operator> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(container) {
            Some(operator) => Ok(operator.clone()),
            None if self.is_memory() => Err(not_found()),
            None => {
                drop(known);
                self.operator(container)
            }
        }
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        let Some(container) = &self.probe else { return Ok(()) };
        let options = ListOptions { limit: Some(1), ..ListOptions::default() };
        let mut lister = self.operator(container)?.lister_options("", options).await.map_err(of_opendal)?;
        lister.next().await.transpose().map(drop).map_err(of_opendal)
    }

    pub(crate) async fn head(&self, place: Place<'_>) -> Result<ObjectDetails> {
        let known = self.existing(place.container)?.stat(place.name).await.map_err(of_opendal)?;
        if known.is_file() { Ok(ObjectDetails::of(&known)) } else { Err(not_found()) }
    }

    pub(crate) async fn read(&self, place: Place<'_>, range: Option<ByteRange>) -> Result<Part> {
        let operator = self.existing(place.container)?;
        let known = operator.stat(place.name).await.map_err(of_opendal)?;
        if !known.is_file() {
            return Err(not_found());
        }
        let mut details = ObjectDetails::of(&known);
        let within = |length| range.map_or(Some((0, length)), |range| range.within(length)).ok_or_else(ended);
        if self.is_memory() {
            // What is there is taken at once, whoever puts another in its place.
            let whole = operator.read(place.name).await.map_err(of_opendal)?.to_bytes();
            let (first, end) = within(whole.len() as u64)?;
            let at = |place| usize::try_from(place).unwrap_or(usize::MAX);
            let part = whole.slice(at(first)..at(end));
            details.bytes = end - first;
            let stream = ByteStream::new(stream::iter((!part.is_empty()).then_some(Ok(part))));
            return Ok(Part { stream: stream.with_length(details.bytes), details });
        }
        let (first, end) = within(details.bytes)?;
        details.bytes = end - first;
        if first == end {
            return Ok(Part { stream: ByteStream::new(stream::empty()).with_length(0), details });
        }
        let has_condition = operator.info().capability().read_with_if_match;
        let if_match = known.etag().filter(|_| has_condition).map(ToOwned::to_owned);
        let options =
            ReaderOptions { if_match, content_length_hint: Some(known.content_length()), ..ReaderOptions::default() };
        let reader = operator.reader_options(place.name, options).await.map_err(of_opendal)?;
        let pieces = reader.into_stream(first..end).await.map_err(of_opendal)?;
        let pieces = pieces.map(|piece| piece.map(|piece| piece.to_bytes()).map_err(of_opendal));
        Ok(Part { stream: ByteStream::new(pieces).with_length(details.bytes), details })
    }

    pub(crate) async fn put(
        &self,
        place: Place<'_>,
        content: Content,
        wanted: &Wanted<'_>,
        limits: &Limits,
    ) -> Result<Stored> {
        let operator = self.operator(place.container)?;
        let mut options = self.options(&operator, wanted)?;
        match content {
            Content::Bytes(bytes) => self.put_bytes(&operator, place, bytes.into(), options, limits).await,
            Content::Stream(stream) => {
                if operator.info().capability().write_can_multi {
                    let least = stream.length().unwrap_or(0).div_ceil(PARTS);
                    options.chunk = Some(usize::try_from(least).unwrap_or(usize::MAX).max(PART));
                }
                let begin = async { operator.writer_options(place.name, options).await.map_err(of_opendal) };
                let mut writer = limits.step(begin).await?;
                let sent = send(&mut writer, stream, limits).await;
                if sent.is_err() {
                    // What was sent is of no use to anybody; that it is not taken away changes nothing about the error.
                    let _ = limits.step(async { writer.abort().await.map_err(of_opendal) }).await;
                }
                sent
            }
        }
    }

    async fn put_bytes(
        &self,
        operator: &Operator,
        place: Place<'_>,
        bytes: Buffer,
        options: WriteOptions,
        limits: &Limits,
    ) -> Result<Stored> {
        let length = bytes.len() as u64;
        let write = async { operator.write_options(place.name, bytes, options).await.map_err(of_opendal) };
        let known = limits.step(write).await?;
        Ok(Stored { etag: etag(&known), bytes: length })
    }

    /// Says what goes with an object, as far as the store can keep it.
    fn options(&self, operator: &Operator, wanted: &Wanted<'_>) -> Result<WriteOptions> {
        let can = operator.info().capability();
        if wanted.needs_content_type && !can.write_with_content_type {
            return Err(unsupported(&self.scheme, "keep content types"));
        }
        if !wanted.metadata.is_empty() && !can.write_with_user_metadata {
            return Err(unsupported(&self.scheme, "keep metadata"));
        }
        if wanted.is_only_if_absent && !can.write_with_if_not_exists {
            return Err(unsupported(&self.scheme, "store something only if it is not there"));
        }
        let content_type = wanted.content_type.filter(|_| can.write_with_content_type).map(ToOwned::to_owned);
        let metadata = wanted.metadata.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let user_metadata = (!wanted.metadata.is_empty()).then(|| metadata.collect());
        let if_not_exists = wanted.is_only_if_absent;
        Ok(WriteOptions { content_type, user_metadata, if_not_exists, ..WriteOptions::default() })
    }

    pub(crate) async fn delete(&self, place: Place<'_>) -> Result<bool> {
        match self.head(place).await {
            Ok(_) => {}
            Err(error) if error.kind() == zato_core::Kind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
        self.existing(place.container)?.delete(place.name).await.map_err(of_opendal).map(|()| true)
    }

    pub(crate) async fn delete_many(&self, container: &str, names: Vec<String>) -> Result<()> {
        match self.existing(container) {
            Ok(operator) => operator.delete_iter(names).await.map_err(of_opendal),
            Err(error) if error.kind() == zato_core::Kind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Copies within a container, if the store can; otherwise returns that it was not done.
    pub(crate) async fn copy(&self, from: Place<'_>, to: Place<'_>) -> Result<bool> {
        let operator = self.existing(from.container)?;
        if from.container != to.container || !operator.info().capability().copy {
            return Ok(false);
        }
        operator.copy(from.name, to.name).await.map_err(of_opendal)?;
        Ok(true)
    }

    pub(crate) async fn list(&self, place: Place<'_>, is_recursive: bool) -> Result<Option<(Operator, Lister)>> {
        let operator = match self.existing(place.container) {
            Err(error) if error.kind() == zato_core::Kind::NotFound => return Ok(None),
            found => found?,
        };
        let options = ListOptions { recursive: is_recursive, ..ListOptions::default() };
        // What begins with dots would be taken for a way elsewhere by some.
        let prefix = match place.name.rsplit_once('/') {
            None if matches!(place.name, "." | "..") => "",
            Some((_, "." | "..")) => place.name.trim_end_matches('.'),
            _ => place.name,
        };
        let lister = operator.lister_options(prefix, options).await.map_err(of_opendal)?;
        Ok(Some((operator, lister)))
    }
}

async fn send(writer: &mut Writer, mut stream: ByteStream, limits: &Limits) -> Result<Stored> {
    let mut bytes = 0;
    while let Some(piece) = stream.chunk().await? {
        bytes += piece.len() as u64;
        limits.step(async { writer.write(piece).await.map_err(of_opendal) }).await?;
    }
    let known = limits.step(async { writer.close().await.map_err(of_opendal) }).await?;
    Ok(Stored { etag: etag(&known), bytes })
}

impl fmt::Debug for Operators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operators").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
