//! Tests without a broker: a recorder of what a service sends, and a broker in the test's own process.

mod broker;
pub(crate) mod recorder;

pub use self::{
    broker::{Broker, QueuedMessage},
    recorder::{AmqpRecorder, SentMessage},
};
