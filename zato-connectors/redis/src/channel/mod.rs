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

use std::fmt;

use zato_core::{
    ambient::Ambient,
    channel::{
        Inlet, Plan,
        broker::{BrokerChannel, Consumers},
    },
    config::{ConfigFault, Origin, SectionName},
    connection::Definitions,
};

use self::{
    consumer::Shared,
    entry::{Consuming, Reader, Route, Terms},
};
use crate::{
    Redis,
    config::{CHANNEL, RedisChannelConfig},
};

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

impl BrokerChannel for RedisChannels {
    type Config = RedisChannelConfig;
    type Over = Redis;
    type Consumer = Shared;

    const SECTION: SectionName = CHANNEL;
    const TAKEN: &'static str = "entries";

    fn consumers(&self) -> &Consumers<Shared> {
        &self.consumers
    }

    fn find(definitions: &Definitions, name: &str, origin: &Origin) -> Result<Redis, ConfigFault> {
        definitions.handle(name, origin)
    }

    fn terms(
        &self,
        config: &RedisChannelConfig,
        over: Redis,
        inlet: Inlet,
        plan: &Plan<'_, RedisChannelConfig>,
    ) -> Consuming {
        Consuming {
            terms: Terms::of(config, over, &self.reader),
            route: Route::of(config, plan.server, inlet),
            ambient: plan.ambient.clone(),
        }
    }
}

impl fmt::Debug for RedisChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisChannels").field(&self.consumers).finish()
    }
}
