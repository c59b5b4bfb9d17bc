//! Manifests: what puts the segments of a large object together.

use std::ops::RangeInclusive;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use zato_core::{Error, Result};

use super::sending::Sent;
use crate::{
    error::{self, SwiftErrorKind},
    object::{Object, checked::md5, details::etag},
    transport::Body,
    wire::{Answer, Repeated},
};

/// How large a manifest may be that is read: a thousand names, each character escaped, have some megabytes.
const MAX: usize = 32 * 1024 * 1024;

/// A segment of a large object, as its manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// The container that it is in.
    pub container: String,
    /// Its name.
    pub name: String,
    /// How many bytes it has, all of which count unless there is a range.
    pub bytes: u64,
    /// The MD5 of what is in it, in hexadecimal, if it is no large object itself.
    pub etag: String,
    /// Which bytes of it count, from the first to the last, if not all.
    pub range: Option<RangeInclusive<u64>>,
    /// Whether it is a large object itself.
    pub is_large: bool,
}

/// What stands in the place of an object.
#[derive(Debug, Default)]
pub(super) struct There {
    /// When it was stored, as the server writes it.
    stamp: Option<String>,
    pub(super) segments: Vec<Segment>,
}

/// What a manifest has one after the other.
#[derive(Debug)]
pub(super) enum Entry {
    Segment(Segment),
    /// Bytes that it holds itself, in Base64.
    Data(String),
}

/// A manifest that was read.
#[derive(Debug)]
pub(super) struct Manifest {
    /// The MD5 of how it is written, in hexadecimal: another one is another large object.
    pub(super) checksum: String,
    pub(super) entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Read {
    /// None if the manifest holds the bytes itself.
    name: Option<String>,
    data: Option<String>,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    hash: String,
    range: Option<String>,
    #[serde(default)]
    sub_slo: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    path: String,
    etag: &'a str,
    size_bytes: u64,
}

/// Reads the manifest of an object; `None` if it is no large one.
pub(in crate::object) async fn segments(object: &Object) -> Result<Option<Vec<Segment>>> {
    let head = object.swift().call(object.newest(Method::HEAD)?.patient()).await?;
    let is_large = is_large(&head);
    head.done().await;
    if is_large { Ok(get(object).await?.map(Manifest::segments)) } else { Ok(None) }
}

/// Returns what stands in the place of an object, if anything does and we may see it.
pub(super) async fn there(object: &Object) -> Result<Option<There>> {
    match now(object).await {
        Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::NotAllowed) => Ok(None),
        seen => seen,
    }
}

/// Returns what stands in the place of an object; `None` if nothing does.
///
/// # Errors
///
/// Also if we may not see it.
pub(super) async fn now(object: &Object) -> Result<Option<There>> {
    let head = object.swift().call(object.newest(Method::HEAD)?.accepting(StatusCode::NOT_FOUND).patient()).await?;
    if head.status() == StatusCode::NOT_FOUND {
        head.done().await;
        return Ok(None);
    }
    let (is_large, stamp) = (is_large(&head), head.text("x-timestamp").map(ToOwned::to_owned));
    head.done().await;
    let manifest = if is_large { get(object).await? } else { None };
    Ok(Some(There { stamp, segments: manifest.map(Manifest::segments).unwrap_or_default() }))
}

/// How often a manifest is asked for whose answer breaks off.
const TRIES: usize = 3;

/// Reads the manifest that is in the place of an object; `None` if it is none, or one of a dynamic large object.
pub(super) async fn get(object: &Object) -> Result<Option<Manifest>> {
    let mut left = TRIES;
    let bytes = loop {
        left -= 1;
        let call = object.newest(Method::GET)?.query("multipart-manifest", Some("get")).patient();
        let answer = object.swift().call(call.accepting(StatusCode::NOT_FOUND)).await?;
        if !is_large(&answer) {
            // Another object is in its place now, of whatever size.
            return Ok(None);
        }
        match answer.bytes(MAX).await {
            Ok(bytes) => break bytes,
            Err(fault) if left > 0 && error::kind_of(&fault).is_some_and(SwiftErrorKind::is_passing) => {}
            Err(fault) => return Err(object.about(fault)),
        }
    };
    let read: Vec<Read> = serde_json::from_slice(&bytes)
        .map_err(|error| object.about(error::unexpected("the manifest can't be read").with_source(error)))?;
    let entries = read.into_iter().map(Entry::of).collect::<Option<_>>();
    let entries = entries.ok_or_else(|| object.about(error::unexpected("the manifest has what no segment is")))?;
    Ok(Some(Manifest { checksum: md5(&bytes), entries }))
}

fn is_large(answer: &Answer) -> bool {
    answer.text("x-static-large-object").is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

impl Manifest {
    fn segments(self) -> Vec<Segment> {
        let segments = self.entries.into_iter().filter_map(|entry| match entry {
            Entry::Segment(segment) => Some(segment),
            Entry::Data(_) => None,
        });
        segments.collect()
    }
}

impl Entry {
    fn of(read: Read) -> Option<Self> {
        let Some(path) = read.name else { return read.data.map(Self::Data) };
        let (container, name) = path.trim_start_matches('/').split_once('/')?;
        let range = read.range.as_deref().and_then(|range| {
            let (first, last) = range.split_once('-')?;
            Some(first.parse().ok()?..=last.parse().ok()?)
        });
        let (container, name) = (container.to_owned(), name.to_owned());
        let (bytes, etag, is_large) = (read.bytes, read.hash, read.sub_slo);
        Some(Self::Segment(Segment { container, name, bytes, etag, range, is_large }))
    }
}

/// Returns the ETag of what segments are put together to.
pub(super) fn whole_etag(segments: &[Sent]) -> String {
    md5(segments.iter().map(|segment| segment.etag.as_str()).collect::<String>().as_bytes())
}

impl Segment {
    /// Returns how many bytes of it count.
    pub(super) fn length(&self) -> u64 {
        self.range.as_ref().map_or(self.bytes, |range| range.end().saturating_sub(*range.start()).saturating_add(1))
    }
}

/// Returns the ETag of the large object that a manifest makes (slo.py).
pub(super) fn etag_of(entries: &[Entry]) -> String {
    let mark = |entry: &Entry| match entry {
        Entry::Segment(Segment { etag, range: None, .. }) => etag.clone(),
        Entry::Segment(Segment { etag, range: Some(range), .. }) => {
            format!("{etag}:{}-{};", range.start(), range.end())
        }
        // What can't be read is not taken for anything.
        Entry::Data(data) => STANDARD.decode(data).map(|data| md5(&data)).unwrap_or_default(),
    };
    md5(entries.iter().map(mark).collect::<String>().as_bytes())
}

/// Stores the manifest.
pub(super) async fn put(
    object: &Object,
    container: &str,
    segments: &[Sent],
    headers: HeaderMap,
    is_only_if_absent: bool,
) -> Result<()> {
    let written = segments.iter().map(|Sent { name, bytes, etag, .. }| Written {
        path: format!("/{container}/{name}"),
        etag,
        size_bytes: *bytes,
    });
    let manifest = serde_json::to_vec(&written.collect::<Vec<_>>())
        .map_err(|error| Error::internal("the manifest can't be written").with_source(error))?;
    let expected = whole_etag(segments);
    let call = object
        .call(Method::PUT)?
        .query("multipart-manifest", Some("put"))
        .headers(headers)
        .text(header::ETAG, &expected)?
        .header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .body(Body::Bytes(manifest.into()))
        .patient();
    // Who puts it looks whose it is that is there.
    let call = if is_only_if_absent { call.only_if_absent(Repeated::Knowingly) } else { call };
    let answer = object.swift().call(call).await?;
    let (status, etag) = (answer.status(), etag(&answer));
    answer.done().await;
    match etag {
        _ if status != StatusCode::CREATED => {
            Err(error::unexpected(format!("status {} to a manifest", status.as_u16())))
        }
        Some(etag) if etag != expected => {
            let said = format!("the manifest was stored as {etag}, and {expected} was sent");
            Err(error::of_kind(SwiftErrorKind::ChecksumMismatch, said))
        }
        _ => Ok(()),
    }
}

/// Whether the manifest that was put is what is there now, which was not so before.
pub(super) async fn is_in_place(
    object: &Object,
    container: &str,
    segments: &[Sent],
    before: Option<&There>,
) -> Result<bool> {
    let Some(now) = there(object).await? else { return Ok(false) };
    let same = |(there, sent): (&Segment, &Sent)| {
        there.container == container && there.name == sent.name && there.etag == sent.etag
    };
    let is_ours = now.segments.len() == segments.len() && now.segments.iter().zip(segments).all(same);
    // An upload that is resumed may have put the same one before, with other metadata.
    Ok(is_ours && before.is_none_or(|before| before.stamp != now.stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_read_as_swift_writes_them() {
        let text = r#"[{"name": "/a_segments/b/c", "bytes": 10, "hash": "0cc1", "content_type": "x", "range": "2-4"},
            {"data": "MTIz"}, {"name": "/a/d", "bytes": 5, "hash": "f", "sub_slo": true}]"#;
        let read: Vec<Read> = serde_json::from_str(text).unwrap();
        let entries = read.into_iter().map(Entry::of).collect::<Option<_>>().unwrap();
        let segments = Manifest { checksum: String::new(), entries }.segments();
        let segment = |container: &str, name: &str, bytes, etag: &str, range, is_large| {
            let (container, name, etag) = (container.to_owned(), name.to_owned(), etag.to_owned());
            Segment { container, name, bytes, etag, range, is_large }
        };
        let first = segment("a_segments", "b/c", 10, "0cc1", Some(2..=4), false);
        assert_eq!(segments, [first, segment("a", "d", 5, "f", None, true)]);
    }
}
