use futures_util::TryStreamExt as _;
use zato_core::Kind;

use super::kit::{Kit, everywhere, open};
use crate::storage::Listed;

/// Returns what is listed as seen from its container, folders with a star.
async fn names(kit: &Kit, prefix: &str, is_by_folder: bool) -> Vec<String> {
    let list = kit.storage.list(kit.path(prefix));
    let list = if is_by_folder { list.by_folder() } else { list };
    let before = kit.path("");
    let name = |entry| match entry {
        Listed::Object(object) => object.path.strip_prefix(&before).unwrap().to_owned(),
        Listed::Folder { path } => format!("{}*", path.strip_prefix(&before).unwrap()),
    };
    list.collect()
        .await
        .unwrap_or_else(|error| panic!("{}: {}", kit.place, error.report()))
        .into_iter()
        .map(name)
        .collect()
}

#[tokio::test]
async fn a_listing_has_the_names_in_their_order_byte_by_byte() {
    for kit in everywhere("").await {
        let (storage, place) = (&kit.storage, kit.place);
        let objects = ["2025/1", "2026.txt", "2026/1", "2026/2", "2026/x/y", "20260", "A", "a", "b", "ż"];
        for name in objects.iter().rev() {
            storage.put(&kit.path(name), *name).await.unwrap();
        }
        storage.put(&kit.other("c"), "1").await.unwrap();
        assert_eq!(names(&kit, "", false).await, objects, "{place}");
        assert_eq!(names(&kit, "2026", false).await, ["2026.txt", "2026/1", "2026/2", "2026/x/y", "20260"], "{place}");
        assert_eq!(names(&kit, "2026/", false).await, ["2026/1", "2026/2", "2026/x/y"], "{place}");
        assert_eq!(names(&kit, "none", false).await, Vec::<String>::new(), "{place}");
        let sorted = |mut names: Vec<String>| {
            // S3 gives the folders of a page first.
            names.sort();
            names
        };
        let folders = sorted(names(&kit, "", true).await);
        assert_eq!(folders, ["2025/*", "2026.txt", "2026/*", "20260", "A", "a", "b", "ż"], "{place}");
        assert_eq!(sorted(names(&kit, "2026/", true).await), ["2026/1", "2026/2", "2026/x/*"], "{place}");
        assert_eq!(sorted(names(&kit, "20", true).await), ["2025/*", "2026.txt", "2026/*", "20260"], "{place}");

        let first = storage.list(kit.path("")).limit(2).collect().await.unwrap();
        assert_eq!(first.len(), 2, "{place}");
        let streamed: Vec<Listed> = storage.list(kit.path("2026")).stream().try_collect().await.unwrap();
        assert_eq!(streamed.len(), 5, "{place}");
        let Listed::Object(object) = &first[0] else { panic!("{first:?}") };
        let details = storage.head(&object.path).await.unwrap();
        assert_eq!((object.bytes, &object.etag), (6, &details.etag), "{place}");
    }
}

#[tokio::test]
async fn what_a_name_begins_with_may_end_anywhere() {
    for kit in everywhere("").await {
        let (storage, place) = (&kit.storage, kit.place);
        let objects = [".hidden", "2026 Invoice", "a /b", "a/ b", "a/...x", "a/.x"];
        for name in objects {
            storage.put(&kit.path(name), "1").await.unwrap();
        }
        assert_eq!(names(&kit, "", false).await, objects, "{place}");
        for (prefix, expected) in [
            ("2026 ", &objects[1..2]),
            (".", &objects[..1]),
            ("..", &[]),
            ("a ", &objects[2..3]),
            ("a /", &objects[2..3]),
            ("a/", &objects[3..]),
            ("a/ ", &objects[3..4]),
            ("a/.", &objects[4..]),
            ("a/..", &objects[4..5]),
        ] {
            assert_eq!(names(&kit, prefix, false).await, expected, "{place} {prefix:?}");
        }
        assert_eq!(names(&kit, "a/..", true).await, objects[4..5], "{place}");
        assert_eq!(names(&kit, "a ", true).await, ["a /*"], "{place}");
    }
}

#[tokio::test]
async fn a_container_that_is_not_there_has_nothing_and_takes_something() {
    for kit in everywhere("").await {
        if kit.place == "S3" {
            continue;
        }
        assert_eq!(names(&kit, "", false).await, Vec::<String>::new(), "{}", kit.place);
        assert_eq!(kit.storage.list(kit.container()).collect().await.unwrap(), [], "{}", kit.place);
        kit.storage.put(&kit.path("a"), "1").await.unwrap();
        assert_eq!(names(&kit, "", true).await, ["a"], "{}", kit.place);
        assert_eq!(kit.storage.list("").collect().await.unwrap_err().kind(), Kind::InvalidInput, "{}", kit.place);
    }
}

#[tokio::test]
async fn all_may_be_in_one_container() {
    let root = tempfile::tempdir().unwrap();
    let folder = open("scheme: fs\nfs: {root: .}\ncontainer: CRM", root.path().to_str().unwrap()).await;
    let memory = open("scheme: memory\ncontainer: CRM", ".").await;
    for kit in [folder, memory] {
        kit.storage.put("2026/Invoice", "{}").await.unwrap();
        let entries = kit.storage.list("").collect().await.unwrap();
        let Listed::Object(object) = &entries[0] else { panic!("{entries:?}") };
        assert_eq!((entries.len(), object.path.as_str(), object.bytes), (1, "2026/Invoice", 2));
        assert_eq!(kit.storage.get(&object.path).text().await.unwrap(), "{}");
    }
    assert_eq!(std::fs::read_to_string(root.path().join("CRM/2026/Invoice")).unwrap(), "{}");
}

#[tokio::test]
async fn listings_of_several_pages_have_all_of_them_once() {
    for kit in everywhere("").await {
        let number: usize = if matches!(kit.place, "a real Swift" | "S3") { 60 } else { 2300 };
        let expected: Vec<_> = (0..number).map(|number| format!("{:02}/{number:05}", number % 7)).collect();
        for name in &expected {
            kit.storage.put(&kit.path(name), "1").await.unwrap();
        }
        let mut expected = expected;
        expected.sort();
        assert_eq!(names(&kit, "", false).await, expected, "{}", kit.place);
        assert_eq!(names(&kit, "", true).await.len(), 7, "{}", kit.place);
    }
}
