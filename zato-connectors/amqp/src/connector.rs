use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time;
use zato_core::{
    Error, Result,
    config::{ConfigFaults, SectionName},
    connection::{Connector, Setup},
    metrics::Exposition,
};

use crate::{
    config::{AmqpConfig, OUTGOING},
    definition::AmqpDefinition,
    error,
    link::Hold,
    publisher::Publisher,
    sending::{AmqpClient, Settings},
};

/// How long a second or later attempt waits for the definition's connection, which is tried again by itself.
const PATIENCE: Duration = Duration::from_secs(9);

/// The connector of `outgoing_amqp`.
#[derive(Debug)]
pub struct AmqpConnector;

/// A connection of `outgoing_amqp` whose configuration was found to be usable.
pub struct PreparedAmqp {
    settings: Arc<Settings>,
    lanes: usize,
    max_in_flight: usize,
    definition: Arc<AmqpDefinition>,
    /// Held from the first attempt on: nothing is connected before that.
    hold: OnceLock<Hold>,
    was_tried: AtomicBool,
}

impl fmt::Debug for PreparedAmqp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedAmqp").field("connection", &self.settings.name).finish_non_exhaustive()
    }
}

impl Connector for AmqpConnector {
    const SECTION: SectionName = OUTGOING;
    /// There is nothing to be spared: the definition's connection has pauses of its own.
    const LONGEST_PAUSE: Duration = Duration::from_millis(500);
    type Config = AmqpConfig;
    type Prepared = PreparedAmqp;
    type Client = AmqpClient;

    fn prepare(setup: Setup<'_, AmqpConfig>) -> Result<PreparedAmqp, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        for (key, words) in setup.config.out_of_range() {
            faults.push(setup.fault(key, words));
        }
        let place = &setup.node.get("definition").or_else(|| setup.node.get("def_name")).unwrap_or(setup.node).origin;
        let definition = faults.keep(setup.definitions.get::<AmqpDefinition>(&setup.config.definition, place));
        let Some(definition) = definition else { return Err(faults) };
        faults.into_result(PreparedAmqp {
            settings: Arc::new(Settings::of(&setup.config, definition.meter(&setup.config.name))),
            lanes: setup.config.pool_size,
            max_in_flight: setup.config.max_in_flight,
            definition,
            hold: OnceLock::new(),
            was_tried: AtomicBool::new(false),
        })
    }

    async fn connect(prepared: &PreparedAmqp) -> Result<AmqpClient> {
        let hold = prepared.hold.get_or_init(|| prepared.definition.publishing.hold());
        // The first attempt tells at once how things stand; later ones are there when the connection is back.
        let live = if prepared.was_tried.swap(true, Ordering::Relaxed) {
            match time::timeout(PATIENCE, hold.up()).await {
                Ok(live) => live,
                Err(_) => hold.live()?,
            }
        } else {
            hold.tried().await?
        };
        let publisher = Publisher::open(live, prepared.lanes, prepared.max_in_flight).await.map_err(error::of)?;
        Ok(AmqpClient::new(Arc::clone(&prepared.settings), publisher))
    }

    async fn ping(client: &AmqpClient) -> Result<()> {
        client.ping().await
    }

    async fn lost(client: &AmqpClient) -> Error {
        error::of(client.broken().await)
    }

    fn metrics(client: &AmqpClient, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        client.meter().add_to(client.in_flight(), labels, exposition);
    }
}
