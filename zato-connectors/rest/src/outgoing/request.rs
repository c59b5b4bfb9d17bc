use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::{HeaderName, HeaderValue, Method, header};
use reqwest::multipart::Form;
use serde::Serialize;
use zato_core::{
    Result,
    bytes::Bytes,
    config::ByteSize,
    connection::Handle,
    service::{Context, Raw},
};
#[cfg(feature = "xml")]
use zato_core::{format::xml::write_document, message::XmlOptions};

use super::{
    Rest, RestResponse,
    body::{CallBody, Once},
    call::Call,
    client::RestClient,
    config::DataFormat,
    draft::{Carried, Draft},
    pairs,
};

/// A call that is being put together; awaiting it makes it.
///
/// Nothing is sent before it is awaited, and what is wrong with it is told then. What the service's own caller sent is
/// not handed on: a header goes to the partner if it is given here or configured, and no other.
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
/// use zato_rest::outgoing::Rest;
///
/// async fn balance(ctx: &Context, payments: &Rest, account: &str) -> Result<String> {
///     let response = payments.post(ctx).query("ACC_NUM", account).await?.error_for_status()?;
///     response.text()
/// }
/// ```
#[must_use = "a call is made when it is awaited"]
pub struct RestRequest<'a> {
    rest: &'a Rest,
    /// In a box, since every method hands all of it on.
    own: Box<Own>,
}

/// What is known of a call so far.
struct Own {
    /// Asked for when the call is begun, so that all of it is put together for one and the same.
    client: Result<Arc<RestClient>>,
    method: Method,
    body: CallBody,
    content_type: Option<HeaderValue>,
    is_streamed: bool,
    draft: Draft,
}

impl<'a> RestRequest<'a> {
    pub(super) fn new(rest: &'a Rest, ctx: &Context, method: Method) -> Self {
        // Safe to repeat by what the methods mean (RFC 9110 §9.2.2).
        let is_idempotent = method.is_idempotent();
        let own = Own {
            client: rest.slot().client(),
            method,
            body: CallBody::None,
            content_type: None,
            is_streamed: false,
            draft: Draft::new(ctx, is_idempotent),
        };
        Self { rest, own: Box::new(own) }
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

    /// Gives every field of a struct or map: those that the `url_path` has a placeholder for go there, the others into
    /// the query string. A list is repeated, a `None` left out.
    pub fn params<T: Serialize + ?Sized>(mut self, params: &T) -> Self {
        let Some(pairs) = self.own.draft.keep(pairs::of(params)) else { return self };
        // Without a connection the call will be refused, wherever they are put.
        let Ok(client) = &self.own.client else { return self };
        let is_value = |name: &str| client.settings().template.names().any(|known| known == name);
        let (values, query): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| is_value(name));
        self.own.draft.values.extend(values);
        self.own.draft.query.extend(query);
        self
    }

    /// Sets a header, in place of one that is configured or was set before.
    pub fn header(mut self, name: impl TryInto<HeaderName>, value: impl TryInto<HeaderValue>) -> Self {
        self.own.draft.header(name, value);
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

    /// Says that the partner does the same once if this comes twice, because of a key that it knows the call by, for
    /// example: it may be tried again although its method alone does not allow that.
    pub fn idempotent(mut self) -> Self {
        self.own.draft.is_idempotent = true;
        self
    }

    /// Sends a model, in the `data_format` of the connection.
    pub fn model<T: Serialize + ?Sized>(self, model: &T) -> Self {
        match self.own.client.as_ref().map_or(DataFormat::Json, |client| client.settings().data_format) {
            DataFormat::Form => self.form(model),
            DataFormat::Json => self.json(model),
            #[cfg(feature = "xml")]
            DataFormat::Xml => self.xml(model),
            #[cfg(not(feature = "xml"))]
            DataFormat::Xml => unreachable!("a configuration with it was refused"),
        }
    }

    /// Sends a value as XML, with a root called `request` unless the model has a name of its own.
    #[cfg(feature = "xml")]
    pub fn xml<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        let mut options = XmlOptions::default();
        options.root = "request".to_owned();
        match self.own.draft.keep(write_document(value, &options)) {
            Some(text) => self.body(CallBody::Bytes(text.into()), "application/xml; charset=utf-8"),
            None => self,
        }
    }

    /// Sends a value as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match self.own.draft.keep(serde_json::to_vec(value).map_err(Into::into)) {
            Some(text) => self.body(CallBody::Bytes(text.into()), "application/json"),
            None => self,
        }
    }

    /// Sends a struct or map as a form, as query strings are written.
    pub fn form<T: Serialize + ?Sized>(mut self, fields: &T) -> Self {
        let Some(form) = self.own.draft.keep(pairs::encoded(fields)) else { return self };
        self.body(CallBody::Bytes(form.into()), "application/x-www-form-urlencoded")
    }

    /// Sends a form with files in it (RFC 7578).
    pub fn multipart(mut self, form: Form) -> Self {
        // The type of it has the boundary, which the form knows.
        self.own.body = CallBody::once(Once::Multipart(form));
        self.own.content_type = None;
        self
    }

    /// Sends a text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.body(CallBody::Bytes(text.into().into()), "text/plain; charset=utf-8")
    }

    /// Sends bytes.
    pub fn bytes(self, bytes: impl Into<Bytes>) -> Self {
        self.body(CallBody::Bytes(bytes.into()), "application/octet-stream")
    }

    /// Sends bytes as they come, such as a payload that goes through. It can't be tried again.
    pub fn raw(self, raw: Raw) -> Self {
        let content_type = raw.content_type().cloned();
        let body = match raw.as_bytes() {
            Some(bytes) => CallBody::Bytes(bytes.clone()),
            None => CallBody::once(Once::Stream(raw.into_stream())),
        };
        let mut request = self.body(body, "application/octet-stream");
        if content_type.is_some() {
            request.own.content_type = content_type;
        }
        request
    }

    /// Makes the call and returns its answer as it comes, piece by piece, each of which may take as long as the call.
    ///
    /// # Errors
    ///
    /// As awaiting the request itself; further ones may come with each piece.
    pub async fn stream(mut self) -> Result<RestResponse<Raw>> {
        self.own.is_streamed = true;
        let (client, call) = self.into_call()?;
        client.send(call).await.map(RestResponse::streamed)
    }

    fn body(mut self, body: CallBody, content_type: &'static str) -> Self {
        self.own.body = body;
        self.own.content_type = Some(HeaderValue::from_static(content_type));
        self
    }

    /// Puts together what is sent.
    fn into_call(self) -> Result<(Arc<RestClient>, Call)> {
        let Self { rest, own } = self;
        let Own { client, method, body, content_type, is_streamed, mut draft } = *own;
        let client = client?;
        if let Some(fault) = draft.fault {
            return Err(fault.with("connection", rest.name()));
        }
        let settings = client.settings();
        if !draft.headers.contains_key(header::CONTENT_TYPE)
            && let Some(given) = content_type
        {
            draft.headers.insert(header::CONTENT_TYPE, settings.content_type.clone().unwrap_or(given));
        }
        let call = draft.into_call(settings, Carried { method, body, is_streamed, judge: None })?;
        Ok((client, call))
    }
}

impl<'a> IntoFuture for RestRequest<'a> {
    type Output = Result<RestResponse>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<RestResponse>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (client, call) = self.into_call()?;
            client.send(call).await.map(RestResponse::whole)
        })
    }
}

impl fmt::Debug for RestRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestRequest")
            .field("connection", &self.rest.name())
            .field("method", &self.own.method)
            .finish_non_exhaustive()
    }
}
