//! Decode, call, encode: where they meet, and nowhere else.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Weak},
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use tower::Service as _;

use super::{Binder, Context, Dispatch, Input, Output, Service, Surroundings};
use crate::{
    ambient::Ambient,
    channel::BoxFuture,
    error::{Error, Result},
    inspect::{Phases, short},
    layer::{self, limit::LimitLayer, statistics::Recorder},
    message::{Content, Message, Payload, Reply},
};

/// A service with everything it needs, its types erased.
///
/// It is always ready. A call costs one boxed future, with the layers of the framework around the service or without.
#[derive(Clone)]
pub(crate) struct BoundService(Arc<dyn Erased>);

trait Erased: Send + Sync {
    fn call(self: Arc<Self>, message: Message) -> BoxFuture<'static, Result<Reply>>;

    /// As `call`, in the layers of the framework: erased together, so that both have one box.
    fn call_in_layers(self: Arc<Self>, message: Message, layers: &Layers) -> BoxFuture<'static, Result<Reply>>;
}

/// What the layers of the framework around one service share between calls.
pub(crate) struct Layers {
    pub(crate) recorder: Arc<Recorder>,
    /// From when on a request is slow.
    pub(crate) slow: Duration,
    pub(crate) limit: LimitLayer,
}

impl Layers {
    /// Calls a service in the layers.
    fn call<F>(&self, message: Message, service: impl FnOnce(Message) -> F) -> BoxFuture<'static, Result<Reply>>
    where
        F: Future<Output = Result<Reply>> + Send + 'static,
    {
        let mut service = Some(service);
        let once = tower::service_fn(move |message| {
            let service = service.take().expect("each call has layers of its own, which call once");
            service(message)
        });
        // Every layer of ours is always ready, and what is not ours is driven by the bound service.
        Box::pin(layer::stack(once, (Arc::clone(&self.recorder), self.slow), self.limit.clone()).call(message))
    }
}

struct Bound<S> {
    service: S,
    ambient: Ambient,
    /// The router that this is part of; weak, since the router holds us.
    dispatch: Weak<dyn Dispatch>,
}

/// Binds a service to what one generation of the configuration has.
///
/// # Errors
///
/// What the service needs and can't have.
pub(crate) fn bind<S: Service>(
    binder: &Binder<'_>,
    ambient: Ambient,
    dispatch: Weak<dyn Dispatch>,
) -> Result<BoundService> {
    let service = S::bind(binder)?;
    Ok(BoundService(Arc::new(Bound { service, ambient, dispatch })))
}

/// From how many bytes on it is worth a look at the clock how long an input takes to be read.
const LARGE: usize = 32 * 1024;

/// What a caller wants the reply as.
enum Wanted {
    Written,
    Value,
    Typed,
}

impl<S: Service> Erased for Bound<S> {
    fn call(self: Arc<Self>, message: Message) -> BoxFuture<'static, Result<Reply>> {
        Box::pin(self.serve(message))
    }

    fn call_in_layers(self: Arc<Self>, message: Message, layers: &Layers) -> BoxFuture<'static, Result<Reply>> {
        layers.call(message, |message| self.serve(message))
    }
}

impl<S: Service> Bound<S> {
    fn serve(self: Arc<Self>, message: Message) -> impl Future<Output = Result<Reply>> + Send + 'static {
        // Now and not when it is polled: from here on the call keeps the generation alive that it was begun under.
        let surroundings = self.surroundings();
        async move {
            let Message { head, payload } = message;
            let (raw, wanted) = match &payload.0 {
                // Who takes the payload itself has no second one beside it.
                Content::Bytes(_) if S::Input::shape().takes_stream() => (Bytes::new(), Wanted::Written),
                Content::Bytes(bytes) => (bytes.clone(), Wanted::Written),
                Content::Stream(_) => (Bytes::new(), Wanted::Written),
                Content::Value(_) => (Bytes::new(), Wanted::Value),
                Content::Typed(_) => (Bytes::new(), Wanted::Typed),
            };
            let since = (raw.len() >= LARGE).then(Instant::now);
            let input = S::Input::from_payload(payload, &head)?;
            if let Some(since) = since {
                Phases::note(|phases| phases.decode = short(since.elapsed()));
            }
            let ctx = Context::new(head, raw, surroundings?);
            let (mut call, mut has_waited) = (pin!(self.service.call(&ctx, input)), since.is_some());
            let output = poll_fn(|cx| {
                let polled = call.as_mut().poll(cx);
                has_waited |= polled.is_pending();
                polled
            });
            let output = output.await?;
            let since = has_waited.then(Instant::now);
            let reply = match wanted {
                Wanted::Written => output.into_reply(&ctx.head).map(|mut reply| {
                    if let Some(stream) = reply.stream_mut() {
                        // The generation that it was begun under, and with it the connections that it may read from.
                        stream.keep(Arc::clone(&ctx.surroundings.dispatch));
                    }
                    reply
                }),
                Wanted::Value => Ok(Reply::new(Payload::from(output.into_value()?))),
                Wanted::Typed => Ok(Reply::new(Payload::typed(output))),
            };
            if let Some(since) = since {
                Phases::note(|phases| phases.encode = short(since.elapsed()));
            }
            reply
        }
    }
}

impl<S> Bound<S> {
    fn surroundings(&self) -> Result<Surroundings> {
        let dispatch = self.dispatch.upgrade().ok_or_else(|| Error::unavailable("the configuration was replaced"))?;
        Ok(Surroundings { ambient: self.ambient.clone(), dispatch })
    }
}

impl tower::Service<Message> for BoundService {
    type Response = Reply;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Reply>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Message) -> Self::Future {
        Arc::clone(&self.0).call(message)
    }
}

impl BoundService {
    /// Erases what a layer of the user's made of a service, so that every stack has the same type.
    pub(crate) fn layered<S>(service: S) -> Self
    where
        S: tower::Service<Message, Response = Reply, Error: Into<crate::error::BoxError>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        Self(Arc::new(Layered(service)))
    }

    /// Serves a message, in the layers of the framework.
    pub(crate) fn call_in_layers(&self, message: Message, layers: &Layers) -> BoxFuture<'static, Result<Reply>> {
        Arc::clone(&self.0).call_in_layers(message, layers)
    }
}

struct Layered<S>(S);

impl<S> Erased for Layered<S>
where
    S: tower::Service<Message, Response = Reply, Error: Into<crate::error::BoxError>> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    fn call(self: Arc<Self>, message: Message) -> BoxFuture<'static, Result<Reply>> {
        Box::pin(self.serve(message))
    }

    fn call_in_layers(self: Arc<Self>, message: Message, layers: &Layers) -> BoxFuture<'static, Result<Reply>> {
        layers.call(message, |message| self.serve(message))
    }
}

impl<S> Layered<S>
where
    S: tower::Service<Message, Response = Reply, Error: Into<crate::error::BoxError>> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    fn serve(&self, message: Message) -> impl Future<Output = Result<Reply>> + Send + 'static {
        let service = self.0.clone();
        async move {
            // A clone must be driven to readiness before it is called; the one we keep never is (tower#548).
            let reply = tower::ServiceExt::oneshot(service, message).await;
            reply.map_err(|error| Error::from_boxed(error.into()))
        }
    }
}
