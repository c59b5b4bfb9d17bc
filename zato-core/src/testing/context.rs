use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;

use super::{SequentialIds, TestClock};
use crate::{
    ambient::{Ambient, Clock, Random},
    message::{Caller, ChannelInfo, Cid, Message, Params, Payload},
    service::{Context, Nowhere, Surroundings},
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
}

impl TestContext {
    /// Starts with what [`context()`] gives.
    pub fn new() -> Self {
        let ambient = Ambient::new(TestClock::default(), SequentialIds::default());
        let channel = Arc::new(ChannelInfo::new("test", "test", "test"));
        Self { message: Message::new(ambient.cid(), channel, Payload::empty()), payload: Bytes::new(), ambient }
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

    /// Makes the context.
    #[must_use]
    pub fn build(self) -> Context {
        let surroundings = Surroundings { ambient: self.ambient, dispatch: Arc::new(Nowhere) };
        Context::new(self.message.head, self.payload, surroundings)
    }
}

impl Default for TestContext {
    fn default() -> Self {
        Self::new()
    }
}
