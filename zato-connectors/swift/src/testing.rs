//! Tests without a server: a connection to a Swift in the test's own process.

use std::{fmt, sync::Arc};

use zato_core::{
    Result,
    ambient::Ambient,
    config::{ConfigFaults, Files, from_node, yaml},
    connection::{Connector, Definitions, Handle, Setup, Supervised},
};

pub use crate::storage::testing::FakeObjectStorage;
use crate::{PreparedSwift, Swift, SwiftConfig, SwiftConnector, memory::SwiftServer};

/// A connection to a Swift in the test's own process, which is everything that a real one is: one logs in, tokens end, and
/// requests are tried again.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_swift::Swift;
///
/// async fn dispatch(storage: &Swift, invoice: &'static str) -> Result<()> {
///     storage.container("CRM").create().await?;
///     storage.object("CRM", "Invoice").put(invoice).await?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let fake = Swift::fake().await;
/// dispatch(&fake.swift(), "{}").await?;
/// assert_eq!(fake.server().object("CRM", "Invoice").unwrap(), "{}");
///
/// fake.server().fail_next("PUT", 507);
/// let error = dispatch(&fake.swift(), "{}").await.unwrap_err();
/// assert_eq!(error.message(), "the object storage has no room left");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeSwift {
    swift: Swift,
    server: SwiftServer,
    /// Ends with the last clone.
    _supervised: Arc<Supervised>,
}

impl Swift {
    /// Starts a server in the test's own process that holds nothing yet, and connects to it.
    pub async fn fake() -> FakeSwift {
        FakeSwift::with_config("").await
    }
}

impl FakeSwift {
    /// The same with keys of an entry of `outgoing_swift`, such as `retries: 0`.
    ///
    /// # Panics
    ///
    /// If they can't be used.
    pub async fn with_config(keys: &str) -> Self {
        Self::of(SwiftServer::new(), keys).await
    }

    /// Connects to a server that is there, as the user `test:tester` unless the keys say otherwise.
    ///
    /// # Panics
    ///
    /// If the keys can't be used.
    pub async fn of(server: SwiftServer, keys: &str) -> Self {
        let login = if keys.contains("auth_url") { "" } else { "auth_url: http://memory/auth/v1.0\n" };
        let user =
            if keys.contains("auth_url") || keys.contains("user:") { "" } else { "user: test:tester\nkey: testing\n" };
        let mut prepared = match prepared(&format!("name: fake\n{login}{user}{keys}")) {
            Ok(prepared) => prepared,
            Err(faults) => panic!("a fake can't have this configuration: {faults}"),
        };
        prepared.memory = Some(server.clone());
        let supervised = Supervised::new::<SwiftConnector>("fake", prepared, None, Ambient::default());
        supervised.begin().await;
        supervised.tried().await;
        let slot = supervised.connection().into_any().downcast();
        let swift = Swift::from_slot(slot.expect("it is a connection of this connector"));
        Self { swift, server, _supervised: Arc::new(supervised) }
    }

    /// Returns the handle.
    #[must_use]
    pub fn swift(&self) -> Swift {
        self.swift.clone()
    }

    /// Returns the server, which can be told to fail.
    #[must_use]
    pub fn server(&self) -> &SwiftServer {
        &self.server
    }
}

impl fmt::Debug for FakeSwift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeSwift").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Works out what an entry means.
pub(crate) fn prepared(keys: &str) -> Result<PreparedSwift, ConfigFaults> {
    let node = yaml::parse("keys", keys)?;
    let config: SwiftConfig = from_node(&node)?;
    let (definitions, files, ambient) = (Definitions::default(), Files::in_folder("."), Ambient::default());
    let setup =
        Setup { config, node: &node, security: None, definitions: &definitions, files: &files, ambient: &ambient };
    SwiftConnector::prepare(setup)
}
