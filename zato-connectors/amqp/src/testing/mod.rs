//! Tests without a broker: a recorder of what a service sends.

pub(crate) mod recorder;

pub use self::recorder::{AmqpRecorder, SentMessage};
