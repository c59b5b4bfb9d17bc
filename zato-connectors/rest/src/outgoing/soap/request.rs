use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use zato_core::{
    BoxError, Error, Result,
    config::ByteSize,
    connection::Handle,
    format::{
        soap::Version,
        xml::{self, Document},
    },
    service::Context,
};

use super::{Soap, SoapResponse, answer, client::SoapClient};
use crate::outgoing::{
    body::CallBody,
    call::Call,
    draft::{Carried, Draft},
    transport::AnswerBody,
};

/// A call of an operation that is being put together; awaiting it makes it.
///
/// Nothing is sent before it is awaited, and what is wrong with it is told then. Calls are not tried again unless the
/// partner has not seen them, or they are said to be [`idempotent`](Self::idempotent).
///
/// # Cancel safety
///
/// Dropping the future ends the call where it stands: one that was not sent yet never is; of one that was, nobody
/// knows whether the partner acted on it. Its place in the pool is free at once.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, service::Context};
/// use zato_rest::outgoing::soap::Soap;
///
/// async fn open(ctx: &Context, accounts: &Soap) -> Result<String> {
///     let call = accounts.invoke(ctx, "OpenAccount").action("urn:accounts:open").header("x-tenant", "bank");
///     Ok(call.await?.body_xml())
/// }
/// ```
#[must_use = "a call is made when it is awaited"]
pub struct SoapRequest<'a> {
    soap: &'a Soap,
    /// In a box, since every method hands all of it on.
    own: Box<Own>,
}

/// What is known of a call so far.
struct Own {
    /// Asked for when the call is begun, so that all of it is put together for one and the same.
    client: Result<Arc<SoapClient>>,
    operation: String,
    /// The namespace of the operation, if it is not that of the connection.
    namespace: Option<String>,
    /// The element in the body; none yet is that of the operation, with nothing in it.
    body: Option<Body>,
    action: Option<String>,
    blocks: Vec<String>,
    draft: Draft,
}

/// XML that is sent.
enum Body {
    /// With an envelope to be put around it.
    Element(String),
    /// As it is.
    Envelope(String),
}

impl<'a> SoapRequest<'a> {
    pub(super) fn new(soap: &'a Soap, ctx: &Context, operation: String) -> Self {
        let named = operation.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (namespace, operation) = match named {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, operation),
        };
        let own = Own {
            client: soap.slot().client(),
            operation,
            namespace,
            body: None,
            action: None,
            blocks: Vec::new(),
            draft: Draft::new(ctx, false),
        };
        Self { soap, own: Box::new(own) }
    }

    /// Sends a model: its fields in the element of the operation.
    pub fn model<T: Serialize + ?Sized>(mut self, model: &T) -> Self {
        let written = self.own.element(model);
        if let Some(element) = self.own.draft.keep(written) {
            self.own.body = Some(Body::Element(element));
        }
        self
    }

    /// Sends XML: an element, which an envelope is put around, or an envelope as it is, to which nothing is added, no
    /// credentials of a `wss` either.
    pub fn body_xml(mut self, xml: impl Into<String>) -> Self {
        let read = self.own.read(xml.into());
        if let Some(body) = self.own.draft.keep(read) {
            self.own.body = Some(body);
        }
        self
    }

    /// Sets what the call says that it wants, in place of the connection's `soap_action`.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.own.action = Some(action.into());
        self
    }

    /// Adds a header block to the envelope, an element of XML.
    pub fn soap_header(mut self, xml: impl Into<String>) -> Self {
        let xml = xml.into();
        let read = Document::parse(xml.into_bytes()).map_err(|error| malformed("a header block", error));
        if let Some(block) = self.own.draft.keep(read) {
            self.own.blocks.push(block.root().to_xml());
        }
        self
    }

    /// Sets a header of HTTP, in place of one that is configured or was set before.
    pub fn header(mut self, name: impl TryInto<HeaderName>, value: impl TryInto<HeaderValue>) -> Self {
        self.own.draft.header(name, value);
        self
    }

    /// Gives the value of a placeholder of the connection's `url_path`, percent-encoded there.
    pub fn path(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.own.draft.path(name, value);
        self
    }

    /// Adds a parameter to the query string.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.own.draft.query(name, value);
        self
    }

    /// Gives this call another `timeout` than the connection has.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.own.draft.timeout(timeout);
        self
    }

    /// Lets the answer to this call have another size than the connection's `max_response_size`.
    pub fn max_response_size(mut self, size: ByteSize) -> Self {
        self.own.draft.max_response_size = Some(size.as_usize());
        self
    }

    /// Says that the partner does the same once if this comes twice, so that it may be tried again, and sent a second time
    /// where the first is slow.
    pub fn idempotent(mut self) -> Self {
        self.own.draft.is_idempotent = true;
        self
    }

    /// Puts together what is sent.
    fn into_call(self) -> Result<(Arc<SoapClient>, Call)> {
        let Self { soap, own } = self;
        let mut own = *own;
        if let (Ok(_), Some(fault)) = (&own.client, own.draft.fault.take()) {
            return Err(fault.with("connection", soap.name()));
        }
        let body = match own.body.take() {
            Some(body) => body,
            None => Body::Element(own.element(&BTreeMap::<String, String>::new())?),
        };
        let Own { client, action, blocks, mut draft, .. } = own;
        let client = client?;
        let action = action.or_else(|| client.options().action.clone()).unwrap_or_default();
        let said = say_action(&mut draft.headers, client.options().version, &action);
        said.map_err(|error| error.with("connection", soap.name()))?;
        let body = match body {
            Body::Envelope(envelope) => CallBody::Bytes(envelope.into()),
            Body::Element(element) => enveloped(&client, blocks, element),
        };
        let carried = Carried { method: Method::POST, body, is_streamed: false, judge: Some(answer::judge) };
        let call = draft.into_call(client.rest().settings(), carried)?;
        Ok((client, call))
    }
}

impl Own {
    /// Writes the element of the operation.
    fn element<T: Serialize + ?Sized>(&self, model: &T) -> Result<String> {
        // Without a connection the call will be refused, whatever is in it.
        let of_connection = self.client.as_ref().ok().and_then(|client| client.options().namespace.as_deref());
        let namespace = self.namespace.as_deref().or(of_connection).filter(|namespace| !namespace.is_empty());
        let mut element = String::new();
        xml::write_element(&mut element, model, &self.operation, namespace)?;
        Ok(element)
    }

    /// Finds out whether XML is an envelope, and one of the right version.
    fn read(&self, xml: String) -> Result<Body> {
        let document = Document::parse(xml.clone().into_bytes()).map_err(|error| malformed("the body", error))?;
        let Some(found) = answer::version_of(document.root()) else {
            return Ok(Body::Element(document.root().to_xml()));
        };
        match &self.client {
            Ok(client) if client.options().version != found => Err(Error::internal(format!(
                "the envelope is one of SOAP {found}, and the connection speaks {}",
                client.options().version
            ))),
            _ => Ok(Body::Envelope(xml)),
        }
    }
}

/// It is the service that wrote it, and not its caller.
fn malformed(what: &str, error: Error) -> Error {
    Error::internal(format!("{what} is no XML")).with_source(BoxError::from(error))
}

/// Writes the envelope when the call is sent, and anew when it is sent again.
fn enveloped(client: &SoapClient, blocks: Vec<String>, element: String) -> CallBody {
    let envelopes = Arc::clone(client.envelopes());
    CallBody::Made(Box::new(move || envelopes.write(&blocks, &element)))
}

/// Says what is sent, and what is wanted: SOAP 1.1 §6.1.1, where there is a header in any case, and SOAP 1.2 part 2
/// §6.5.
fn say_action(headers: &mut HeaderMap, version: Version, action: &str) -> Result<()> {
    let unusable = |_| Error::internal("the action of a call can't stand in a header");
    let is_usable = |action: &str| !action.contains(['"', '\\']);
    if !is_usable(action) {
        return Err(Error::internal("the action of a call has quotes or backslashes in it"));
    }
    if version == Version::V11 {
        let quoted = HeaderValue::try_from(format!("\"{action}\"")).map_err(unusable)?;
        headers.entry(SOAP_ACTION).or_insert(quoted);
    }
    let content_type = match version {
        Version::V12 if !action.is_empty() => {
            let media_type = version.media_type();
            HeaderValue::try_from(format!("{media_type}; charset=utf-8; action=\"{action}\"")).map_err(unusable)?
        }
        _ => version.content_type(),
    };
    headers.entry(header::CONTENT_TYPE).or_insert(content_type);
    Ok(())
}

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

impl<'a> IntoFuture for SoapRequest<'a> {
    type Output = Result<SoapResponse>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<SoapResponse>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (client, call) = self.into_call()?;
            let (connection, answer) = client.rest().send(call).await?;
            let AnswerBody::Whole(body) = answer.body else { unreachable!("a stream was not asked for") };
            let envelope = answer::read(client.options().version, answer.status, &answer.headers, &body);
            let envelope = envelope.map_err(|error| error.with("connection", &connection))?;
            Ok(SoapResponse { status: answer.status, headers: answer.headers, envelope, connection })
        })
    }
}

impl fmt::Debug for SoapRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoapRequest")
            .field("connection", &self.soap.name())
            .field("operation", &self.own.operation)
            .finish_non_exhaustive()
    }
}
