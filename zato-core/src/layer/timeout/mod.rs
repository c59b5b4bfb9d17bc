//! Ends a request whose channel's time is over.

mod layer;
mod service;

pub use self::{layer::TimeoutLayer, service::Timeout};
pub use crate::resilience::timeout::TimeoutFuture;
