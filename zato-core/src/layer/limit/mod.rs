//! Limits how many requests are in work at once, and how many wait for that.

mod future;
mod layer;
mod limiter;
mod service;

pub use self::{future::LimitFuture, layer::LimitLayer, limiter::Limiter, service::Limit};
