//! Outgoing connections: a [`Connector`] per technology, a supervised [`Slot`] per connection, a [`Handle`] per user.
//!
//! A connector knows how to connect, ping and close, and nothing of when; its slot does that: it connects in the
//! background, tries again with growing pauses, tells how things stand, and gives out the client or a clear error at
//! once. A handle is a cheap clone that points at a slot.
//!
//! What several connections and channels share, such as a broker, is a [`Definition`].
//!
//! A new configuration makes new slots for what changed and keeps the others, so that a request goes on with the
//! connection that it started with, and the old one is closed when the last of them has ended.

mod backoff;
mod connections;
mod connector;
mod definition;
pub mod loopback;
mod offer;
mod slot;
mod state;
mod status;

pub(crate) use self::definition::AnyDefinition;
pub use self::{
    backoff::Backoff,
    connections::{AnyConnection, Connections, Supervised},
    connector::{ConnectionConfig, Connector, Handle, Setup},
    definition::{Definition, DefinitionConfig, Definitions},
    offer::Offer,
    slot::Slot,
    state::State,
    status::ConnectionStatus,
};
