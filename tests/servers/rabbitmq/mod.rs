//! Brokers of RabbitMQ for tests: one that is shared, of which each test has a virtual host, and ones that a test has
//! for itself, to break them.

mod broker;
mod management;

pub(crate) use self::{
    broker::Broker,
    management::{Connection, Management, Queue},
};
pub(crate) use crate::lent::until;
