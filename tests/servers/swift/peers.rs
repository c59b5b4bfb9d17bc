//! What python-swiftclient has written is read here, and the other way round.

use zato::{
    bytes::Bytes,
    swift::{Listed, Metadata, Swift},
};

use super::{login, started};
use crate::lent::Swift as Server;

#[tokio::test]
async fn objects_and_their_metadata_are_the_same_for_both() {
    let test = "swift::objects_and_their_metadata_are_the_same_for_both";
    let Some(server) = Server::shared(test).await else { return };
    let (_app, swift) = started(&login(&server)).await;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let (container, path) = (server.container("both"), folder.path().join("file"));
    let path = path.display().to_string();
    swift.container(&container).create().await.expect("it is up");

    let (name, bytes) = ("2026/żółw 100%?#.bin", Bytes::from((0..=u8::MAX).cycle().take(300_000).collect::<Vec<_>>()));
    let metadata = Metadata::new().with("sent-by", "Żółw").with("year", "2026");
    let ours = swift.object(&container, name);
    ours.put(bytes.clone()).content_type("application/x-ours").metadata(metadata.clone()).await.expect("it is up");
    let Some(told) = server.peer(test, &["get", &container, name, &path]).await else { return };
    assert_eq!(told["length"], 300_000);
    assert_eq!(std::fs::read(&path).expect("it was written"), bytes);
    let stat = server.peer(test, &["stat", &container, name]).await.expect("it is there");
    let header = |name: &str| stat.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    assert_eq!(header("content-type"), "application/x-ours");
    assert_eq!(header("x-object-meta-year"), "2026");

    let theirs = "theirs ż%";
    let put = ["put", &container, theirs, &path, "--meta", "year=2026", "--segment-size", "100000", "--slo"];
    server.peer(test, &put).await.expect("it is up");
    let object = swift.object(&container, theirs);
    let details = object.head().await.expect("it is there");
    assert_eq!((details.bytes, details.is_large, details.metadata.get("year")), (300_000, true, Some("2026")));
    assert_eq!(object.get().bytes().await.expect("it is there"), bytes);
    assert_eq!(object.get().range(99_990..100_010).bytes().await.expect("it is there"), bytes.slice(99_990..100_010));
    assert!(object.delete_with_segments().await.expect("it is there"));
    let segments = format!("{container}_segments");
    let left = swift.container(&segments).objects().collect().await.expect("it is there");
    assert_eq!(left.len(), 0, "{left:?}");
    swift.container(&segments).delete_with_objects().await.expect("it is there");
    swift.container(&container).delete_with_objects().await.expect("it is there");
}

/// Returns the names of the segments that are kept for a container.
async fn segments(swift: &Swift, container: &str) -> Vec<String> {
    let listed = swift.container(&format!("{container}_segments")).objects().collect().await.expect("it is there");
    let name = |entry| match entry {
        Listed::Object(object) => object.name,
        other => panic!("{other:?}"),
    };
    listed.into_iter().map(name).collect()
}

#[tokio::test]
async fn large_objects_of_one_are_read_and_replaced_by_the_other() {
    let test = "swift::large_objects_of_one_are_read_and_replaced_by_the_other";
    let Some(server) = Server::shared(test).await else { return };
    let (_app, swift) = started(&format!("{}    segment_size: 1MiB\n", login(&server))).await;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let (container, path) = (server.container("large"), folder.path().join("file").display().to_string());
    swift.container(&container).create().await.expect("it is up");
    let object = swift.object(&container, "2026/żółw 100%.bin");
    let bytes: Bytes = (0..800_000_u32).flat_map(u32::to_le_bytes).collect();

    let stored = object.upload(bytes.clone()).content_type("application/x-ours").await.expect("it is up");
    let Some(told) = server.peer(test, &["get", &container, object.name(), &path]).await else { return };
    assert_eq!(told["length"], 3_200_000);
    assert_eq!(std::fs::read(&path).expect("it was written"), bytes);
    let stat = server.peer(test, &["stat", &container, object.name()]).await.expect("it is there");
    assert_eq!((&stat["content-type"], &stat["x-static-large-object"]), (&"application/x-ours".into(), &"True".into()));
    assert_eq!(stat["etag"], format!("\"{}\"", stored.etag));
    let ours = segments(&swift, &container).await;
    assert_eq!(ours.len(), 4, "{ours:?}");

    let put = ["put", &container, object.name(), &path, "--segment-size", "1000000", "--slo"];
    server.peer(test, &put).await.expect("it is up");
    let theirs = segments(&swift, &container).await;
    assert!(theirs.len() == 4 && theirs.iter().all(|name| !ours.contains(name)), "{theirs:?}");
    let manifest = object.segments().await.expect("it is there").expect("it is a large one");
    assert_eq!(
        manifest.iter().map(|segment| segment.bytes).collect::<Vec<_>>(),
        [1_000_000, 1_000_000, 1_000_000, 200_000]
    );
    assert_eq!(object.get().bytes().await.expect("it is there"), bytes);

    object.upload_file(&path).await.expect("it is up");
    let again = segments(&swift, &container).await;
    assert!(again.len() == 4 && again.iter().all(|name| !theirs.contains(name)), "{again:?}");
    assert_eq!(object.get().bytes().await.expect("it is there"), bytes);
    assert!(object.delete_with_segments().await.expect("it is there"));
    assert!(segments(&swift, &container).await.is_empty());
    swift.container(&format!("{container}_segments")).delete().await.expect("it is empty");
    swift.container(&container).delete().await.expect("it is empty");
}
