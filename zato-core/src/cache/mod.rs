//! Caches: what is dear to find out is found out once, and kept for a while.
//!
//! A service holds a [`Cache`], a handle like that of any connection; what it keeps lies in a [`Store`]: in the process, in
//! a [`MemoryStore`], or wherever a connection [offers](crate::connection::Connector::offer) one, as Redis does. Values are
//! models, kept as JSON, and typed where they are called for.
//!
//! ```yaml
//! cache:
//!   - {name: rates, max_size: 1000, expiry: 5m}
//! ```
//!
//! [`Cache::get_or_compute`] computes once for all who wait for the same value; what it stands on is [`SingleFlight`].

mod client;
mod computations;
mod compute;
mod config;
mod connector;
mod counters;
mod flight;
mod handle;
mod memory;
mod prefixes;
mod set;
mod store;

pub use self::{
    client::CacheClient,
    config::{CacheConfig, StoreKind},
    connector::{CacheConnector, PreparedCache},
    counters::Statistics,
    flight::{Part, SingleFlight},
    handle::Cache,
    memory::MemoryStore,
    set::SetRequest,
    store::{BoxFuture, EntryDetails, Lifetime, Page, Store, Usage},
};
