//! What the handle promises, on a server in the test's own process and, where one is, on a real one.

#[cfg(feature = "cache")]
mod cache;
mod cluster;
pub(crate) mod kit;
mod locks;
mod paginator;
mod pool;
mod streams;
mod subscriptions;
mod supervision;
mod transactions;
mod values;
