//! Ends a call whose time is over, whatever it is doing: waiting for a place, for an answer, or for the next attempt.

mod future;
mod layer;
mod service;

pub use self::{future::TimeoutFuture, layer::TimeoutLayer, service::Timeout};
