//! Sends a request a second time if the first is slow, and takes whichever answer comes first.

mod config;
mod future;
mod layer;
mod service;

pub use self::{config::HedgingConfig, future::HedgeFuture, layer::HedgeLayer, service::Hedge};
