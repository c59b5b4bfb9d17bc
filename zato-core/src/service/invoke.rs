use std::{fmt, pin::Pin, sync::Arc};

use super::{
    Context, Service,
    context::Via,
    patterns::{Callee, InvokeAsync, Parallel, Retry},
};
use crate::{
    error::{Error, Result},
    message::Head,
};

/// How many services may stand in a chain of invocations, against one that invokes itself without an end.
pub const MAX_DEPTH: u16 = 32;

pub(super) fn check_depth(from: &Head) -> Result<()> {
    if from.depth + 1 < MAX_DEPTH {
        return Ok(());
    }
    let service = &from.channel.service;
    Err(Error::internal(format!(
        "the service {service} stands {MAX_DEPTH} invocations deep and may not invoke another"
    )))
}

/// A way to invoke another service, as a declared need: `#[invoke] other: Invoke<other>`.
///
/// That the other service is part of the app is checked when the program starts, and a unit test puts a function in
/// its place:
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
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let rates: Invoke<Rates> = Invoke::fake(|_asked| async { Ok(Raw::new("1.25")) });
/// let reply = rates.call(&testing::context(), Raw::new("EUR")).await.unwrap();
/// assert_eq!(reply.bytes().await.unwrap(), "1.25");
/// # });
/// ```
pub struct Invoke<S: Service> {
    fake: Option<Fake<S>>,
}

type Fake<S> = Arc<
    dyn Fn(<S as Service>::Input) -> Pin<Box<dyn Future<Output = Result<<S as Service>::Output>> + Send>> + Send + Sync,
>;

impl<S: Service> Invoke<S> {
    /// Invokes the service; see [`Context::invoke`].
    ///
    /// # Errors
    ///
    /// As [`Context::invoke`].
    ///
    /// # Cancel safety
    ///
    /// As [`Context::invoke`].
    pub async fn call(&self, ctx: &Context, input: S::Input) -> Result<S::Output> {
        self.call_via(ctx, input, None).await
    }

    pub(super) async fn call_via(&self, ctx: &Context, input: S::Input, via: Option<Via>) -> Result<S::Output> {
        match &self.fake {
            Some(fake) => fake(input).await,
            None => ctx.call::<S>(input, via).await,
        }
    }

    /// Invokes the service with many inputs at once; see [`Context::parallel`].
    pub fn parallel<'a>(&self, ctx: &'a Context, inputs: impl IntoIterator<Item = S::Input>) -> Parallel<'a, S> {
        Parallel::new(ctx, self.clone(), inputs.into_iter().collect())
    }

    /// Invokes the service in the background; see [`Context::invoke_async`].
    pub fn call_async<'a>(&self, ctx: &'a Context, input: S::Input) -> InvokeAsync<'a, S::Output> {
        InvokeAsync::new(ctx, Callee::once(self.clone(), input))
    }

    /// Invokes the service, and again if it fails; see [`Context::invoke_retry`].
    pub fn call_retry<'a>(&self, ctx: &'a Context, input: S::Input) -> Retry<'a, S::Output>
    where
        S::Input: Clone,
    {
        Retry::new(ctx, Callee::again(self.clone(), input))
    }

    /// Has the function answer that stands in the service's place.
    #[cfg(feature = "testing")]
    pub(crate) async fn answer(&self, input: S::Input) -> Result<S::Output> {
        match &self.fake {
            Some(fake) => fake(input).await,
            None => Err(Error::internal("a fake of a context is made with `Invoke::fake`")),
        }
    }

    /// Whether a function stands in the service's place.
    pub(super) fn is_fake(&self) -> bool {
        self.fake.is_some()
    }

    /// Puts a function in the service's place: for unit tests.
    pub fn fake<F>(answer: impl Fn(S::Input) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<S::Output>> + Send + 'static,
    {
        Self { fake: Some(Arc::new(move |input| Box::pin(answer(input)))) }
    }
}

impl<S: Service> Clone for Invoke<S> {
    fn clone(&self) -> Self {
        Self { fake: self.fake.clone() }
    }
}

impl<S: Service> fmt::Debug for Invoke<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invoke<{}>", std::any::type_name::<S>())
    }
}

/// What a service can ask for as `#[invoke]`: an [`Invoke`] of another service.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no way to invoke a service",
    label = "not `Invoke<...>`",
    note = "write `#[invoke] other: Invoke<other>`, where `other` is a function with `#[service]`"
)]
pub trait Invocation: Clone + Send + Sync + 'static {
    /// The service that it invokes.
    type Service: Service;

    /// Makes one that leads to the service itself.
    fn live() -> Self;
}

#[diagnostic::do_not_recommend]
impl<S: Service> Invocation for Invoke<S> {
    type Service = S;

    fn live() -> Self {
        Self { fake: None }
    }
}
