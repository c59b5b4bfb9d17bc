use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use zato_core::{Error, Result};

use super::{
    MANIFEST, META, Object, ObjectDetails,
    description::{self, DELETE_AT},
    details::etag,
    kept, large,
    still::{self, Copied},
};
use crate::{
    connector::SwiftClient,
    error::{self, SwiftErrorKind},
    metadata::Metadata,
    name,
    wire::Call,
};

/// How many bytes a server copies in a second at the least; less is taken for a server that hangs.
const COPIED: u64 = 1024 * 1024;

/// How large an object can be that is none of segments (Swift's `max_file_size`).
pub(crate) const MAX_OBJECT: u64 = 5 * 1024 * 1024 * 1024;

/// What a copy is made of.
pub(super) const COPY_FROM: HeaderName = HeaderName::from_static("x-copy-from");

/// Whether a copy has the metadata of its request alone.
pub(super) const FRESH: HeaderName = HeaderName::from_static("x-fresh-metadata");

/// A copy that is about to be made, on the server; awaiting it makes it, and gives its ETag.
///
/// A copy stands on its own: it has bytes of its own, and no segments in common with the original, whatever becomes of that. A
/// copy of a large object is a plain object up to what a server takes as one (5 GiB mostly). Of a larger one each segment is
/// copied, into the container of the copy with `_segments` after it; if that breaks off, the segments are left, and the same copy
/// goes on with them the next time. Only of a dynamic large object of that size the list of its segments is copied, which is a
/// prefix: its segments are those of the original then.
///
/// As with [`put`](Object::put), the segments are left of a large object whose place a plain copy takes. A copy can't be made only if
/// there is none of its name: Swift takes conditions of a copy for conditions on the original.
///
/// # Errors
///
/// [`Conflict`](zato_core::Kind::Conflict) if a segment is gone; [`InvalidInput`](zato_core::Kind::InvalidInput) if a segment is a
/// large object itself, and larger than one object can be. Beside that as [all verbs](crate::Swift#errors).
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_swift::Swift;
///
/// async fn archive(storage: &Swift) -> Result<()> {
///     storage.object("CRM", "Invoice").copy_to("archive", "2026/Invoice").await?;
///     Ok(())
/// }
/// ```
#[must_use = "a copy is made when it is awaited"]
pub struct CopyRequest {
    from: Object,
    to: Object,
    described: Described,
    content_type: Option<String>,
    /// What the original has to be.
    only: Option<ObjectDetails>,
}

/// Which metadata a copy has.
enum Described {
    /// That of the original, and this beside it or in its place.
    Beside(Metadata),
    /// This alone, and no expiry.
    Alone(Metadata),
}

/// What is copied.
struct Original {
    bytes: u64,
    is_large: bool,
    /// Unless nobody needs them.
    headers: Option<HeaderMap>,
}

impl CopyRequest {
    pub(super) fn new(from: Object, to: Object) -> Self {
        Self { from, to, described: Described::Beside(Metadata::new()), content_type: None, only: None }
    }

    /// Gives the copy this metadata alone, and no expiry; it has those of the original unless given.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.described = Described::Alone(metadata);
        self
    }

    /// Gives the copy this metadata beside that of the original.
    pub(crate) fn beside(mut self, metadata: Metadata) -> Self {
        self.described = Described::Beside(metadata);
        self
    }

    /// Copies it only if it is still this one, and fails with
    /// [`PreconditionFailed`](SwiftErrorKind::PreconditionFailed) otherwise.
    pub(crate) fn only(mut self, details: ObjectDetails) -> Self {
        self.only = Some(details);
        self
    }

    /// Says what the copy is; the same as the original unless given.
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = Some(content_type.to_owned());
        self
    }

    async fn send(self) -> Result<String> {
        name::container(self.from.container())?;
        name::object(self.from.name())?;
        let original = self.original().await?;
        if original.bytes > MAX_OBJECT && original.is_large {
            return self.in_segments(original).await;
        }
        match self.on_the_server(&original, false).await {
            // The server's limit is another one.
            Err(error)
                if original.is_large
                    && error::kind_of(&error) == Some(SwiftErrorKind::TooLarge)
                    && !error::is_about_quota(&error) =>
            {
                self.in_segments(original).await
            }
            copied => copied,
        }
    }

    async fn original(&self) -> Result<Original> {
        match (&self.only, &self.described) {
            (Some(ObjectDetails { bytes, is_large, .. }), Described::Beside(_)) => {
                Ok(Original { bytes: *bytes, is_large: *is_large, headers: None })
            }
            _ => self.asked().await,
        }
    }

    async fn asked(&self) -> Result<Original> {
        let answer = self.from.swift().call(self.from.call(Method::HEAD)?.patient()).await?;
        let details = ObjectDetails::of(&answer);
        let headers = answer.done().await;
        let ObjectDetails { bytes, is_large, etag, .. } = details.map_err(|error| self.from.about(error))?;
        if self.only.as_ref().is_some_and(|only| only.etag != etag) {
            return Err(self.from.about(replaced()));
        }
        Ok(Original { bytes, is_large, headers: Some(headers) })
    }

    /// Has the server copy the bytes, or the list of segments, by one request.
    async fn on_the_server(&self, original: &Original, is_list: bool) -> Result<String> {
        let path = format!("/{}", name::path(self.from.container(), Some(self.from.name())));
        let mut call = self
            .to
            .call(Method::PUT)?
            .text(COPY_FROM, &path)?
            .header(header::CONTENT_LENGTH, HeaderValue::from_static("0"))
            // Swift answers when the last byte is there.
            .lasting(copying_time(&*self.to.swift().client()?, if is_list { 0 } else { original.bytes }));
        call = match &self.described {
            Described::Beside(metadata) => call.headers(metadata.headers(META)?),
            Described::Alone(metadata) => {
                let kept = original.headers.as_ref().map(of_content).unwrap_or_default();
                call.header(FRESH, HeaderValue::from_static("true")).headers(kept).headers(metadata.headers(META)?)
            }
        };
        if let Some(content_type) = &self.content_type {
            call = call.text(header::CONTENT_TYPE, content_type)?;
        }
        if is_list {
            call = call.query("multipart-manifest", Some("get"));
        }
        let (status, etag) = match &self.only {
            // The ETag of the list is another one.
            Some(details) if !is_list => self.if_still(details, call).await?,
            _ => {
                let answer = self.to.swift().call(call).await?;
                let said = (answer.status(), etag(&answer));
                answer.done().await;
                said
            }
        };
        let fault = match etag {
            _ if status != StatusCode::CREATED => format!("status {} to a copy", status.as_u16()),
            Some(etag) => return Ok(etag),
            None => "the server did not say what it has stored".to_owned(),
        };
        Err(self.to.about(error::unexpected(fault)))
    }

    /// Has it copied if it is still this one. What another version has become meanwhile does not stay.
    async fn if_still(&self, details: &ObjectDetails, call: Call) -> Result<(StatusCode, Option<String>)> {
        let (from, to, client) = (&self.from, &self.to, self.to.swift().client()?);
        let Copied { status, etag, is_same } =
            still::copy(&client, from.container(), from.name(), &details.etag, call).await?;
        let Some(copy) = etag else { return Ok((status, None)) };
        // A copy of a large object has an ETag of its own.
        let is_this = if details.is_large { is_same } else { copy == details.etag };
        if is_this {
            return Ok((status, Some(copy)));
        }
        let is_itself = (from.container(), from.name()) == (to.container(), to.name());
        if !is_itself && still::is_still(&client, to.container(), to.name(), &copy).await? {
            to.delete_once().await?;
        }
        Err(from.about(replaced()))
    }

    /// Copies each segment, which has room where all together have none.
    async fn in_segments(&self, original: Original) -> Result<String> {
        let original = if original.headers.is_some() { original } else { self.asked().await? };
        let headers = self.headers(original.headers.as_ref())?;
        let only = self.only.as_ref().map(|only| only.etag.as_str());
        match large::copy(&self.from, &self.to, headers, only).await? {
            Some(etag) => Ok(etag),
            // A plain object may have come into its place, which is not copied where it is not to be that one.
            None => {
                let is_list = original.headers.as_ref().is_some_and(|headers| headers.contains_key(MANIFEST));
                self.on_the_server(&original, is_list).await
            }
        }
    }

    /// Returns what a copy has whose manifest is put here.
    fn headers(&self, original: Option<&HeaderMap>) -> Result<HeaderMap> {
        let empty = HeaderMap::new();
        let original = original.unwrap_or(&empty);
        let mut headers = of_content(original);
        headers.extend(original.get(header::CONTENT_TYPE).map(|value| (header::CONTENT_TYPE, value.clone())));
        let metadata = match &self.described {
            Described::Beside(metadata) => {
                let stays = |name: &HeaderName| name.as_str().starts_with(META) || *name == DELETE_AT;
                let stays = original.iter().filter(|(name, _)| stays(name));
                headers.extend(stays.map(|(name, value)| (name.clone(), value.clone())));
                metadata
            }
            Described::Alone(metadata) => metadata,
        };
        headers.extend(metadata.headers(META)?);
        if let Some(content_type) = &self.content_type {
            headers.insert(header::CONTENT_TYPE, description::value(&header::CONTENT_TYPE, content_type)?);
        }
        Ok(headers)
    }
}

fn replaced() -> Error {
    error::of_kind(SwiftErrorKind::PreconditionFailed, "the object is another one by now")
}

/// Returns what an object has beside its type and metadata, but not where the segments of a dynamic one are: a copy of its bytes
/// that says that would be read as those, too.
fn of_content(headers: &HeaderMap) -> HeaderMap {
    let mut kept = kept(headers);
    kept.remove(MANIFEST);
    kept
}

/// Returns how long a server may take to copy so many bytes.
pub(super) fn copying_time(client: &SwiftClient, bytes: u64) -> Duration {
    client.wire.rules().timeout.saturating_add(Duration::from_secs(bytes / COPIED))
}

impl IntoFuture for CopyRequest {
    type Output = Result<String>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<String>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for CopyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyRequest").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}
