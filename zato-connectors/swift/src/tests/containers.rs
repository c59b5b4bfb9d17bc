use zato_core::Kind;

use super::kit::everywhere;
use crate::{Listed, Metadata, SwiftErrorKind, error::kind_of};

fn names(entries: Vec<Listed>) -> Vec<String> {
    let name = |entry| match entry {
        Listed::Object(object) => object.name,
        Listed::Prefix { prefix } => format!("{prefix}*"),
    };
    entries.into_iter().map(name).collect()
}

#[tokio::test]
async fn a_container_is_made_known_and_deleted() {
    for kit in everywhere("").await {
        let (swift, place, name) = (&kit.swift, kit.place, kit.name("crm żółw"));
        let container = swift.container(&name);
        assert!(!container.exists().await.unwrap() && !container.delete().await.unwrap(), "{place}");
        assert_eq!(container.head().await.unwrap_err().kind(), Kind::NotFound, "{place}");
        assert!(container.create().metadata(Metadata::new().with("Owner", "sales")).await.unwrap());
        assert!(!container.create().await.unwrap(), "{place}: it is there already");
        container.set_metadata(&Metadata::new().with("year", "2026")).await.unwrap();
        let details = container.head().await.unwrap();
        let expected = Metadata::new().with("owner", "sales").with("year", "2026");
        assert_eq!((details.metadata, details.objects, details.bytes), (expected, 0, 0), "{place}");
        container.set_metadata(&Metadata::new().with("owner", "")).await.unwrap();
        assert_eq!(container.head().await.unwrap().metadata.get("owner"), None, "{place}");

        container.object("a").put("1").await.unwrap();
        let error = container.delete().await.unwrap_err();
        assert_eq!((error.kind(), kind_of(&error)), (Kind::Conflict, Some(SwiftErrorKind::Conflict)), "{place}");
        assert!(container.object("a").delete().await.unwrap());
        assert!(container.delete().await.unwrap() && !container.exists().await.unwrap(), "{place}");
    }
}

#[tokio::test]
async fn containers_are_listed_and_the_account_has_metadata() {
    for kit in everywhere("").await {
        let (swift, place) = (&kit.swift, kit.place);
        let (one, other) = (kit.container("a").await, kit.container("b").await);
        swift.object(&one, "x").put("123").await.unwrap();
        let listed = swift.containers().prefix(kit.name("")).collect().await.unwrap();
        let found: Vec<_> = listed.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(found, [one.as_str(), &other], "{place}");
        assert!(listed.iter().all(|entry| entry.last_modified.is_some()), "{place}: {listed:?}");
        let key = kit.name("note").replace('-', "");
        swift.set_account_metadata(&Metadata::new().with(&key, "a b")).await.unwrap();
        assert_eq!(swift.account().await.unwrap().metadata.get(&key), Some("a b"), "{place}");
        swift.set_account_metadata(&Metadata::new().with(&key, "")).await.unwrap();
        assert_eq!(swift.account().await.unwrap().metadata.get(&key), None, "{place}");
    }
}

#[tokio::test]
async fn a_listing_has_the_part_that_was_asked_for() {
    for kit in everywhere("").await {
        let (place, name) = (kit.place, kit.container("list").await);
        let container = kit.swift.container(&name);
        for object in ["2025/1", "2026/1", "2026/2", "2026/x/y", "a", "b", "ż"] {
            container.object(object).put(object).await.unwrap();
        }
        let list = || container.objects();
        assert_eq!(names(list().collect().await.unwrap()).len(), 7, "{place}");
        assert_eq!(names(list().page_size(2).collect().await.unwrap()).len(), 7, "{place}");
        assert_eq!(
            names(list().delimiter("/").collect().await.unwrap()),
            ["2025/*", "2026/*", "a", "b", "ż"],
            "{place}"
        );
        let within = names(list().prefix("2026/").delimiter("/").page_size(1).collect().await.unwrap());
        assert_eq!(within, ["2026/1", "2026/2", "2026/x/*"], "{place}");
        assert_eq!(
            names(list().marker("2026/2").end_marker("b").collect().await.unwrap()),
            ["2026/x/y", "a"],
            "{place}"
        );
        assert_eq!(names(list().reverse().limit(3).page_size(2).collect().await.unwrap()), ["ż", "b", "a"], "{place}");
        assert_eq!(names(list().limit(0).collect().await.unwrap()), Vec::<String>::new(), "{place}");
        assert_eq!(names(list().prefix("none").collect().await.unwrap()), Vec::<String>::new(), "{place}");
        let entries = list().prefix("a").collect().await.unwrap();
        let Listed::Object(entry) = &entries[0] else { panic!("{entries:?}") };
        assert_eq!((entry.etag.as_str(), entry.bytes), ("0cc175b9c0f1b6a831c399e269772661", 1), "{place}");
        assert!(entry.last_modified.is_some() && !entry.content_type.is_empty(), "{place}: {entry:?}");
        assert_eq!(
            kit.swift.container(&kit.name("none")).objects().collect().await.unwrap_err().kind(),
            Kind::NotFound
        );
    }
}

#[tokio::test]
async fn many_are_deleted_at_once_and_a_container_with_all_that_is_in_it() {
    for kit in everywhere("").await {
        let (place, name) = (kit.place, kit.container("many").await);
        let container = kit.swift.container(&name);
        for number in 0..7 {
            container.object(&format!("{number} ż%/?#")).put("1").await.unwrap();
        }
        let deleted = container.delete_objects(&["0 ż%/?#", "1 ż%/?#", "none"]).await.unwrap();
        assert_eq!(deleted, 2, "{place}");
        assert_eq!(container.delete_objects::<&str>(&[]).await.unwrap(), 0, "{place}");
        assert_eq!(container.delete_objects(&["a\nb"]).await.unwrap_err().kind(), Kind::InvalidInput, "{place}");
        assert_eq!(container.delete_with_objects().await.unwrap(), 5, "{place}");
        assert!(!container.exists().await.unwrap(), "{place}");
        assert_eq!(container.delete_with_objects().await.unwrap(), 0, "{place}");
    }
}
