//! Everything that a service can take, by value and by reference, in any order, and everything it can return.

#![deny(missing_docs, missing_debug_implementations, unreachable_pub, unused, unused_qualifications)]
#![deny(clippy::all, clippy::pedantic)]

use std::sync::Arc;

use zato::Service;
use zato::loopback::Loopback;
use zato::{Context, Delivery, Invoke, Result, UserConfig, model, service, services};

/// Which user to look up.
#[model]
#[derive(Debug)]
pub struct GetUser {
    /// Login name.
    pub user_name: String,
    /// Which account.
    pub account: Option<u64>,
}

/// What is known about a user.
#[model(coerce, deny_unknown)]
#[derive(Debug)]
pub struct UserDetails {
    /// Login name.
    pub user_name: String,
}

/// What the application hands in.
#[derive(Debug)]
pub struct Db;

/// Needs nothing.
#[service]
pub async fn nothing() -> Result<()> {
    Ok(())
}

/// Needs the context only.
#[service(name = "api.context")]
pub async fn context(ctx: &Context) -> Result<()> {
    let _ = ctx;
    Ok(())
}

/// Takes an input only.
#[service()]
pub async fn input(GetUser { user_name, .. }: GetUser) -> Result<UserDetails> {
    Ok(UserDetails { user_name })
}

/// Takes everything by value.
#[service(name = "api.by-value")]
pub async fn by_value(
    ctx: &Context,
    input: GetUser,
    #[out("CRM")] crm: Loopback,
    #[config("tutorial")] tutorial: UserConfig,
    #[state] db: Arc<Db>,
    #[invoke] other: Invoke<input>,
) -> Result<UserDetails> {
    let _ = (ctx, crm, tutorial, db, other);
    Ok(UserDetails { user_name: input.user_name })
}

/// Takes everything by reference, in another order.
#[service(name = "api.by-reference")]
pub async fn by_reference(
    #[invoke] other: &Invoke<by_value>,
    #[state] db: &Arc<Db>,
    #[config("tutorial")] tutorial: &UserConfig,
    #[out("CRM")] crm: &Loopback,
    #[out("Payments")] payments: &Loopback,
    input: GetUser,
    ctx: &Context,
) -> Result<Vec<UserDetails>> {
    let _ = (ctx, crm, payments, tutorial, db, other);
    Ok(vec![UserDetails { user_name: input.user_name }])
}

/// Binds nothing to names, or changes what it has.
#[service(name = "api.patterns")]
pub async fn patterns(
    _: &Context,
    _: GetUser,
    #[out("CRM")] mut crm: Loopback,
    #[out("Pay")] _: Loopback,
    #[state] _db: Arc<Db>,
) -> Result<()> {
    crm.clone_from(&crm.clone());
    Ok(())
}

/// Settles its message itself.
#[service(name = "api.delivery")]
pub async fn delivery(input: GetUser, #[delivery] delivery: Delivery) -> Result<()> {
    let _ = input;
    delivery.ack().await
}

/// Settles its message itself, where it comes from a broker.
#[service(name = "api.maybe-delivery")]
pub async fn maybe_delivery(#[delivery] mut delivery: Option<Delivery>, ctx: &Context) -> Result<()> {
    let _ = ctx;
    match delivery.take() {
        Some(delivery) => delivery.reject().await,
        None => Ok(()),
    }
}

/// Fails with an error of its own.
#[service]
pub async fn own_error(#[allow(unused_variables)] input: GetUser) -> std::result::Result<(), OwnError> {
    Err(OwnError)
}

/// Converts into the framework's error.
#[derive(Debug)]
pub struct OwnError;

impl From<OwnError> for zato::Error {
    fn from(_: OwnError) -> Self {
        Self::internal("own error")
    }
}

fn is_service<S: Service>() {}

/// Runs what is to be seen at run time.
pub fn main() {
    let _ = services![nothing, context, input, by_value, by_reference, patterns, delivery, maybe_delivery, own_error];
    is_service::<by_reference>();
}
