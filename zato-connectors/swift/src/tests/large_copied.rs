//! Copies of large objects: whatever becomes of the original, they are whole.

use std::{io::Write as _, time::Duration};

use zato_core::Kind;

use super::{
    kit::{Kit, everywhere, fake},
    large::{SEGMENT, SMALL, bytes, segments},
};
use crate::{Metadata, Object, transport::Body};

/// Puts what an object is made of in its place: a manifest.
pub(super) async fn put_manifest(kit: &Kit, object: &Object, manifest: String) {
    let call = object.call(http::Method::PUT).unwrap().query("multipart-manifest", Some("put"));
    let call = call.header(http::HeaderName::from_static("x-object-meta-by"), http::HeaderValue::from_static("CRM"));
    let call = call.header(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/x-a"));
    kit.swift.call(call.body(Body::Bytes(manifest.into()))).await.unwrap().done().await;
}

#[tokio::test]
async fn a_copy_has_bytes_of_its_own() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("a").await);
        let (from, to) = (kit.swift.object(&name, "from"), kit.swift.object(&name, "to"));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes(SEGMENT * 3)).unwrap();
        from.upload_file(file.path()).await.unwrap();
        from.copy_to(&name, "to").await.unwrap();
        from.delete_with_segments().await.unwrap();
        assert_eq!(to.get().bytes().await.unwrap(), bytes(SEGMENT * 3), "{place}");
        assert!(!to.head().await.unwrap().is_large, "{place}");
    }
}

/// The server's limit can't be said to one that runs: the segments are copied as if it were a low one.
#[tokio::test]
async fn what_is_larger_than_an_object_is_copied_with_its_segments() {
    for kit in everywhere(SMALL).await {
        let (place, name, other) = (kit.place, kit.container("a").await, kit.container("b").await);
        let (from, to) = (kit.swift.object(&name, "ż/%"), kit.swift.object(&other, "2026/ż"));
        from.upload(bytes(SEGMENT * 3 + 7)).content_type("text/x-a").await.unwrap();
        let headers = http::HeaderMap::new();
        for _ in 0..2 {
            let etag = crate::object::copy_segments(&from, &to, headers.clone(), None).await.unwrap().unwrap();
            let details = to.head().await.unwrap();
            assert_eq!(
                (details.etag, details.is_large, details.bytes),
                (etag, true, (SEGMENT * 3 + 7) as u64),
                "{place}"
            );
        }
        let before = segments(&kit, &other).await;
        from.upload(bytes(SEGMENT * 5).slice(SEGMENT..)).await.unwrap();
        crate::object::copy_segments(&from, &to, headers.clone(), None).await.unwrap().unwrap();
        assert_eq!(to.get().bytes().await.unwrap(), bytes(SEGMENT * 5).slice(SEGMENT..), "{place}");
        let after = segments(&kit, &other).await;
        assert!(after.len() == 4 && after.iter().all(|name| !before.contains(name)), "{place}: {after:?}");
        from.upload(bytes(SEGMENT * 3 + 7)).await.unwrap();
        crate::object::copy_segments(&from, &to, headers, None).await.unwrap().unwrap();
        let own = segments(&kit, &other).await;
        assert!(own.len() == 4 && own.iter().all(|name| name.starts_with("2026/ż/slo/copy-")), "{place}: {own:?}");
        from.delete_with_segments().await.unwrap();
        assert_eq!(to.get().bytes().await.unwrap(), bytes(SEGMENT * 3 + 7), "{place}");
        assert!(to.delete_with_segments().await.unwrap(), "{place}");
        assert!(segments(&kit, &other).await.is_empty(), "{place}");
    }
}

/// Its segments are called as those of the first.
#[tokio::test]
async fn a_copy_that_is_made_once_more_in_the_place_of_itself_is_whole() {
    for kit in everywhere(SMALL).await {
        let (place, name, other) = (kit.place, kit.container("a").await, kit.container("b").await);
        let (from, to) = (kit.swift.object(&name, "from"), kit.swift.object(&other, "to"));
        from.upload(bytes(SEGMENT * 3)).await.unwrap();
        for number in 1..=2 {
            let copy = crate::object::copy_segments(&from, &to, http::HeaderMap::new(), None);
            Box::pin(to.replacing(copy)).await.unwrap();
            assert_eq!(segments(&kit, &other).await.len(), 3, "{place}: {number}");
            assert_eq!(to.get().bytes().await.unwrap(), bytes(SEGMENT * 3), "{place}: {number}");
        }
        to.replacing(async { to.put("small").await }).await.unwrap();
        assert!(segments(&kit, &other).await.is_empty(), "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_segments_are_removed_as_long_as_nobody_says_what_is_there_instead() {
    let kit = fake(&format!("{SMALL}\nretries: 0")).await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "large");
    for status in [403, 503] {
        object.upload(bytes(SEGMENT * 3)).await.unwrap();
        let before = segments(&kit, &name).await.len();
        server.pass_next("HEAD", 1);
        server.fail_next("HEAD", status);
        object.replacing(async { object.put("small").await }).await.unwrap();
        assert!(!server.has_planned("HEAD"), "{status}");
        assert_eq!(segments(&kit, &name).await.len(), before, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_replica_says_that_is_behind_is_not_what_is_removed() {
    let kit = fake(SMALL).await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "large");
    object.upload(bytes(SEGMENT * 2)).await.unwrap();
    server.set_behind(true);
    for number in [3, 4] {
        object.upload(bytes(SEGMENT * number)).await.unwrap();
        assert_eq!(segments(&kit, &name).await.len(), number, "those of the one before are gone");
    }
    assert!(object.delete_with_segments().await.unwrap());
    object.upload(bytes(SEGMENT * 2)).await.unwrap();
    server.set_behind(true);
    object.put("small").await.unwrap();
    assert!(object.delete_with_segments().await.unwrap(), "it is no large one any more");
    assert!(server.objects(&name).is_empty());
}

#[tokio::test]
async fn parts_of_segments_and_bytes_in_the_manifest_are_copied_as_what_they_are() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("a").await);
        let parts = kit.container("parts").await;
        kit.swift.object(&parts, "one").put("0123456789").await.unwrap();
        let (from, to) = (kit.swift.object(&name, "from"), kit.swift.object(&name, "to"));
        put_manifest(&kit, &kit.swift.object(&parts, "two"), format!(r#"[{{"path": "/{parts}/one"}}]"#)).await;
        let data = if kit.server().is_none() { r#"{"data": "YWJj"}, "# } else { "" };
        let range = format!(r#"{{"path": "/{parts}/one", "range": "2-4"}}"#);
        put_manifest(&kit, &from, format!(r#"[{range}, {data}{{"path": "/{parts}/two"}}]"#)).await;
        let etag = from.head().await.unwrap().etag;
        crate::object::copy_segments(&from, &to, http::HeaderMap::new(), Some(&etag)).await.unwrap().unwrap();
        let expected = if data.is_empty() { "2340123456789" } else { "234abc0123456789" };
        crate::object::copy_segments(&from, &to, http::HeaderMap::new(), None).await.unwrap().unwrap();
        kit.swift.container(&parts).delete_with_objects().await.unwrap();
        assert_eq!(to.get().text().await.unwrap(), expected, "{place}");
    }
}

#[tokio::test]
async fn a_copy_that_breaks_off_goes_on_where_it_was() {
    let kit = fake(&format!("{SMALL}\nsegment_parallelism: 1\nretries: 0")).await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let (from, to) = (kit.swift.object(&name, "from"), kit.swift.object(&name, "to"));
    let metadata = Metadata::new().with("by", "CRM");
    from.upload(bytes(SEGMENT * 5)).content_type("text/x-a").metadata(metadata.clone()).await.unwrap();
    server.set_max_object_size(SEGMENT as u64);
    // The first is the one of the whole, which is too large.
    server.pass_next("PUT", 3);
    server.fail_next("PUT", 503);
    assert_eq!(from.copy_to(&name, "to").await.unwrap_err().kind(), Kind::Unavailable);
    assert!(!to.exists().await.unwrap());
    let before = server.calls("PUT");
    from.copy_to(&name, "to").await.unwrap();
    assert_eq!(server.calls("PUT") - before, 1 + 3 + 1, "the whole, the rest, the manifest");
    let details = to.head().await.unwrap();
    assert_eq!((details.metadata, details.content_type.as_deref()), (metadata, Some("text/x-a")));
    from.copy_to(&name, "to").metadata(Metadata::new().with("by", "me")).content_type("text/x-b").await.unwrap();
    let details = to.head().await.unwrap();
    assert_eq!((details.metadata.get("by"), details.content_type.as_deref()), (Some("me"), Some("text/x-b")));
    from.delete_with_segments().await.unwrap();
    assert_eq!(to.get().bytes().await.unwrap(), bytes(SEGMENT * 5));
}

#[tokio::test]
async fn a_segment_that_is_gone_is_told() {
    let kit = fake(SMALL).await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let from = kit.swift.object(&name, "from");
    from.upload(bytes(SEGMENT * 2)).await.unwrap();
    server.set_max_object_size(SEGMENT as u64);
    let segment = from.segments().await.unwrap().unwrap().pop().unwrap();
    kit.swift.object(&segment.container, &segment.name).put("another").await.unwrap();
    let error = crate::object::copy_segments(&from, &kit.swift.object(&name, "to"), http::HeaderMap::new(), None).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Conflict);
    assert!(!kit.swift.object(&name, "to").exists().await.unwrap());
}

/// A copy of its bytes that says where segments are would be read as those.
#[tokio::test]
async fn a_copy_of_a_dynamic_large_object_is_none_whatever_it_is_called() {
    for kit in everywhere("").await {
        if kit.server().is_some() {
            // The one in this process knows no dynamic ones.
            continue;
        }
        let (name, parts) = (kit.container("a").await, kit.container("parts").await);
        kit.swift.object(&parts, "a/1").put("one").await.unwrap();
        let from = kit.swift.object(&name, "from");
        let manifest = http::HeaderValue::try_from(format!("{parts}/a/")).unwrap();
        let call = from.call(http::Method::PUT).unwrap().body(Body::Bytes("".into()));
        let call = call.header(http::HeaderName::from_static("x-object-manifest"), manifest);
        kit.swift.call(call).await.unwrap().done().await;
        from.copy_to(&name, "to").metadata(Metadata::new().with("by", "me")).await.unwrap();
        kit.swift.object(&parts, "a/1").put("two").await.unwrap();
        assert_eq!(from.get().text().await.unwrap(), "two");
        assert_eq!(kit.swift.object(&name, "to").get().text().await.unwrap(), "one");
    }
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_is_only_listed_is_copied_again() {
    let kit = fake(SMALL).await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let (from, to) = (kit.swift.object(&name, "from"), kit.swift.object(&name, "to"));
    from.upload(bytes(SEGMENT * 2)).await.unwrap();
    crate::object::copy_segments(&from, &to, http::HeaderMap::new(), None).await.unwrap();
    let segment = to.segments().await.unwrap().unwrap().remove(0);
    // The first is about the container.
    server.pass_next("HEAD", 1);
    server.delay_next("HEAD", Duration::from_secs(5));
    let (copied, ()) = tokio::join!(crate::object::copy_segments(&from, &to, http::HeaderMap::new(), None), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(kit.swift.object(&segment.container, &segment.name).delete().await.unwrap());
    });
    copied.unwrap();
    assert_eq!(to.get().bytes().await.unwrap(), bytes(SEGMENT * 2));
}

#[tokio::test]
async fn a_segment_that_is_too_large_itself_is_told_with_what_to_do() {
    let kit = fake(SMALL).await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    kit.swift.object(&name, "nested").upload(bytes(SEGMENT * 3)).await.unwrap();
    let from = kit.swift.object(&name, "from");
    put_manifest(&kit, &from, format!(r#"[{{"path": "/{name}/nested"}}]"#)).await;
    server.set_max_object_size(SEGMENT as u64 * 2);
    let error = from.copy_to(&name, "to").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput, "{}", error.report());
    assert!(error.context().any(|(key, _)| key == "remedy"), "{}", error.report());
}
