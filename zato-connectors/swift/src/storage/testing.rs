//! Tests without a store: an object storage in the test's own process.

use std::{fmt, sync::Arc};

use zato_core::{
    Result,
    ambient::Ambient,
    bytes::Bytes,
    config::{ConfigFaults, Files, from_node, yaml},
    connection::{Connector, Definitions, Handle, Setup, Supervised},
};

use super::{ObjectStorage, ObjectStorageConfig, ObjectStorageConnector, PreparedObjectStorage, scheme::Scheme};
use crate::memory::SwiftServer;

/// An object storage in the test's own process, which can do all that one can: it stands on a Swift that is there, too, so that
/// it can be told to fail.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_swift::ObjectStorage;
///
/// async fn dispatch(storage: &ObjectStorage, invoice: &'static str) -> Result<()> {
///     storage.put("CRM/Invoice", invoice).await?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let fake = ObjectStorage::fake().await;
/// dispatch(&fake.storage(), "{}").await?;
/// assert_eq!(fake.object("CRM/Invoice").unwrap(), "{}");
///
/// fake.fail_next("put", 507);
/// let error = dispatch(&fake.storage(), "{}").await.unwrap_err();
/// assert_eq!(error.message(), "the object storage has no room left");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeObjectStorage {
    storage: ObjectStorage,
    server: SwiftServer,
    /// Ends with the last clone.
    _supervised: Arc<Supervised>,
}

impl ObjectStorage {
    /// Starts an object storage in the test's own process that holds nothing yet.
    pub async fn fake() -> FakeObjectStorage {
        FakeObjectStorage::with_config("").await
    }
}

impl FakeObjectStorage {
    /// The same with keys of an entry of `outgoing_object_storage`, such as `retries: 0`.
    ///
    /// # Panics
    ///
    /// If they can't be used.
    pub async fn with_config(keys: &str) -> Self {
        let account = "scheme: swift\nswift: {auth_url: http://memory/auth/v1.0, user: 'test:tester', key: testing}";
        let mut prepared = match prepared(&format!("name: fake\n{account}\n{keys}"), ".", &Definitions::default()) {
            Ok(prepared) => prepared,
            Err(faults) => panic!("a fake can't have this configuration: {faults}"),
        };
        let server = SwiftServer::new();
        if let Scheme::Account(account) = &mut prepared.scheme {
            account.memory = Some(server.clone());
        }
        let (storage, supervised) = supervised(prepared).await;
        Self { storage, server, _supervised: Arc::new(supervised) }
    }

    /// Returns the handle.
    #[must_use]
    pub fn storage(&self) -> ObjectStorage {
        self.storage.clone()
    }

    /// Fails the next operation: `put`, `get`, `list`, `head`, `exists`, `copy`, `delete` or `delete_many`, with a status of
    /// HTTP, such as 403, 404, or 507 for a full disk. What may pass, such as 503, is tried again as the configuration says.
    pub fn fail_next(&self, verb: &str, status: u16) {
        self.fail_next_times(verb, status, 1);
    }

    /// The same for so many requests.
    pub fn fail_next_times(&self, verb: &str, status: u16, times: u32) {
        let method = match verb {
            "get" | "list" => "GET",
            "head" | "exists" => "HEAD",
            "delete" => "DELETE",
            "delete_many" => "POST",
            _ => "PUT",
        };
        self.server.fail_next_times(method, status, times);
    }

    /// Returns what is in an object; `None` if it is not there.
    #[must_use]
    pub fn object(&self, path: &str) -> Option<Bytes> {
        let client = self.storage.client().ok()?;
        let place = client.place(path).ok()?;
        self.server.object(place.container, place.name)
    }

    /// Returns the server behind it, which can be told to fail in more ways.
    #[must_use]
    pub fn server(&self) -> &SwiftServer {
        &self.server
    }
}

impl fmt::Debug for FakeObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeObjectStorage").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Works out what an entry means whose files are in a folder.
pub(crate) fn prepared(
    keys: &str,
    folder: &str,
    definitions: &Definitions,
) -> Result<PreparedObjectStorage, ConfigFaults> {
    let node = yaml::parse("keys", keys)?;
    let config: ObjectStorageConfig = from_node(&node)?;
    let (files, ambient) = (Files::in_folder(folder), Ambient::default());
    let setup = Setup { config, node: &node, security: None, definitions, files: &files, ambient: &ambient };
    ObjectStorageConnector::prepare(setup)
}

/// Connects, and returns what keeps the connection.
pub(crate) async fn supervised(prepared: PreparedObjectStorage) -> (ObjectStorage, Supervised) {
    let supervised = Supervised::new::<ObjectStorageConnector>("fake", prepared, None, Ambient::default());
    supervised.begin().await;
    supervised.tried().await;
    let slot = supervised.connection().into_any().downcast();
    (ObjectStorage::from_slot(slot.expect("it is a connection of this connector")), supervised)
}
