//! What lies in a folder that is no object: links, and what is neither a file nor a folder.

use std::{
    fs,
    future::Future,
    os::unix::{fs::symlink, net::UnixListener},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use zato_core::Kind;

use super::kit::{Kit, folder};

/// Returns the folder of the container of a test, which has an object "a".
async fn container(kit: &Kit) -> PathBuf {
    kit.storage.put(&kit.path("a"), "1").await.unwrap();
    kit.root.as_ref().unwrap().path().join("objects").join(kit.container())
}

/// Waits for what must not take a thread for good.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it hangs")
}

#[tokio::test]
async fn links_are_not_followed_wherever_they_lead() {
    let (kit, elsewhere) = (folder("").await, tempfile::tempdir().unwrap());
    let container = container(&kit).await;
    fs::write(elsewhere.path().join("secret"), "secret").unwrap();
    symlink(elsewhere.path(), container.join("out")).unwrap();
    symlink(elsewhere.path().join("secret"), container.join("file")).unwrap();
    symlink(container.join("a"), container.join("within")).unwrap();
    symlink("nowhere", container.join("dangling")).unwrap();
    for path in ["out/secret", "out/new", "file", "within", "dangling"].map(|name| kit.path(name)) {
        let storage = &kit.storage;
        for error in [
            storage.get(&path).bytes().await.unwrap_err(),
            storage.head(&path).await.unwrap_err(),
            storage.put(&path, "2").await.unwrap_err(),
            storage.put(&path, "2").only_if_absent().await.unwrap_err(),
            storage.copy(&path, &kit.path("b")).await.unwrap_err(),
            storage.copy(&kit.path("a"), &path).await.unwrap_err(),
            storage.delete(&path).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), Kind::InvalidInput, "{path}: {}", error.report());
            assert!(error.message().contains("over a link"), "{path}: {}", error.message());
        }
    }
    assert_eq!(fs::read_to_string(elsewhere.path().join("secret")).unwrap(), "secret");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    assert_eq!(kit.storage.get(&kit.path("a")).text().await.unwrap(), "1");
}

#[tokio::test]
async fn a_container_that_is_a_link_is_refused_also_where_it_leads_to_another() {
    let (kit, elsewhere) = (folder("").await, tempfile::tempdir().unwrap());
    let container = container(&kit).await;
    fs::write(elsewhere.path().join("secret"), "secret").unwrap();
    let root = container.parent().unwrap();
    symlink(elsewhere.path(), root.join("out")).unwrap();
    symlink(&container, root.join("within")).unwrap();
    for name in ["out", "within"] {
        for list in [kit.storage.list(name), kit.storage.list(format!("{name}/s")).by_folder()] {
            let error = list.collect().await.unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidInput, "{name}: {}", error.report());
        }
        let error = kit.storage.get(&format!("{name}/a")).bytes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput, "{name}: {}", error.report());
    }
}

#[tokio::test]
async fn links_and_what_has_no_name_are_not_listed() {
    let kit = folder("").await;
    let container = container(&kit).await;
    symlink("/", container.join("everything")).unwrap();
    fs::write(container.join(" b"), "1").unwrap();
    assert_eq!(kit.storage.list(kit.path("")).collect().await.unwrap().len(), 1);
    assert_eq!(kit.storage.list(kit.path("everything/")).collect().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_neither_a_file_nor_a_folder_is_not_there_and_blocks_nobody() {
    let kit = folder("").await;
    let container = container(&kit).await;
    assert!(Command::new("mkfifo").arg(container.join("fifo")).status().unwrap().success());
    let _listener = UnixListener::bind(container.join("socket")).unwrap();
    for path in ["fifo", "socket"].map(|name| kit.path(name)) {
        let storage = &kit.storage;
        assert_eq!(soon(Box::pin(storage.get(&path).bytes())).await.unwrap_err().kind(), Kind::NotFound, "{path}");
        assert_eq!(soon(Box::pin(storage.head(&path))).await.unwrap_err().kind(), Kind::NotFound, "{path}");
        assert!(!storage.exists(&path).await.unwrap() && !storage.delete(&path).await.unwrap(), "{path}");
        for put in [storage.put(&path, "2"), storage.put(&path, "2").only_if_absent()] {
            let error = soon(put.into_future()).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Conflict, "{path}: {}", error.report());
        }
    }
    assert_eq!(kit.storage.list(kit.path("")).collect().await.unwrap().len(), 1);
    assert_eq!(fs::read_dir(&container).unwrap().count(), 3);
}
