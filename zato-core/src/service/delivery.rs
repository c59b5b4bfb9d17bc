use super::Context;
use crate::{
    channel::Delivery,
    error::{Error, Result},
};

/// What a service can ask for as `#[delivery]`: a [`Delivery`], or an `Option` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no delivery",
    label = "neither `Delivery` nor `Option<Delivery>`",
    note = "`#[delivery]` goes with `zato::Delivery` in a service that channels of brokers call alone, and with an `Option` of it in one that others call, too"
)]
pub trait TakeDelivery: Sized + Send + 'static {
    /// Whether the service can't be called without one.
    const IS_NEEDED: bool;

    /// Takes it out of a request.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) if the request has none and it is needed.
    fn take(ctx: &Context) -> Result<Self>;
}

#[diagnostic::do_not_recommend]
impl TakeDelivery for Delivery {
    const IS_NEEDED: bool = true;

    fn take(ctx: &Context) -> Result<Self> {
        ctx.head.take_delivery().ok_or_else(|| {
            let channel = ctx.channel();
            Error::internal(format!(
                "the service {} settles a message of a broker itself, and the {} channel \"{}\" gave it none; a service \
                 that others call, too, takes an `Option<Delivery>`",
                ctx.service(),
                channel.kind,
                channel.name
            ))
        })
    }
}

#[diagnostic::do_not_recommend]
impl TakeDelivery for Option<Delivery> {
    const IS_NEEDED: bool = false;

    fn take(ctx: &Context) -> Result<Self> {
        Ok(ctx.head.take_delivery())
    }
}
