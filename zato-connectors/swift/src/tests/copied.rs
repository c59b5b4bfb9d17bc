//! Copies of what was a large object: with their own ETag `If-Match` is never met.

use zato_core::Kind;

use super::{
    kit::{Kit, everywhere, fake},
    large::{SEGMENT, SMALL, bytes, segments},
};
use crate::{Object, SwiftErrorKind, error::kind_of, wire::Call};

/// Stores a plain object whose bytes came from a large one.
async fn copied(kit: &Kit, container: &str) -> Object {
    kit.swift.object(container, "large").upload(bytes(SEGMENT * 3)).await.unwrap();
    kit.swift.object(container, "large").copy_to(container, "plain").await.unwrap();
    kit.swift.object(container, "plain")
}

#[tokio::test]
async fn a_copy_of_a_large_object_is_read_and_copied_by_its_own_etag() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("a").await);
        let object = copied(&kit, &name).await;
        let details = object.head().await.unwrap();
        let read = object.get().if_match(&details.etag).bytes().await;
        assert_eq!(read.unwrap(), bytes(SEGMENT * 3), "{place}");
        let read = object.get().if_match(&details.etag).range(1..5).bytes().await;
        assert_eq!(read.unwrap(), bytes(5).slice(1..), "{place}");
        object.copy_to(&name, "again").only(details.clone()).await.unwrap();
        assert_eq!(kit.swift.object(&name, "again").get().bytes().await.unwrap(), bytes(SEGMENT * 3), "{place}");

        object.put("another").await.unwrap();
        let error = object.get().if_match(&details.etag).bytes().await.unwrap_err();
        assert_eq!((error.kind(), kind_of(&error)), (Kind::Conflict, Some(SwiftErrorKind::PreconditionFailed)));
        let error = object.copy_to(&name, "third").only(details).await.unwrap_err();
        assert_eq!(kind_of(&error), Some(SwiftErrorKind::PreconditionFailed), "{place}");
        assert!(!kit.swift.object(&name, "third").exists().await.unwrap(), "{place}");
    }
}

#[tokio::test]
async fn a_large_object_of_such_copies_is_copied_with_its_segments() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("a").await);
        copied(&kit, &name).await;
        let from = kit.swift.object(&name, "from");
        let manifest = format!(r#"[{{"path": "/{name}/plain"}}, {{"path": "/{name}/plain", "range": "2-4"}}]"#);
        super::large_copied::put_manifest(&kit, &from, manifest).await;
        let to = kit.swift.object(&name, "to");
        crate::object::copy_segments(&from, &to, http::HeaderMap::new(), None).await.unwrap().unwrap();
        let expected = [bytes(SEGMENT * 3), bytes(5).slice(2..)].concat();
        assert_eq!(to.get().bytes().await.unwrap(), expected, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_large_object_that_breaks_off_is_read_on() {
    let kit = fake(SMALL).await;
    let name = kit.container("a").await;
    let object = copied(&kit, &name).await;
    kit.server().unwrap().break_next("GET", 1000);
    assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 3));
}

/// The details say that it is larger than one object can be, which no test makes.
#[tokio::test]
async fn another_version_is_not_copied_with_its_segments_in_place_of_the_one_meant() {
    for kit in everywhere(SMALL).await {
        let (place, name) = (kit.place, kit.container("a").await);
        let from = kit.swift.object(&name, "from");
        from.upload(bytes(SEGMENT * 3)).await.unwrap();
        let mut details = from.head().await.unwrap();
        details.bytes = crate::object::MAX_OBJECT + 1;
        let copy = |name: &str| from.copy_to(from.container(), name).only(details.clone());
        copy("same").await.unwrap();
        assert!(kit.swift.object(&name, "same").head().await.unwrap().is_large, "{place}");

        from.upload(bytes(SEGMENT * 4)).await.unwrap();
        let large = copy("large").await.unwrap_err();
        let other = kit.swift.object(&name, "large");
        let parts =
            crate::object::copy_segments(&from, &other, http::HeaderMap::new(), Some(&details.etag)).await.unwrap_err();
        from.put("plain").await.unwrap();
        let plain = copy("plain").await.unwrap_err();
        for error in [large, parts, plain] {
            assert_eq!(kind_of(&error), Some(SwiftErrorKind::PreconditionFailed), "{place}: {}", error.report());
        }
        for name in ["large", "plain"] {
            assert!(!kit.swift.object(from.container(), name).exists().await.unwrap(), "{place}");
        }
    }
}

#[tokio::test]
async fn a_quota_is_not_got_round_by_copying_segments() {
    for kit in everywhere(SMALL).await {
        let (place, name, other) = (kit.place, kit.container("a").await, kit.container("b").await);
        let from = kit.swift.object(&name, "from");
        from.upload(bytes(SEGMENT * 3)).await.unwrap();
        let quota = http::HeaderName::from_static("x-container-meta-quota-bytes");
        let call = Call::container(http::Method::POST, &other).unwrap();
        kit.swift.call(call.header(quota, http::HeaderValue::from_static("1000"))).await.unwrap().done().await;
        let error = from.copy_to(&other, "to").await.unwrap_err();
        assert_eq!(kind_of(&error), Some(SwiftErrorKind::TooLarge), "{place}: {}", error.report());
        assert!(!kit.swift.object(&other, "to").exists().await.unwrap(), "{place}");
        assert!(segments(&kit, &other).await.is_empty(), "{place}");
    }
}
