//! Tries calls again that failed for a moment: within their time, with pauses, and only so many of all.
//!
//! The layer is tower's own, `tower::retry`; what is here says which call it tries again, and when.

mod backoff;
mod config;
mod policy;

pub use self::{config::RetryConfig, policy::RetryPolicy};

/// A service that tries calls again.
pub type Retry<S> = tower::retry::Retry<RetryPolicy, S>;

/// Puts a [`Retry`] around a service.
pub type RetryLayer = tower::retry::RetryLayer<RetryPolicy>;
