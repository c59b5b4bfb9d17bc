//! Channels: containers that are polled for services.
//!
//! A `Shared` stands for each entry of the section, and a task of its own for each of those. It has a `Polled` for each of its
//! containers, of which that process lists the objects whose `Lease` it is. A `Poll` compares what is listed with what the
//! `Store` remembers, and gives what is new to a `Work`, which calls the service and has remembered what became of it.
//!
//! Nothing about an object is known that the server does not know: whoever polls next goes on where this one was.

mod calling;
mod consumer;
mod deeds;
mod entry;
mod forgetting;
mod holds;
mod in_hand;
mod intake;
mod lease;
mod mark;
mod pattern;
mod poll;
mod polled;
mod session;
mod settling;
mod store;
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
use crate::config::{CHANNEL, SwiftChannelConfig};

/// Swift channels: the containers of every entry in `channel_swift`, polled by a task of its own.
///
/// ```
/// use zato_core::app::App;
/// use zato_swift::{SwiftChannels, SwiftConnector};
///
/// let app = App::new("bank").connector::<SwiftConnector>().channel(SwiftChannels::of_app("bank"));
/// ```
pub struct SwiftChannels {
    /// The app's name.
    app: String,
    consumers: Consumers<Shared>,
}

/// What the entries are to be from now on.
pub struct PreparedChannels(Vec<(String, Entry<Consuming>)>);

impl SwiftChannels {
    /// Makes channels of an app that poll nothing until a configuration is applied. Its name is in those of leases.
    #[must_use]
    pub fn of_app(name: &str) -> Self {
        Self { app: name.to_owned(), consumers: Consumers::of(CHANNEL) }
    }
}

impl Channel for SwiftChannels {
    type Config = SwiftChannelConfig;
    type Prepared = PreparedChannels;

    fn sections() -> Vec<ChannelSection<SwiftChannelConfig>> {
        vec![ChannelSection::of::<SwiftChannelConfig>(CHANNEL)]
    }

    async fn prepare(&self, plan: Plan<'_, SwiftChannelConfig>) -> Result<PreparedChannels, ConfigFaults> {
        let (mut faults, mut wanted) = (ConfigFaults::new(), Vec::new());
        for (config, origin) in plan.entries {
            match entry::read(config, origin, &plan, &self.app) {
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
        self.consumers.stop(within, "objects").await
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

impl fmt::Debug for SwiftChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SwiftChannels").field(&self.consumers).finish()
    }
}

impl fmt::Debug for PreparedChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
