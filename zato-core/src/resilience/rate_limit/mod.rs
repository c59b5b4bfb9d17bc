//! Refuses calls beyond what the other side has been promised.

mod layer;
mod service;

pub use self::{
    layer::{RateLimitLayer, out_of_range},
    service::RateLimit,
};
