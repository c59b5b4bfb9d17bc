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

use std::{fmt, time::Duration};

use zato_core::{
    channel::{
        Channel, ChannelSection, Plan,
        broker::{Consumers, Entry},
    },
    config::ConfigFaults,
    connection::ConnectionStatus,
    error::Result,
    metrics::Exposition,
};

use self::{consumer::Shared, entry::Consuming};
use crate::config::{AmqpChannelConfig, CHANNEL};

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

/// What the entries are to be from now on.
pub struct PreparedChannels(Vec<(String, Entry<Consuming>)>);

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

impl Channel for AmqpChannels {
    type Config = AmqpChannelConfig;
    type Prepared = PreparedChannels;

    fn sections() -> Vec<ChannelSection<AmqpChannelConfig>> {
        vec![ChannelSection::of::<AmqpChannelConfig>(CHANNEL)]
    }

    async fn prepare(&self, plan: Plan<'_, AmqpChannelConfig>) -> Result<PreparedChannels, ConfigFaults> {
        let (mut faults, mut wanted) = (ConfigFaults::new(), Vec::new());
        for (config, origin) in plan.entries {
            match entry::read(config, origin, &plan) {
                Ok(entry) => wanted.push((config.name.clone(), entry)),
                Err(found) => faults.extend(found),
            }
        }
        faults.into_result(PreparedChannels(wanted))
    }

    fn activate(&self, prepared: PreparedChannels) {
        self.0.switch(prepared.0);
    }

    async fn tried(&self) {
        self.0.tried().await;
    }

    async fn stop(&self, within: Duration) -> Vec<String> {
        self.0.stop(within, "messages").await
    }

    fn metrics(&self, exposition: &mut Exposition) {
        self.0.metrics(exposition);
    }

    fn statuses(&self) -> Vec<ConnectionStatus> {
        self.0.statuses()
    }

    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }
}

impl fmt::Debug for PreparedChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
