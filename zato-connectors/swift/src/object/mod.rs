//! Objects: storing and reading them, and what is known of them.

mod checked;
mod conditions;
mod copy;
mod description;
mod details;
mod get;
mod large;
mod put;
mod range;
mod reading;
mod still;
mod storing;

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use zato_core::{Result, message::ByteStream};

#[cfg(test)]
pub(crate) use self::large::copy as copy_segments;
pub(crate) use self::{
    checked::{hexadecimal, md5},
    copy::MAX_OBJECT,
    details::{date, timestamp},
    large::Afterwork,
    range::ByteRange,
};
pub use self::{
    copy::CopyRequest,
    details::ObjectDetails,
    get::{GetRequest, Part},
    large::{Segment, Source, UploadRequest},
    put::{PutRequest, Stored},
};
use crate::{
    IntoBytes, Swift,
    container::Outcome,
    metadata::Metadata,
    progress::{Listener, Subject, Transfer},
    temp_url::TempUrlRequest,
    transport::Body,
    wire::Call,
};

/// What the metadata of an object begins with.
pub(crate) const META: &str = "x-object-meta-";

/// An object, which need not be there.
///
/// It is cheap to clone, and borrows nothing: it may be kept, and moved into a task, and so may the requests that it makes.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zato_core::Result;
/// use zato_swift::{Metadata, Swift};
///
/// async fn keep(storage: &Swift, report: String) -> Result<()> {
///     let object = storage.object("reports", "2026/11.txt");
///     let week = Duration::from_secs(7 * 24 * 3600);
///     object.put(report).content_type("text/plain").metadata(Metadata::new().with("by", "CRM")).expires_in(week).await?;
///     assert!(object.head().await?.bytes > 0);
///     Ok(())
/// }
/// ```
///
/// In a task, beside others:
///
/// ```
/// use zato_core::{Result, bytes::Bytes};
/// use zato_swift::Swift;
///
/// async fn dispatch(storage: &Swift, targets: Vec<String>, invoice: Bytes) -> Result<()> {
///     let mut tasks = tokio::task::JoinSet::new();
///     for target in &targets {
///         let (object, invoice) = (storage.object(target, "Invoice"), invoice.clone());
///         tasks.spawn(async move { object.put(invoice).await });
///     }
///     tasks.join_all().await.into_iter().collect::<Result<Vec<_>>>().map(drop)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Object {
    swift: Swift,
    container: Arc<str>,
    name: Arc<str>,
}

impl Object {
    pub(crate) fn new(swift: Swift, container: Arc<str>, name: Arc<str>) -> Self {
        Self { swift, container, name }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name of its container.
    #[must_use]
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Begins to store bytes, or a text; they are stored when what is returned is awaited.
    #[doc(alias = "put_object")]
    pub fn put(&self, bytes: impl IntoBytes) -> PutRequest {
        PutRequest::new(self.clone(), Ok(Body::Bytes(bytes.into_bytes())), None)
    }

    /// Begins to store a model, as JSON.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) when it is awaited if JSON can't say it.
    pub fn put_model<T: Serialize + ?Sized>(&self, model: &T) -> PutRequest {
        let bytes = serde_json::to_vec(model);
        let bytes =
            bytes.map_err(|error| zato_core::Error::internal("the model can't be written as JSON").with_source(error));
        PutRequest::new(self.clone(), bytes.map(|bytes| Body::Bytes(bytes.into())), Some("application/json"))
    }

    /// Begins to store what comes piece by piece, with a length or without. It is sent once: what fails meanwhile is not tried
    /// again, and there may be no more than what the server takes as one object, 5 GiB mostly. [`upload`](Self::upload) is for
    /// what is large.
    pub fn put_stream(&self, stream: ByteStream) -> PutRequest {
        PutRequest::new(self.clone(), Ok(Body::Stream(stream)), None)
    }

    /// Begins to upload bytes, a text or a stream, in segments if it is larger than one; see [`UploadRequest`].
    #[doc(alias = "large object")]
    #[doc(alias = "SLO")]
    pub fn upload(&self, source: impl Into<Source>) -> UploadRequest {
        UploadRequest::new(self.clone(), source.into())
    }

    /// Begins to upload a file, in segments if it is larger than one. An upload that failed goes on where it was, as long as
    /// the file is the same.
    pub fn upload_file(&self, path: impl Into<PathBuf>) -> UploadRequest {
        UploadRequest::new(self.clone(), Source::file(path.into()))
    }

    /// Begins to read it, whole unless a [range](GetRequest::range) is given.
    #[doc(alias = "get_object")]
    pub fn get(&self) -> GetRequest {
        GetRequest::new(self.clone())
    }

    /// Returns what is known of it.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    #[doc(alias = "head_object")]
    pub async fn head(&self) -> Result<ObjectDetails> {
        self.described(self.call(Method::HEAD)?).await
    }

    /// Returns what is known of it by the newest replica: for who decides by that what is deleted.
    pub(crate) async fn head_newest(&self) -> Result<ObjectDetails> {
        self.described(self.newest(Method::HEAD)?).await
    }

    async fn described(&self, call: Call) -> Result<ObjectDetails> {
        let answer = self.swift.call(call).await?;
        let details = ObjectDetails::of(&answer);
        answer.done().await;
        details.map_err(|error| self.about(error))
    }

    /// Tells whether it is there.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    pub async fn exists(&self) -> Result<bool> {
        let answer = self.swift.call(self.call(Method::HEAD)?.accepting(StatusCode::NOT_FOUND)).await?;
        let is_there = answer.status() != StatusCode::NOT_FOUND;
        answer.done().await;
        Ok(is_there)
    }

    /// Sets the metadata, all of it: what is not named is there no more. So is an expiry; see
    /// [`set_details`](Self::set_details). What the object is, such as its encoding, stays.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    #[doc(alias = "post_object")]
    pub async fn set_metadata(&self, metadata: &Metadata) -> Result<()> {
        self.post(metadata.headers(META)?).await
    }

    /// Sets the metadata, all of it, and when the object is deleted by the server, if it is to be.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    pub async fn set_details(
        &self,
        metadata: &Metadata,
        expires_at: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<()> {
        let mut headers = metadata.headers(META)?;
        headers.extend(expires_at.map(description::expiry).transpose()?);
        self.post(headers).await
    }

    /// Swift takes away whatever a POST does not name but the type, also what makes an object readable.
    async fn post(&self, headers: HeaderMap) -> Result<()> {
        let known = self.swift.call(self.call(Method::HEAD)?).await?.done().await;
        let call = self.call(Method::POST)?.headers(kept(&known)).headers(headers);
        self.swift.call(call).await?.done().await;
        Ok(())
    }

    /// Begins to copy it, on the server.
    #[doc(alias = "copy_object")]
    pub fn copy_to(&self, container: &str, name: &str) -> CopyRequest {
        CopyRequest::new(self.clone(), self.swift.object(container, name))
    }

    /// Returns the segments of a large object, in their order; `None` if it is none, or a dynamic one, whose segments are all
    /// that begin with the same. Bytes that a manifest holds itself are left out.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    #[doc(alias = "multipart-manifest")]
    pub async fn segments(&self) -> Result<Option<Vec<Segment>>> {
        large::segments(self).await
    }

    /// Begins to make a URL with which anybody may do with it what the method says, such as read it, for so long, in whole
    /// seconds; see [`TempUrlRequest`].
    #[doc(alias = "tempurl")]
    pub fn temp_url(&self, method: Method, expires_in: Duration) -> TempUrlRequest {
        TempUrlRequest::new(self.clone(), method, expires_in)
    }

    /// Deletes it, and returns whether it was there; it was not any more if the answer to a first attempt was lost. Of a large object its segments are left, unless
    /// [`delete_with_segments`](Self::delete_with_segments) is used.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    #[doc(alias = "delete_object")]
    pub async fn delete(&self) -> Result<bool> {
        self.deleted(self.call(Method::DELETE)?).await
    }

    /// Stores something in its place, or deletes it, and then removes those of its segments whose names begin with its own: other
    /// objects that it was put together from stand on their own.
    pub(crate) async fn replacing<T>(&self, deed: impl Future<Output = Result<T>>) -> Result<T> {
        large::replacing(self, deed).await
    }

    /// Returns the container that its segments are in, unless somebody has said another one.
    pub(crate) fn segments_in(&self) -> String {
        large::segments_of(self)
    }

    /// Deletes it, tried once.
    pub(crate) async fn delete_once(&self) -> Result<bool> {
        self.deleted(self.call(Method::DELETE)?.tried_once()).await
    }

    async fn deleted(&self, call: Call) -> Result<bool> {
        let answer = self.swift.call(call.accepting(StatusCode::NOT_FOUND)).await?;
        let was_there = answer.status() != StatusCode::NOT_FOUND;
        answer.done().await;
        Ok(was_there)
    }

    /// Deletes it with its segments, if it is a large one with a manifest (a static one), and returns whether it was there. Of one
    /// whose segments are all that have a prefix (a dynamic one) they are left.
    ///
    /// All that its manifest names goes, and what the manifests among that name, whoever has stored it and whatever else is made of
    /// it: this is Swift's own `multipart-manifest=delete`. Others' objects are spared by `ObjectStorage::delete`, which removes only
    /// segments that are called by the name of the object; or read its [`segments`](Self::segments), [`delete`](Self::delete) it
    /// alone, and then [those](crate::Container::delete_objects) of them that nothing else needs.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if some of the segments could not be deleted. Beside that as
    /// [all verbs](Swift#errors).
    ///
    /// # Cancel safety
    ///
    /// Some of the segments may be deleted then.
    pub async fn delete_with_segments(&self) -> Result<bool> {
        let answer = self.swift.call(self.newest(Method::HEAD)?.accepting(StatusCode::NOT_FOUND)).await?;
        let is_large = answer.text("x-static-large-object").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        answer.done().await;
        if !is_large {
            return self.delete().await;
        }
        let call = self
            .call(Method::DELETE)?
            .query("multipart-manifest", Some("delete"))
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .accepting(StatusCode::NOT_FOUND);
        let answer = self.swift.call(call).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            answer.done().await;
            return Ok(false);
        }
        let outcome = Outcome::read(answer).await;
        let deleted = outcome.and_then(Outcome::checked).map_err(|error| self.about(error))?;
        Ok(deleted > 0)
    }

    pub(crate) fn call(&self, method: Method) -> Result<Call> {
        Call::object(method, &self.container, &self.name)
    }

    /// Begins a request that reads the newest of all replicas: the first that answers may not know yet what was stored, or deleted.
    fn newest(&self, method: Method) -> Result<Call> {
        Ok(self.call(method)?.header(NEWEST, HeaderValue::from_static("true")))
    }

    pub(crate) fn swift(&self) -> &Swift {
        &self.swift
    }

    /// Begins to watch how it gets there, or here.
    fn transfer(&self, direction: &'static str, total: Option<u64>, listener: Option<Listener>) -> Transfer {
        let connection = self.swift.name().to_owned();
        let (container, object) = (self.container.to_string(), self.name.to_string());
        Transfer::new(Subject { direction, connection, container, object }, total, listener)
    }

    /// Says what an upload is about, which may have failed with a segment.
    fn about_upload(&self, error: zato_core::Error) -> zato_core::Error {
        let is_said = |key: &str| error.context().any(|(said, _)| said == key);
        let (connection, container) = (is_said("connection"), is_said("container"));
        let error = if connection { error } else { error.with("connection", self.swift.name()) };
        if container { error } else { error.with("container", &*self.container).with("object", &*self.name) }
    }

    pub(crate) fn about(&self, error: zato_core::Error) -> zato_core::Error {
        error.with("connection", self.swift.name()).with("container", &*self.container).with("object", &*self.name)
    }
}

/// Whether all replicas are asked, and not the first that answers.
const NEWEST: HeaderName = HeaderName::from_static("x-newest");

/// Where the segments of a dynamic large object are.
const MANIFEST: HeaderName = HeaderName::from_static("x-object-manifest");

/// What an object has beside its type and its metadata (Swift's `allowed_headers`).
const KEPT: [HeaderName; 7] = [
    header::CONTENT_ENCODING,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::CACHE_CONTROL,
    header::EXPIRES,
    HeaderName::from_static("x-robots-tag"),
    MANIFEST,
];

/// Returns of the headers of an object what it needs to stay what it is.
fn kept(headers: &HeaderMap) -> HeaderMap {
    KEPT.into_iter().filter_map(|name| headers.get(&name).cloned().map(|value| (name, value))).collect()
}
