use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use super::{SequentialIds, TestClock, services::FakeServices};
#[cfg(feature = "soap")]
use crate::format::soap::Envelope;
use crate::{
    ambient::{Ambient, Clock, Random},
    error::Result,
    message::{Caller, ChannelInfo, Cid, Delivery, Message, Params, Payload},
    service::{Context, Invoke, Service, Surroundings},
};

/// Returns a context to call a service function with: channel `test`, a clock that stands still, fixed ids.
#[must_use]
pub fn context() -> Context {
    TestContext::new().build()
}

/// Puts a context together.
///
/// ```
/// use zato_core::testing::TestContext;
///
/// let ctx = TestContext::new().uri("/api/v1/client?segment=RNZ").caller("Partner key", "partner").build();
/// assert_eq!(ctx.params().query("segment").unwrap(), ["RNZ"]);
/// assert_eq!(ctx.caller().unwrap().username, "partner");
/// ```
#[derive(Debug)]
#[must_use]
pub struct TestContext {
    message: Message,
    payload: Bytes,
    ambient: Ambient,
    services: FakeServices,
}

impl TestContext {
    /// Starts with what [`context()`] gives.
    pub fn new() -> Self {
        let ambient = Ambient::new(TestClock::default(), SequentialIds::default());
        let channel = Arc::new(ChannelInfo::new("test", "test", "test"));
        let message = Message::new(ambient.cid(), channel, Payload::empty());
        Self { message, payload: Bytes::new(), ambient, services: FakeServices::default() }
    }

    /// Sets the correlation id.
    pub fn cid(mut self, cid: Cid) -> Self {
        self.message.head.cid = cid;
        self
    }

    /// Sets the channel.
    pub fn channel(mut self, channel: ChannelInfo) -> Self {
        self.message.head.channel = Arc::new(channel);
        self
    }

    /// Sets the URI, and with it the query string.
    ///
    /// # Panics
    ///
    /// If the text is no URI.
    #[track_caller]
    pub fn uri(mut self, uri: &str) -> Self {
        let uri: http::Uri = uri.parse().expect("a URI such as /api/v1/client?segment=RNZ");
        self.message.head.params = Params::new(Vec::new(), uri.clone());
        self.message.head.uri = Some(uri);
        self
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// If name or value can't stand in a header.
    #[track_caller]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        let (name, value) = (http::HeaderName::from_static(name), http::HeaderValue::from_static(value));
        self.message.head.headers.append(name, value);
        self
    }

    /// Sets where the client is.
    pub fn client_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.message.head.client_address = Some(address.into());
        self
    }

    /// Sets the SOAP envelope that the request came in.
    ///
    /// # Panics
    ///
    /// If the text is no envelope.
    #[cfg(feature = "soap")]
    #[track_caller]
    pub fn soap(mut self, envelope: &'static str) -> Self {
        let envelope = Envelope::parse(envelope).expect("the text is a SOAP envelope");
        self.message.head.extensions.insert(Arc::new(envelope));
        self
    }

    /// Adds what only one protocol knows of a request; see [`Context::extension`].
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.message.head.extensions.insert(value);
        self
    }

    /// Hands in what the service settles a message with, for one that takes it from its context.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.message = self.message.with_delivery(delivery);
        self
    }

    /// Sets who the caller proved to be.
    pub fn caller(mut self, security: &str, username: &str) -> Self {
        self.message.head.caller = Some(Arc::new(Caller::new(security, username)));
        self
    }

    /// Sets the payload as it came, for a service that looks at it beside its model.
    pub fn payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Sets time and randomness.
    pub fn ambient(mut self, clock: impl Clock, random: impl Random) -> Self {
        self.ambient = Ambient::new(clock, random);
        self
    }

    /// Puts a function in the place of another service, which is invoked by its name.
    ///
    /// ```
    /// use zato_core::{Result, testing::TestContext};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let ctx = TestContext::new().service("crm.get", |client| async move { Ok(client) }).build();
    /// assert_eq!(ctx.invoke_by_name("crm.get", 7.into()).await?, 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn service<F>(mut self, name: &str, answer: impl Fn(Value) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Value>> + Send + 'static,
    {
        self.services.named(name, answer);
        self
    }

    /// Puts a function in the place of another service, typed: an [`Invoke::fake`]. It answers whoever invokes the service
    /// by its type, and by its name.
    pub fn fake<S: Service>(mut self, invoke: Invoke<S>) -> Self {
        self.services.typed(invoke);
        self
    }

    /// Makes the context.
    #[must_use]
    pub fn build(self) -> Context {
        let surroundings = Surroundings { ambient: self.ambient, dispatch: self.services.into_dispatch() };
        Context::new(self.message.head, self.payload, surroundings)
    }
}

impl Default for TestContext {
    fn default() -> Self {
        Self::new()
    }
}
