use std::{any::Any, collections::BTreeMap, fmt, pin::Pin, sync::Arc};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{AnyConnection, ConnectionStatus, Connector, Handle, Offer, Setup};
use crate::{
    config::{ConfigFault, ConfigFaults, Origin, SectionName, listing},
    metrics::Exposition,
};

/// One entry of a definition's section.
pub trait DefinitionConfig: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Returns the definition's name, unique within its section.
    fn name(&self) -> &str;

    /// Returns whether it may be used; connections and channels over an inactive one are inactive themselves.
    fn is_active(&self) -> bool {
        true
    }

    /// Returns the name of the security definition whose credentials it presents, if there is one.
    fn security(&self) -> Option<&str> {
        None
    }

    /// Returns keys that Zato has and that have no counterpart here: they are accepted and reported, not refused.
    fn without_counterpart() -> &'static [&'static str] {
        &[]
    }
}

/// What several connections and channels share: where a broker is, and with which credentials.
///
/// A value stands for one entry, from the configuration that first has it to the one that changes or removes it. Connectors
/// find it in [`Setup::definitions`], channels in their plan; that it is another `Arc` than before tells them that
/// something about it has changed. An app takes a definition with [`App::definition`](crate::app::App::definition).
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use zato_core::{
///     app::App,
///     config::{ConfigFaults, SectionName},
///     connection::{Definition, DefinitionConfig, Setup},
/// };
///
/// #[derive(Deserialize, JsonSchema)]
/// struct BrokerConfig {
///     name: String,
///     host: String,
/// }
///
/// impl DefinitionConfig for BrokerConfig {
///     fn name(&self) -> &str {
///         &self.name
///     }
/// }
///
/// struct Broker(String);
///
/// impl Definition for Broker {
///     const SECTION: SectionName = SectionName { name: "definition_broker", aliases: &["def_broker"] };
///     type Config = BrokerConfig;
///
///     fn prepare(setup: Setup<'_, BrokerConfig>) -> Result<Self, ConfigFaults> {
///         Ok(Self(setup.config.host))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let app = App::new("bank").definition::<Broker>();
/// app.config_yaml("definition_broker: [{name: main, host: broker.test}]").start().await?;
/// # Ok(())
/// # }
/// ```
pub trait Definition: Sized + Send + Sync + 'static {
    /// The section that its entries stand in.
    const SECTION: SectionName;

    /// One entry of that section.
    type Config: DefinitionConfig;

    /// Works out what an entry means. Nothing is connected here, nor before somebody uses it: the configuration may still be
    /// refused.
    ///
    /// Every active entry of every configuration that is applied is prepared, also one that is kept because nothing about it
    /// has changed, so that the files that it names stay watched. It sees no other definitions.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the entry; see [`Setup::fault`].
    fn prepare(setup: Setup<'_, Self::Config>) -> Result<Self, ConfigFaults>;

    /// Closes what it holds: no configuration has it any more, and the last request that may use it has ended; or the app
    /// has stopped, and its channels and connections are closed.
    ///
    /// # Cancel safety
    ///
    /// Dropped where it takes longer than 5 seconds.
    fn close(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Adds what it counts to the metrics of the app, each with the labels that name it.
    fn metrics(&self, _labels: &[(&'static str, &str)], _exposition: &mut Exposition) {}

    /// Returns how its links stand, under the name that it is configured with, each with a [`link`](ConnectionStatus::link)
    /// of its own; none by default.
    fn statuses(&self, _name: &str) -> Vec<ConnectionStatus> {
        Vec::new()
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A definition of whatever technology.
pub(crate) trait AnyDefinition: Send + Sync + 'static {
    fn close(&self) -> BoxFuture<'_, ()>;
    fn metrics(&self, name: &str, exposition: &mut Exposition);
    fn statuses(&self, name: &str) -> Vec<ConnectionStatus>;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<D: Definition> AnyDefinition for D {
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(Definition::close(self))
    }

    fn metrics(&self, name: &str, exposition: &mut Exposition) {
        Definition::metrics(self, &[("section", D::SECTION.name), ("name", name)], exposition);
    }

    fn statuses(&self, name: &str) -> Vec<ConnectionStatus> {
        Definition::statuses(self, name)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// Every definition of a generation of the configuration, and every connection that others may stand over, by section and
/// name.
///
/// ```
/// use zato_core::connection::Definitions;
///
/// assert!(!Definitions::default().is_fake("definition_amqp", "broker"));
/// ```
#[derive(Clone, Default)]
pub struct Definitions {
    known: BTreeMap<(&'static str, String), Known>,
    /// Whether this is an app of the test kit, in which nothing may be made of what is no fake.
    fakes_only: bool,
}

#[derive(Clone)]
enum Known {
    /// A definition that is configured with `is_active: false`.
    Inactive,
    /// A connection that is.
    InactiveConnection,
    Active(Shared),
    /// A test's own.
    Fake(Shared),
}

/// What others stand over.
#[derive(Clone)]
enum Shared {
    Definition(Arc<dyn AnyDefinition>),
    Connection(Arc<dyn AnyConnection>),
}

impl Known {
    fn shared(&self) -> Option<&Shared> {
        match self {
            Self::Inactive | Self::InactiveConnection => None,
            Self::Active(shared) | Self::Fake(shared) => Some(shared),
        }
    }

    fn definition(&self) -> Option<&Arc<dyn AnyDefinition>> {
        match self.shared() {
            Some(Shared::Definition(definition)) => Some(definition),
            _ => None,
        }
    }

    fn connection(&self) -> Option<&Arc<dyn AnyConnection>> {
        match self.shared() {
            Some(Shared::Connection(connection)) => Some(connection),
            _ => None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self.shared(), other.shared()) {
            (Some(Shared::Definition(one)), Some(Shared::Definition(other))) => Arc::ptr_eq(one, other),
            (Some(Shared::Connection(one)), Some(Shared::Connection(other))) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Definitions {
    /// Adds one in place of what is configured or missing: for tests.
    #[must_use]
    pub fn with_fake<D: Definition>(mut self, name: impl Into<String>, definition: Arc<D>) -> Self {
        self.known.insert((D::SECTION.name, name.into()), Known::Fake(Shared::Definition(definition)));
        self
    }

    /// Starts the definitions of an application with the fakes of its app.
    pub(crate) fn of_app(fakes: &Self, fakes_only: bool) -> Self {
        Self { known: fakes.known.clone(), fakes_only }
    }

    /// Adds one that is configured; `None` for one that is inactive. A fake of its name stays.
    pub(crate) fn insert(&mut self, section: &'static str, name: &str, definition: Option<Arc<dyn AnyDefinition>>) {
        let known = definition.map_or(Known::Inactive, |definition| Known::Active(Shared::Definition(definition)));
        self.known.entry((section, name.to_owned())).or_insert(known);
    }

    /// Adds a connection that is configured; `None` for one that is inactive.
    pub(crate) fn insert_connection(
        &mut self,
        section: &'static str,
        name: &str,
        connection: Option<Arc<dyn AnyConnection>>,
    ) {
        let known =
            connection.map_or(Known::InactiveConnection, |connection| Known::Active(Shared::Connection(connection)));
        self.known.entry((section, name.to_owned())).or_insert(known);
    }

    /// Adds a connection that stands in for what is configured or missing.
    pub(crate) fn insert_fake_connection(
        &mut self,
        section: &'static str,
        name: &str,
        connection: Arc<dyn AnyConnection>,
    ) {
        self.known.insert((section, name.to_owned()), Known::Fake(Shared::Connection(connection)));
    }

    /// Returns a definition.
    ///
    /// # Errors
    ///
    /// A fault at `place`, where its name is written, listing what there is, if the section has none of that name, or if it
    /// is inactive: whoever may be over an inactive one asks [`Definitions::is_inactive`] before, and is inactive then. A
    /// connection over an inactive one is not prepared at all, see [`ConnectionConfig::over`](super::ConnectionConfig::over).
    pub fn get<D: Definition>(&self, name: &str, place: &Origin) -> Result<Arc<D>, ConfigFault> {
        let section = D::SECTION.name;
        let found = self.known(section, name, place)?.definition();
        let found = found.and_then(|any| Arc::clone(any).into_any().downcast().ok());
        found.ok_or_else(|| inactive(section, name, place))
    }

    /// Returns the handle of a connection that others stand over.
    ///
    /// # Errors
    ///
    /// As [`Definitions::get`].
    pub fn handle<H: Handle>(&self, name: &str, place: &Origin) -> Result<H, ConfigFault> {
        let section = H::Connector::SECTION.name;
        let found = self.known(section, name, place)?.connection();
        let slot = found.and_then(|any| Arc::clone(any).into_any().downcast().ok());
        slot.map(H::from_slot).ok_or_else(|| inactive(section, name, place))
    }

    /// Returns the handles of every connection of a connector, by name, but of those that are inactive.
    #[must_use]
    pub fn handles<H: Handle>(&self) -> Vec<H> {
        let of_section = self.known.iter().filter(|((section, _), _)| *section == H::Connector::SECTION.name);
        let connections = of_section.filter_map(|(_, known)| known.connection());
        connections.filter_map(|any| Arc::clone(any).into_any().downcast().ok().map(H::from_slot)).collect()
    }

    /// Returns what a connection offers of a type; see [`Connector::offer`](super::Connector::offer).
    ///
    /// # Errors
    ///
    /// As [`Definitions::get`]; a fault also if the connection offers nothing of the type, which is called `what` in words.
    pub fn offered<T: 'static>(
        &self,
        what: &str,
        section: &'static str,
        name: &str,
        place: &Origin,
    ) -> Result<T, ConfigFault> {
        let found = self.known(section, name, place)?.connection();
        let connection = found.ok_or_else(|| inactive(section, name, place))?;
        let mut asked = None;
        Arc::clone(connection).offer(&mut Offer::asking(&mut asked));
        asked.ok_or_else(|| ConfigFault::at(place, format!("the {section} \"{name}\" can't be {what}")))
    }

    fn known(&self, section: &'static str, name: &str, place: &Origin) -> Result<&Known, ConfigFault> {
        self.find(section, name).ok_or_else(|| {
            let names = self.known.keys().filter(|(known, _)| *known == section).map(|(_, name)| name.as_str());
            ConfigFault::at(place, listing(section, name, names))
        })
    }

    /// Returns whether a definition is there and configured as inactive.
    #[must_use]
    pub fn is_inactive(&self, section: &'static str, name: &str) -> bool {
        matches!(self.find(section, name), Some(Known::Inactive | Known::InactiveConnection))
    }

    /// Returns whether a test put a definition in place of what is configured.
    #[must_use]
    pub fn is_fake(&self, section: &'static str, name: &str) -> bool {
        matches!(self.find(section, name), Some(Known::Fake(_)))
    }

    /// Returns whether nothing may be connected by a definition, since the app is one of the test kit and nobody put a fake
    /// in the definition's place: what stands over it is checked, and its state is [`Unfaked`](super::State::Unfaked).
    #[must_use]
    pub fn is_unfaked(&self, section: &'static str, name: &str) -> bool {
        self.fakes_only && !self.is_fake(section, name)
    }

    /// Returns how the links of every definition stand, by section and name.
    pub fn statuses(&self) -> impl Iterator<Item = ConnectionStatus> {
        self.iter().flat_map(|(_, name, any)| any.map(|any| any.statuses(name)).unwrap_or_default())
    }

    /// Returns every definition with its section and name; `None` for those that are inactive.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &str, Option<&Arc<dyn AnyDefinition>>)> {
        let is_definition = |known: &Known| known.definition().is_some() || matches!(known, Known::Inactive);
        let definitions = self.known.iter().filter(move |(_, known)| is_definition(known));
        definitions.map(|((section, name), known)| (*section, name.as_str(), known.definition()))
    }

    /// Returns a definition of whatever technology, unless it is inactive.
    pub(crate) fn any(&self, section: &'static str, name: &str) -> Option<&Arc<dyn AnyDefinition>> {
        self.find(section, name).and_then(Known::definition)
    }

    /// Returns whether another generation has the very same one, or none as well.
    pub(crate) fn is_same(&self, other: &Self, section: &'static str, name: &str) -> bool {
        match (self.find(section, name), other.find(section, name)) {
            (Some(one), Some(other)) => one.is_same(other),
            (Some(one), None) | (None, Some(one)) => one.shared().is_none(),
            (None, None) => true,
        }
    }

    /// Adds what every definition counts to the metrics of the app.
    pub(crate) fn metrics(&self, exposition: &mut Exposition) {
        for (_, name, any) in self.iter() {
            if let Some(any) = any {
                any.metrics(name, exposition);
            }
        }
    }

    fn find(&self, section: &'static str, name: &str) -> Option<&Known> {
        self.known.get(&(section, name.to_owned()))
    }
}

fn inactive(section: &str, name: &str, place: &Origin) -> ConfigFault {
    ConfigFault::at(place, format!("the {section} \"{name}\" is inactive"))
}

impl fmt::Debug for Definitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known.keys()).finish()
    }
}
