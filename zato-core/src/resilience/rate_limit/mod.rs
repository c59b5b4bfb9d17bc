//! Refuses calls beyond what the other side has been promised.

mod config;
mod layer;
mod service;

pub use self::{config::RateLimitConfig, layer::RateLimitLayer, service::RateLimit};
