use std::{fmt, ops::RangeBounds};

use chrono::{DateTime, Utc};
use http::{Method, StatusCode, header};
use serde::de::DeserializeOwned;
use zato_core::{Error, Kind, Result, bytes::Bytes, message::ByteStream};

use super::{Object, ObjectDetails, conditions::Conditions, details::etag, range::ByteRange, reading, still};
use crate::{
    connector::SwiftClient,
    error::{self, SwiftErrorKind},
    progress::{self, Listener, Progress},
    wire::{Answer, Call},
};

/// How large an object may be that is read as a whole, unless somebody says otherwise.
const MAX: usize = 64 * 1024 * 1024;

/// An object that is about to be read, by one of [`bytes`](Self::bytes), [`text`](Self::text), [`model`](Self::model) and
/// [`stream`](Self::stream).
///
/// What breaks off on its way is read on where it was, as long as the object is still the same. An object that is read from its
/// beginning to its end is compared with its checksum, unless it is a large one, whose segments alone have one.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, bytes::Bytes};
/// use zato_swift::Swift;
///
/// async fn beginning(storage: &Swift) -> Result<Bytes> {
///     storage.object("CRM", "Invoice").get().range(..1024).bytes().await
/// }
/// ```
#[must_use = "nothing is read before somebody says as what"]
pub struct GetRequest {
    object: Object,
    range: Result<Option<ByteRange>>,
    conditions: Conditions,
    max: usize,
    listener: Option<Listener>,
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
    pub(super) fn new(object: Object) -> Self {
        Self { object, range: Ok(None), conditions: Conditions::default(), max: MAX, listener: None }
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

    /// The same as [`range`](Self::range) and [`last`](Self::last).
    pub(crate) fn byte_range(mut self, range: Option<ByteRange>) -> Self {
        self.range = Ok(range);
        self
    }

    /// Reads no more than so many bytes as a whole; 64 MiB unless given. A stream has no limit.
    pub fn max_size(mut self, bytes: usize) -> Self {
        self.max = bytes;
        self
    }

    /// Reads it only if it is still this one.
    ///
    /// A plain object that was copied from a large one Swift takes for another one, as it compares with the ETag of the original;
    /// such a one is asked for without the condition, and compared here.
    pub fn if_match(mut self, etag: &str) -> Self {
        self.conditions.etag(header::IF_MATCH, etag);
        self
    }

    /// Reads it only if it is not this one any more; see [`unless_unchanged`](Self::unless_unchanged).
    pub fn if_none_match(mut self, etag: &str) -> Self {
        self.conditions.etag(header::IF_NONE_MATCH, etag);
        self
    }

    /// Reads it only if it was stored after this; see [`unless_unchanged`](Self::unless_unchanged).
    pub fn if_modified_since(mut self, moment: impl Into<DateTime<Utc>>) -> Self {
        self.conditions.moment(header::IF_MODIFIED_SINCE, moment.into());
        self
    }

    /// Reads it only if it was not stored after this.
    pub fn if_unmodified_since(mut self, moment: impl Into<DateTime<Utc>>) -> Self {
        self.conditions.moment(header::IF_UNMODIFIED_SINCE, moment.into());
        self
    }

    /// Has somebody told how far it has got, five times a second at the most, and at its end. They must not take long.
    pub fn progress(mut self, listener: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.listener = progress::listener(listener);
        self
    }

    /// Reads it as a whole.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](Kind::TooLarge) if it is larger than the [`max_size`](Self::max_size); [`Conflict`](Kind::Conflict) if a
    /// condition was not met; [`InvalidInput`](Kind::InvalidInput) if it ends before the range;
    /// [`Upstream`](Kind::Upstream) if what arrived is not what is stored. Beside that as [all verbs](crate::Swift#errors).
    pub async fn bytes(self) -> Result<Bytes> {
        let (object, max) = (self.object.clone(), self.max);
        let part = self.stream().await?;
        read_whole(&object, part, max).await
    }

    /// Reads it as a text in UTF-8.
    ///
    /// # Errors
    ///
    /// [`Upstream`](Kind::Upstream) if it is none, beside what [`bytes`](Self::bytes) has.
    pub async fn text(self) -> Result<String> {
        let object = self.object.clone();
        let text = String::from_utf8(self.bytes().await?.into());
        text.map_err(|_| object.about(error::unexpected("the object is no text in UTF-8")))
    }

    /// Reads it as a model, from JSON.
    ///
    /// # Errors
    ///
    /// [`Upstream`](Kind::Upstream) if it is none, beside what [`bytes`](Self::bytes) has.
    pub async fn model<T: DeserializeOwned>(self) -> Result<T> {
        let object = self.object.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| object.about(Error::upstream("the object is not what was asked for").with_source(error)))
    }

    /// Begins to read it, piece by piece.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); what is only found out meanwhile is what the stream fails with.
    pub async fn stream(self) -> Result<Part> {
        let object = self.object.clone();
        self.unless_unchanged().await?.ok_or_else(|| {
            object.about(error::of_kind(SwiftErrorKind::PreconditionFailed, "the object has not changed (304)"))
        })
    }

    /// The same; `None` if [`if_none_match`](Self::if_none_match) or [`if_modified_since`](Self::if_modified_since) finds it
    /// unchanged.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    pub async fn unless_unchanged(mut self) -> Result<Option<Part>> {
        let listener = self.listener.take();
        let client = self.object.swift().client()?;
        let (answer, range) = self.ask(&client).await?;
        let object = self.object;
        if answer.status() == StatusCode::NOT_MODIFIED {
            answer.done().await;
            return Ok(None);
        }
        is_as_asked(&answer, range.is_some()).map_err(|error| object.about(error))?;
        let details = ObjectDetails::of(&answer).map_err(|error| object.about(error))?;
        let is_whole = range.is_none() && !details.is_large;
        let transfer = object.transfer("read", Some(details.bytes), listener);
        let stream = reading::stream(&object, client, answer, &details, transfer, is_whole);
        Ok(Some(Part { details, stream }))
    }

    async fn ask(&mut self, client: &SwiftClient) -> Result<(Answer, Option<ByteRange>)> {
        let (call, range) = self.call()?;
        let refused = match client.wire.call(call).await {
            Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::PreconditionFailed) => error,
            answered => return Ok((answered?, range)),
        };
        let Some(is) = self.conditions.take_match() else { return Err(refused) };
        if !still::is_still(client, self.object.container(), self.object.name(), &is).await? {
            return Err(refused);
        }
        let answer = client.wire.call(self.call()?.0).await?;
        if etag(&answer).is_some_and(|etag| etag == is) { Ok((answer, range)) } else { Err(refused) }
    }

    fn call(&self) -> Result<(Call, Option<ByteRange>)> {
        let range = match &self.range {
            Ok(range) => *range,
            Err(error) => return Err(Error::new(error.kind(), error.message().to_owned())),
        };
        let mut call = self.object.call(Method::GET)?.headers(self.conditions.headers()?);
        if self.conditions.asks_for_changes() {
            call = call.accepting(StatusCode::NOT_MODIFIED);
        }
        if let Some(range) = range {
            call = call.text(header::RANGE, &range.header())?;
        }
        Ok((call, range))
    }
}

/// Whether a part was given where one was asked for. An object without a byte is given whole, whatever is asked for.
fn is_as_asked(answer: &Answer, is_part: bool) -> Result<()> {
    match (answer.status(), is_part) {
        (StatusCode::OK, false) | (StatusCode::PARTIAL_CONTENT, true) => Ok(()),
        (StatusCode::OK, true) if answer.length() == Some(0) => Ok(()),
        (status, _) => Err(error::unexpected(format!("status {} to a GET", status.as_u16()))),
    }
}

async fn read_whole(object: &Object, part: Part, max: usize) -> Result<Bytes> {
    let Part { details, stream } = part;
    stream.bytes_within(max).await.map_err(|error| match error.kind() {
        Kind::TooLarge => {
            let words = format!(
                "the object has {} bytes, and {max} may be read as a whole; read it as a stream",
                details.bytes
            );
            object.about(Error::new(Kind::TooLarge, words))
        }
        _ => error,
    })
}

impl fmt::Debug for GetRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetRequest").field("object", &self.object).finish_non_exhaustive()
    }
}
