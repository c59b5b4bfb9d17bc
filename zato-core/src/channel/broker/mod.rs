//! What channels of all brokers have in common: what becomes of a message, by how its service has ended, and how many of them
//! are in work at once.
//!
//! A channel reads the keys of [`PolicyConfig`] in its section, and makes [`Policies`] of them when a configuration is applied.
//! It takes a place of its [`Concurrency`] before it takes a message, calls its [`Inlet`](super::Inlet), and carries out the
//! [`Decision`] in the words of its protocol.
//!
//! What an entry of its section has running is a [`Consumer`] with its [`Shift`]; [`Consumers`] has those of all entries follow configurations,
//! waits for what they have in work, and tells how they stand and what they count. A [`BrokerChannel`] reads entries, and is a
//! [`Channel`](super::Channel) with that.

mod channel;
mod concurrency;
mod config;
mod consumers;
mod meter;
mod policies;
mod retry_delay;
mod shift;
mod standing;

use self::meter::Meters;
pub use self::{
    channel::{BrokerChannel, Prepared, TermsOf},
    concurrency::{Concurrency, Place},
    config::{BrokerConfig, FailurePolicy, PolicyConfig, data_format},
    consumers::{Consumer, Consumers, Entry},
    meter::{InWork, Meter, Outcome},
    policies::{Decision, Policies, Reason},
    retry_delay::RetryDelay,
    shift::Shift,
    standing::Standing,
};
