//! AMQP 0-9-1 channels and outgoing connections for zato, with RabbitMQ by way of lapin.

#![expect(dead_code, reason = "what stands on the wire is not written yet")]

mod wire;
