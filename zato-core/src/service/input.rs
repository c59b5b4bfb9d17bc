use http::{HeaderValue, header};
use serde_json::Value;

use super::{Raw, Shape};
use crate::{
    error::{Error, Result},
    format,
    message::{Content, Head, Payload},
    model::{Model, Tree, decode_tree, is_valid},
};

/// What a service takes: a model, a list of them, [`Rows`](super::Rows), [`Raw`], or `()` for nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a service takes",
    label = "neither a model nor `Raw`",
    note = "put `#[model]` on the type, or take it as a field of a model; for bytes as they come take `Raw`, for any JSON `zato::Value`",
    note = "what is no input has an attribute before it: `#[out(\"...\")]`, `#[config(\"...\")]`, `#[state]` or `#[invoke]`"
)]
pub trait Input: Sized + Send + 'static {
    /// Returns what this is, for the service's definition.
    fn shape() -> Shape;

    /// Reads it from a message.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::Kind::InvalidInput) with every fault; [`Internal`](crate::Kind::Internal) if another service handed over another type.
    fn from_payload(payload: Payload, head: &Head) -> Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<M: Model> Input for M {
    fn shape() -> Shape {
        Shape::model::<M>()
    }

    fn from_payload(payload: Payload, head: &Head) -> Result<Self> {
        match payload.0 {
            Content::Bytes(bytes) => format::decode(&bytes, head),
            Content::Value(value) => from_value(&value),
            Content::Typed(typed) => typed.downcast().map(|model| *model).map_err(|_| mismatch::<M>(head)),
            // Channels hand one over to a service that takes it, and to no other.
            Content::Stream(_) => Err(Error::internal("a layer put a stream in the place of the payload of a model")),
        }
    }
}

#[diagnostic::do_not_recommend]
impl Input for Raw {
    fn shape() -> Shape {
        Shape::Raw
    }

    fn from_payload(payload: Payload, head: &Head) -> Result<Self> {
        match payload.0 {
            Content::Bytes(bytes) => Ok(Self::new(bytes).with_content_type_of(content_type(head))),
            Content::Stream(stream) => Ok(Self::of(stream).with_content_type_of(content_type(head))),
            Content::Value(value) => Ok(Self::new(value.to_string()).with_content_type("application/json")),
            Content::Typed(typed) => typed.downcast().map(|raw| *raw).map_err(|_| mismatch::<Self>(head)),
        }
    }
}

#[diagnostic::do_not_recommend]
impl Input for () {
    fn shape() -> Shape {
        Shape::Nothing
    }

    fn from_payload(_: Payload, _: &Head) -> Result<()> {
        Ok(())
    }
}

pub(super) fn from_value<M: Model>(value: &Value) -> Result<M> {
    match M::deserialize(value) {
        Ok(model) if is_valid(&model) => Ok(model),
        _ => {
            let tree: Tree<'_> = serde_json::from_str(&value.to_string()).unwrap_or(Tree::Null);
            decode_tree::<M>(&tree, M::COERCE).map_err(Error::faults)
        }
    }
}

fn content_type(head: &Head) -> Option<HeaderValue> {
    head.headers.get(header::CONTENT_TYPE).cloned()
}

pub(super) fn mismatch<T>(head: &Head) -> Error {
    let (service, wanted) = (&head.channel.service, std::any::type_name::<T>());
    Error::internal(format!("the service {service} takes {wanted} and was invoked with another type"))
}
