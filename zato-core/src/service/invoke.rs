use std::{fmt, pin::Pin, sync::Arc};

use super::{Context, Service};
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
        match &self.fake {
            Some(fake) => fake(input).await,
            None => ctx.invoke::<S>(input).await,
        }
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
