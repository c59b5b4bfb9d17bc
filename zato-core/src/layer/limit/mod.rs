//! Limits how many requests are in work at once, and how many wait for that.

mod future;
mod layer;
mod limiter;
mod not_begun;
mod service;

use crate::config::Kept;

pub use self::{future::LimitFuture, layer::LimitLayer, limiter::Limiter, not_begun::NotBegun, service::Limit};

/// The limiters of a configuration, by how many requests may be in work and how many may wait: those of the
/// configuration before, as long as their numbers stay the same.
pub(crate) type Limiters = Kept<(usize, usize), Limiter>;
