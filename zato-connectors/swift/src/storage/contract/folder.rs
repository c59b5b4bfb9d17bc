//! What only a folder has to take care of.

use std::{
    future::IntoFuture as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::{StreamExt as _, stream};
use zato_core::{Error, Kind, Retry, message::ByteStream};

use super::kit::folder;
use crate::{Metadata, storage::Listed};

/// Returns the files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Waits until what is removed in the background is gone.
async fn until_there_are(number: usize, folder: &Path) {
    for _ in 0..500 {
        if files(folder).len() == number {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{:?}", files(folder));
}

#[tokio::test]
async fn what_breaks_off_leaves_what_was_there_and_nothing_else() {
    let kit = folder("").await;
    let (root, path) = (kit.root.as_ref().unwrap().path().to_owned(), kit.path("a"));
    kit.storage.put(&path, "before").await.unwrap();
    let broken = || {
        let pieces = stream::iter([Ok("half".into()), Err(Error::invalid_input("the client has gone"))]);
        ByteStream::new(pieces)
    };
    let error = kit.storage.put_stream(&path, broken()).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::InvalidInput, "the client has gone"));
    assert_eq!(kit.storage.get(&path).text().await.unwrap(), "before");
    assert!(kit.storage.put_stream(&kit.path("new/b"), broken()).await.is_err());
    let hanging = ByteStream::new(stream::iter([Ok("half".into())]).chain(stream::pending()));
    let put = kit.storage.put_stream(&path, hanging).into_future();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), put).await.is_err());
    assert_eq!(kit.storage.get(&path).text().await.unwrap(), "before");
    until_there_are(1, &root).await;
    assert_eq!(kit.storage.list(kit.path("")).by_folder().collect().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_object_is_no_folder_and_a_folder_is_no_object() {
    let kit = folder("").await;
    let (storage, one, below) = (&kit.storage, kit.path("a"), kit.path("a/b"));
    storage.put(&one, "1").await.unwrap();
    let error = storage.put(&below, "1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{}", error.report());
    assert!(!storage.exists(&below).await.unwrap() && !storage.delete(&below).await.unwrap());
    assert_eq!(storage.get(&below).bytes().await.unwrap_err().kind(), Kind::NotFound);
    assert!(storage.delete(&one).await.unwrap());
    storage.put(&below, "1").await.unwrap();
    for error in [storage.put(&one, "1").await, storage.put(&one, "1").only_if_absent().await] {
        assert_eq!(error.unwrap_err().kind(), Kind::Conflict);
    }
    assert!(!storage.exists(&one).await.unwrap() && !storage.delete(&one).await.unwrap());
    assert_eq!(storage.get(&one).bytes().await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(storage.get(&below).text().await.unwrap(), "1");
}

#[tokio::test]
async fn metadata_that_can_not_be_kept_is_refused_for_good_and_nothing_is_stored() {
    let kit = folder("").await;
    let (root, path) = (kit.root.as_ref().unwrap().path().to_owned(), kit.path("a"));
    for (metadata, words) in [
        // More than an attribute can have anywhere (xattr(7)).
        (Metadata::new().with("large", "a".repeat(70_000)), "the metadata is too large for the file system"),
        (Metadata::new().with(&"a".repeat(300), "1"), "the metadata is too large for the file system"),
        (Metadata::new().with("", "1"), "the folder can't keep metadata of this name"),
        (Metadata::new().with("mime_type", "text/plain"), "the content type under the name of this metadata"),
    ] {
        let error = kit.storage.put(&path, "1").metadata(metadata).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (Kind::InvalidInput, Retry::Never), "{}", error.report());
        assert!(error.message().contains(words), "{}", error.message());
        assert!(!kit.storage.exists(&path).await.unwrap());
    }
    until_there_are(0, &root).await;
}

#[tokio::test]
async fn what_is_listed_can_be_read() {
    let kit = folder("").await;
    kit.storage.put(&kit.path("a"), "1").await.unwrap();
    let container = kit.root.as_ref().unwrap().path().join("objects").join(kit.container());
    // One that the operating system takes, and no store does: 1025 bytes.
    let mut deep = container;
    for length in [255, 255, 255, 255] {
        deep.push("d".repeat(length));
    }
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("x"), "1").unwrap();
    let entries = kit.storage.list(kit.path("")).collect().await.unwrap();
    assert!(matches!(&entries[..], [Listed::Object(object)] if object.path == kit.path("a")), "{entries:?}");
}

#[tokio::test]
async fn folders_without_an_object_go_with_the_last_one() {
    let kit = folder("").await;
    let (storage, one, other) = (&kit.storage, kit.path("x/y/1"), kit.path("x/2"));
    storage.put(&one, "1").await.unwrap();
    storage.put(&other, "1").await.unwrap();
    storage.delete(&one).await.unwrap();
    let left = storage.list(kit.path("x/")).by_folder().collect().await.unwrap();
    assert!(matches!(&left[..], [Listed::Object(object)] if object.path == other), "{left:?}");
    storage.delete(&other).await.unwrap();
    assert_eq!(storage.list(kit.path("")).by_folder().collect().await.unwrap(), []);
    // Those who put and those who delete get on with each other.
    let name = |number: u32| kit.path(&format!("busy/{}/{number}", number % 3));
    let work = |number: u32| {
        let path = name(number);
        async move {
            for _ in 0..20 {
                storage.put(&path, "1").await.unwrap();
                assert!(storage.delete(&path).await.unwrap());
            }
        }
    };
    futures_util::future::join_all((0..6).map(work)).await;
    assert_eq!(storage.list(kit.path("")).collect().await.unwrap(), []);
}

#[tokio::test]
async fn a_reader_has_what_was_there_when_it_began() {
    let kit = folder("").await;
    let path = kit.path("a");
    kit.storage.put(&path, vec![1; 3_000_000]).await.unwrap();
    let part = kit.storage.get(&path).stream().await.unwrap();
    kit.storage.put(&path, vec![2; 4_000_000]).await.unwrap();
    assert!(part.stream.bytes_within(usize::MAX).await.unwrap() == vec![1; 3_000_000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_known_of_an_object_is_never_that_of_another_version() {
    let kit = folder("fs: {root: objects, fsync: false}").await;
    let path = kit.path("a");
    let put = |version: usize| {
        let metadata = Metadata::new().with("version", version.to_string());
        let content = version.to_string().repeat(10_000 * version);
        kit.storage.put(&path, content).content_type(&format!("text/x-{version}")).metadata(metadata)
    };
    put(1).await.unwrap();
    let is_over = AtomicBool::new(false);
    let write = async {
        for round in 0..300 {
            put(1 + round % 3).await.unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let read = async || {
        while !is_over.load(Ordering::Relaxed) {
            let part = kit.storage.get(&path).stream().await.unwrap();
            let content = part.stream.bytes_within(usize::MAX).await.unwrap();
            for (details, length) in [(part.details, content.len()), {
                let details = kit.storage.head(&path).await.unwrap();
                (details.clone(), usize::try_from(details.bytes).unwrap())
            }] {
                let version: usize = details.metadata.get("version").unwrap().parse().unwrap();
                assert_eq!(details.content_type, Some(format!("text/x-{version}")));
                assert_eq!((details.bytes, length), (length as u64, 10_000 * version));
            }
        }
    };
    futures_util::future::join3(write, Box::pin(read()), Box::pin(read())).await;
}
