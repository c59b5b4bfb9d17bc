use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::ControlFlow,
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;

use super::{
    super::{
        Context, Service,
        context::{Target, Via},
    },
    AT_MOST, FanoutReply, Ongoing, TargetReply, Work,
    background::{Means, Pattern},
    gather,
};
use crate::{
    channel::BoxFuture,
    error::{Error, Result},
    message::{Cid, Payload},
};

/// Different services, invoked in the background; see [`Context::fanout`].
///
/// ```
/// use zato_core::{Result, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new()
///     .service("crm.get", |client| async move { Ok(client) })
///     .service("report.make", |reply| async move {
///         assert_eq!(reply["data"]["crm.get"]["response"], 7);
///         Ok(reply)
///     })
///     .build();
/// let ongoing = ctx.fanout([("crm.get", 7.into())]).on_final_by_name("report.make").start()?;
/// assert!(ongoing.wait().await?.data["crm.get"].ok);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is invoked until it is started"]
pub struct Fanout<'a> {
    work: Work<'a>,
    targets: Vec<(String, Value)>,
    on_target: Vec<String>,
    on_final: Vec<String>,
    at_most: usize,
}

impl<'a> Fanout<'a> {
    pub(super) fn new(ctx: &'a Context, pattern: Pattern, targets: Vec<(String, Value)>) -> Self {
        let (on_target, on_final) = (Vec::new(), Vec::new());
        Self { work: Work::new(ctx, pattern), targets, on_target, on_final, at_most: AT_MOST }
    }

    pub(in crate::service) fn of(ctx: &'a Context, targets: Vec<(String, Value)>) -> Self {
        Self::new(ctx, Pattern::Fanout, targets)
    }

    /// Has a service told whenever a target has ended; several, if called again.
    pub fn on_target<S: Service<Input = TargetReply>>(self) -> Self {
        self.on_target_by_name(S::definition().name())
    }

    /// As [`Fanout::on_target`], of a service that is known by its name.
    pub fn on_target_by_name(mut self, service: impl Into<String>) -> Self {
        self.on_target.push(service.into());
        self
    }

    /// Has a service told when all targets have ended, and the `on_target` services with them; several, if called again.
    pub fn on_final<S: Service<Input = FanoutReply>>(self) -> Self {
        self.on_final_by_name(S::definition().name())
    }

    /// As [`Fanout::on_final`], of a service that is known by its name.
    pub fn on_final_by_name(mut self, service: impl Into<String>) -> Self {
        self.on_final.push(service.into());
        self
    }

    /// Sets how many targets run at once; 16 unless given, and at least 1.
    pub fn at_most(mut self, number: usize) -> Self {
        self.at_most = number;
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

    /// Begins it, and returns at once.
    ///
    /// # Errors
    ///
    /// Nothing has begun then: [`Internal`](crate::Kind::Internal) if one of the services is not part of the app, if a
    /// target is named twice, or if services stand too deep; [`Unavailable`](crate::Kind::Unavailable) if there are
    /// `server.max_background_tasks` already.
    pub fn start(self) -> Result<Ongoing<FanoutReply>> {
        let Self { work, targets, on_target, on_final, at_most } = self;
        check(work.ctx, &targets, on_target.iter().chain(&on_final))?;
        let channels = if work.pattern == Pattern::Parallel { Channels::PARALLEL } else { Channels::FANOUT };
        work.begin(move |means| Running { means, channels, on_target, on_final, at_most }.run(targets))
    }
}

/// Finds what would fail only when nobody can be told any more.
fn check<'s>(ctx: &Context, targets: &'s [(String, Value)], callbacks: impl Iterator<Item = &'s String>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (target, _) in targets {
        if !seen.insert(target) {
            let remedy = "what is one service with many inputs is invoked with `parallel`";
            return Err(Error::internal(format!("the target {target} is named twice; {remedy}")));
        }
    }
    let mut services = targets.iter().map(|(target, _)| target).chain(callbacks);
    services.try_for_each(|service| ctx.check(&Target::Name(service)))
}

/// The kinds of the channels that services see.
#[derive(Clone, Copy)]
struct Channels {
    call: &'static str,
    on_target: &'static str,
    on_final: &'static str,
}

impl Channels {
    const FANOUT: Self = Self { call: "fanout-call", on_target: "fanout-on-target", on_final: "fanout-on-final" };
    const PARALLEL: Self =
        // In Zato, parallel has no end of its own; one that is asked for here is that of a fan-out.
        Self { call: "parallel-exec-call", on_target: "parallel-exec-on-target", on_final: "fanout-on-final" };
}

/// A fan-out that has begun.
struct Running {
    means: Means,
    channels: Channels,
    on_target: Vec<String>,
    on_final: Vec<String>,
    at_most: usize,
}

impl Running {
    async fn run(self, targets: Vec<(String, Value)>) -> (Result<FanoutReply>, bool) {
        let req_ts_utc = self.means.ctx.now();
        let (this, mut is_ok, mut data) = (&self, true, BTreeMap::new());
        let calls = targets
            .into_iter()
            .map(|(target, input)| -> BoxFuture<'_, (TargetReply, bool)> { Box::pin(this.target(target, input)) });
        let each = |_, (reply, was_told): (TargetReply, bool)| {
            is_ok &= reply.ok && was_told;
            data.insert(reply.target.clone(), reply);
            ControlFlow::<()>::Continue(())
        };
        gather(calls, self.at_most, each).await;
        let reply = FanoutReply {
            source: self.means.ctx.service().to_owned(),
            req_ts_utc,
            on_target: self.on_target.clone(),
            on_final: self.on_final.clone(),
            data,
        };
        is_ok &= tell(&self.means.ctx, &self.on_final, &reply, self.means.via(self.channels.on_final)).await;
        (Ok(reply), is_ok)
    }

    async fn target(&self, target: String, input: Value) -> (TargetReply, bool) {
        let ctx = &self.means.ctx;
        let req_ts_utc = ctx.now();
        let answered = ctx.call_by_name(&target, input, self.means.via(self.channels.call)).await;
        let (response, exception) = parts(answered);
        let reply = TargetReply {
            source: ctx.service().to_owned(),
            target,
            response,
            ok: exception.is_none(),
            exception,
            req_ts_utc,
            resp_ts_utc: ctx.now(),
            cid: ctx.cid(),
        };
        let was_told = tell(ctx, &self.on_target, &reply, self.means.via(self.channels.on_target)).await;
        (reply, was_told)
    }
}

fn parts(answered: Result<Value>) -> (Option<Value>, Option<String>) {
    match answered {
        Ok(response) => (Some(response), None),
        Err(error) => (None, Some(error.report().to_string())),
    }
}

/// Tells services what became of something, one after the other, and returns whether all took it. What one of them fails
/// with, its own layers have logged.
pub(super) async fn tell(ctx: &Context, services: &[String], what: &impl Serialize, via: Option<Via>) -> bool {
    if services.is_empty() {
        return true;
    }
    let Ok(value) = serde_json::to_value(what) else { return false };
    let mut is_told = true;
    for service in services {
        is_told &= ctx.tell(service, Payload::from(value.clone()), via).await.is_ok();
    }
    is_told
}

impl fmt::Debug for Fanout<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<_> = self.targets.iter().map(|(target, _)| target).collect();
        f.debug_struct("Fanout")
            .field("targets", &targets)
            .field("on_target", &self.on_target)
            .field("on_final", &self.on_final)
            .finish_non_exhaustive()
    }
}
