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

use std::fmt;

use zato_core::{
    channel::{
        Inlet, Plan,
        broker::{BrokerChannel, Consumers},
    },
    config::{ConfigFault, Origin, SectionName},
    connection::Definitions,
};

use self::{
    consumer::Shared,
    entry::{Consuming, Route, Terms},
};
use crate::{
    Swift,
    config::{CHANNEL, SwiftChannelConfig},
};

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

impl SwiftChannels {
    /// Makes channels of an app that poll nothing until a configuration is applied. Its name is in those of leases.
    #[must_use]
    pub fn of_app(name: &str) -> Self {
        Self { app: name.to_owned(), consumers: Consumers::of(CHANNEL) }
    }
}

impl BrokerChannel for SwiftChannels {
    type Config = SwiftChannelConfig;
    type Over = Swift;
    type Consumer = Shared;

    const SECTION: SectionName = CHANNEL;
    const TAKEN: &'static str = "objects";

    fn consumers(&self) -> &Consumers<Shared> {
        &self.consumers
    }

    fn find(definitions: &Definitions, name: &str, origin: &Origin) -> Result<Swift, ConfigFault> {
        definitions.handle(name, origin)
    }

    fn terms(
        &self,
        config: &SwiftChannelConfig,
        over: Swift,
        inlet: Inlet,
        plan: &Plan<'_, SwiftChannelConfig>,
    ) -> Consuming {
        Consuming {
            terms: Terms::of(config, over),
            route: Route::of(config, plan.server, inlet),
            ambient: plan.ambient.clone(),
            app: self.app.clone(),
        }
    }
}

impl fmt::Debug for SwiftChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SwiftChannels").field(&self.consumers).finish()
    }
}
