//! The layers of a call: those that every connection has, around the credentials and the network.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, header};
use tower::{Layer, ServiceExt};
use zato_core::{
    Result,
    ambient::Ambient,
    config::ConfigFault,
    connection::Setup,
    resilience::{
        Deadline, Decisions, OutgoingRequest, OutgoingResponse, Repeat, Resilience, Resilient, Verdict, bulkhead::Place,
    },
};

use super::{
    call::Call,
    config::RestConfig,
    credentials::Credentials,
    transport::{Answer, AnswerBody, Transport},
};

/// Everything between a call and the network.
#[derive(Clone)]
pub(super) struct Stack {
    decisions: Arc<Decisions>,
    layers: Resilient<Credentials<Transport>>,
}

impl Stack {
    pub(super) fn new(innermost: Credentials<Transport>, config: &RestConfig, ambient: &Ambient) -> Self {
        let mut resilience = Resilience::new(&config.name, ambient)
            .with_bulkhead(config.pool_size, config.max_queued_requests)
            .with_retry(&config.retry)
            .with_circuit_breaker(&config.circuit_breaker)
            .with_hedging(&config.hedging);
        if let Some(limiter) = config.rate_limiting.limiter() {
            resilience = resilience.with_rate_limit(Arc::new(limiter));
        }
        Self { decisions: Arc::clone(resilience.decisions()), layers: resilience.layer(innermost) }
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer> {
        self.layers.clone().oneshot(call).await
    }

    /// Returns what the layers have decided so far.
    pub(super) fn decisions(&self) -> &Decisions {
        &self.decisions
    }
}

/// Finds what the layers can't use, each at its place.
pub(super) fn faults(setup: &Setup<'_, RestConfig>) -> Vec<ConfigFault> {
    let RestConfig { retry, circuit_breaker, hedging, .. } = &setup.config;
    let within = |section: &str, found: Vec<(&'static str, String)>| -> Vec<ConfigFault> {
        found.into_iter().map(|(key, words)| setup.fault(&format!("{section}.{key}"), words)).collect()
    };
    let mut faults = within("retry", retry.out_of_range());
    faults.extend(within("circuit_breaker", circuit_breaker.out_of_range()));
    faults.extend(within("hedging", hedging.out_of_range()));
    faults
}

impl OutgoingRequest for Call {
    fn repeat(&self) -> Repeat {
        match (self.can_be_sent_again(), self.parts.is_idempotent) {
            (false, _) => Repeat::Never,
            (true, true) => Repeat::Safe,
            // What can't be reached may be where the partner redirected to, after it had done what it was asked to.
            (true, false) if self.parts.follows_redirects => Repeat::Never,
            (true, false) => Repeat::Unsent,
        }
    }

    fn deadline(&self) -> Option<Deadline> {
        Some(self.parts.deadline)
    }
}

impl OutgoingResponse for Answer {
    fn verdict(&self) -> Verdict {
        if self.status.is_success() {
            return Verdict::GOOD;
        }
        if let Some(verdict) = self.verdict {
            return verdict;
        }
        Verdict::of_status(self.status, retry_after(&self.headers))
    }

    fn hold(&mut self, place: Place) {
        if let AnswerBody::Stream(stream) = &mut self.body {
            stream.keep(place);
        }
    }
}

/// Reads when to come back: a number of seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<std::time::Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(std::time::Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    // One that is over is now.
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn when_to_come_back_is_seconds_or_a_date() {
        let read = |text: &str| retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(read(&soon).is_some_and(|wait| wait > Duration::from_secs(90) && wait <= Duration::from_secs(100)));
        for bad in ["", "-1", "soon", "1.5", "99999999999999999999"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
