use std::{fmt, future::IntoFuture, ops::ControlFlow};

use serde_json::Value;

use super::{
    super::{Context, Invoke, Service},
    AT_MOST, Fanout, Pattern, gather,
};
use crate::{
    channel::BoxFuture,
    config::listing,
    error::{Error, Result},
};

/// One service, invoked with many inputs at once; see [`Context::parallel`].
///
/// Awaited, it gives a result for every input, in their order.
///
/// ```
/// # use zato_core::{service::{Binder, Context, Definition, Invoke, Raw, Service}, testing, Result};
/// # struct Rates;
/// # impl Service for Rates {
/// #     type Input = Raw;
/// #     type Output = Raw;
/// #     fn definition() -> Definition { Definition::of::<Self>("rates") }
/// #     fn bind(_: &Binder<'_>) -> Result<Self> { Ok(Self) }
/// #     async fn call(&self, _: &Context, input: Raw) -> Result<Raw> { Ok(input) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let rates: Invoke<Rates> = Invoke::fake(|asked| async { Ok(asked) });
/// let ctx = testing::context();
/// let currencies = [Raw::new("EUR"), Raw::new("USD")];
/// let found = rates.parallel(&ctx, currencies).at_most(4).or_first_error().await?;
/// assert_eq!(found.len(), 2);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is invoked until it is awaited"]
pub struct Parallel<'a, S: Service> {
    ctx: &'a Context,
    invoke: Invoke<S>,
    inputs: Vec<S::Input>,
    at_most: usize,
}

impl<'a, S: Service> Parallel<'a, S> {
    pub(in crate::service) fn new(ctx: &'a Context, invoke: Invoke<S>, inputs: Vec<S::Input>) -> Self {
        Self { ctx, invoke, inputs, at_most: AT_MOST }
    }

    /// Sets how many run at once; 16 unless given, and at least 1.
    pub fn at_most(mut self, number: usize) -> Self {
        self.at_most = number;
        self
    }

    /// Returns all outputs in the order of the inputs, or gives up on the first error.
    ///
    /// # Errors
    ///
    /// That of the call that fails first, as of [`Context::invoke`].
    ///
    /// # Cancel safety
    ///
    /// When dropped, or upon an error, the calls that run are stopped at the await where they stand.
    pub async fn or_first_error(self) -> Result<Vec<S::Output>> {
        let mut outputs = Vec::new();
        let failed = self.run(|position, result| match result {
            Ok(output) => {
                outputs.push((position, output));
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        });
        match failed.await {
            Some(error) => Err(error),
            None => Ok(in_order(outputs)),
        }
    }

    fn run<B: Send>(
        self,
        each: impl FnMut(usize, Result<S::Output>) -> ControlFlow<B> + Send,
    ) -> impl Future<Output = Option<B>> + Send {
        let Self { ctx, invoke, inputs, at_most } = self;
        let calls = inputs.into_iter().map(move |input| -> BoxFuture<'a, Result<S::Output>> {
            let invoke = invoke.clone();
            Box::pin(async move { invoke.call(ctx, input).await })
        });
        gather(calls, at_most, each)
    }
}

/// Dropped, it stops the calls that run at the await where they stand.
impl<'a, S: Service> IntoFuture for Parallel<'a, S> {
    type Output = Vec<Result<S::Output>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut results = Vec::with_capacity(self.inputs.len());
            self.run(|position, result| {
                results.push((position, result));
                ControlFlow::<()>::Continue(())
            })
            .await;
            in_order(results)
        })
    }
}

/// Different services, each invoked with a dynamic value; see [`Context::parallel_by_name`].
///
/// Awaited, it gives the [`Results`]. With [`ParallelByName::on_target`], nobody waits for those.
///
/// ```
/// use zato_core::{Error, Result, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new()
///     .service("crm.get", |client| async move { Ok(client) })
///     .service("billing.get", |_| async { Err(Error::upstream("billing is closed")) })
///     .build();
/// let mut found = ctx.parallel_by_name([("crm.get", 7.into()), ("billing.get", 7.into())]).await;
/// assert_eq!(found.take("crm.get")?, 7);
/// assert!(found.take("billing.get").is_err());
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is invoked until it is awaited"]
pub struct ParallelByName<'a> {
    ctx: &'a Context,
    targets: Vec<(String, Value)>,
    at_most: usize,
}

impl<'a> ParallelByName<'a> {
    pub(in crate::service) fn new(ctx: &'a Context, targets: Vec<(String, Value)>) -> Self {
        Self { ctx, targets, at_most: AT_MOST }
    }

    /// Sets how many run at once; 16 unless given, and at least 1.
    pub fn at_most(mut self, number: usize) -> Self {
        self.at_most = number;
        self
    }

    /// Has it done in the background, and a service told whenever a target has ended: what Zato calls parallel.
    pub fn on_target<S: Service<Input = super::TargetReply>>(self) -> Fanout<'a> {
        self.in_background().on_target::<S>()
    }

    /// As [`ParallelByName::on_target`], of a service that is known by its name.
    pub fn on_target_by_name(self, service: impl Into<String>) -> Fanout<'a> {
        self.in_background().on_target_by_name(service)
    }

    fn in_background(self) -> Fanout<'a> {
        Fanout::new(self.ctx, Pattern::Parallel, self.targets).at_most(self.at_most)
    }

    async fn run(self) -> Results {
        let Self { ctx, targets, at_most } = self;
        let calls = targets.into_iter().map(|(service, input)| -> BoxFuture<'a, (String, Result<Value>)> {
            Box::pin(async move {
                let result = ctx.invoke_by_name(&service, input).await;
                (service, result)
            })
        });
        let mut results = Vec::new();
        let each = |position, result| {
            results.push((position, result));
            ControlFlow::<()>::Continue(())
        };
        gather(calls, at_most, each).await;
        Results(in_order(results))
    }
}

/// Dropped, it stops the calls that run at the await where they stand.
impl<'a> IntoFuture for ParallelByName<'a> {
    type Output = Results;
    type IntoFuture = BoxFuture<'a, Results>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

fn in_order<T>(mut results: Vec<(usize, T)>) -> Vec<T> {
    results.sort_unstable_by_key(|(position, _)| *position);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What became of different services that were invoked at once, by their names and in the order of the targets.
///
/// ```
/// use zato_core::{Result, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new().service("crm.get", |client| async move { Ok(client) }).build();
/// let results = ctx.parallel_by_name([("crm.get", 7.into())]).await;
/// assert!(results.iter().all(|(name, result)| name == "crm.get" && result.is_ok()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Results(Vec<(String, Result<Value>)>);

impl Results {
    /// Returns what became of a target, the first of them if several have its name.
    #[must_use]
    pub fn get(&self, target: &str) -> Option<&Result<Value>> {
        self.0.iter().find(|(name, _)| name == target).map(|(_, result)| result)
    }

    /// Takes out what became of a target.
    ///
    /// # Errors
    ///
    /// What it failed with; [`Internal`](crate::Kind::Internal), listing what there is, if it is no target, or was taken
    /// out before.
    pub fn take(&mut self, target: &str) -> Result<Value> {
        match self.0.iter().position(|(name, _)| name == target) {
            Some(position) => self.0.remove(position).1,
            None => Err(Error::internal(listing("target", target, self.0.iter().map(|(name, _)| name.as_str())))),
        }
    }

    /// Returns every target with what became of it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Result<Value>)> {
        self.0.iter().map(|(name, result)| (name.as_str(), result))
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Results {
    type Item = (String, Result<Value>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<S: Service> fmt::Debug for Parallel<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parallel({:?}, {} inputs)", self.invoke, self.inputs.len())
    }
}

impl fmt::Debug for ParallelByName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.targets.iter().map(|(name, _)| name)).finish()
    }
}
