//! Channels: queues that are consumed into services.
//!
//! A `Shared` stands for each entry, and a task of its own for each of those: it holds the connection of its definition and
//! subscribes on a channel of its own, a `Session`, from which each message is handed to a `Work`. What a work decides, it
//! does by its session, and by the `Outbox` for what has to be published.

mod answer;
mod consumer;
mod copies;
mod entry;
mod intake;
mod outbox;
mod replying;
mod session;
mod settling;
#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;
mod work;

use std::sync::Arc;

#[cfg(test)]
#[cfg(feature = "testing")]
use zato_core::channel::broker::Prepared as PreparedChannels;
use zato_core::{
    channel::{
        Inlet, Plan,
        broker::{BrokerChannel, Consumers},
    },
    config::{ConfigFault, Origin, SectionName},
    connection::Definitions,
};

use self::{consumer::Shared, entry::Consuming};
use crate::{
    config::{AmqpChannelConfig, CHANNEL},
    definition::AmqpDefinition,
};

/// AMQP channels: every queue in `channel_amqp`, each consumed by a task of its own.
///
/// ```
/// use zato_amqp::{AmqpChannels, AmqpDefinition};
/// use zato_core::app::App;
///
/// let app = App::new("bank").definition::<AmqpDefinition>().channel(AmqpChannels::new());
/// ```
#[derive(Debug)]
pub struct AmqpChannels(Consumers<Shared>);

impl AmqpChannels {
    /// Makes channels that consume nothing until a configuration is applied.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Default for AmqpChannels {
    fn default() -> Self {
        Self(Consumers::of(CHANNEL))
    }
}

impl BrokerChannel for AmqpChannels {
    type Config = AmqpChannelConfig;
    type Over = Arc<AmqpDefinition>;
    type Consumer = Shared;

    const SECTION: SectionName = CHANNEL;
    const TAKEN: &'static str = "messages";

    fn consumers(&self) -> &Consumers<Shared> {
        &self.0
    }

    fn find(definitions: &Definitions, name: &str, origin: &Origin) -> Result<Arc<AmqpDefinition>, ConfigFault> {
        definitions.get(name, origin)
    }

    fn terms(
        &self,
        config: &AmqpChannelConfig,
        over: Arc<AmqpDefinition>,
        inlet: Inlet,
        plan: &Plan<'_, AmqpChannelConfig>,
    ) -> Consuming {
        Consuming::of(config, plan.server, inlet, over, plan.ambient.clone())
    }
}
