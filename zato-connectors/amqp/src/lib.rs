//! AMQP 0-9-1 channels and outgoing connections for zato, with RabbitMQ by way of lapin.

#![expect(dead_code, reason = "what stands on the wire is not written yet")]

mod config;
mod definition;
mod error;
mod link;
mod message;
mod wire;

pub use self::message::AmqpMessage;
pub use self::{
    config::{
        AckMode, AmqpChannelConfig, AmqpConfig, AmqpDefinitionConfig, Arguments, BindingConfig, CHANNEL, DEFINITION,
        DataFormat, DeadLetterConfig, DeliveryMode, ExchangeConfig, ExchangeType, FailurePolicy, OUTGOING, QueueConfig,
        QueueType,
    },
    definition::AmqpDefinition,
};
pub use lapin;
