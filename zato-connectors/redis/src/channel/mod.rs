//! Channels: streams that are consumed into services.
//!
//! A `Shared` stands for each entry of the section, and a task of its own for each of those: it reads for its group on a
//! connection of its own, a `Session`, from which each entry of the stream is handed to a `Work`. What a work decides it does
//! on the connection that all commands share. An entry that comes again waits in its work, and stays pending for this
//! consumer, of which the server is given signs of life; what nobody gives one of is claimed by others.

pub(crate) mod commands;
mod consumer;
mod entry;
mod in_hand;
mod intake;
mod position;
mod session;
mod settling;
mod work;

use std::{fmt, time::Duration};

use zato_core::{
    ambient::Ambient,
    channel::{
        Channel, ChannelSection, Plan,
        broker::{Consumers, Entry},
    },
    config::ConfigFaults,
    connection::ConnectionStatus,
    error::Result,
    metrics::Exposition,
};

use self::{
    consumer::Shared,
    entry::{Consuming, Reader},
};
use crate::config::{CHANNEL, RedisChannelConfig};

/// Redis channels: every stream in `channel_redis`, each consumed by a task of its own.
///
/// ```
/// use zato_core::app::App;
/// use zato_redis::{RedisChannels, RedisConnector};
///
/// let app = App::new("bank").connector::<RedisConnector>().channel(RedisChannels::of_app("bank"));
/// ```
pub struct RedisChannels {
    reader: Reader,
    consumers: Consumers<Shared>,
}

/// What the entries are to be from now on.
pub struct PreparedChannels(Vec<(String, Entry<Consuming>)>);

impl RedisChannels {
    /// Makes channels of an app that consume nothing until a configuration is applied. Its name is that of a group that has
    /// no other.
    #[must_use]
    pub fn of_app(name: &str) -> Self {
        // Not the app's randomness: two apps of one test may have the same, and would be one consumer.
        let random = Ambient::default().random() >> 96;
        let reader = Reader { app: name.to_owned(), process: format!("{name}-{random:08x}") };
        Self { reader, consumers: Consumers::of(CHANNEL) }
    }
}

impl Channel for RedisChannels {
    type Config = RedisChannelConfig;
    type Prepared = PreparedChannels;

    fn sections() -> Vec<ChannelSection<RedisChannelConfig>> {
        vec![ChannelSection::of::<RedisChannelConfig>(CHANNEL)]
    }

    async fn prepare(&self, plan: Plan<'_, RedisChannelConfig>) -> Result<PreparedChannels, ConfigFaults> {
        let (mut faults, mut wanted) = (ConfigFaults::new(), Vec::new());
        for (config, origin) in plan.entries {
            match entry::read(config, origin, &plan, &self.reader) {
                Ok(entry) => wanted.push((config.name.clone(), entry)),
                Err(found) => faults.extend(found),
            }
        }
        faults.into_result(PreparedChannels(wanted))
    }

    fn activate(&self, prepared: PreparedChannels) {
        self.consumers.switch(prepared.0);
    }

    async fn tried(&self) {
        self.consumers.tried().await;
    }

    async fn stop(&self, within: Duration) -> Vec<String> {
        self.consumers.stop(within, "entries").await
    }

    fn metrics(&self, exposition: &mut Exposition) {
        self.consumers.metrics(exposition);
    }

    fn statuses(&self) -> Vec<ConnectionStatus> {
        self.consumers.statuses()
    }

    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }
}

impl fmt::Debug for RedisChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisChannels").field(&self.consumers).finish()
    }
}

impl fmt::Debug for PreparedChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
