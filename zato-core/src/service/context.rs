use std::{any::TypeId, fmt, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::{Output, Service, TakeDelivery, invoke, patterns::Background};
#[cfg(feature = "soap")]
use crate::format::soap::Envelope;
use crate::{
    ambient::Ambient,
    channel::BoxFuture,
    error::{Error, Result},
    message::{
        Caller, ChannelInfo, Cid, ClientCertificate, Content, Head, Message, Params, Payload, Reply, TraceParent,
        span_id,
    },
};

/// What a service knows of the request that it serves, and its way to other services.
///
/// ```
/// use zato_core::{Result, service::{Context, Raw}, testing::TestContext};
///
/// async fn greet(ctx: &Context) -> Result<Raw> {
///     let name = ctx.caller().map_or("stranger", |caller| &caller.username);
///     Ok(Raw::new(format!("hello {name}, it is {}", ctx.now().format("%H:%M"))))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new().caller("Partner key", "partner").build();
/// assert_eq!(greet(&ctx).await?.bytes().await?, "hello partner, it is 00:00");
/// # Ok(())
/// # }
/// ```
pub struct Context {
    pub(super) head: Box<Head>,
    payload: Bytes,
    pub(super) surroundings: Surroundings,
}

/// What a context shares with every other of its app.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) ambient: Ambient,
    pub(crate) dispatch: Arc<dyn Dispatch>,
}

/// Hands messages to services by type or name; the router does.
pub(crate) trait Dispatch: Send + Sync {
    /// Serves a message, through the layers of the service.
    fn dispatch(
        &self,
        target: Target<'_>,
        payload: Payload,
        from: &Head,
        via: Option<Via>,
    ) -> Result<BoxFuture<'static, Result<Reply>>>;

    /// Says what there is if a service isn't.
    fn check(&self, target: &Target<'_>) -> Result<()>;

    /// Returns what services may do in the background.
    fn background(&self) -> Result<InBackground>;
}

/// How a service is reached in the background; a service that waits for another one reaches it by `invoke`.
#[derive(Clone, Copy)]
pub(crate) struct Via {
    /// The kind of the channel that it sees.
    pub(crate) kind: &'static str,
    /// How long it may take; what the configuration says of requests unless given.
    pub(crate) timeout: Option<Duration>,
}

/// What services do in the background, and how much of that there may be.
pub(crate) struct InBackground {
    pub(crate) background: Arc<Background>,
    pub(crate) max: usize,
}

/// Which service is meant.
pub(crate) enum Target<'a> {
    Type(TypeId, &'static str),
    Name(&'a str),
}

impl Target<'_> {
    pub(super) fn of<S: Service>() -> Self {
        Self::Type(TypeId::of::<S>(), std::any::type_name::<S>())
    }
}

impl Context {
    pub(crate) fn new(head: Box<Head>, payload: Bytes, surroundings: Surroundings) -> Self {
        Self { head, payload, surroundings }
    }

    /// Returns the correlation id: the same for this request's every log line, reply and outgoing call.
    #[must_use]
    pub fn cid(&self) -> Cid {
        self.head.cid
    }

    /// Returns the name of the service that is running.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.head.channel.service
    }

    /// Returns the channel that the request came through.
    #[must_use]
    pub fn channel(&self) -> &ChannelInfo {
        &self.head.channel
    }

    /// Returns path parameters and query string, also those that are no part of the model.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.head.params
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Returns the HTTP method; `None` if the request did not come over HTTP.
    #[must_use]
    pub fn method(&self) -> Option<&Method> {
        self.head.method.as_ref()
    }

    /// Returns the URI that was asked for; `None` if the request did not come over HTTP.
    #[must_use]
    pub fn uri(&self) -> Option<&Uri> {
        self.head.uri.as_ref()
    }

    /// Returns who the caller proved to be; `None` if the channel lets everybody in.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.head.caller.as_deref()
    }

    /// Returns the certificate that the client presented, which one of the authorities of `server.tls.client_ca` has
    /// signed; `None` if it presented none, or came some other way than over our listener.
    #[must_use]
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        self.head.certificate.as_deref()
    }

    /// Returns where the client is, as far as that is known.
    #[must_use]
    pub fn client_address(&self) -> Option<IpAddr> {
        self.head.client_address
    }

    /// Returns the payload as it came, beside the model that was read from it; empty if another service is the caller, or
    /// if the service takes [`Raw`](super::Raw), which is the payload itself.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Returns the SOAP envelope that the request came in, with what stands in its header; `None` if the service was
    /// reached in some other way.
    #[cfg(feature = "soap")]
    #[must_use]
    pub fn soap(&self) -> Option<&Envelope> {
        self.head.extensions.get::<Arc<Envelope>>().map(Arc::as_ref)
    }

    /// Returns what only one protocol knows of the request, by the type that its channel describes it with; `None` if the
    /// request came some other way.
    ///
    /// What is invoked in the course of the request has none of it.
    ///
    /// ```
    /// use zato_core::testing::TestContext;
    ///
    /// #[derive(Clone, Debug, PartialEq)]
    /// struct Priority(u8);
    ///
    /// let ctx = TestContext::new().extension(Priority(9)).build();
    /// assert_eq!(ctx.extension(), Some(&Priority(9)));
    /// ```
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.head.extensions.get()
    }

    /// Takes what the service settles the message of a broker with, as `#[delivery]` does; it is given once.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) if the request did not come from a broker, or the delivery was taken before,
    /// unless `T` is an `Option`.
    pub fn delivery<T: TakeDelivery>(&self) -> Result<T> {
        T::take(self)
    }

    /// Returns the trace that the caller goes on with us.
    #[must_use]
    pub fn trace(&self) -> Option<TraceParent> {
        self.head.trace
    }

    /// Returns where a call to another system stands, for its `traceparent`: in the caller's trace, or in one that is
    /// found by the correlation id, with a span of its own.
    #[must_use]
    pub fn trace_of_call(&self) -> TraceParent {
        let random = self.random();
        self.head.trace.map_or_else(|| self.head.cid.trace(random), |trace| trace.child(span_id(random)))
    }

    /// Returns the current time, by the app's clock.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.surroundings.ambient.now()
    }

    /// Returns 128 random bits, by the app's source; good enough for ids, never for keys.
    #[must_use]
    pub fn random(&self) -> u128 {
        self.surroundings.ambient.random()
    }

    /// Invokes another service, typed, under the same correlation id and through that service's layers.
    ///
    /// The input is handed over as it is. Several can run at once, with `tokio::join!` or the like.
    ///
    /// # Errors
    ///
    /// What the service fails with; [`Internal`](crate::Kind::Internal) if it is not part of the app, or if services that invoke one
    /// another stand more than [`MAX_DEPTH`](super::MAX_DEPTH) deep.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the service is stopped at the await where it stands.
    pub async fn invoke<S: Service>(&self, input: S::Input) -> Result<S::Output> {
        self.call::<S>(input, None).await
    }

    /// Invokes a service as [`Context::invoke`] does, or in the background.
    pub(super) async fn call<S: Service>(&self, input: S::Input, via: Option<Via>) -> Result<S::Output> {
        let reply = self.dispatch(Target::of::<S>(), Payload::typed(input), via)?.await?;
        match reply.into_parts().2.0 {
            Content::Typed(typed) => match typed.downcast() {
                Ok(output) => Ok(*output),
                Err(_) => Err(replaced::<S>()),
            },
            Content::Bytes(_) | Content::Value(_) | Content::Stream(_) => Err(replaced::<S>()),
        }
    }

    /// Invokes another service by its name, with a dynamic value.
    ///
    /// # Errors
    ///
    /// As [`Context::invoke`]; [`InvalidInput`](crate::Kind::InvalidInput) if the value doesn't fit the service's model.
    ///
    /// # Cancel safety
    ///
    /// As [`Context::invoke`].
    pub async fn invoke_by_name(&self, service: &str, input: Value) -> Result<Value> {
        self.call_by_name(service, input, None).await
    }

    /// Invokes a service as [`Context::invoke_by_name`] does, or in the background.
    pub(super) async fn call_by_name(&self, service: &str, input: Value, via: Option<Via>) -> Result<Value> {
        self.dispatch(Target::Name(service), Payload::from(input), via)?.await?.into_value()
    }

    /// Invokes a service whose reply nobody wants.
    pub(super) async fn tell(&self, service: &str, payload: Payload, via: Option<Via>) -> Result<()> {
        self.dispatch(Target::Name(service), payload, via)?.await.map(drop)
    }

    fn dispatch(
        &self,
        target: Target<'_>,
        payload: Payload,
        via: Option<Via>,
    ) -> Result<BoxFuture<'static, Result<Reply>>> {
        self.check_depth()?;
        self.surroundings.dispatch.dispatch(target, payload, &self.head, via)
    }

    pub(super) fn check_depth(&self) -> Result<()> {
        invoke::check_depth(&self.head)
    }

    pub(super) fn check(&self, target: &Target<'_>) -> Result<()> {
        self.surroundings.dispatch.check(target)
    }

    pub(super) fn background(&self) -> Result<InBackground> {
        self.surroundings.dispatch.background()
    }

    /// Returns a context of the same service that outlives the request, and keeps the generation alive that it was begun
    /// under. It has who called and which trace that is part of, and nothing else of the request.
    pub(super) fn detached(&self, cid: Cid) -> Self {
        let mut message = Message::new(cid, Arc::clone(&self.head.channel), Payload::empty());
        message.head.follow(&self.head);
        message.head.depth = self.head.depth;
        Self::new(message.head, Bytes::new(), self.surroundings.clone())
    }
}

impl Reply {
    /// Takes the value out that a dynamic call was answered with.
    pub(crate) fn into_value(self) -> Result<Value> {
        match self.into_parts().2.0 {
            Content::Value(value) => Ok(value),
            Content::Bytes(bytes) => super::Raw::new(bytes).into_value(),
            Content::Typed(_) => Err(Error::internal("a layer answered a dynamic call with a typed reply")),
            Content::Stream(_) => Err(Error::internal("a layer answered a dynamic call with a stream")),
        }
    }
}

fn replaced<S>() -> Error {
    Error::internal(format!("a layer around {} answered in its place with another type", std::any::type_name::<S>()))
}

impl Message {
    /// Makes the message of a service that invokes another one.
    pub(crate) fn invoked(from: &Head, channel: Arc<ChannelInfo>, payload: Payload) -> Self {
        let mut message = Self::new(from.cid, channel, payload);
        message.head.follow(from);
        message.head.depth = from.depth.saturating_add(1);
        message
    }
}

impl Head {
    /// Takes over who called, and which trace that is part of.
    fn follow(&mut self, from: &Self) {
        self.client_address = from.client_address;
        self.certificate.clone_from(&from.certificate);
        self.caller.clone_from(&from.caller);
        self.trace = from.trace;
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("cid", &self.cid()).field("service", &self.service()).finish_non_exhaustive()
    }
}
