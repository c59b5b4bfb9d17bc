//! Rate limits as HTTP tells them.
//!
//! There are up to three, each as early as what it needs is known, and all before any of the body is read: that of the
//! server, for every request whatever its path; that of the channel, before credentials are looked at, so that nobody
//! guesses passwords any faster than the channel may be called; that of the security definition, once the caller is
//! known. A tower layer around the router would come when all that work is done.
//!
//! An address that is `disallowed` is answered with 403. Zato cuts the connection, which on HTTP/2 and behind a proxy
//! hits requests of others, and which most clients take for a fault of the network and try again.

use std::{net::IpAddr, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::{debug, info};
use zato_core::{
    Error, Kind,
    ambient::Ambient,
    chrono::DateTime,
    message::Cid,
    rate::{Decision, RateLimiter, Standing},
};

use crate::refusal::Refusal;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// What a limit is about.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'a> {
    Server,
    /// A channel, by its name.
    Channel(&'a str),
    /// Those who satisfy a security definition, by its name.
    Security(&'a str),
}

impl<'a> Scope<'a> {
    /// Names the policy; what is behind it is nobody's business outside.
    fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Channel(_) => "channel",
            Self::Security(_) => "security",
        }
    }

    fn name(self) -> Option<&'a str> {
        match self {
            Self::Server => None,
            Self::Channel(name) | Self::Security(name) => Some(name),
        }
    }
}

/// A request, as far as limits look at it.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) address: Option<IpAddr>,
    pub(crate) cid: &'a Cid,
    pub(crate) ambient: &'a Ambient,
}

impl Asking<'_> {
    /// Counts the request, and tells how its client stands; `None` if nothing limits it. Without a limiter, nothing is
    /// done, not even the time looked up.
    pub(crate) fn pass(self, limiter: Option<&RateLimiter>, scope: Scope<'_>) -> Result<Option<Standing>, Refusal> {
        limiter.map_or(Ok(None), |limiter| self.decide(limiter, scope))
    }

    fn decide(self, limiter: &RateLimiter, scope: Scope<'_>) -> Result<Option<Standing>, Refusal> {
        match limiter.check(self.address, self.ambient.now()) {
            Decision::Allowed(standing) => Ok(Some(standing)),
            Decision::Limited { standing, retry_after, is_first } => {
                self.log(scope, is_first, "rate limit reached");
                Err(limited(&standing, retry_after, scope))
            }
            Decision::Disallowed => {
                self.log(scope, false, "requests from this address are disallowed");
                Err(Refusal::of(Error::forbidden("requests from this address are not allowed")))
            }
            _ => Ok(None),
        }
    }

    /// Logs at `INFO` only what is news: whoever sends too much must not fill the log as well.
    fn log(self, scope: Scope<'_>, is_news: bool, what: &str) {
        let (of, name) = (scope.as_str(), scope.name());
        let (cid, address) = (self.cid, self.address.map(tracing::field::display));
        if is_news {
            info!(zato.cid = cid.as_str(), client.address = address, limit.of = of, limit.name = name, "{what}");
        } else {
            debug!(zato.cid = cid.as_str(), client.address = address, limit.of = of, limit.name = name, "{what}");
        }
    }
}

fn limited(standing: &Standing, retry_after: Duration, scope: Scope<'_>) -> Refusal {
    let error = Error::new(Kind::RateLimited, "too many requests").with_retry_after(retry_after);
    let mut headers = HeaderMap::new();
    tell(standing, scope, &mut headers);
    Refusal::of(error).with_headers(headers)
}

/// Writes how a client stands: in the headers that everybody knows, the time as seconds since 1970, and in those of
/// draft-ietf-httpapi-ratelimit-headers, which counts the seconds from now.
pub(crate) fn tell(standing: &Standing, scope: Scope<'_>, headers: &mut HeaderMap) {
    let Standing { limit, remaining, window, resets_in, resets_at, .. } = *standing;
    let policy = scope.as_str();
    let since_1970 = resets_at.signed_duration_since(DateTime::UNIX_EPOCH).to_std().unwrap_or_default();
    headers.insert(LIMIT, HeaderValue::from(limit));
    headers.insert(REMAINING, HeaderValue::from(remaining));
    headers.insert(RESET, HeaderValue::from(whole(since_1970)));
    let fields = [
        (POLICY, format!("\"{policy}\";q={limit};w={}", whole(window))),
        (STATE, format!("\"{policy}\";r={remaining};t={}", whole(resets_in))),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::try_from(value).expect("numbers and our own words can stand in a header"));
    }
}

/// Returns whole seconds, rounded up.
pub(crate) fn whole(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
