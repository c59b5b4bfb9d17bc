//! Handles, requests and listings borrow nothing: they may be kept, and moved into tasks.

use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::task::JoinSet;
use zato_core::Result;

use super::kit::{Kit, fake};
use crate::{
    Container, CopyRequest, CreateRequest, Entries, EntryStream, GetRequest, ListRequest, Listed, Object, PutRequest,
    Stored, TempUrlRequest, UploadRequest, storage, testing::FakeObjectStorage,
};

fn is_kept<T: Send + 'static>() {}

fn is_shared<T: Clone + Send + Sync + 'static>() {}

#[test]
fn whatever_has_a_name_can_be_kept() {
    is_shared::<Container>();
    is_shared::<Object>();
    is_kept::<CreateRequest>();
    is_kept::<PutRequest>();
    is_kept::<GetRequest>();
    is_kept::<CopyRequest>();
    is_kept::<UploadRequest>();
    is_kept::<TempUrlRequest>();
    is_kept::<ListRequest<Listed>>();
    is_kept::<Entries<Listed>>();
    is_kept::<EntryStream<Listed>>();
    is_kept::<storage::PutRequest>();
    is_kept::<storage::GetRequest>();
    is_kept::<storage::ListRequest>();
    is_kept::<storage::Entries>();
    is_kept::<EntryStream<storage::Listed>>();
}

/// Stores in a task of its own, by a handle whose names are gone where it was made.
fn spawn(tasks: &mut JoinSet<Result<Stored>>, kit: &Kit, container: String, name: String) {
    let object = kit.swift.object(&container, &name);
    let request = object.put(name.clone()).content_type(&format!("text/{container}"));
    drop((container, name, object));
    tasks.spawn(request.into_future());
}

/// Waits for what is done in a task of its own.
async fn elsewhere<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    tasks.join_next().await.unwrap().unwrap()
}

struct Kept {
    listed: EntryStream<Listed>,
    entries: Entries<Listed>,
}

#[tokio::test]
async fn handles_go_into_tasks_and_listings_into_structs() {
    let kit = fake("").await;
    let name = kit.container("handles").await;
    let mut tasks = JoinSet::new();
    for object in ["a", "b", "c"] {
        spawn(&mut tasks, &kit, name.clone(), object.to_owned());
    }
    assert!(tasks.join_all().await.into_iter().all(|stored| stored.is_ok()));
    let object = kit.swift.object(&name, "a");
    let details = elsewhere(async move { object.head().await }).await.unwrap();
    assert_eq!(details.content_type, Some(format!("text/{name}")));
    let mut kept = {
        let container = kit.swift.container(&name);
        Kept { listed: container.objects().page_size(1).stream(), entries: container.objects().entries() }
    };
    let first = kept.listed.next().await.unwrap().unwrap();
    let rest: Vec<_> = kept.listed.try_collect().await.unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(elsewhere(async move { kept.entries.next().await }).await.unwrap(), Some(first));
}

#[tokio::test]
async fn a_stream_ends_with_the_first_error_and_entries_go_on() {
    let kit = fake("retries: 0").await;
    let name = kit.container("handles").await;
    kit.swift.object(&name, "a").put("1").await.unwrap();
    let server = kit.server().unwrap();
    let (mut listed, mut entries) =
        (kit.swift.container(&name).objects().stream(), kit.swift.container(&name).objects().entries());
    server.fail_next("GET", 503);
    assert!(listed.next().await.unwrap().is_err());
    assert!(listed.next().await.is_none() && listed.next().await.is_none());
    server.fail_next("GET", 503);
    assert!(entries.next().await.is_err());
    assert!(entries.next().await.unwrap().is_some());
}

#[tokio::test]
async fn requests_of_an_object_storage_outlive_their_paths() {
    let fake = FakeObjectStorage::with_config("").await;
    let requests = ["a", "b"].map(|name| fake.storage().put(&format!("CRM/{name}"), name).content_type("text/plain"));
    for request in requests {
        elsewhere(request.into_future()).await.unwrap();
    }
    let read = fake.storage().get(&["CRM", "a"].join("/"));
    assert_eq!(elsewhere(read.text()).await.unwrap(), "a");
    let listed: EntryStream<storage::Listed> = fake.storage().list("CRM").stream();
    assert_eq!(listed.try_collect::<Vec<_>>().await.unwrap().len(), 2);
}
