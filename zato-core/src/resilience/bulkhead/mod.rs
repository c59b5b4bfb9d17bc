//! Keeps a slow partner from taking up the whole program: so many calls at once, so many that wait, and no more.

mod future;
mod layer;
mod places;
mod service;

pub(crate) use self::places::Places;
pub use self::{future::BulkheadFuture, layer::BulkheadLayer, places::Place, service::Bulkhead};
