//! A copy of a large object that is larger than one object can be: the server copies each of its segments.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use zato_core::{Error, Result};

use super::{
    container,
    known::{self, Known},
    manifest::{self, Entry, Manifest, Segment},
    remove,
    sending::{CONTENT_TYPE, Sent},
};
use crate::{
    connector::SwiftClient,
    error::{self, SwiftErrorKind},
    name,
    object::{
        Object,
        checked::md5,
        copy::{COPY_FROM, FRESH, MAX_OBJECT, copying_time},
        description::DELETE_AT,
        details::etag,
        still::{self, Copied},
    },
    transport::Body,
    wire::Call,
};

/// Copies, and what the segments of one are called.
struct Copying<'a> {
    to: &'a Object,
    client: Arc<SwiftClient>,
    segments_in: String,
    prefix: String,
    /// Those that an earlier attempt has left.
    known: Known,
    expiry: Option<HeaderValue>,
}

/// Copies a large object with its segments, and returns the ETag of the copy; `None` if it has no manifest (any more). It is copied
/// only if it is the one of an ETag, if there is one.
///
/// The segments are called by what is copied: the next attempt goes on where one has ended.
pub(crate) async fn copy(from: &Object, to: &Object, headers: HeaderMap, only: Option<&str>) -> Result<Option<String>> {
    let Some(Manifest { checksum, entries }) = manifest::get(from).await? else { return Ok(None) };
    if only.is_some_and(|only| only != manifest::etag_of(&entries)) {
        let error = error::of_kind(SwiftErrorKind::PreconditionFailed, "the large object is another one by now");
        return Err(from.about(error));
    }
    fits(&entries).map_err(|error| from.about(error))?;
    let (swift, client, segments_in) = (to.swift(), to.swift().client()?, container::of(to));
    let expiry = headers.get(DELETE_AT).cloned();
    // Segments that expire at different moments are never taken for each other.
    let at = expiry.as_ref().and_then(|at| at.to_str().ok()).map(|at| format!("-{at}")).unwrap_or_default();
    let prefix = format!("{}copy-{checksum}{at}/", container::prefix(to, &segments_in));
    name::object(&segment(&prefix, entries.len())).map_err(|_| {
        Error::invalid_input("the name of the copy is too long for a large object, whose segments have longer ones")
    })?;
    container::have(to, &segments_in).await?;
    let known = known::list(swift, &segments_in, &prefix).await?;
    let parallelism = client.settings.segment_parallelism.max(1);
    let copying = Copying { to, client, segments_in, prefix, known, expiry };
    let all: Vec<_> = entries.iter().enumerate().map(|(index, entry)| copying.one(index, entry)).collect();
    let sent: Vec<Sent> = stream::iter(all).buffered(parallelism).try_collect().await?;
    let before = manifest::there(to).await?;
    manifest::put(to, &copying.segments_in, &sent, headers, false).await?;
    let used = sent.iter().map(|segment| segment.name.as_str()).collect();
    let before = before.map(|before| before.segments).unwrap_or_default();
    remove::replaced(to, &remove::superseded(to, before, &copying.segments_in, &used)).await;
    Ok(Some(manifest::whole_etag(&sent)))
}

/// Whether each segment is one that the server copies: one that is large itself becomes a plain object.
fn fits(entries: &[Entry]) -> Result<()> {
    let is_too_large = |segment: &Segment| segment.is_large && segment.length() > MAX_OBJECT;
    let found = entries.iter().find_map(|entry| match entry {
        Entry::Segment(segment) if is_too_large(segment) => Some(segment),
        _ => None,
    });
    found.map_or(Ok(()), |segment| Err(nested(segment)))
}

#[cold]
fn nested(segment: &Segment) -> Error {
    Error::invalid_input("a segment is a large object itself, and larger than one object can be")
        .with("segment", format_args!("{}/{}", segment.container, segment.name))
        .with("remedy", "put a manifest that names the segments of that one in its place, and copy it then")
}

fn segment(prefix: &str, index: usize) -> String {
    format!("{prefix}{index:08}")
}

fn stored(status: StatusCode, etag: Option<String>) -> Result<String> {
    etag.filter(|_| status == StatusCode::CREATED)
        .ok_or_else(|| error::unexpected(format!("status {} to the copy of a segment", status.as_u16())))
}

impl Copying<'_> {
    async fn one(&self, index: usize, entry: &Entry) -> Result<Sent> {
        let name = segment(&self.prefix, index);
        match entry {
            Entry::Segment(from) => self.copied(index, name, from).await,
            Entry::Data(data) => self.stored(index, name, data).await,
        }
    }

    /// Has a segment copied, or those bytes of it that count.
    async fn copied(&self, index: usize, name: String, from: &Segment) -> Result<Sent> {
        let bytes = from.length();
        let is_whole = from.range.is_none() && !from.is_large;
        let index = index as u64;
        let is_known = is_whole && self.known.get(&name).is_some_and(|known| *known == (bytes, from.etag.clone()));
        // A listing may still have what is gone.
        if is_known && still::is_still(&self.client, &self.segments_in, &name, &from.etag).await? {
            return Ok(Sent { index, name, bytes, etag: from.etag.clone() });
        }
        let path = format!("/{}", name::path(&from.container, Some(&from.name)));
        let mut call = self
            .call(&name)?
            .text(COPY_FROM, &path)?
            // What it has beside its bytes is that of the segments here: they expire when the copy does, and not before.
            .header(FRESH, HeaderValue::from_static("true"))
            .header(header::CONTENT_LENGTH, HeaderValue::from_static("0"))
            .lasting(copying_time(&self.client, bytes));
        if let Some(range) = &from.range {
            call = call.text(header::RANGE, &format!("bytes={}-{}", range.start(), range.end()))?;
        }
        let copied = still::copy(&self.client, &from.container, &from.name, &from.etag, call.patient()).await;
        let Copied { status, etag, is_same } = copied.map_err(|error| self.about_segment(error, from))?;
        let etag = stored(status, etag)?;
        if !is_whole && !is_same {
            let error = error::of_kind(SwiftErrorKind::PreconditionFailed, "another segment was copied");
            return Err(self.about_segment(error, from));
        }
        if is_whole && etag != from.etag {
            let said = format!("the server has copied {etag}, and the segment was {}", from.etag);
            return Err(error::of_kind(SwiftErrorKind::ChecksumMismatch, said));
        }
        Ok(Sent { index, name, bytes, etag })
    }

    /// Stores bytes that the manifest held itself.
    async fn stored(&self, index: usize, name: String, data: &str) -> Result<Sent> {
        let data = STANDARD.decode(data);
        let data =
            data.map_err(|error| error::unexpected("the manifest holds what is no Base64").with_source(error))?;
        let (index, bytes, etag) = (index as u64, data.len() as u64, md5(&data));
        let call = self.call(&name)?.text(header::ETAG, &etag)?.body(Body::Bytes(data.into()));
        let etag = self.put(call).await?;
        Ok(Sent { index, name, bytes, etag })
    }

    fn call(&self, name: &str) -> Result<Call> {
        let call = Call::object(Method::PUT, &self.segments_in, name)?.header(header::CONTENT_TYPE, CONTENT_TYPE);
        Ok(match self.expiry.clone() {
            Some(at) => call.header(DELETE_AT, at),
            None => call,
        })
    }

    async fn put(&self, call: Call) -> Result<String> {
        let answer = self.client.wire.call(call.patient()).await?;
        let (status, etag) = (answer.status(), etag(&answer));
        answer.done().await;
        stored(status, etag)
    }

    /// Says what it means that a segment can't be copied.
    fn about_segment(&self, error: Error, from: &Segment) -> Error {
        let error = match error::kind_of(&error) {
            // The server's limit is a lower one.
            Some(SwiftErrorKind::TooLarge) if from.is_large && !error::is_about_quota(&error) => {
                return self.to.about(nested(from).with_source(error));
            }
            Some(SwiftErrorKind::NotFound | SwiftErrorKind::PreconditionFailed) => {
                error::of_kind(SwiftErrorKind::Conflict, "a segment of the large object is gone, or another one")
            }
            _ => error,
        };
        self.to.about(error).with("segment", format_args!("{}/{}", from.container, from.name))
    }
}

#[cfg(test)]
mod tests {
    use zato_core::Kind;

    use super::*;

    #[test]
    fn what_is_larger_than_an_object_within_a_large_one_is_not_begun() {
        let segment = |bytes, range, is_large| {
            let (container, name, etag) = ("a".to_owned(), "b".to_owned(), String::new());
            Entry::Segment(Segment { container, name, bytes, etag, range, is_large })
        };
        let small = || segment(1, None, false);
        let larger = MAX_OBJECT + 1;
        for nested in
            [segment(MAX_OBJECT, None, true), segment(larger, Some(0..=9), true), segment(larger, None, false)]
        {
            assert!(fits(&[small(), nested]).is_ok());
        }
        let error = fits(&[small(), segment(larger, None, true)]).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput);
        assert!(error.context().any(|(key, _)| key == "remedy"));
    }
}
