//! What is written out when, and what becomes of work that nobody waits for.

use std::{path::PathBuf, sync::mpsc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::{runtime, task};
use zato_core::{ambient::Ambient, message::ByteStream};

use super::*;
use crate::storage::{
    limits::Limits,
    put::{Content, Wanted},
};

fn limits() -> Limits {
    Limits { connection: "a".to_owned(), patience: Some(Duration::from_secs(30)), slow: Duration::ZERO }
}

/// Stores an object, and returns what was written out meanwhile, below the root.
async fn written(folder: &Folder, place: Place<'_>) -> Vec<String> {
    let content = Content::Bytes("1".into());
    folder.put(place, content, &Wanted::default(), &limits()).await.unwrap();
    told(folder)
}

fn told(folder: &Folder) -> Vec<String> {
    let log = std::mem::take(&mut *folder.shared.durability.log.lock().unwrap());
    let below = |path: PathBuf| path.strip_prefix(&folder.shared.root).unwrap().to_str().unwrap().to_owned();
    log.into_iter().map(below).map(|name| if name.starts_with(".zato") { "file".to_owned() } else { name }).collect()
}

#[tokio::test]
async fn what_is_said_to_be_stored_is_written_out_with_all_that_leads_to_it() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path(), true, &Ambient::default()).await.unwrap();
    told(&folder);
    let place = |name| Place { container: "CRM", name };
    assert_eq!(written(&folder, place("2026/11/a")).await, ["file", "CRM/2026/11", "CRM/2026", "CRM", ""]);
    assert_eq!(written(&folder, place("2026/11/b")).await, ["file", "CRM/2026/11"]);
    assert_eq!(written(&folder, place("c")).await, ["file", "CRM"]);
    assert!(folder.delete(place("2026/11/a")).await.unwrap());
    assert_eq!(told(&folder), ["CRM/2026/11"]);
    assert!(folder.delete(place("2026/11/b")).await.unwrap());
    assert_eq!(told(&folder), ["CRM"]);
    assert!(!folder.delete(place("2026/11/b")).await.unwrap());
    // What is made anew is not what was known.
    assert_eq!(written(&folder, place("2026/11/a")).await, ["file", "CRM/2026/11", "CRM/2026", "CRM"]);
}

#[tokio::test]
async fn a_root_that_is_made_is_written_out_and_nothing_is_where_nobody_wants_it() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("a/b");
    let folder = Folder::open(&root, true, &Ambient::default()).await.unwrap();
    let log = folder.shared.durability.log.lock().unwrap().clone();
    let real = temporary.path().canonicalize().unwrap();
    assert!(log.ends_with(&[real.join("a"), real]), "{log:?}");
    let folder = Folder::open(&root, false, &Ambient::default()).await.unwrap();
    assert_eq!(written(&folder, Place { container: "CRM", name: "a" }).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_long_is_written_out_part_by_part_and_a_last_time_before_it_is_moved() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path(), true, &Ambient::default()).await.unwrap();
    let (place, long) = (Place { container: "CRM", name: "a" }, vec![0; 3 * 1024 * 1024 + 1]);
    written(&folder, place).await;
    let pieces: Vec<_> = long.chunks(700_000).map(|piece| Ok(piece.to_vec().into())).collect();
    for content in [Content::Bytes(long.clone().into()), Content::Stream(ByteStream::new(stream::iter(pieces)))] {
        let is_stream = matches!(content, Content::Stream(_));
        let stored = folder.put(place, content, &Wanted::default(), &limits()).await.unwrap();
        assert_eq!(stored.bytes, long.len() as u64);
        let parts = if is_stream { 2 } else { 3 };
        assert_eq!(told(&folder), [vec!["file"; parts + 1], vec!["CRM"]].concat());
    }
    assert_eq!(fs::read(temporary.path().join("CRM/a")).unwrap(), long);
}

/// Runs a test with one thread for all that is done to files.
fn with_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.unwrap().block_on(test)
}

/// Has that thread wait until what is returned is dropped.
fn occupied() -> mpsc::Sender<()> {
    let (free, wait) = mpsc::channel();
    drop(task::spawn_blocking(move || wait.recv()));
    free
}

#[test]
fn a_put_that_was_given_up_takes_nobodys_place_afterwards() {
    with_one_thread(async {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path(), false, &Ambient::default()).await.unwrap();
        for is_only_if_absent in [false, true] {
            let name = format!("CRM/{is_only_if_absent}");
            let (send, busy) = mpsc::channel();
            let end = stream::poll_fn(move |_| {
                send.send(occupied()).unwrap();
                std::task::Poll::Ready(None)
            });
            let stream = ByteStream::new(stream::iter([Ok("old".into())]).chain(end));
            let wanted = Wanted { is_only_if_absent, ..Wanted::default() };
            let (place, limits) = (Place { container: "CRM", name: &name }, limits());
            let mut put = Box::pin(folder.put(place, Content::Stream(stream), &wanted, &limits));
            let free = loop {
                assert!((&mut put).now_or_never().is_none(), "the thread is busy");
                if let Ok(free) = busy.try_recv() {
                    break free;
                }
                task::yield_now().await;
            };
            drop(put);
            drop(free);
            // It comes after what was given up.
            folder.ping().await.unwrap();
            assert!(!temporary.path().join("CRM").join(&name).exists(), "{name}");
        }
    });
}

#[test]
fn a_removal_that_was_given_up_removes_nothing_afterwards() {
    with_one_thread(async {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path(), false, &Ambient::default()).await.unwrap();
        let place = Place { container: "CRM", name: "a" };
        written(&folder, place).await;
        let free = occupied();
        assert!(Box::pin(folder.delete(place)).now_or_never().is_none(), "the thread is busy");
        drop(free);
        folder.ping().await.unwrap();
        assert!(folder.head(place).await.is_ok());
    });
}

#[tokio::test]
async fn many_are_removed_and_each_folder_is_written_out_once() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path(), true, &Ambient::default()).await.unwrap();
    let names = ["a/1", "a/2", "a/kept", "b/c/1", "b/c/2", "1", "2", "none"].map(ToOwned::to_owned);
    for name in names.iter().filter(|name| *name != "none") {
        written(&folder, Place { container: "CRM", name }).await;
    }
    let removed: Vec<_> = names.iter().filter(|name| *name != "a/kept").cloned().collect();
    folder.delete_many("CRM", &removed).await.unwrap();
    assert_eq!(told(&folder), ["CRM", "CRM/a"]);
    let mut left: Vec<_> =
        fs::read_dir(temporary.path().join("CRM")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.pop().unwrap(), "a");
    assert!(left.is_empty() && temporary.path().join("CRM/a/kept").exists());

    // What is no object ends it, and what was removed before that is written out.
    written(&folder, Place { container: "CRM", name: "1" }).await;
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("1", temporary.path().join("CRM/link")).unwrap();
        let names = ["1", "link", "a/kept"].map(ToOwned::to_owned);
        assert!(folder.delete_many("CRM", &names).await.is_err());
        assert_eq!(told(&folder), ["CRM"]);
        assert!(temporary.path().join("CRM/a/kept").exists());
    }
}

#[test]
fn a_removal_of_many_ends_when_it_is_given_up() {
    with_one_thread(async {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path(), false, &Ambient::default()).await.unwrap();
        let names = ["a", "b"].map(ToOwned::to_owned);
        for name in &names {
            written(&folder, Place { container: "CRM", name }).await;
        }
        let free = occupied();
        assert!(Box::pin(folder.delete_many("CRM", &names)).now_or_never().is_none(), "the thread is busy");
        drop(free);
        folder.ping().await.unwrap();
        assert_eq!(fs::read_dir(temporary.path().join("CRM")).unwrap().count(), 2);
    });
}
