//! Rate limits: how many requests a client may send.
//!
//! A [`RateLimiter`] is made of the `rate_limiting` of one thing: a channel, a security definition, or the server. It
//! counts each client by itself, who is known by its address; clients of IPv6 by the first 64 bits of it, since a single
//! machine has all the rest to choose from (RFC 6177 §2). It counts in windows of the clock, with a token bucket, or both.
//!
//! This is no tower layer around the router, as the limit of requests in work is: by then a channel has read the body
//! and verified the caller, which is the work that a limit is there to spare, and what makes guessing passwords slow.
//! The channel asks as soon as it knows the address.
//!
//! # Memory
//!
//! A limiter remembers at most [`RateLimiter::MOST_CLIENTS`] clients and times of the day, some 10 MB. Whoever would be
//! one more takes the place of one that has not been heard of for long, which then begins anew; those that come again
//! and again stay, whatever flood of addresses comes by.

mod bucket;
mod clients;
mod decision;
mod limiter;
mod window;

use std::sync::Arc;

use crate::config::{Kept, RateLimitRule};

pub use self::{
    decision::{Decision, Standing},
    limiter::RateLimiter,
};

/// The limiters of a configuration, which goes on counting what the one before has counted.
pub type RateLimiters = Kept<Vec<RateLimitRule>, RateLimiter>;

impl RateLimiters {
    /// Returns the limiter of an entry of a section; `None` if it has no rules.
    #[must_use]
    pub fn limiter(&self, section: &'static str, name: &str, rules: &[RateLimitRule]) -> Option<Arc<RateLimiter>> {
        let make = |rules: &Vec<RateLimitRule>| RateLimiter::new(rules.clone());
        (!rules.is_empty()).then(|| self.get_or_make(section, name, rules.to_vec(), make))
    }
}
