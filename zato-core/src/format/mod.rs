//! Formats: bytes to models and back, one file each.
//!
//! All of them read through the same decoder, so that parameters, defaults and faults work alike in each. A new format
//! is a new file with a `Codec`, a name in [`Format`], and an arm in the two functions here.

mod form;
#[cfg(feature = "json")]
mod json;

use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;

use crate::{
    error::{Error, Fault, Result},
    message::{Format, Head, Param, ParamsPriority},
    model::{Model, Tree, all_faults, decode_tree, overlay},
};

/// Reads and writes one format.
trait Codec {
    /// Reads a model in one pass; what is wrong with an input that fails is found by reading its tree.
    fn decode<T: Model>(payload: &[u8], params: &[Param<'_>], priority: ParamsPriority) -> Option<T>;

    /// Reads anything.
    ///
    /// # Errors
    ///
    /// Where the payload is malformed.
    fn tree(payload: &[u8]) -> Result<Tree<'_>, Fault>;
}

/// Reads a model from bytes.
///
/// ```
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct User { name: String }
/// # impl zato_core::model::Model for User { const NAME: &'static str = "User"; fn __made_by_the_macro() {} }
/// use zato_core::{format, message::Format};
///
/// let user: User = format::read(Format::Json, br#"{"name": "my.user"}"#).unwrap();
/// assert_eq!(user.name, "my.user");
/// assert!(format::read::<User>(Format::Json, b"{}").is_err());
/// ```
///
/// # Errors
///
/// [`InvalidInput`](crate::Kind::InvalidInput) with everything that does not fit; [`Internal`](crate::Kind::Internal) if
/// the format was left out of the program.
pub fn read<T: Model>(format: Format, payload: &[u8]) -> Result<T> {
    read_with(format, payload, &[], ParamsPriority::default())
}

/// Reads a model from a payload and the parameters of its message.
///
/// # Errors
///
/// [`InvalidInput`](crate::Kind::InvalidInput) with every fault of the input.
pub(crate) fn decode<T: Model>(payload: &[u8], head: &Head) -> Result<T> {
    let params = match head.channel.params {
        Some(_) if !head.params.is_empty() => head.params.grouped(head.channel.url_params)?,
        _ => Vec::new(),
    };
    read_with(head.channel.format, payload, &params, head.channel.params.unwrap_or_default())
}

fn read_with<T: Model>(format: Format, payload: &[u8], params: &[Param<'_>], priority: ParamsPriority) -> Result<T> {
    match format {
        #[cfg(feature = "json")]
        Format::Json => decode_with::<T, json::Json>(payload, params, priority),
        Format::Form => decode_with::<T, form::Form>(payload, params, priority),
        #[cfg(not(feature = "json"))]
        Format::Json => Err(left_out(Format::Json)),
    }
}

/// Writes a model; a channel that reads forms answers in JSON.
///
/// # Errors
///
/// [`Internal`](crate::Kind::Internal) if the model can't be written in the format, such as a map whose keys are no text.
pub(crate) fn encode<T: Serialize>(value: &T, format: Format) -> Result<(Bytes, HeaderValue)> {
    match format {
        #[cfg(feature = "json")]
        Format::Json | Format::Form => Ok((json::encode(value)?, json::CONTENT_TYPE)),
        #[cfg(not(feature = "json"))]
        Format::Json | Format::Form => {
            let _ = value;
            Err(left_out(Format::Json))
        }
    }
}

#[cfg(not(feature = "json"))]
fn left_out(format: Format) -> Error {
    Error::internal(format!("the format \"{format}\" was left out of this program; enable the feature of that name"))
}

fn decode_with<T: Model, C: Codec>(payload: &[u8], params: &[Param<'_>], priority: ParamsPriority) -> Result<T> {
    if T::COERCE {
        let tree = overlay(tree_of::<C>(payload)?, params, priority);
        return decode_tree(&tree, true).map_err(Error::faults);
    }
    if let Some(value) = C::decode(payload, params, priority) {
        return Ok(value);
    }
    let tree = overlay(tree_of::<C>(payload)?, params, priority);
    let mut faults = all_faults::<T>(&tree, false);
    if faults.is_empty() {
        faults.push(Fault::new("", format!("could not be read as {}", T::NAME)));
    }
    Err(Error::faults(faults))
}

fn tree_of<C: Codec>(payload: &[u8]) -> Result<Tree<'_>> {
    if payload.is_empty() {
        return Ok(Tree::Map(Vec::new()));
    }
    C::tree(payload).map_err(|fault| Error::faults(vec![fault]))
}
