use std::sync::Arc;

use tower::Layer;

use super::{RateLimit, service::Limit};
use crate::{ambient::Ambient, config::RateLimitRule, rate::RateLimiter, resilience::Decisions};

/// Puts a [`RateLimit`] around a service.
#[derive(Clone, Debug)]
pub struct RateLimitLayer(Option<Arc<Limit>>);

impl RateLimitLayer {
    /// Makes a layer out of a limiter, which all calls share.
    #[must_use]
    pub fn new(limiter: Arc<RateLimiter>, ambient: &Ambient, decisions: &Arc<Decisions>) -> Self {
        Self(Some(Arc::new(Limit { limiter, ambient: ambient.clone(), decisions: Arc::clone(decisions) })))
    }

    /// Makes a layer that limits nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit { inner, limit: self.0.clone() }
    }
}

/// Says why rules can't be used for calls that go out: there are no clients' addresses to tell apart.
#[must_use]
pub fn out_of_range(rules: &[RateLimitRule]) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    if rules.iter().any(|rule| !rule.cidr_list.is_empty()) {
        let message = "\"cidr_list\" is about clients, and calls of a connection have none; leave it out";
        faults.push(("rate_limiting", message.to_owned()));
    }
    if rules.len() > 1 {
        let message = "only the first entry of \"rate_limiting\" counts; write one, with all of \"time_range\"";
        faults.push(("rate_limiting", message.to_owned()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    #[test]
    fn rules_about_clients_are_refused() {
        let faults = |text: &str| {
            let rules: Vec<RateLimitRule> = from_node(&yaml::parse("a.yaml", text).unwrap()).unwrap();
            out_of_range(&rules).len()
        };
        assert_eq!(faults("[]"), 0);
        assert_eq!(faults("[{time_range: [{rate: 5}]}]"), 0);
        assert_eq!(faults("[{cidr_list: [10.0.0.0/8], time_range: [{rate: 5}]}]"), 1);
        assert_eq!(faults("[{cidr_list: [10.0.0.0/8]}, {time_range: [{rate: 5}]}]"), 2);
    }
}
