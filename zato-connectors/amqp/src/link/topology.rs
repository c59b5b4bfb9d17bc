//! What has to be there on a broker.

use super::Use;
use crate::{
    config::{ExchangeConfig, QueueConfig},
    wire,
};

/// What has to be there on a broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    pub(crate) exchanges: Vec<ExchangeConfig>,
    pub(crate) queues: Vec<QueueConfig>,
}

impl Topology {
    /// Declares what is to be declared, and looks for what is to be there.
    pub(super) async fn declare(&self, connection: &wire::Connection, purpose: Use) -> wire::Result<()> {
        if self.exchanges.is_empty() && self.queues.is_empty() {
            return Ok(());
        }
        wire::answered("did not declare all that has to be there", self.declare_all(connection, purpose)).await
    }

    async fn declare_all(&self, connection: &wire::Connection, purpose: Use) -> wire::Result<()> {
        let channel = connection.open_channel().await?;
        for exchange in &self.exchanges {
            let declared = match exchange.passive {
                true => channel.check_exchange(&exchange.name).await,
                false => channel.declare_exchange(&exchange.declaration()).await,
            };
            declared.map_err(|error| error.about("exchange", &exchange.name))?;
        }
        // What only one connection may use belongs to the one that consumes.
        let is_ours = |queue: &&QueueConfig| !queue.exclusive || purpose == Use::Consuming;
        for queue in self.queues.iter().filter(is_ours) {
            let declared = match queue.passive {
                true => channel.check_queue(&queue.name).await,
                false => channel.declare_queue(&queue.declaration()).await,
            };
            declared.map_err(|error| error.about("queue", &queue.name))?;
            for binding in &queue.bindings {
                let (exchange, key, arguments) = (&binding.exchange, &binding.routing_key, binding.arguments.table());
                let bound = channel.bind_queue(&queue.name, exchange, key, arguments).await;
                bound.map_err(|error| error.about("queue", &queue.name))?;
            }
        }
        for exchange in &self.exchanges {
            for binding in &exchange.bindings {
                let (from, key, arguments) = (&binding.exchange, &binding.routing_key, binding.arguments.table());
                let bound = channel.bind_exchange(&exchange.name, from, key, arguments).await;
                bound.map_err(|error| error.about("exchange", &exchange.name))?;
            }
        }
        channel.close().await
    }
}
