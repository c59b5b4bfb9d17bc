//! Services: what one is, what it needs, and the one place where decode, call and encode meet.

mod binder;
mod bound;
mod context;
mod definition;
mod delivery;
mod input;
mod invoke;
#[cfg(feature = "multipart")]
mod multipart;
mod name;
mod output;
pub mod patterns;
mod raw;
mod response;
mod rows;
mod services;

#[cfg(feature = "multipart")]
pub use self::multipart::{Multipart, Part};
pub use self::{
    binder::{Binder, FromUserConfig, State},
    context::Context,
    definition::{Definition, Need, NeedKind},
    delivery::TakeDelivery,
    input::Input,
    invoke::{Invocation, Invoke, MAX_DEPTH},
    name::{check_name, default_name},
    output::Output,
    raw::Raw,
    response::Response,
    rows::Rows,
    services::Services,
};
pub(crate) use self::{
    bound::{BoundService, Layers, bind},
    context::{Dispatch, InBackground, Surroundings, Target, Via},
    patterns::Background,
    services::Registration,
};
pub use crate::channel::Shape;
use crate::error::{Error, Result};

/// A service: a function over typed input and output, with everything it needs bound to it.
///
/// `#[service]` implements it for a type of the function's name. By hand it is the same thing; see [`Definition`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no service",
    label = "not a service",
    note = "put `#[service]` on the function, and import it with its path as it is: the attribute makes a type of the same name"
)]
pub trait Service: Sized + Send + Sync + 'static {
    /// What it takes.
    type Input: Input;

    /// What it gives.
    type Output: Output;

    /// Returns what is known of the service before it runs.
    fn definition() -> Definition;

    /// Takes what it needs. Called whenever a configuration is applied, with that configuration's connections.
    ///
    /// # Errors
    ///
    /// What is missing.
    fn bind(binder: &Binder<'_>) -> Result<Self>;

    /// Does the work.
    ///
    /// # Errors
    ///
    /// Whatever it fails with; the kind decides what the caller is told.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped at the await where it stands when the request's deadline passes, when another service that
    /// invoked it is dropped, or when an HTTP/2 client gives the request up. An HTTP/1 client that closes looks like one
    /// that has said all it has to say: its request runs to the end.
    fn call(&self, ctx: &Context, input: Self::Input) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// What a service function returns: a `Result` whose error converts into [`Error`].
#[diagnostic::on_unimplemented(
    message = "a service returns `zato::Result<...>`, not `{Self}`",
    label = "no `Result` whose error converts into `zato::Error`",
    note = "an error converts if it implements `std::error::Error`, or if you write `impl From<...> for zato::Error`; any other needs a `.map_err(...)`"
)]
pub trait Outcome {
    /// What it gives when all is well.
    type Ok;

    /// Turns any error into ours.
    ///
    /// # Errors
    ///
    /// The error that it is.
    fn into_result(self) -> Result<Self::Ok>;
}

#[diagnostic::do_not_recommend]
impl<T, E: Into<Error>> Outcome for Result<T, E> {
    type Ok = T;

    fn into_result(self) -> Result<T> {
        self.map_err(Into::into)
    }
}
