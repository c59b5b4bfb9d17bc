//! Ends a request whose channel's time is over.

mod future;
mod layer;
mod service;

pub use self::{future::RequestFuture, layer::TimeoutLayer, service::Timeout};
