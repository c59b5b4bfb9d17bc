//! A technology of the tests' own: brokers that remember what was done to them, connections to them, and channels.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use serde::Deserialize;
use zato::{
    __private::schemars,
    Result,
    channel::{Channel, ChannelConfig, ChannelSection, Inlet, Plan},
    config::{ConfigFault, ConfigFaults, FilePath, SectionName},
    connection::{
        ConnectionConfig, ConnectionStatus, Connector, Definition, DefinitionConfig, Handle, Setup, Slot, State,
    },
    metrics::{Exposition, FamilyKind},
};

const DEFINITION: SectionName = SectionName { name: "definition_broker", aliases: &["def_broker"] };

fn yes() -> bool {
    true
}

#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(crate = "zato::__private::schemars")]
#[serde(deny_unknown_fields)]
pub(crate) struct BrokerConfig {
    name: String,
    #[serde(default = "yes")]
    is_active: bool,
    host: String,
    #[serde(default)]
    security: Option<String>,
    #[serde(default)]
    file: Option<FilePath>,
}

impl DefinitionConfig for BrokerConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn security(&self) -> Option<&str> {
        self.security.as_deref()
    }

    fn without_counterpart() -> &'static [&'static str] {
        &["frame_max"]
    }
}

/// Where a broker is, how many are connected to it, and whether it was closed, when nobody was connected any more.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) host: String,
    pub(crate) links: AtomicU32,
    pub(crate) is_closed: AtomicBool,
}

impl Broker {
    pub(crate) fn new(host: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { host: host.into(), links: AtomicU32::new(0), is_closed: AtomicBool::new(false) })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }
}

impl Definition for Broker {
    const SECTION: SectionName = DEFINITION;
    type Config = BrokerConfig;

    fn prepare(setup: Setup<'_, BrokerConfig>) -> Result<Self, ConfigFaults> {
        if setup.config.host.is_empty() {
            return Err(setup.fault("host", "a broker has a host").into());
        }
        let mut host = setup.config.host.clone();
        if let Some(file) = &setup.config.file {
            let content = setup.files.read(file)?;
            host.push_str(&String::from_utf8_lossy(&content));
        }
        Ok(Self { host, links: AtomicU32::new(0), is_closed: AtomicBool::new(false) })
    }

    async fn close(&self) {
        assert_eq!(self.links.load(Ordering::SeqCst), 0, "connections are closed before");
        self.is_closed.store(true, Ordering::SeqCst);
    }

    fn metrics(&self, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        let mut links = exposition.family(FamilyKind::Gauge, "broker_links", "Connections to a broker.");
        links.sample(labels, u64::from(self.links.load(Ordering::SeqCst)));
    }

    fn statuses(&self, name: &str) -> Vec<ConnectionStatus> {
        let status = ConnectionStatus::new(DEFINITION.name, name, Arc::new(State::Connecting));
        vec![status.with_link("publishing").with_counts(1, 2)]
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(crate = "zato::__private::schemars")]
#[serde(deny_unknown_fields)]
pub(crate) struct OutConfig {
    name: String,
    definition: String,
}

impl ConnectionConfig for OutConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        true
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        Some((DEFINITION.name, &self.definition))
    }
}

/// One who is connected to a broker.
#[derive(Debug)]
pub(crate) struct Link(Arc<Broker>);

impl Drop for Link {
    fn drop(&mut self) {
        self.0.links.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
pub(crate) struct OutConnector;

impl Connector for OutConnector {
    const SECTION: SectionName = SectionName { name: "outgoing_broker", aliases: &[] };
    type Config = OutConfig;
    type Prepared = Arc<Broker>;
    type Client = Link;

    fn prepare(setup: Setup<'_, OutConfig>) -> Result<Arc<Broker>, ConfigFaults> {
        let place = &setup.node.get("definition").unwrap_or(setup.node).origin;
        Ok(setup.definitions.get(&setup.config.definition, place)?)
    }

    async fn connect(broker: &Arc<Broker>) -> Result<Link> {
        broker.links.fetch_add(1, Ordering::SeqCst);
        Ok(Link(Arc::clone(broker)))
    }

    async fn ping(_: &Link) -> Result<()> {
        Ok(())
    }
}

/// The handle of a connection to a broker.
#[derive(Clone, Debug)]
pub(crate) struct Out(Arc<Slot<OutConnector>>);

impl Out {
    pub(crate) fn broker(&self) -> Result<Arc<Broker>> {
        Ok(Arc::clone(&self.0.client()?.0))
    }
}

impl Handle for Out {
    type Connector = OutConnector;

    fn from_slot(slot: Arc<Slot<OutConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<OutConnector>> {
        &self.0
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(crate = "zato::__private::schemars")]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueConfig {
    name: String,
    service: String,
    definition: String,
}

impl ChannelConfig for QueueConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        Some((DEFINITION.name, &self.definition))
    }
}

/// What became of an entry: the broker that it takes messages from, or why it takes none.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) broker: Result<Arc<Broker>, &'static str>,
    /// Kept for as long as the broker is used.
    pub(crate) inlet: Option<Inlet>,
}

/// Channels that only remember what they were prepared with.
#[derive(Debug, Default)]
pub(crate) struct Queues(Mutex<Vec<Queue>>);

impl Queues {
    pub(crate) fn now(&self) -> Vec<Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Channel for Queues {
    type Config = QueueConfig;
    type Prepared = Vec<Queue>;

    fn sections() -> Vec<ChannelSection<QueueConfig>> {
        vec![ChannelSection::of::<QueueConfig>(SectionName { name: "channel_broker", aliases: &[] })]
    }

    async fn prepare(&self, plan: Plan<'_, QueueConfig>) -> Result<Vec<Queue>, ConfigFaults> {
        let queue = |(config, place): &(QueueConfig, _)| -> Result<Queue, ConfigFault> {
            let (section, definition) = (DEFINITION.name, config.definition.as_str());
            let broker = if plan.definitions.is_inactive(section, definition) {
                Err("inactive")
            } else {
                let broker = plan.definitions.get::<Broker>(definition, place)?;
                if plan.definitions.is_unfaked(section, definition) { Err("unfaked") } else { Ok(broker) }
            };
            Ok(Queue { name: config.name.clone(), broker, inlet: plan.inlets.inlet(&config.service) })
        };
        Ok(plan.entries.iter().map(queue).collect::<Result<_, _>>()?)
    }

    fn activate(&self, prepared: Vec<Queue>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = prepared;
    }

    fn statuses(&self) -> Vec<ConnectionStatus> {
        let state = |queue: &Queue| match &queue.broker {
            Ok(_) => State::Connecting,
            Err(_) => State::Inactive,
        };
        let queues = self.now();
        queues
            .iter()
            .map(|queue| ConnectionStatus::new("channel_broker", queue.name.as_str(), Arc::new(state(queue))))
            .collect()
    }

    async fn stop(&self, _: std::time::Duration) -> Vec<String> {
        self.activate(Vec::new());
        Vec::new()
    }

    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }
}
