use serde_json::Value;

use super::super::{
    Context, Invoke, Output, Service,
    context::{Target, Via},
};
use crate::{channel::BoxFuture, error::Result};

/// A service and what it is invoked with, its types erased but for what it gives.
pub(in crate::service) struct Callee<T> {
    /// The service's name.
    pub(super) name: String,
    /// Tells whether there is such a service, before anything is begun.
    check: fn(&Context, &str) -> Result<()>,
    call: Box<Call<T>>,
    to_value: fn(T) -> Result<Value>,
}

type Call<T> = dyn for<'a> FnMut(&'a Context, Option<Via>) -> BoxFuture<'a, Result<T>> + Send;

impl<T> Callee<T> {
    /// Returns what there is if the service isn't.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) with a listing, if there is no such service.
    pub(super) fn check(&self, ctx: &Context) -> Result<()> {
        (self.check)(ctx, &self.name)
    }

    /// Invokes the service; again, if that was said of it when it was made.
    pub(super) fn call<'a>(&mut self, ctx: &'a Context, via: Option<Via>) -> BoxFuture<'a, Result<T>> {
        (self.call)(ctx, via)
    }

    /// Returns what turns an output into a dynamic value.
    pub(super) fn to_value(&self) -> fn(T) -> Result<Value> {
        self.to_value
    }
}

impl<T: Output> Callee<T> {
    /// One that is invoked once.
    pub(in crate::service) fn once<S: Service<Output = T>>(invoke: Invoke<S>, input: S::Input) -> Self {
        let mut input = Some(input);
        Self::of(invoke, move || input.take().expect("a call in the background is made once"))
    }

    /// One that can be invoked again.
    pub(in crate::service) fn again<S: Service<Output = T, Input: Clone>>(invoke: Invoke<S>, input: S::Input) -> Self {
        Self::of(invoke, move || input.clone())
    }

    fn of<S: Service<Output = T>>(invoke: Invoke<S>, mut input: impl FnMut() -> S::Input + Send + 'static) -> Self {
        let check: fn(&Context, &str) -> Result<()> =
            if invoke.is_fake() { |_, _| Ok(()) } else { |ctx, _| ctx.check(&Target::of::<S>()) };
        Self {
            name: S::definition().name().to_owned(),
            check,
            call: Box::new(move |ctx, via| {
                let (invoke, input) = (invoke.clone(), input());
                Box::pin(async move { invoke.call_via(ctx, input, via).await })
            }),
            to_value: T::into_value,
        }
    }
}

impl Callee<Value> {
    /// One that is known by its name.
    pub(super) fn named(name: String, input: Value) -> Self {
        let service = name.clone();
        Self {
            name,
            check: |ctx, name| ctx.check(&Target::Name(name)),
            call: Box::new(move |ctx, via| {
                let (service, input) = (service.clone(), input.clone());
                Box::pin(async move { ctx.call_by_name(&service, input, via).await })
            }),
            to_value: Ok,
        }
    }
}
