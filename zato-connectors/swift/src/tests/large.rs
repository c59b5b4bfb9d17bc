//! Large objects: what is uploaded in segments is one object, and what is not needed any more is gone.

use std::{
    collections::HashSet,
    io::{Seek as _, SeekFrom, Write as _},
    time::{Duration, SystemTime},
};

use zato_core::{Kind, bytes::Bytes, message::ByteStream};

use super::kit::{Kit, everywhere, fake};
use crate::{Listed, Metadata, SwiftErrorKind, error::kind_of};

/// How large the segments are here.
pub(super) const SEGMENT: usize = 64 * 1024;

pub(super) const SMALL: &str = "segment_size: 64KiB";

/// Bytes of which no two segments are the same.
pub(crate) fn bytes(length: usize) -> Bytes {
    (0_u32..).flat_map(u32::to_le_bytes).take(length).collect()
}

/// A stream of bytes whose pieces are not the segments.
fn stream(bytes: &Bytes) -> ByteStream {
    let pieces: Vec<_> = bytes.chunks(9973).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    ByteStream::new(futures_util::stream::iter(pieces))
}

/// Returns what there is in the container of a container's segments.
pub(super) async fn segments(kit: &Kit, container: &str) -> Vec<String> {
    let name = format!("{container}_segments");
    if !kit.swift.container(&name).exists().await.unwrap() {
        return Vec::new();
    }
    let entries = kit.swift.container(&name).objects().collect().await.unwrap();
    let name = |entry| match entry {
        Listed::Object(object) => object.name,
        Listed::Prefix { prefix } => panic!("{prefix}"),
    };
    entries.into_iter().map(name).collect()
}

#[tokio::test]
async fn what_is_uploaded_comes_back_however_it_was_given() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("large").await);
        let object = kit.swift.object(&name, "2026/Żółw 100%.bin");
        let all = bytes(SEGMENT * 5 + 7);
        let length = all.len() as u64;
        let metadata = Metadata::new().with("by", "Żółw");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&all).unwrap();
        let mut before = HashSet::new();
        for (source, given) in [("bytes", "327687"), ("known", "327687"), ("unknown", "stream"), ("file", "327687")] {
            let upload = match source {
                "bytes" => object.upload(all.clone()),
                "known" => object.upload(stream(&all).with_length(length)),
                "unknown" => object.upload(stream(&all)),
                _ => object.upload_file(file.path()),
            };
            let stored = upload.content_type("text/x-a").metadata(metadata.clone()).await;
            let stored = stored.unwrap_or_else(|error| panic!("{place} {source}: {}", error.report()));
            assert_eq!(stored.bytes, length, "{place} {source}");
            let details = object.head().await.unwrap();
            assert_eq!((details.bytes, details.is_large), (length, true), "{place} {source}");
            assert_eq!((details.etag, details.metadata), (stored.etag, metadata.clone()), "{place} {source}");
            assert_eq!(details.content_type.as_deref(), Some("text/x-a"), "{place} {source}");
            assert_eq!(object.get().bytes().await.unwrap(), all, "{place} {source}");
            assert_eq!(object.get().range(65_530..65_540).bytes().await.unwrap(), all.slice(65_530..65_540), "{place}");

            let manifest = object.segments().await.unwrap().unwrap();
            let sizes: Vec<_> = manifest.iter().map(|segment| segment.bytes).collect();
            assert_eq!(sizes, [65_536, 65_536, 65_536, 65_536, 65_536, 7], "{place} {source}");
            for (index, segment) in manifest.iter().enumerate() {
                assert_eq!((&segment.container, &segment.range), (&format!("{name}_segments"), &None), "{place}");
                let by_content = if source == "file" { format!("-{}", segment.etag) } else { String::new() };
                let ending = format!("/{given}/65536/{index:08}{by_content}");
                assert!(
                    segment.name.starts_with("2026/Żółw 100%.bin/slo/") && segment.name.ends_with(&ending),
                    "{segment:?}"
                );
            }
            let now: HashSet<_> = segments(&kit, &name).await.into_iter().collect();
            assert_eq!(
                now,
                manifest.into_iter().map(|segment| segment.name).collect(),
                "{place} {source}: the old ones"
            );
            assert!(now.is_disjoint(&before), "{place} {source}");
            before = now;
        }
        assert!(object.delete_with_segments().await.unwrap(), "{place}");
        assert!(!object.exists().await.unwrap() && segments(&kit, &name).await.is_empty(), "{place}");
    }
}

#[tokio::test]
async fn what_fits_into_one_segment_is_an_object_like_any_other() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("plain").await);
        let object = kit.swift.object(&name, "a");
        object.upload(bytes(SEGMENT + 1)).await.unwrap();
        assert_eq!(segments(&kit, &name).await.len(), 2, "{place}");
        for length in [0, 1, SEGMENT] {
            let all = bytes(length);
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&all).unwrap();
            let sources = [
                object.upload(all.clone()),
                object.upload(stream(&all)),
                object.upload(stream(&all).with_length(length as u64)),
                object.upload_file(file.path()),
            ];
            for (number, upload) in sources.into_iter().enumerate() {
                let stored = upload.content_type("text/x-b").await;
                let stored = stored.unwrap_or_else(|error| panic!("{place} {length} {number}: {}", error.report()));
                let details = object.head().await.unwrap();
                assert_eq!((details.is_large, details.bytes), (false, length as u64), "{place} {length} {number}");
                assert_eq!((details.etag, stored.bytes), (stored.etag, length as u64), "{place} {length} {number}");
                assert_eq!(object.get().bytes().await.unwrap(), all, "{place} {length} {number}");
            }
            assert_eq!(object.segments().await.unwrap(), None, "{place}");
        }
        assert!(segments(&kit, &name).await.is_empty(), "{place}: those of what was replaced");
    }
}

#[tokio::test]
async fn the_sizes_of_segments_and_where_they_are_can_be_said() {
    for kit in everywhere("").await {
        let (place, name, others) = (kit.place, kit.container("said").await, kit.name("elsewhere"));
        let object = kit.swift.object(&name, "a");
        object.upload(bytes(2500)).segment_size(1).parallelism(20).segments_in(&others).await.unwrap();
        assert_eq!(object.segments().await.unwrap(), None, "{place}: sizes that are worked out are whole MiB");
        object.upload(bytes(25)).segment_size(10).parallelism(1).segments_in(&others).await.unwrap();
        let manifest = object.segments().await.unwrap().unwrap();
        assert!(
            manifest.len() == 3 && manifest.iter().all(|segment| segment.container == others),
            "{place}: {manifest:?}"
        );
        assert_eq!(kit.swift.container(&others).objects().collect().await.unwrap().len(), 3, "{place}");

        assert_eq!(kit.swift.object(&name, "none").segments().await.unwrap_err().kind(), Kind::NotFound, "{place}");
        let long = "n".repeat(1000);
        let error = kit.swift.object(&name, &long).upload(bytes(25)).segment_size(10).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput, "{place}");
        let error = kit.swift.object(&kit.name("none"), "a").upload(bytes(25)).segment_size(10).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{place}");
    }
}

#[tokio::test]
async fn one_that_is_there_is_left_if_none_is_to_be() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("absent").await);
        let object = kit.swift.object(&name, "a");
        object.upload(bytes(SEGMENT * 2)).only_if_absent().await.unwrap();
        let before = segments(&kit, &name).await;
        for length in [10, SEGMENT * 3] {
            let error = object.upload(bytes(length)).only_if_absent().await.unwrap_err();
            assert_eq!(
                (error.kind(), kind_of(&error)),
                (Kind::Conflict, Some(SwiftErrorKind::PreconditionFailed)),
                "{place}"
            );
            assert_eq!(error.public_message(), "there is an object of this name already", "{place}");
        }
        assert_eq!(segments(&kit, &name).await, before, "{place}");
        assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 2), "{place}");
    }
}

#[tokio::test]
async fn segments_expire_with_what_they_are_put_together_to() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("expiry").await);
        let object = kit.swift.object(&name, "a");
        for key in ["fresh", "resumed", "resumed"] {
            object.upload(bytes(SEGMENT + 5)).expires_in(Duration::from_secs(3600)).resumable(key).await.unwrap();
            let at = object.head().await.unwrap().expires_at.unwrap();
            let left = at.timestamp() - chrono::DateTime::<chrono::Utc>::from(SystemTime::now()).timestamp();
            assert!((3590..=3610).contains(&left), "{place}: {left}");
            for segment in object.segments().await.unwrap().unwrap() {
                let details = kit.swift.object(&segment.container, &segment.name).head().await.unwrap();
                assert_eq!(details.expires_at, Some(at), "{place}");
            }
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        object.upload(bytes(SEGMENT + 5)).resumable("resumed").await.unwrap();
        for segment in object.segments().await.unwrap().unwrap() {
            let details = kit.swift.object(&segment.container, &segment.name).head().await.unwrap();
            assert_eq!(details.expires_at, None, "{place}: they are others");
        }
    }
}

#[tokio::test]
async fn objects_in_their_own_right_are_no_segments_of_what_they_are_put_together_to() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("own").await);
        for part in ["part 1", "part 2"] {
            kit.swift.object(&name, part).put("own").await.unwrap();
        }
        let manifest = format!(r#"[{{"path": "/{name}/part 1"}}, {{"path": "/{name}/part 2", "range": "1-2"}}]"#);
        let whole = kit.swift.object(&name, "whole");
        let call = whole.call(http::Method::PUT).unwrap().query("multipart-manifest", Some("put"));
        kit.swift.call(call.body(crate::transport::Body::Bytes(manifest.into()))).await.unwrap().done().await;
        let segments = whole.segments().await.unwrap().unwrap();
        assert_eq!((segments[0].range.clone(), segments[1].range.clone()), (None, Some(1..=2)), "{place}");
        assert_eq!(whole.get().text().await.unwrap(), "ownwn", "{place}");
        whole.upload(bytes(SEGMENT * 2)).await.unwrap();
        assert_eq!(kit.swift.object(&name, "part 1").get().text().await.unwrap(), "own", "{place}");
    }
}

#[tokio::test]
async fn a_stream_that_is_not_as_long_as_it_says_is_none_that_is_stored() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("length").await);
        let object = kit.swift.object(&name, "a");
        for (segments, more) in [(1, true), (1, false), (2, true), (2, false)] {
            let pieces = vec![bytes(SEGMENT); if more { segments + 1 } else { segments - 1 }];
            let stream = ByteStream::new(futures_util::stream::iter(pieces.into_iter().map(Ok)));
            let upload = object.upload(stream.with_length((SEGMENT * segments) as u64));
            let error = upload.await.expect_err(&format!("{place} {segments} {more}"));
            assert_eq!(error.kind(), Kind::Internal, "{place} {segments} {more}: {}", error.report());
            assert!(!object.exists().await.unwrap(), "{place} {segments} {more}");
        }
    }
}

#[tokio::test]
async fn a_file_goes_on_where_it_was() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("file").await);
        let object = kit.swift.object(&name, "a");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes(SEGMENT * 10)).unwrap();
        // Half of it is there, and one of those was not sent whole.
        object.upload_file(file.path()).await.unwrap();
        let manifest = object.segments().await.unwrap().unwrap();
        object.delete().await.unwrap();
        let container = kit.swift.container(&manifest[0].container);
        for segment in &manifest[5..] {
            container.object(&segment.name).delete().await.unwrap();
        }
        container.object(&manifest[2].name).put("something else").await.unwrap();
        let before = kit.server().map(|server| server.calls("PUT"));
        object.upload_file(file.path()).await.unwrap();
        assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 10), "{place}");
        let sent = kit.server().zip(before).map(|(server, before)| server.calls("PUT") - before);
        assert!(sent.is_none_or(|sent| sent == 5 + 1 + 1), "{place}: the rest, the other one, the manifest: {sent:?}");

        let before = kit.server().map(|server| server.calls("PUT"));
        object.upload_file(file.path()).content_type("text/x-c").await.unwrap();
        let sent = kit.server().zip(before).map(|(server, before)| server.calls("PUT") - before);
        assert!(sent.is_none_or(|sent| sent == 1), "{place}: {sent:?}");
        assert_eq!(object.head().await.unwrap().content_type.as_deref(), Some("text/x-c"), "{place}");
        assert_eq!(segments(&kit, &name).await.len(), 10, "{place}: none of them was removed");

        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(b"changed").unwrap();
        file.as_file().set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
        object.upload_file(file.path()).await.unwrap();
        assert!(object.get().range(..7).bytes().await.unwrap() == "changed", "{place}");
        assert_eq!(segments(&kit, &name).await.len(), 10, "{place}: those of the other content are gone");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_or_changes_is_told() {
    let kit = fake(SMALL).await;
    let name = kit.container("file").await;
    let object = kit.swift.object(&name, "a");
    let error = object.upload_file("/nowhere/at all").await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::NotFound, "the file can't be read"));
    let error = object.upload_file("/").await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::InvalidInput, "what is to be uploaded is no file"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes(SEGMENT * 4)).unwrap();
    let changes = file.as_file().try_clone().unwrap();
    kit.server().unwrap().delay_next("PUT", Duration::from_millis(200));
    let (uploaded, ()) = tokio::join!(async { object.upload_file(file.path()).parallelism(1).await }, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        changes.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    });
    let error = uploaded.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Conflict, "the file was changed while it was uploaded"));
    assert!(!object.exists().await.unwrap());
}
