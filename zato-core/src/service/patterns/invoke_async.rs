use std::{fmt, time::Duration};

use serde_json::Value;

use super::{
    super::{Context, Service, context::Target},
    Callee, Ongoing, Pattern, Work,
};
use crate::{
    error::Result,
    message::{Cid, Payload},
};

/// A service that is invoked in the background; see [`Context::invoke_async`].
///
/// ```
/// use zato_core::{Result, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new()
///     .service("report.make", |client| async move { Ok(client) })
///     .service("report.made", |report| async move { Ok(report) })
///     .build();
/// let ongoing = ctx.invoke_async_by_name("report.make", 7.into()).callback_by_name("report.made").start()?;
/// ongoing.wait().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is invoked until it is started"]
pub struct InvokeAsync<'a, T> {
    work: Work<'a>,
    callee: Callee<T>,
    callback: Option<Callback<T>>,
}

/// A service that is told what another one gave.
struct Callback<T> {
    service: String,
    hand_over: fn(T) -> Result<Payload>,
}

impl<'a, T: Send + 'static> InvokeAsync<'a, T> {
    pub(in crate::service) fn new(ctx: &'a Context, callee: Callee<T>) -> Self {
        Self { work: Work::new(ctx, Pattern::InvokeAsync), callee, callback: None }
    }

    /// Has another service invoked with what this one gives, if it gives something and doesn't fail.
    pub fn callback<S: Service<Input = T>>(mut self) -> Self {
        let service = S::definition().name().to_owned();
        self.callback = Some(Callback { service, hand_over: |output| Ok(Payload::typed(output)) });
        self
    }

    /// Sets how long each service that is invoked may take; `server.request_timeout` unless given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.work.timeout = Some(timeout);
        self
    }

    /// Sets the correlation id; that of the request unless given.
    pub fn cid(mut self, cid: Cid) -> Self {
        self.work.cid = Some(cid);
        self
    }

    /// Begins it, and returns at once. Waiting for the end tells what the service, or its callback, failed with.
    ///
    /// # Errors
    ///
    /// Nothing has begun then: [`Internal`](crate::Kind::Internal) if one of the services is not part of the app, or if
    /// services stand too deep; [`Unavailable`](crate::Kind::Unavailable) if there are `server.max_background_tasks`
    /// already.
    pub fn start(self) -> Result<Ongoing<()>> {
        let Self { work, mut callee, callback } = self;
        callee.check(work.ctx)?;
        if let Some(callback) = &callback {
            work.ctx.check(&Target::Name(&callback.service))?;
        }
        work.begin(move |means| async move {
            let done = async {
                let output = callee.call(&means.ctx, means.via("invoke-async")).await?;
                let Some(Callback { service, hand_over }) = callback else { return Ok(()) };
                means.ctx.tell(&service, hand_over(output)?, means.via("invoke-async-callback")).await
            };
            let result = done.await;
            let is_ok = result.is_ok();
            (result, is_ok)
        })
    }
}

impl InvokeAsync<'_, Value> {
    /// As [`InvokeAsync::callback`], of a service that is known by its name.
    pub fn callback_by_name(mut self, service: impl Into<String>) -> Self {
        self.callback = Some(Callback { service: service.into(), hand_over: |output| Ok(Payload::from(output)) });
        self
    }
}

impl<T> fmt::Debug for InvokeAsync<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeAsync").field("service", &self.callee.name).finish_non_exhaustive()
    }
}
