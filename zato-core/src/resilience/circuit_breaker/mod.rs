//! Leaves a system alone that fails, and looks now and then whether it is well again.
//!
//! ```text
//! closed --(too many of the last calls failed)--> open --(pause is over)--> half-open
//!    ^                                             ^                           |
//!    +------(all probes are answered)--------------|---------------------------+
//!                                                  +------(a probe fails)------+
//! ```

mod breaker;
mod config;
mod future;
mod layer;
mod service;
mod window;

pub use self::{
    breaker::{Breaker, Passage},
    config::CircuitBreakerConfig,
    future::CircuitBreakerFuture,
    layer::CircuitBreakerLayer,
    service::CircuitBreaker,
};
