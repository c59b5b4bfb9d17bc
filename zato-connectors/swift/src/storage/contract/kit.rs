use std::{
    any::Any,
    env,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use tempfile::TempDir;
use zato_core::connection::Definitions;

use crate::{
    ObjectStorage,
    memory::SwiftServer,
    storage::{
        scheme::Scheme,
        testing::{FakeObjectStorage, prepared, supervised},
    },
    testing::FakeSwift,
    tests::kit::real,
};

/// A store, of which a test has the containers whose names begin with its own.
pub(super) struct Kit {
    pub(super) storage: ObjectStorage,
    prefix: String,
    /// Words for what failed where.
    pub(super) place: &'static str,
    pub(super) keeps_metadata: bool,
    /// The folder, if it is one.
    pub(super) root: Option<TempDir>,
    /// The server, if there is one in this process.
    pub(super) server: Option<SwiftServer>,
    _kept: Box<dyn Any + Send + Sync>,
}

impl Kit {
    /// Returns a path in a container of this test.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.container())
    }

    /// Returns the name of the container of this test.
    pub(super) fn container(&self) -> String {
        format!("{}crm", self.prefix)
    }

    /// Returns a path in another container of this test.
    pub(super) fn other(&self, name: &str) -> String {
        format!("{}billing/{name}", self.prefix)
    }
}

/// Opens every store there is, with some keys.
pub(super) async fn everywhere(keys: &str) -> Vec<Kit> {
    let mut kits = vec![fake(keys).await, folder(keys).await, memory(keys).await, connection(keys).await];
    kits.extend(real_swift(keys).await);
    kits.extend(s3(keys).await);
    kits
}

pub(super) async fn fake(keys: &str) -> Kit {
    let fake = FakeObjectStorage::with_config(keys).await;
    let (storage, server) = (fake.storage(), Some(fake.server().clone()));
    Kit {
        storage,
        prefix: unique(),
        place: "the fake",
        keeps_metadata: true,
        root: None,
        server,
        _kept: Box::new(fake),
    }
}

pub(super) async fn folder(keys: &str) -> Kit {
    let root = tempfile::tempdir().unwrap();
    let fs = if keys.contains("fs: ") { "" } else { "fs: {root: objects}\n" };
    let kit = open(&format!("scheme: fs\n{fs}{keys}"), root.path().to_str().unwrap()).await;
    Kit { place: "a folder", root: Some(root), ..kit }
}

pub(super) async fn memory(keys: &str) -> Kit {
    let kit = open(&format!("scheme: memory\n{keys}"), ".").await;
    Kit { place: "the memory", keeps_metadata: false, ..kit }
}

/// Opens every Swift there is, with small segments.
pub(super) async fn in_segments() -> Vec<Kit> {
    let mut kits = vec![connection_with("", "segment_size: 64KiB").await];
    kits.extend(real_swift_with("", ", segment_size: 64KiB").await);
    kits
}

/// Opens an account of Swift in this process by way of an `outgoing_swift`.
pub(super) async fn connection(keys: &str) -> Kit {
    connection_with(keys, "retries: 2").await
}

async fn connection_with(keys: &str, swift: &str) -> Kit {
    let fake = FakeSwift::of(SwiftServer::new(), swift).await;
    let mut prepared = prepared(&format!("name: a\nscheme: memory\n{keys}"), ".", &Definitions::default()).unwrap();
    prepared.scheme = Scheme::Connection(fake.swift());
    let (storage, supervised) = supervised(prepared).await;
    let server = Some(fake.server().clone());
    let kept = Box::new((fake, supervised));
    Kit { storage, prefix: unique(), place: "a connection", keeps_metadata: true, root: None, server, _kept: kept }
}

async fn real_swift(keys: &str) -> Option<Kit> {
    real_swift_with(keys, "").await
}

async fn real_swift_with(keys: &str, more: &str) -> Option<Kit> {
    real("").await?;
    let variable = |name: &str| env::var(format!("ZATO_TEST_SWIFT_{name}")).unwrap();
    let (auth_url, user, key) = (variable("AUTH_URL"), variable("USER"), variable("KEY"));
    let account = format!("swift: {{auth_url: '{auth_url}', user: '{user}', key: '{key}'{more}}}");
    let kit = open(&format!("scheme: swift\n{account}\n{keys}"), ".").await;
    Some(Kit { place: "a real Swift", ..kit })
}

/// Opens the real Swift as S3, whose buckets are its containers.
async fn s3(keys: &str) -> Option<Kit> {
    let endpoint = env::var("ZATO_TEST_SWIFT_S3_ENDPOINT").ok()?;
    let swift = real("").await?;
    let variable = |name: &str| env::var(format!("ZATO_TEST_SWIFT_S3_{name}")).unwrap();
    let (region, id, key) = (variable("REGION"), variable("ACCESS_KEY"), variable("SECRET_KEY"));
    let server = format!(
        "s3: {{endpoint: '{endpoint}', region: '{region}', access_key_id: '{id}', secret_access_key: '{key}'}}"
    );
    let kit = open(&format!("scheme: s3\n{server}\n{keys}"), ".").await;
    for path in [kit.path("a"), kit.other("a")] {
        swift.swift.container(path.split_once('/').unwrap().0).create().await.unwrap();
    }
    Some(Kit { place: "S3", ..kit })
}

/// Opens what an entry says.
pub(super) async fn open(keys: &str, folder: &str) -> Kit {
    let prepared = prepared(&format!("name: a\n{keys}"), folder, &Definitions::default()).unwrap();
    let (storage, supervised) = supervised(prepared).await;
    let kept = Box::new(Arc::new(supervised));
    Kit { storage, prefix: unique(), place: "", keeps_metadata: true, root: None, server: None, _kept: kept }
}

fn unique() -> String {
    format!("zs{:x}-", RandomState::new().hash_one(0))
}
