//! Patterns over invoking other services: many at once, in the background, and again if one fails.
//!
//! They begin at a [`Context`]: [`parallel`](super::Context::parallel),
//! [`parallel_by_name`](super::Context::parallel_by_name), [`invoke_async`](super::Context::invoke_async),
//! [`fanout`](super::Context::fanout) and [`invoke_retry`](super::Context::invoke_retry). What waits for its results runs
//! in the caller's own task and ends with it; what doesn't belongs to the app's background, which bounds and counts it.

mod background;
mod callee;
mod fanout;
mod gather;
mod invoke_async;
mod ongoing;
mod parallel;
mod reply;
mod retry;

use serde_json::Value;

pub(crate) use self::background::Background;
pub(super) use self::callee::Callee;
use self::{
    background::{Pattern, Work},
    gather::gather,
};
pub use self::{
    fanout::Fanout,
    invoke_async::InvokeAsync,
    ongoing::Ongoing,
    parallel::{Parallel, ParallelByName, Results},
    reply::{FanoutReply, RetryReply, TargetReply},
    retry::{Fallback, Retry, RetryInBackground},
};
use super::{Context, Invocation, Invoke, Service};

impl Context {
    /// Invokes a service with many inputs at once, and gives the results in their order.
    ///
    /// Awaited, it gives a [`Result`](crate::Result) for each; [`Parallel::or_first_error`] gives up on the first error.
    /// They run in this task, 16 at once unless [`Parallel::at_most`] says otherwise. In a unit test,
    /// [`Invoke::parallel`](super::Invoke::parallel) takes a fake.
    pub fn parallel<S: Service>(&self, inputs: impl IntoIterator<Item = S::Input>) -> Parallel<'_, S> {
        Parallel::new(self, Invoke::live(), inputs.into_iter().collect())
    }

    /// Invokes different services by their names, each with a dynamic value, and gives one set of [`Results`].
    ///
    /// They run in this task, 16 at once unless [`ParallelByName::at_most`] says otherwise; or in the background, if a
    /// service is to be told of each: [`ParallelByName::on_target`].
    #[doc(alias = "patterns.parallel")]
    pub fn parallel_by_name(
        &self,
        targets: impl IntoIterator<Item = (impl Into<String>, Value)>,
    ) -> ParallelByName<'_> {
        ParallelByName::new(self, named(targets))
    }

    /// Invokes different services by their names, each with a dynamic value, in the background. Services are told what
    /// became of them: [`Fanout::on_target`] of each, [`Fanout::on_final`] of all.
    #[doc(alias = "patterns.fanout")]
    pub fn fanout(&self, targets: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Fanout<'_> {
        Fanout::of(self, named(targets))
    }

    /// Invokes a service in the background, typed, and returns at once when it is [started](InvokeAsync::start).
    pub fn invoke_async<S: Service>(&self, input: S::Input) -> InvokeAsync<'_, S::Output> {
        InvokeAsync::new(self, Callee::once(Invoke::<S>::live(), input))
    }

    /// Invokes a service in the background by its name, with a dynamic value.
    pub fn invoke_async_by_name(&self, service: impl Into<String>, input: Value) -> InvokeAsync<'_, Value> {
        InvokeAsync::new(self, Callee::named(service.into(), input))
    }

    /// Invokes a service, typed, and again if it fails with an error for which that may help: 3 times and after a pause of
    /// 1 s, unless the [`Retry`] says otherwise.
    ///
    /// A service is told that it is invoked, not how often: what it does must bear being done twice.
    #[doc(alias = "patterns.invoke_retry")]
    pub fn invoke_retry<S: Service<Input: Clone>>(&self, input: S::Input) -> Retry<'_, S::Output> {
        Retry::new(self, Callee::again(Invoke::<S>::live(), input))
    }

    /// Invokes a service by its name, with a dynamic value, as [`Context::invoke_retry`] does.
    pub fn invoke_retry_by_name(&self, service: impl Into<String>, input: Value) -> Retry<'_, Value> {
        Retry::new(self, Callee::named(service.into(), input))
    }
}

fn named(targets: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Vec<(String, Value)> {
    targets.into_iter().map(|(service, input)| (service.into(), input)).collect()
}

/// How many calls of one pattern run at once unless it is told otherwise: enough to save time, few enough to leave the
/// pools of connections, which have 20 places, to others as well.
const AT_MOST: usize = 16;
