use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{Raw, Response, Shape};
use crate::{
    error::{Error, Result},
    format,
    message::{Head, Payload, Reply},
    model::Model,
};

/// What a service gives: a model, a list of them, [`Rows`](super::Rows), [`Raw`], `()` for nothing, or one of those in a [`Response`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a service gives",
    label = "neither a model nor `Raw`",
    note = "put `#[model]` on the type, or return it as a field of a model; for bytes as they go return `Raw`, for any JSON `zato::Value`"
)]
pub trait Output: Sized + Send + 'static {
    /// Returns what this is, for the service's definition.
    fn shape() -> Shape;

    /// Writes it for a caller outside, in the format that the head of the request asks for.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) if it can't be written in the format.
    fn into_reply(self, head: &Head) -> Result<Reply>;

    /// Turns it into a dynamic value for a caller inside.
    ///
    /// # Errors
    ///
    /// As [`Output::into_reply`].
    fn into_value(self) -> Result<Value>;
}

#[diagnostic::do_not_recommend]
impl<M: Model> Output for M {
    fn shape() -> Shape {
        Shape::model::<M>()
    }

    fn into_reply(self, head: &Head) -> Result<Reply> {
        let (bytes, content_type) = format::encode(&self, head)?;
        Ok(Reply::new(bytes.into()).with_headers(with_content_type(content_type)))
    }

    fn into_value(self) -> Result<Value> {
        let unusable = |error| Error::internal("the reply can't be turned into a value").with_source(Box::new(error));
        serde_json::to_value(self).map_err(unusable)
    }
}

#[diagnostic::do_not_recommend]
impl Output for Raw {
    fn shape() -> Shape {
        Shape::Raw
    }

    fn into_reply(self, _: &Head) -> Result<Reply> {
        let unnamed = const { HeaderValue::from_static("application/octet-stream") };
        let content_type = self.content_type().cloned().unwrap_or(unnamed);
        let payload = self.into_content().map_or_else(Payload::from, Payload::from);
        Ok(Reply::new(payload).with_headers(with_content_type(content_type)))
    }

    /// As what the bytes say if they are JSON, otherwise as text. A stream, which may have any length, is no value.
    fn into_value(self) -> Result<Value> {
        let streamed = |_| Error::internal("the service gave a stream, which is no value: invoke it typed");
        let bytes = self.into_content().map_err(streamed)?;
        if let Ok(value) = serde_json::from_slice(&bytes) {
            return Ok(value);
        }
        let text = String::from_utf8(bytes.into());
        text.map(Value::String).map_err(|_| Error::internal("the service gave bytes that are neither JSON nor text"))
    }
}

#[diagnostic::do_not_recommend]
impl Output for () {
    fn shape() -> Shape {
        Shape::Nothing
    }

    fn into_reply(self, _: &Head) -> Result<Reply> {
        Ok(Reply::new(Payload::empty()).with_status(StatusCode::NO_CONTENT))
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Null)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Output> Output for Response<T> {
    fn shape() -> Shape {
        T::shape()
    }

    fn into_reply(self, head: &Head) -> Result<Reply> {
        let (body, status, own) = self.into_parts()?;
        let reply = body.into_reply(head)?;
        let (status, (default, mut headers, payload)) = (status, reply.into_parts());
        // What the service said about a header counts, its content type among them.
        for name in own.keys() {
            headers.remove(name);
        }
        headers.extend(own);
        Ok(Reply::new(payload).with_status(status.unwrap_or(default)).with_headers(headers))
    }

    fn into_value(self) -> Result<Value> {
        self.into_parts()?.0.into_value()
    }
}

/// Room for what every reply carries, so that a channel adds to it without growing the map.
pub(super) fn with_content_type(content_type: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, content_type);
    headers
}
