use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Sleep, sleep};
use tower::retry::Policy;
use tracing::{Span, debug, warn};

use super::{RetryConfig, backoff::Backoff};
use crate::{
    ambient::Ambient,
    error::{Error, Result},
    resilience::{Budget, Deadline, Decisions, OutgoingRequest, OutgoingResponse, Verdict, decisions::GivenUp},
};

/// Says which calls are tried again, and when: [what tower's layer asks](tower::retry::Policy).
///
/// A call is tried again if the [`Verdict`] on its result and what its request allows ([`Repeat`]) both say so, if its
/// time is not over before, and if the budget of all calls has something left. Otherwise what the last attempt came to is
/// handed on as it is.
///
/// [`Repeat`]: crate::resilience::Repeat
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// use zato_core::{Error, ambient::Ambient, resilience::{Decisions, OutgoingRequest, OutgoingResponse, Repeat}};
/// use zato_core::resilience::retry::{RetryConfig, RetryLayer, RetryPolicy};
///
/// #[derive(Clone)]
/// struct Ask;
/// impl OutgoingRequest for Ask {
///     fn repeat(&self) -> Repeat { Repeat::Safe }
/// }
/// #[derive(Debug)]
/// struct Answer;
/// impl OutgoingResponse for Answer {}
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let decisions = Arc::new(Decisions::new("CRM"));
/// let policy = RetryPolicy::new(&RetryConfig::default(), &Ambient::default(), &decisions);
/// let broken = service_fn(async |_: Ask| Err::<Answer, _>(Error::upstream("reset")));
/// let service = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(broken);
/// assert_eq!(service.oneshot(Ask).await.unwrap_err().message(), "reset");
/// assert_eq!(decisions.retries(), 2);
/// # });
/// ```
#[derive(Clone)]
pub struct RetryPolicy {
    /// None if nothing is tried again.
    shared: Option<Arc<Shared>>,
    /// How often this call was tried again.
    retries: u32,
}

struct Shared {
    max_retries: u32,
    backoff: Backoff,
    budget: Budget,
    /// Whether a retry was denied since one was granted: the first is enough for operators.
    is_short: AtomicBool,
    ambient: Ambient,
    decisions: Arc<Decisions>,
}

impl RetryPolicy {
    /// Makes a policy; all clones of it share a budget.
    #[must_use]
    pub fn new(config: &RetryConfig, ambient: &Ambient, decisions: &Arc<Decisions>) -> Self {
        let shared = || Shared {
            max_retries: config.max_retries,
            backoff: Backoff::new(config),
            budget: Budget::new(config.budget_percent, config.budget_min_per_second),
            is_short: AtomicBool::new(false),
            ambient: ambient.clone(),
            decisions: Arc::clone(decisions),
        };
        Self { shared: (config.max_retries > 0).then(|| Arc::new(shared())), retries: 0 }
    }

    /// Makes a policy that tries nothing again.
    #[must_use]
    pub const fn never() -> Self {
        Self { shared: None, retries: 0 }
    }
}

impl<Req, Res> Policy<Req, Res, Error> for RetryPolicy
where
    Req: OutgoingRequest,
    Res: OutgoingResponse,
{
    // Boxed, since few calls need one and all would carry its size.
    type Future = Pin<Box<Sleep>>;

    fn retry(&mut self, request: &mut Req, result: &mut Result<Res>) -> Option<Self::Future> {
        let shared = self.shared.as_ref()?;
        if self.retries == 0 {
            shared.budget.deposit();
        }
        let verdict = Verdict::of(result);
        if !request.repeat().allows(verdict.retry) {
            return None;
        }
        match shared.decide(self.retries, verdict.retry_after, request.deadline()) {
            Ok(pause) => {
                self.retries += 1;
                shared.tell(self.retries, pause, result.as_ref().err());
                Some(Box::pin(sleep(pause)))
            }
            Err(why) => {
                shared.give_up(why, self.retries);
                None
            }
        }
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        self.shared.as_ref().map(|_| request.clone())
    }
}

impl Shared {
    /// Returns how long to wait before the next attempt, or why there is none. The budget comes last, so that nothing is
    /// taken of it for what isn't done.
    fn decide(&self, retries: u32, asked: Option<Duration>, deadline: Option<Deadline>) -> Result<Duration, GivenUp> {
        if retries >= self.max_retries {
            return Err(GivenUp::Attempts);
        }
        let random = self.ambient.random();
        let pause = match asked {
            Some(wait) => self.backoff.asked(wait, random),
            None => self.backoff.pause(retries, random),
        };
        // Who waits for as long as it takes does not wait for an hour because the other side says so.
        let is_in_time = match deadline {
            Some(deadline) => pause < deadline.remaining(),
            None => asked.is_none_or(|wait| wait <= self.backoff.longest()),
        };
        if !is_in_time {
            return Err(GivenUp::Deadline);
        }
        if self.budget.withdraw() { Ok(pause) } else { Err(GivenUp::Budget) }
    }

    fn tell(&self, retry: u32, pause: Duration, error: Option<&Error>) {
        self.is_short.store(false, Relaxed);
        self.decisions.retried();
        Span::current().record("zato.retries", retry);
        let error = error.map(|error| tracing::field::display(error.report()));
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        warn!(connection = self.decisions.connection(), retry, pause_ms = pause, error, "call failed, trying again");
    }

    fn give_up(&self, why: GivenUp, retries: u32) {
        self.decisions.gave_up(why);
        let (connection, reason) = (self.decisions.connection(), why.as_str());
        if why == GivenUp::Budget && !self.is_short.swap(true, Relaxed) {
            warn!(connection, "too many calls fail, retries are used up");
        }
        debug!(connection, reason, retries, "call not tried again");
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared.as_ref();
        let mut debug = f.debug_struct("RetryPolicy");
        debug.field("max_retries", &shared.map_or(0, |shared| shared.max_retries));
        debug.field("budget", &shared.map(|shared| &shared.budget)).finish_non_exhaustive()
    }
}
