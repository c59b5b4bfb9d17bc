use std::{fmt, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{Backoff, Definitions, Offer, Slot};
use crate::{
    ambient::Ambient,
    config::{ConfigFault, ConfigFaults, Files, Node, SectionName},
    error::{Error, Result},
    metrics::Exposition,
    security::SecurityConfig,
};

/// One entry of a connector's section.
pub trait ConnectionConfig: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Returns the connection's name, unique within its section.
    fn name(&self) -> &str;

    /// Returns whether the connection may be used; an inactive one is never connected, and a call on it says so.
    fn is_active(&self) -> bool;

    /// Returns the name of the security definition whose credentials the connection presents, if there is one.
    fn security(&self) -> Option<&str> {
        None
    }

    /// Returns the section and the name of what the connection stands over, if it does: a definition, such as
    /// `("definition_amqp", "broker")`, or another connection whose connector the app was told of before.
    ///
    /// A connection over one that has changed is made anew, over an inactive one it is inactive, and over a fake it is made
    /// also in an app of the test kit.
    fn over(&self) -> Option<(&'static str, &str)> {
        None
    }

    /// Returns whether this one leads out of the process, of a connector whose connections [do](Connector::LEADS_OUT); one that
    /// does not is made in an app of the test kit, too.
    fn leads_out(&self) -> bool {
        true
    }

    /// Returns how often the other side is asked for a sign of life while nobody calls it; `None` for never.
    ///
    /// While it gives none, [`State`](super::State) is `Failing` and readiness says so.
    fn ping_interval(&self) -> Option<Duration> {
        None
    }

    /// Returns keys that Zato has and that have no counterpart here: they are accepted and reported, not refused.
    fn without_counterpart() -> &'static [&'static str] {
        &[]
    }
}

/// A technology that services can call out to.
///
/// Every connector crate implements it once. What an entry means is worked out by [`prepare`](Self::prepare) when a
/// configuration is applied; the other verbs have no configuration to find fault with. The asynchronous ones may be
/// dropped at any await, and none is called twice at the same time for one slot, except `ping`.
pub trait Connector: Sized + Send + Sync + 'static {
    /// The section that its connections stand in.
    const SECTION: SectionName;

    /// Whether its connections lead out of the process. Those that do are not made by an app of the test kit, unless it was
    /// told to; see [`App::real_connections`](crate::app::App::real_connections).
    const LEADS_OUT: bool = true;

    /// The longest pause between two attempts to connect; pauses start at 0.5 s and double.
    const LONGEST_PAUSE: Duration = Backoff::LONGEST;

    /// One entry of its section.
    type Config: ConnectionConfig;

    /// What an entry means: everything that is known without the other side, such as addresses, credentials and
    /// certificates.
    type Prepared: Send + Sync + 'static;

    /// What is connected: the library's own client or pool.
    type Client: Send + Sync + 'static;

    /// Works out what an entry means. Nothing is connected yet: the configuration may still be refused.
    ///
    /// Every active entry of every configuration that is applied is prepared, also one whose connection is kept because
    /// nothing about it has changed, so that the files that it names stay watched.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the entry; see [`Setup::fault`].
    fn prepare(setup: Setup<'_, Self::Config>) -> Result<Self::Prepared, ConfigFaults>;

    /// Connects. The slot limits how long this takes and tries again when it fails.
    fn connect(prepared: &Self::Prepared) -> impl Future<Output = Result<Self::Client>> + Send;

    /// Asks the other side for a sign of life.
    fn ping(client: &Self::Client) -> impl Future<Output = Result<()>> + Send;

    /// Waits until the connection is found to be gone while nobody calls, and says why; it is connected anew then, as after
    /// [`Slot::lost`]. By default it is not found so: whoever calls finds it.
    fn lost(_client: &Self::Client) -> impl Future<Output = Error> + Send {
        std::future::pending()
    }

    /// Says goodbye, where the protocol knows such a thing.
    fn close(client: Arc<Self::Client>) -> impl Future<Output = ()> + Send {
        drop(client);
        std::future::ready(())
    }

    /// Offers what a connection can be to others beside its handle, such as the store of a cache: interfaces of core, which
    /// what stands [over](ConnectionConfig::over) it asks for by their types; see [`Definitions::offered`]. Nothing by default.
    fn offer(_slot: &Arc<Slot<Self>>, _offer: &mut Offer<'_>) {}

    /// Adds what a client counts to the metrics of the app, each with the labels that name the connection.
    fn metrics(_client: &Self::Client, _labels: &[(&'static str, &str)], _exposition: &mut Exposition) {}
}

/// What a connector prepares a connection from.
pub struct Setup<'a, C> {
    /// The entry.
    pub config: C,
    /// The entry as it was written.
    pub node: &'a Node,
    /// The security definition that the entry names.
    pub security: Option<Arc<SecurityConfig>>,
    /// What connections may share, and those of the connectors before; empty for a definition itself.
    pub definitions: &'a Definitions,
    /// Reads the files that the entry names, which are watched from then on.
    pub files: &'a Files,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}

impl<C> Setup<'_, C> {
    /// Says what is wrong with the value at a path such as `tls.ca`; with the entry, if there is none.
    #[must_use]
    pub fn fault(&self, path: &str, message: impl Into<String>) -> ConfigFault {
        ConfigFault::at(&self.node.at_path(path).unwrap_or(self.node).origin, message)
    }
}

impl<C> fmt::Debug for Setup<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("origin", &self.node.origin).finish_non_exhaustive()
    }
}

/// What a service holds to call out with: `Rest`, `Amqp`, `Sql`. A clone points at the same connection.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handle of an outgoing connection",
    label = "not a handle",
    note = "`#[out(\"name\")]` goes with a connector's handle, such as `zato::rest::Rest`"
)]
pub trait Handle: Clone + fmt::Debug + Send + Sync + 'static {
    /// The connector whose connections this is a handle of.
    type Connector: Connector;

    /// Makes a handle of a slot.
    fn from_slot(slot: Arc<Slot<Self::Connector>>) -> Self;

    /// Returns the slot that the handle points at.
    fn slot(&self) -> &Arc<Slot<Self::Connector>>;
}
