use std::{fmt, future::IntoFuture, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    super::{
        Context, Service,
        context::{Target, Via},
    },
    Callee, Ongoing, Pattern, RetryReply, Work,
    fanout::tell,
};
use crate::{
    channel::BoxFuture,
    error::{self, Error, Result},
    message::Cid,
};

/// A service that is invoked again if it fails; see [`Context::invoke_retry`].
///
/// Awaited, it gives what the service gives in the end.
///
/// ```
/// use std::time::Duration;
/// use zato_core::{Error, Kind, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let ctx = TestContext::new().service("crm.get", |_| async { Err(Error::upstream("the CRM is down")) }).build();
/// let error = ctx.invoke_retry_by_name("crm.get", 7.into()).repeats(2).pause(Duration::ZERO).await.unwrap_err();
/// assert_eq!(error.kind(), Kind::Upstream);
/// assert_eq!(
///     error.message(),
///     "(2/2) retry limit reached for crm.get, retry_seconds: 0, orig_cid: 000000000000000000000001"
/// );
/// # }
/// ```
#[must_use = "nothing is invoked until it is awaited"]
pub struct Retry<'a, T> {
    ctx: &'a Context,
    callee: Callee<T>,
    rule: Rule,
}

/// How long an error may ask for, unless the pause is longer by itself.
const LONGEST: Duration = Duration::from_secs(60);

/// When a service is invoked again, and how often.
struct Rule {
    repeats: u32,
    pause: Duration,
    is_worth: Box<dyn Fn(&Error) -> bool + Send + Sync>,
}

impl<'a, T: Send + 'static> Retry<'a, T> {
    pub(in crate::service) fn new(ctx: &'a Context, callee: Callee<T>) -> Self {
        let is_worth = Box::new(|error: &Error| error.retry() != error::Retry::Never);
        Self { ctx, callee, rule: Rule { repeats: 3, pause: Duration::from_secs(1), is_worth } }
    }

    /// Sets how often it is invoked again at most, after the first time; 3 unless given.
    pub fn repeats(mut self, number: u32) -> Self {
        self.rule.repeats = number;
        self
    }

    /// Sets how long to wait between two calls; 1 s unless given. Up to a tenth more is waited at random, so that many who
    /// failed at once don't come back at once, and longer if the error says that; one
    /// that says more than a minute, and more than twice the pause, is the last.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.rule.pause = pause;
        self
    }

    /// Sets after which errors it is invoked again; after those for which [`Error::retry`] says that it may help unless
    /// given.
    pub fn retry_if(mut self, is_worth: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.rule.is_worth = Box::new(is_worth);
        self
    }

    /// Has it done again in the background if the first call fails, and a service told how that ended.
    pub fn async_fallback<S: Service<Input = RetryReply>>(self) -> RetryInBackground<'a, T> {
        self.async_fallback_by_name(S::definition().name())
    }

    /// As [`Retry::async_fallback`], of a service that is known by its name.
    pub fn async_fallback_by_name(self, callback: impl Into<String>) -> RetryInBackground<'a, T> {
        let work = Work::new(self.ctx, Pattern::InvokeRetry);
        RetryInBackground { retry: self, work, callback: callback.into(), context: None }
    }
}

/// Dropped, it stops the service at the await where it stands, and invokes it no more.
impl<'a, T: Send + 'static> IntoFuture for Retry<'a, T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'a, Result<T>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let first = self.callee.call(self.ctx, None).await;
            self.rule.repeat(self.ctx, (&mut self.callee, None), first, self.ctx.cid()).await
        })
    }
}

impl Rule {
    /// Invokes a service again as long as it fails and that may help.
    async fn repeat<T>(
        &self,
        ctx: &Context,
        (callee, via): (&mut Callee<T>, Option<Via>),
        first: Result<T>,
        orig_cid: Cid,
    ) -> Result<T> {
        let mut last = first;
        for number in 1..=self.repeats {
            let error = match last {
                Err(error) if (self.is_worth)(&error) => error,
                settled => return settled,
            };
            let pause = self.pause_after(&error, ctx.random());
            if pause > self.pause.saturating_mul(2).max(LONGEST) {
                // Whoever asks for that is not tried again: what waits keeps its place, and its configuration alive.
                last = Err(error);
                break;
            }
            info!(
                zato.target = callee.name, error = %error.report(), attempt = number, attempts = self.repeats,
                pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                "a service failed and is invoked again"
            );
            sleep(pause).await;
            last = callee.call(ctx, via).await;
        }
        last.map_err(|error| if (self.is_worth)(&error) { self.given_up(&callee.name, error, orig_cid) } else { error })
    }

    /// Returns how long to wait after an error.
    fn pause_after(&self, error: &Error, random: u128) -> Duration {
        let percent = u32::try_from(random % 11).unwrap_or_default();
        let jittered = self.pause.saturating_add((self.pause / 100).saturating_mul(percent));
        jittered.max(error.retry_after().unwrap_or_default())
    }

    /// Says how often it was tried, with the kind of the last error, whose caller does the same about it.
    fn given_up(&self, service: &str, error: Error, orig_cid: Cid) -> Error {
        let (number, seconds) = (self.repeats, self.pause.as_secs_f64());
        warn!(zato.target = service, error = %error.report(), attempts = number, "a service failed for good");
        let message = format!(
            "({number}/{number}) retry limit reached for {service}, retry_seconds: {seconds}, orig_cid: {orig_cid}"
        );
        let public = error.public_message().to_owned();
        let given_up = Error::new(error.kind(), message).with_public(public);
        match error.retry_after() {
            Some(wait) => given_up.with_retry_after(wait),
            None => given_up,
        }
        .with_source(error)
    }
}

/// A service that is invoked again in the background if it fails; see [`Retry::async_fallback`].
///
/// Awaited, it gives what the service gave at once, or what goes on in the background.
///
/// ```
/// use std::time::Duration;
/// use zato_core::{Error, Result, Value, service::patterns::Fallback, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new()
///     .service("crm.get", |_| async { Err(Error::upstream("the CRM is down")) })
///     .service("crm.got", |reply| async move { Ok(reply) })
///     .build();
/// let retry = ctx.invoke_retry_by_name("crm.get", 7.into()).repeats(1).pause(Duration::ZERO);
/// let Fallback::Ongoing(ongoing) = retry.async_fallback_by_name("crm.got").context("client 7").await? else {
///     panic!("the CRM is down");
/// };
/// let reply = ongoing.wait().await?;
/// assert_eq!((reply.ok, reply.context), (false, Some("client 7".into())));
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is invoked until it is awaited"]
pub struct RetryInBackground<'a, T> {
    retry: Retry<'a, T>,
    work: Work<'a>,
    callback: String,
    context: Option<Value>,
}

/// What became of a call that goes on in the background if it fails.
///
/// ```
/// use zato_core::service::patterns::Fallback;
///
/// let done = Fallback::Done(7);
/// assert!(matches!(done, Fallback::Done(7)));
/// ```
#[derive(Debug)]
pub enum Fallback<T> {
    /// The first call gave this; no callback is told.
    Done(T),
    /// The first call failed, and others are made.
    Ongoing(Ongoing<RetryReply>),
}

impl<T: Send + 'static> RetryInBackground<'_, T> {
    /// Sets what the callback is told beside how it ended.
    pub fn context(mut self, context: impl Into<Value>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Sets how long each service that is invoked in the background may take; `server.request_timeout` unless given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.work.timeout = Some(timeout);
        self
    }

    /// Sets the correlation id of what is invoked in the background; that of the request unless given.
    pub fn cid(mut self, cid: Cid) -> Self {
        self.work.cid = Some(cid);
        self
    }

    /// Begins it in the background, the first call included, and returns at once.
    ///
    /// # Errors
    ///
    /// Nothing has begun then: [`Internal`](crate::Kind::Internal) if one of the services is not part of the app, or if
    /// services stand too deep; [`Unavailable`](crate::Kind::Unavailable) if there are `server.max_background_tasks`
    /// already.
    pub fn start(self) -> Result<Ongoing<RetryReply>> {
        self.check()?;
        let began = self.work.ctx.now();
        self.go_on(None, began)
    }

    fn check(&self) -> Result<()> {
        self.retry.callee.check(self.work.ctx)?;
        self.work.ctx.check(&Target::Name(&self.callback))
    }

    async fn run(mut self) -> Result<Fallback<T>> {
        self.check()?;
        let began = self.work.ctx.now();
        match self.retry.callee.call(self.work.ctx, None).await {
            Ok(output) => Ok(Fallback::Done(output)),
            Err(error) if self.retry.rule.repeats > 0 && (self.retry.rule.is_worth)(&error) => {
                self.go_on(Some(error), began).map(Fallback::Ongoing)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on in the background, after a first call that failed, or with that.
    fn go_on(self, first: Option<Error>, began: DateTime<Utc>) -> Result<Ongoing<RetryReply>> {
        let Self { retry: Retry { mut callee, rule, .. }, work, callback, context } = self;
        let orig_cid = work.ctx.cid();
        work.begin(move |means| async move {
            let (ctx, via) = (&means.ctx, means.via("invoke-async"));
            let first = match first {
                Some(error) => Err(error),
                None => callee.call(ctx, via).await,
            };
            let result = rule.repeat(ctx, (&mut callee, via), first, orig_cid).await.and_then(callee.to_value());
            let reply = RetryReply {
                source: ctx.service().to_owned(),
                target: callee.name,
                retry_repeats: rule.repeats,
                retry_seconds: rule.pause.as_secs_f64(),
                orig_cid,
                call_cid: ctx.cid(),
                context,
                ok: result.is_ok(),
                response: result.ok(),
                req_ts_utc: began,
                resp_ts_utc: ctx.now(),
            };
            let is_told = tell(ctx, &[callback], &reply, means.via("invoke-async-callback")).await;
            let is_ok = reply.ok && is_told;
            (Ok(reply), is_ok)
        })
    }
}

/// Fails with what the service fails with if that is nothing that another call may mend, or with what
/// [`RetryInBackground::start`] fails with. Dropped during the first call, it begins no other.
impl<'a, T: Send + 'static> IntoFuture for RetryInBackground<'a, T> {
    type Output = Result<Fallback<T>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Retry<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("service", &self.callee.name)
            .field("repeats", &self.rule.repeats)
            .field("pause", &self.rule.pause)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RetryInBackground<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryInBackground").field("retry", &self.retry).field("callback", &self.callback).finish()
    }
}
