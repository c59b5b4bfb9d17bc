//! A connection that leads nowhere but back: for trying out, for tests of the seams, and as the smallest connector to
//! read before writing another.
//!
//! ```yaml
//! outgoing_loopback:
//!   - name: Echo                  # gives back what it is sent
//!   - {name: Fixed, reply: pong}  # answers the same to everything
//!   - {name: Down, refuse: the other side is closed on Sundays}
//! ```

use std::{fmt, sync::Arc};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ConnectionConfig, Connector, Handle, Setup, Slot};
use crate::{
    config::{ConfigFaults, SectionName},
    error::{Error, Result},
};

/// One entry of `outgoing_loopback`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LoopbackConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive connection refuses every call.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// What to answer; unless given, whatever was sent.
    #[serde(default)]
    pub reply: Option<String>,
    /// Why connecting fails; unless given, it doesn't.
    #[serde(default)]
    pub refuse: Option<String>,
}

fn yes() -> bool {
    true
}

impl ConnectionConfig for LoopbackConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }
}

/// The connector of `outgoing_loopback`.
#[derive(Debug)]
pub struct LoopbackConnector;

impl Connector for LoopbackConnector {
    const SECTION: SectionName = SectionName { name: "outgoing_loopback", aliases: &["outconn_loopback"] };
    const LEADS_OUT: bool = false;
    type Config = LoopbackConfig;
    type Prepared = LoopbackConfig;
    type Client = LoopbackClient;

    fn prepare(setup: Setup<'_, LoopbackConfig>) -> Result<LoopbackConfig, ConfigFaults> {
        Ok(setup.config)
    }

    async fn connect(config: &LoopbackConfig) -> Result<LoopbackClient> {
        if let Some(reason) = &config.refuse {
            return Err(Error::unavailable(reason.clone()));
        }
        let reply = config.reply.clone().map(Bytes::from);
        Ok(LoopbackClient { answer: Arc::new(move |sent| Ok(reply.clone().unwrap_or(sent))) })
    }

    async fn ping(client: &LoopbackClient) -> Result<()> {
        (client.answer)(Bytes::from_static(b"ping")).map(drop)
    }
}

type Answer = dyn Fn(Bytes) -> Result<Bytes> + Send + Sync;

/// The client behind a [`Loopback`].
#[derive(Clone)]
pub struct LoopbackClient {
    answer: Arc<Answer>,
}

impl fmt::Debug for LoopbackClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopbackClient").finish_non_exhaustive()
    }
}

/// The handle of a loopback connection: `#[out("Echo")] echo: Loopback`.
///
/// ```
/// use zato_core::connection::loopback::Loopback;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let echo = Loopback::fake(|sent| Ok(sent));
/// assert_eq!(echo.call("ping").await.unwrap(), "ping");
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Loopback(Arc<Slot<LoopbackConnector>>);

impl Loopback {
    /// Sends bytes and returns what comes back.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Kind::Unavailable) if the connection is not up, with the reason; for a fake, whatever it was told
    /// to fail with.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn call(&self, payload: impl Into<Bytes>) -> Result<Bytes> {
        let client = self.0.client()?;
        // Even what answers at once gives way, as every call over a network does.
        tokio::task::yield_now().await;
        (client.answer)(payload.into())
    }

    /// Makes a handle whose answers a function gives: for unit tests.
    pub fn fake(answer: impl Fn(Bytes) -> Result<Bytes> + Send + Sync + 'static) -> Self {
        Self(Slot::up("fake", LoopbackClient { answer: Arc::new(answer) }))
    }
}

#[diagnostic::do_not_recommend]
impl Handle for Loopback {
    type Connector = LoopbackConnector;

    fn from_slot(slot: Arc<Slot<LoopbackConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<LoopbackConnector>> {
        &self.0
    }
}
