//! Turns a panic of a service into an error of that request alone.

mod future;
mod layer;
mod service;

pub use self::{future::CatchPanicFuture, layer::CatchPanicLayer, service::CatchPanic};
