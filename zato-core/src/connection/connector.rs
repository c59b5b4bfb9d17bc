use std::{fmt, sync::Arc};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::Slot;
use crate::{
    ambient::Ambient,
    config::{Origin, SectionName},
    error::Result,
    security::Securities,
};

/// One entry of a connector's section.
pub trait ConnectionConfig: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Returns the connection's name, unique within its section.
    fn name(&self) -> &str;

    /// Returns whether the connection may be used; an inactive one is never connected, and a call on it says so.
    fn is_active(&self) -> bool;
}

/// A technology that services can call out to.
///
/// Every connector crate implements it once. All three verbs may be dropped at any await; none is called twice at the
/// same time for one slot.
pub trait Connector: Sized + Send + Sync + 'static {
    /// The section that its connections stand in.
    const SECTION: SectionName;

    /// One entry of that section.
    type Config: ConnectionConfig;

    /// What is connected: the library's own client or pool.
    type Client: Send + Sync + 'static;

    /// Connects. The slot limits how long this takes and tries again when it fails.
    fn connect(setup: Setup<'_, Self::Config>) -> impl Future<Output = Result<Self::Client>> + Send;

    /// Asks the other side for a sign of life.
    fn ping(client: &Self::Client) -> impl Future<Output = Result<()>> + Send;

    /// Says goodbye, where the protocol knows such a thing.
    fn close(client: Arc<Self::Client>) -> impl Future<Output = ()> + Send {
        drop(client);
        std::future::ready(())
    }
}

/// What a connector connects with.
pub struct Setup<'a, C> {
    /// The entry as configured.
    pub config: &'a C,
    /// Where the entry stands, for errors about it.
    pub origin: &'a Origin,
    /// The security definitions that the entry may name.
    pub securities: &'a Securities,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}

impl<C> fmt::Debug for Setup<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// What a service holds to call out with: `Rest`, `Amqp`, `Sql`. A clone points at the same connection.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handle of an outgoing connection",
    label = "not a handle",
    note = "`#[out(\"name\")]` goes with a connector's handle, such as `zato::loopback::Loopback`"
)]
pub trait Handle: Clone + fmt::Debug + Send + Sync + 'static {
    /// The connector whose connections this is a handle of.
    type Connector: Connector;

    /// Makes a handle of a slot.
    fn from_slot(slot: Arc<Slot<Self::Connector>>) -> Self;

    /// Returns the slot that the handle points at.
    fn slot(&self) -> &Arc<Slot<Self::Connector>>;
}
