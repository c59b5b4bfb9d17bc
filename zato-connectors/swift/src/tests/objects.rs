use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde::{Deserialize, Serialize};
use zato_core::{Kind, bytes::Bytes, message::ByteStream};

use super::kit::everywhere;
use crate::{Metadata, SwiftErrorKind, error::kind_of};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Invoice {
    id: String,
    amount: u32,
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// A stream of bytes in so many pieces.
fn pieces(bytes: &Bytes, size: usize) -> ByteStream {
    let pieces: Vec<_> = bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    ByteStream::new(futures_util::stream::iter(pieces))
}

#[tokio::test]
async fn what_is_stored_comes_back_with_all_that_is_known_of_it() {
    for kit in everywhere("").await {
        let (place, name) = (kit.place, kit.container("objects").await);
        let object = kit.swift.object(&name, "2026/Invoice żółw.json");
        assert!(!object.exists().await.unwrap() && !object.delete().await.unwrap(), "{place}");
        let metadata = Metadata::new().with("Sent-By", "Żółw").with("year", "2026");
        let put = object.put("{\"id\":\"123\"}").content_type("application/json").content_encoding("identity");
        let stored = put.metadata(metadata.clone()).await.unwrap();
        assert_eq!((stored.etag.as_str(), stored.bytes), ("4153488ddf34b5fe258218e03bfbf381", 12), "{place}");
        let details = object.head().await.unwrap();
        assert_eq!((details.bytes, details.etag.as_str()), (12, stored.etag.as_str()), "{place}");
        assert_eq!(details.content_type.as_deref(), Some("application/json"), "{place}");
        assert_eq!((details.metadata, details.expires_at, details.is_large), (metadata, None, false), "{place}");
        let age = now() - details.last_modified.unwrap();
        assert!(age.num_seconds().abs() < 60, "{place}: {age}");
        assert_eq!(object.get().text().await.unwrap(), "{\"id\":\"123\"}", "{place}");
        object.set_metadata(&Metadata::new().with("only", "this")).await.unwrap();
        assert_eq!(object.head().await.unwrap().metadata, Metadata::new().with("only", "this"), "{place}");
        assert!(object.delete().await.unwrap() && !object.exists().await.unwrap(), "{place}");
        let error = object.get().bytes().await.unwrap_err();
        assert_eq!((error.kind(), kind_of(&error)), (Kind::NotFound, Some(SwiftErrorKind::NotFound)), "{place}");
    }
}

#[tokio::test]
async fn models_streams_and_nothing_at_all_are_stored() {
    for kit in everywhere("").await {
        let (place, name) = (kit.place, kit.container("streams").await);
        let container = kit.swift.container(&name);
        let invoice = Invoice { id: "123".to_owned(), amount: 7 };
        container.object("model").put_model(&invoice).await.unwrap();
        assert_eq!(container.object("model").get().model::<Invoice>().await.unwrap(), invoice, "{place}");
        assert_eq!(container.object("model").head().await.unwrap().content_type.as_deref(), Some("application/json"));
        let error = container.object("model").get().model::<Vec<u8>>().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Upstream, "{place}");

        let bytes: Bytes = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
        let length = bytes.len() as u64;
        let known = container.object("known").put_stream(pieces(&bytes, 65_521).with_length(length)).await.unwrap();
        let unknown = container.object("unknown").put_stream(pieces(&bytes, 99_991)).await.unwrap();
        let whole = container.object("whole").put(bytes.clone()).await.unwrap();
        assert_eq!((known.etag, known.bytes), (whole.etag.clone(), length), "{place}");
        assert_eq!((unknown.etag, unknown.bytes), (whole.etag, length), "{place}");
        assert_eq!(container.object("unknown").get().bytes().await.unwrap(), bytes, "{place}");

        let nothing = container.object("nothing").put("").await.unwrap();
        assert_eq!((nothing.etag.as_str(), nothing.bytes), ("d41d8cd98f00b204e9800998ecf8427e", 0), "{place}");
        assert_eq!(container.object("nothing").get().bytes().await.unwrap(), "", "{place}");
    }
}

#[tokio::test]
async fn parts_and_conditions_are_as_in_http() {
    for kit in everywhere("").await {
        let (place, name) = (kit.place, kit.container("parts").await);
        let object = kit.swift.object(&name, "a");
        let etag = object.put("0123456789").await.unwrap().etag;
        assert_eq!(object.get().range(..3).text().await.unwrap(), "012", "{place}");
        assert_eq!(object.get().range(7..).text().await.unwrap(), "789", "{place}");
        assert_eq!(object.get().range(5..=5).text().await.unwrap(), "5", "{place}");
        assert_eq!(object.get().range(8..100).text().await.unwrap(), "89", "{place}");
        assert_eq!(object.get().last(2).text().await.unwrap(), "89", "{place}");
        let error = object.get().range(10..).bytes().await.unwrap_err();
        assert_eq!(kind_of(&error), Some(SwiftErrorKind::RangeNotSatisfiable), "{place}");
        assert_eq!(object.get().max_size(9).bytes().await.unwrap_err().kind(), Kind::TooLarge, "{place}");

        assert!(object.get().if_match(&etag).bytes().await.is_ok(), "{place}");
        let error = object.get().if_match("other").bytes().await.unwrap_err();
        assert_eq!(
            (error.kind(), kind_of(&error)),
            (Kind::Conflict, Some(SwiftErrorKind::PreconditionFailed)),
            "{place}"
        );
        assert!(object.get().if_none_match(&etag).unless_unchanged().await.unwrap().is_none(), "{place}");
        assert!(object.get().if_none_match("other").unless_unchanged().await.unwrap().is_some(), "{place}");
        let (past, future) = (now() - Duration::from_secs(3600), now() + Duration::from_secs(3600));
        assert!(object.get().if_modified_since(past).unless_unchanged().await.unwrap().is_some(), "{place}");
        assert!(object.get().if_modified_since(future).unless_unchanged().await.unwrap().is_none(), "{place}");
        assert!(object.get().if_unmodified_since(past).bytes().await.is_err(), "{place}");

        let error = object.put("other").only_if_absent().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{place}");
        assert!(kit.swift.object(&name, "b").put("new").only_if_absent().await.is_ok(), "{place}");
        let wrong = object.put("other").etag("0cc175b9c0f1b6a831c399e269772661").await.unwrap_err();
        assert_eq!(kind_of(&wrong), Some(SwiftErrorKind::ChecksumMismatch), "{place}");
        assert_eq!(object.get().text().await.unwrap(), "0123456789", "{place}: what was there is left");
    }
}

#[tokio::test]
async fn what_expires_is_gone() {
    for kit in everywhere("").await {
        let (place, name) = (kit.place, kit.container("expiry").await);
        let (soon, later) = (kit.swift.object(&name, "soon"), kit.swift.object(&name, "later"));
        soon.put("1").expires_in(Duration::from_millis(1)).await.unwrap();
        let at = now() + Duration::from_secs(3600);
        later.put("1").expires_at(at).await.unwrap();
        assert_eq!(later.head().await.unwrap().expires_at.map(|at| at.timestamp()), Some(at.timestamp()), "{place}");
        later.set_details(&Metadata::new(), None).await.unwrap();
        assert_eq!(later.head().await.unwrap().expires_at, None, "{place}: a POST takes it away");
        let error = later.put("1").expires_at(now() - Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(kind_of(&error), Some(SwiftErrorKind::Refused), "{place}");
        let mut is_there = true;
        for _ in 0..100 {
            is_there = soon.exists().await.unwrap();
            if !is_there {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!is_there, "{place}");
    }
}

#[tokio::test]
async fn a_copy_is_made_on_the_server() {
    for kit in everywhere("").await {
        let (place, one, other) = (kit.place, kit.container("from").await, kit.container("to").await);
        let object = kit.swift.object(&one, "a ż/?%");
        let stored =
            object.put("copied").content_type("text/x-a").metadata(Metadata::new().with("by", "me")).await.unwrap();
        assert_eq!(object.copy_to(&other, "b ż").await.unwrap(), stored.etag, "{place}");
        let copy = kit.swift.object(&other, "b ż");
        let details = copy.head().await.unwrap();
        assert_eq!(details.content_type.as_deref(), Some("text/x-a"), "{place}");
        assert_eq!(details.metadata, Metadata::new().with("by", "me"), "{place}");
        object
            .copy_to(&other, "b ż")
            .metadata(Metadata::new().with("by", "you"))
            .content_type("text/x-b")
            .await
            .unwrap();
        let details = copy.head().await.unwrap();
        assert_eq!(details.content_type.as_deref(), Some("text/x-b"), "{place}");
        assert_eq!(details.metadata, Metadata::new().with("by", "you"), "{place}");
        assert_eq!(copy.get().text().await.unwrap(), "copied", "{place}");
        let missing = kit.swift.object(&one, "none");
        assert_eq!(missing.copy_to(&other, "c").await.unwrap_err().kind(), Kind::NotFound, "{place}");
    }
}

#[tokio::test]
async fn every_name_that_is_accepted_comes_back_byte_for_byte() {
    let mut runner = TestRunner::deterministic();
    let some = prop::collection::btree_set("[^\\p{Cc}]{1,40}", 30).new_tree(&mut runner).unwrap();
    let mut names: Vec<String> = some.current().into_iter().collect();
    names.extend(
        [
            "a b", "a//b", "/a", "a/", "%2F", "%", "+", "ż", "日本", "🦀", "'\"", "a&b=c;d", "#?", "~-._", "...", ".a",
            "a\u{a0}", "\\",
        ]
        .map(ToOwned::to_owned),
    );
    names.retain(|name| crate::name::object(name).is_ok());
    names.sort();
    names.dedup();
    for kit in everywhere("").await {
        let (place, container) = (kit.place, kit.container("names").await);
        for name in &names {
            let object = kit.swift.object(&container, name);
            object.put(name.clone()).await.unwrap_or_else(|error| panic!("{place} {name:?}: {}", error.report()));
            assert_eq!(object.get().text().await.unwrap(), *name, "{place}");
        }
        let mut listing = kit.swift.container(&container).objects().page_size(3).entries();
        let mut listed = Vec::new();
        while let Some(entry) = listing.next().await.unwrap() {
            if let crate::Listed::Object(object) = entry {
                listed.push(object.name);
            }
        }
        assert_eq!(listed, names, "{place}");
        let deleted = kit.swift.container(&container).delete_objects(&names).await.unwrap();
        assert_eq!(deleted, names.len() as u64, "{place}");
    }
}
