use std::{fmt, sync::Arc};

use tokio::time::Instant;
use zato_core::{
    Result,
    connection::{Handle, Slot},
    service::Context,
};

use super::{SoapConnector, SoapRequest, config::SoapOptions, envelope::Envelopes};
use crate::outgoing::{Ping, RestClient, reqwest};

/// The handle of an outgoing connection of `outgoing_soap`: `#[out("Rates")] rates: Soap`.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, service::Context};
/// use zato_rest::outgoing::soap::Soap;
///
/// async fn rates(ctx: &Context, rates: &Soap) -> Result<String> {
///     let response = rates.invoke(ctx, "GetRates").body_xml("<GetRates xmlns='urn:rates'><day>1</day></GetRates>").await?;
///     Ok(response.body_xml())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Soap(Arc<Slot<SoapConnector>>);

impl Soap {
    /// Invokes an operation, whose name is that of the element that is sent.
    pub fn invoke(&self, ctx: &Context, operation: impl Into<String>) -> SoapRequest<'_> {
        SoapRequest::new(self, ctx, operation.into())
    }

    /// Sends XML: an envelope as it is, or an element, which an envelope is put around.
    ///
    /// The same as [`invoke`](Self::invoke) with a [`body_xml`](SoapRequest::body_xml).
    pub fn send(&self, ctx: &Context, xml: impl Into<String>) -> SoapRequest<'_> {
        self.invoke(ctx, "").body_xml(xml)
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Asks the partner for a sign of life, by the connection's `ping_method` and `ping_path`; not tried again if that
    /// fails.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if the connection is inactive or removed, [`Timeout`](zato_core::Kind::Timeout) and
    /// [`Upstream`](zato_core::Kind::Upstream) if there was no answer. Any status is an answer.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn ping(&self) -> Result<Ping> {
        self.0.client()?.rest.ping().await.map_err(|error| error.with("connection", self.name()))
    }

    /// Returns the client of reqwest underneath, with the connection's pool, TLS and time to connect. The timeout of a
    /// whole call, retries, the circuit breaker, credentials and the correlation id are not in it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if the connection is inactive or removed.
    pub fn client(&self) -> Result<reqwest::Client> {
        self.0.client()?.rest.transport().client(Instant::now())
    }
}

#[diagnostic::do_not_recommend]
impl Handle for Soap {
    type Connector = SoapConnector;

    fn from_slot(slot: Arc<Slot<SoapConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<SoapConnector>> {
        &self.0
    }
}

/// What the handles of a connection share.
pub struct SoapClient {
    rest: RestClient,
    options: SoapOptions,
    envelopes: Arc<Envelopes>,
}

impl SoapClient {
    pub(super) fn new(rest: RestClient, options: SoapOptions, envelopes: Arc<Envelopes>) -> Self {
        Self { rest, options, envelopes }
    }

    pub(super) fn rest(&self) -> &RestClient {
        &self.rest
    }

    pub(super) fn options(&self) -> &SoapOptions {
        &self.options
    }

    pub(super) fn envelopes(&self) -> &Arc<Envelopes> {
        &self.envelopes
    }
}

impl fmt::Debug for SoapClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoapClient").field("rest", &self.rest).finish_non_exhaustive()
    }
}
