//! AMQP 0-9-1 channels and outgoing connections for zato, with RabbitMQ by way of lapin.

mod channel;
mod client;
mod config;
mod connector;
mod definition;
mod error;
mod headers;
mod link;
mod message;
mod meter;
mod publisher;
mod received;
mod reply;
mod sending;
#[cfg(feature = "testing")]
pub mod testing;
mod wire;

pub use self::{
    channel::AmqpChannels,
    client::{Amqp, Sent},
    config::{
        AckMode, AmqpChannelConfig, AmqpConfig, AmqpDefinitionConfig, Arguments, BindingConfig, CHANNEL, DEFINITION,
        DataFormat, DeadLetterConfig, DeliveryMode, ExchangeConfig, ExchangeType, FailurePolicy, OUTGOING, QueueConfig,
        QueueType,
    },
    connector::{AmqpConnector, PreparedAmqp},
    definition::AmqpDefinition,
    message::AmqpMessage,
    received::Received,
    reply::AmqpReply,
    sending::AmqpClient,
};
pub use lapin;
