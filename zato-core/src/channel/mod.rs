//! Channels: how messages come in. A channel knows messages and replies; what serves them stands behind an [`Inlet`].
//!
//! One [`Channel`] stands for all the entries of its sections, since a listener or a broker connection serves many of
//! them. When a configuration is applied, every channel first prepares itself for it, which may fail and changes
//! nothing; only when all have, each is told to switch over, which can't fail.

pub mod broker;
mod inherited;
mod served;

use std::{fmt, io, net::TcpListener, pin::Pin, sync::Arc, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use crate::{
    ambient::Ambient,
    config::{ConfigFault, ConfigFaults, Files, Node, Origin, SectionName, ServerConfig, from_node},
    connection::{ConnectionStatus, Definitions},
    error::Result,
    inspect::Inspect,
    message::{Message, Reply},
    metrics::Exposition,
    rate::RateLimiters,
    security::Securities,
};

#[cfg(unix)]
pub(crate) use self::inherited::{ACTIVATED, READY, TAKEOVER};
pub use self::{
    inherited::Inherited,
    served::{Served, Shape},
};
pub use crate::message::{Answer, Delivery, Settlement, Settling};

/// A future that is boxed at a seam between rooms.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One entry of a channel's section.
pub trait ChannelConfig: Send + Sync + 'static {
    /// Returns the channel's name, unique within its section.
    fn name(&self) -> &str;

    /// Returns the name of the service that the channel calls.
    fn service(&self) -> &str;

    /// Returns whether the channel takes messages in.
    fn is_active(&self) -> bool {
        true
    }

    /// Returns the name of the security definition that callers must satisfy, if there is one.
    fn security(&self) -> Option<&str> {
        None
    }

    /// Returns the section and the name of what the channel stands over, if it does: a definition, such as
    /// `("definition_amqp", "broker")`, or a connection.
    ///
    /// A channel holds the [`Inlet`]s of its configuration for as long as it uses the definitions of it: a definition that is
    /// gone is closed when the last of those has been dropped.
    fn over(&self) -> Option<(&'static str, &str)> {
        None
    }

    /// Returns keys that Zato has and that have no counterpart here: they are accepted and reported, not refused.
    fn without_counterpart() -> &'static [&'static str] {
        &[]
    }
}

/// A section that channels of one technology stand in, and how its entries are read.
///
/// A technology may have several: SOAP channels share the listener, the paths and the limits of REST channels, and are
/// written in a section of their own. What is read from any of them becomes one type, `C`.
pub struct ChannelSection<C> {
    /// Its name in the configuration.
    pub name: SectionName,
    without_counterpart: fn() -> &'static [&'static str],
    read: fn(&Node) -> Result<C, ConfigFault>,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl<C> ChannelSection<C> {
    /// Makes the section whose entries are written as `T`.
    #[must_use]
    pub fn of<T>(name: SectionName) -> Self
    where
        T: ChannelConfig + DeserializeOwned + JsonSchema + Into<C>,
    {
        Self {
            name,
            without_counterpart: T::without_counterpart,
            read: |node| from_node::<T>(node).map(Into::into),
            schema: |generator| generator.subschema_for::<Vec<T>>(),
        }
    }

    /// Returns the keys of Zato that its entries may have and that mean nothing here.
    pub(crate) fn without_counterpart(&self) -> &'static [&'static str] {
        (self.without_counterpart)()
    }

    /// Reads one entry.
    pub(crate) fn read(&self, node: &Node) -> Result<C, ConfigFault> {
        (self.read)(node)
    }

    pub(crate) fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}

impl<C> fmt::Debug for ChannelSection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChannelSection").field(&self.name.name).finish()
    }
}

/// A technology that messages come in through.
pub trait Channel: Send + Sync + 'static {
    /// One entry of its sections, whichever it stands in.
    type Config: ChannelConfig;

    /// What was built for a new configuration and is not in use yet.
    type Prepared: Send + 'static;

    /// Returns the sections that its channels stand in. All of them are prepared, and switched over to, in one step.
    fn sections() -> Vec<ChannelSection<Self::Config>>;

    /// Builds what the new configuration needs, listeners included, and changes nothing that callers notice.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the entries, or that can't be had: a port in use.
    fn prepare(
        &self,
        plan: Plan<'_, Self::Config>,
    ) -> impl Future<Output = Result<Self::Prepared, ConfigFaults>> + Send;

    /// Switches over. What was begun under the configuration before is finished under it.
    fn activate(&self, prepared: Self::Prepared);

    /// Waits until whatever it holds of other systems since the last switch is there, or was tried in vain once. An app has
    /// started, and a configuration is applied, when its channels have had that chance, for two seconds at the most. At
    /// once by default, for channels that hold nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropped where it takes too long.
    fn tried(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Stops taking messages in, lets those in work finish, and cuts what is left when the time is over.
    ///
    /// Returns what was cut, in words for the log.
    fn stop(&self, within: Duration) -> impl Future<Output = Vec<String>> + Send;

    /// Closes what tells about the app, such as an admin listener: every channel has stopped by then.
    fn close(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Adds what the channel counts to the metrics of the app.
    fn metrics(&self, _: &mut Exposition) {}

    /// Returns how that stands which its channels hold of other systems, such as consumers of a broker: each under the
    /// section and the name of its channel, as a connection. None by default, for channels that hold nothing.
    fn statuses(&self) -> Vec<ConnectionStatus> {
        Vec::new()
    }

    /// Returns where the channel can be reached, such as `http://127.0.0.1:17010`; empty if it has no address of its own.
    fn addresses(&self) -> Vec<String>;

    /// Returns copies of the sockets that it listens on, for a process that takes over; each has the same queue of
    /// connections as the original. None by default, for a channel that nobody connects to.
    ///
    /// # Errors
    ///
    /// The operating system's, if it gives no more file descriptors.
    fn listeners(&self) -> io::Result<Vec<TcpListener>> {
        Ok(Vec::new())
    }
}

/// A new configuration, as the channels of one technology see it.
pub struct Plan<'a, C> {
    /// The `server` section.
    pub server: &'a ServerConfig,
    /// That section as it was written, if it was: where what is wrong with it stands.
    pub server_node: Option<&'a Node>,
    /// The entries, section by section in the order of the file, and where each stands.
    pub entries: &'a [(C, Origin)],
    /// The services.
    pub inlets: &'a dyn Inlets,
    /// The security definitions.
    pub securities: &'a Securities,
    /// What connections and channels share, and the connections. One about which something has changed is another `Arc` than before; a channel
    /// over one that [is inactive](Definitions::is_inactive) or [has no fake](Definitions::is_unfaked) takes nothing in.
    pub definitions: &'a Definitions,
    /// Reads the files that the configuration names, which are watched from then on.
    pub files: &'a Files,
    /// Time and randomness.
    pub ambient: &'a Ambient,
    /// Sockets that the process was started with, to be used in place of new ones.
    pub inherited: &'a Inherited,
    /// What counts the requests of clients, from one configuration to the next.
    pub rate_limiters: &'a RateLimiters,
    /// The app, for whoever shows it to operators.
    pub inspect: &'a Arc<dyn Inspect>,
}

impl<C> fmt::Debug for Plan<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// Gives out the ways to services by name.
pub trait Inlets: Send + Sync {
    /// Returns the way to a service; `None` if there is none of that name.
    fn inlet(&self, service: &str) -> Option<Inlet>;

    /// Returns the way to a service for a channel that lets in only so many requests at once; all inlets of one channel
    /// share its places.
    fn limited_inlet(&self, service: &str, places: Places<'_>) -> Option<Inlet>;
}

/// How many requests of one channel may be in work at once, beside what holds for all channels.
///
/// ```
/// use zato_core::channel::Places;
///
/// let places = Places { section: "channel_rest", channel: "get-client", in_work: 20, waiting: 40 };
/// assert!(places.in_work > 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places<'a> {
    /// The section that the channel stands in.
    pub section: &'static str,
    /// The channel's name.
    pub channel: &'a str,
    /// How many may be in work.
    pub in_work: usize,
    /// How many may wait for that; more are refused at once.
    pub waiting: usize,
}

/// The way from a channel to one service, layers included. A clone leads to the same service of the same
/// configuration, however long it is kept.
#[derive(Clone)]
pub struct Inlet(Arc<dyn Intake>);

/// What stands behind an [`Inlet`].
pub trait Intake: Send + Sync {
    /// Serves one message.
    fn take(&self, message: Message) -> BoxFuture<'static, Result<Reply>>;

    /// Whether a message's payload may be a stream; if not, a channel reads it whole before.
    fn takes_stream(&self) -> bool {
        false
    }

    /// Whether what serves them takes a [`Delivery`] if there is one.
    fn takes_delivery(&self) -> bool {
        false
    }

    /// Whether what serves them can't do without a [`Delivery`].
    fn needs_delivery(&self) -> bool {
        false
    }

    /// Whether what serves them takes models, which payloads are read into in whatever format they are.
    fn takes_model(&self) -> bool {
        true
    }

    /// Whether what serves them gives models, which are written in whatever format is asked for.
    fn gives_model(&self) -> bool {
        true
    }

    /// Returns what callers may be told of the service; `None` if it is none that anybody registered.
    fn served(&self) -> Option<Served<'_>> {
        None
    }
}

impl Inlet {
    /// Makes an inlet of what serves its messages.
    pub fn new(intake: Arc<dyn Intake>) -> Self {
        Self(intake)
    }

    /// Whether a message's payload may be a [`ByteStream`](crate::message::ByteStream); if not, a channel reads it whole
    /// before. The same for as long as there is the inlet, so that a channel need ask only once.
    #[must_use]
    pub fn takes_stream(&self) -> bool {
        self.0.takes_stream()
    }

    /// Whether the service settles messages of a broker itself, so that a channel of one calls it with a [`Delivery`].
    #[must_use]
    pub fn takes_delivery(&self) -> bool {
        self.0.takes_delivery()
    }

    /// Whether the service can't be called without a [`Delivery`], so that a channel that has none refuses it in its
    /// configuration.
    #[must_use]
    pub fn needs_delivery(&self) -> bool {
        self.0.needs_delivery()
    }

    /// Whether the service takes models, so that it matters in which format a payload is.
    #[must_use]
    pub fn takes_model(&self) -> bool {
        self.0.takes_model()
    }

    /// Whether the service gives models, so that it matters in which format its reply is wanted.
    #[must_use]
    pub fn gives_model(&self) -> bool {
        self.0.gives_model()
    }

    /// Returns what callers may be told of the service; `None` if it is none that anybody registered.
    #[must_use]
    pub fn served(&self) -> Option<Served<'_>> {
        self.0.served()
    }

    /// Serves one message. A channel that acknowledges does so when this has returned, never before.
    ///
    /// # Errors
    ///
    /// Whatever the service or a layer around it failed with.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the service is stopped at the await where it stands; for a message from a broker that means it is not
    /// acknowledged.
    pub fn call(&self, message: Message) -> BoxFuture<'static, Result<Reply>> {
        self.0.take(message)
    }
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inlet")
    }
}
