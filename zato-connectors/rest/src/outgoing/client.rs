use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use tokio::time::{self, Instant};
use tower::ServiceExt;
use tracing::{Instrument, Span, debug, field::Empty, info_span};
use zato_core::{
    Error, Result,
    ambient::Ambient,
    connection::{Handle, Slot},
    layer::trace::spans_are_read,
    metrics::Exposition,
    resilience::Deadline,
    service::Context,
};

use super::{
    RestConnector, RestRequest,
    address::{Host, PathTemplate},
    body::CallBody,
    call::{Call, Parts},
    config::{DataFormat, RestConfig},
    credentials::{Credentials, Presented},
    error,
    meter::Meter,
    stack::Stack,
    transport::{Answer, Transport},
};

/// The handle of an outgoing connection of `outgoing_rest`: `#[out("CRM")] crm: Rest`.
///
/// Each verb takes the context of the service that calls, whose correlation id and trace go with the call, and returns
/// a [`RestRequest`] to put the rest into.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, Value, service::Context};
/// use zato_rest::outgoing::Rest;
///
/// async fn get_user(ctx: &Context, crm: &Rest, name: &str) -> Result<Value> {
///     crm.get(ctx).query("UserName", name).await?.error_for_status()?.value()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Rest(Arc<Slot<RestConnector>>);

impl Rest {
    /// Reads something.
    pub fn get(&self, ctx: &Context) -> RestRequest<'_> {
        self.request(ctx, Method::GET)
    }

    /// Has the partner do something with what is sent.
    #[doc(alias = "send")]
    pub fn post(&self, ctx: &Context) -> RestRequest<'_> {
        self.request(ctx, Method::POST)
    }

    /// Puts what is sent in the place of what was there.
    pub fn put(&self, ctx: &Context) -> RestRequest<'_> {
        self.request(ctx, Method::PUT)
    }

    /// Changes a part of what is there.
    pub fn patch(&self, ctx: &Context) -> RestRequest<'_> {
        self.request(ctx, Method::PATCH)
    }

    /// Removes something.
    pub fn delete(&self, ctx: &Context) -> RestRequest<'_> {
        self.request(ctx, Method::DELETE)
    }

    /// Asks for the headers of a `GET` alone.
    pub fn head(&self, ctx: &Context) -> RestRequest<'_> {
        self.request(ctx, Method::HEAD)
    }

    /// Asks what is possible.
    pub fn options(&self, ctx: &Context) -> RestRequest<'_> {
        self.request(ctx, Method::OPTIONS)
    }

    /// Calls with any method.
    pub fn request(&self, ctx: &Context, method: Method) -> RestRequest<'_> {
        RestRequest::new(self, ctx, method)
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Asks the partner for a sign of life, by the connection's `ping_method` and `ping_path`, with its credentials; not
    /// tried again if that fails.
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
        self.0.client()?.ping().await.map_err(|error| error.with("connection", self.name()))
    }

    /// Returns the client of reqwest underneath, with the connection's pool, TLS and time to connect. The timeout of a
    /// whole call, retries, the circuit breaker, credentials and the correlation id are not in it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if the connection is inactive or removed.
    pub fn client(&self) -> Result<reqwest::Client> {
        self.0.client()?.transport.client(Instant::now())
    }
}

#[diagnostic::do_not_recommend]
impl Handle for Rest {
    type Connector = RestConnector;

    fn from_slot(slot: Arc<Slot<RestConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<RestConnector>> {
        &self.0
    }
}

/// What a ping was answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ping {
    /// The status.
    pub status: StatusCode,
    /// How long it took.
    pub elapsed: Duration,
}

/// What the handles of a connection share.
pub struct RestClient {
    settings: Arc<Settings>,
    ambient: Ambient,
    transport: Transport,
    /// What a ping goes through: the network, with credentials.
    innermost: Credentials<Transport>,
    stack: Stack,
    meter: Meter,
}

/// What is known of a connection before the first call.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) name: Arc<str>,
    pub(super) host: Host,
    pub(super) template: PathTemplate,
    /// Where every call goes, if the path has no placeholders.
    pub(super) constant: Option<Url>,
    pub(super) data_format: DataFormat,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) timeout: Duration,
    pub(super) max_response_size: usize,
    pub(super) ping: (Method, Url),
    pub(super) follows_redirects: bool,
}

impl Settings {
    /// Returns where a call goes.
    pub(super) fn url(&self, values: &[(String, String)], query: &[(String, String)]) -> Result<Url> {
        let mut url = match &self.constant {
            Some(constant) => constant.clone(),
            None => self.host.join(&self.template.fill(values)?),
        };
        if let Some((unknown, _)) = values.iter().find(|(name, _)| self.template.names().all(|known| known != name)) {
            let path = self.template.as_str();
            return Err(Error::internal(format!("the path \"{path}\" has no placeholder \"{unknown}\"")));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

impl RestClient {
    pub(super) fn new(
        (config, settings): (&RestConfig, Arc<Settings>),
        ambient: Ambient,
        transport: Transport,
        presented: Presented,
    ) -> Self {
        let innermost = Credentials::new(transport.clone(), presented);
        let stack = Stack::new(innermost.clone(), config, &ambient);
        Self { settings, ambient, transport, innermost, stack, meter: Meter::default() }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the network.
    #[cfg(feature = "soap")]
    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Makes a call, through all layers.
    pub(super) async fn send(&self, call: Call) -> Result<(Arc<str>, Answer)> {
        if !spans_are_read() {
            return self.timed(call).await;
        }
        let span = self.span_of(&call);
        let sent = self.timed(call).instrument(span.clone()).await;
        match &sent {
            Ok((_, answer)) => span.record("http.response.status_code", answer.status.as_u16()),
            Err(error) => span.record("error.type", error.kind().as_str()),
        };
        sent
    }

    async fn timed(&self, call: Call) -> Result<(Arc<str>, Answer)> {
        let (name, parts) = (&self.settings.name, Arc::clone(&call.parts));
        let begun = self.meter.begin(parts.begun);
        let answered = self.stack.send(call).await;
        let elapsed = begun.end(&answered);
        let status = answered.as_ref().ok().map(|answer| answer.status.as_u16());
        debug!(connection = %name, method = %parts.method, status, elapsed_us = elapsed.as_micros(), "called a partner");
        match answered {
            Ok(answer) => Ok((Arc::clone(name), answer)),
            // A layer that refused the call has named the connection already.
            Err(error) if error.context().any(|(key, _)| key == "connection") => {
                Err(error.with("method", &parts.method))
            }
            Err(error) => Err(error.with("connection", name).with("method", &parts.method)),
        }
    }

    /// Field names are OpenTelemetry's (semantic conventions 1.27, HTTP client spans).
    fn span_of(&self, call: &Call) -> Span {
        let Settings { name, template, .. } = &*self.settings;
        let url = &call.parts.url;
        info_span!(
            "call",
            otel.kind = "client",
            zato.connection = &**name,
            http.request.method = call.parts.method.as_str(),
            server.address = url.host_str(),
            server.port = url.port_or_known_default(),
            url.template = template.as_str(),
            http.response.status_code = Empty,
            "error.type" = Empty,
            zato.retries = Empty,
            zato.hedged = Empty,
            zato.refused = Empty,
        )
    }

    pub(super) async fn ping(&self) -> Result<Ping> {
        let Settings { ping: (method, url), timeout, max_response_size, .. } = &*self.settings;
        let (cid, started) = (self.ambient.cid(), Instant::now());
        let parts = Parts {
            method: method.clone(),
            url: url.clone(),
            headers: HeaderMap::new(),
            body: CallBody::None,
            is_idempotent: true,
            follows_redirects: self.settings.follows_redirects,
            begun: started,
            deadline: Deadline::since(started, *timeout),
            max_response_size: *max_response_size,
            streamed: None,
            judge: None,
        };
        let call = Call::new(parts, cid, &cid.trace(self.ambient.random()));
        let answered = time::timeout(*timeout, self.innermost.clone().oneshot(call)).await;
        let answer = answered.unwrap_or_else(|_| Err(error::too_slow()))?;
        Ok(Ping { status: answer.status, elapsed: started.elapsed() })
    }

    pub(super) fn metrics(&self, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        self.meter.add_to(labels, exposition);
        self.stack.decisions().write(labels, exposition);
    }
}

impl fmt::Debug for RestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestClient").field("connection", &self.settings.name).finish_non_exhaustive()
    }
}
