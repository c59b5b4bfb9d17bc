//! Forms: `application/x-www-form-urlencoded`, and with files `multipart/form-data`.

#[cfg(feature = "multipart")]
mod files;
#[cfg(feature = "multipart")]
mod parts;
#[cfg(all(feature = "json", feature = "multipart"))]
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use http::HeaderValue;

#[cfg(feature = "multipart")]
pub(crate) use self::parts::{Heading, Parts};
use super::Codec;
use crate::{
    error::{Error, Fault, Result},
    message::{FormOptions, pairs},
    model::{Model, Overlay, Tree, decode_tree},
};

/// `application/x-www-form-urlencoded` (WHATWG URL §5), or `multipart/form-data` (RFC 7578) if the payload says so; on the
/// way in only.
///
/// A form is flat text already, so that its tree is what is decoded in any case.
pub(super) struct Form<'h> {
    /// What the payload says that it is.
    pub(super) content_type: Option<&'h HeaderValue>,
    pub(super) options: &'h FormOptions,
}

impl Form<'_> {
    /// Reads a form with files in it; `None` if it is none.
    #[cfg(feature = "multipart")]
    fn with_files(&self, payload: &[u8]) -> Option<Result<Tree<'static>>> {
        parts::is_multipart(self.content_type).then(|| files::tree(payload, self.content_type, self.options))
    }

    /// A form with files in it would be read as names and values without any sense.
    #[cfg(not(feature = "multipart"))]
    fn with_files(&self, _: &[u8]) -> Option<Result<Tree<'static>>> {
        let _ = self.options;
        let text = self.content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_multipart =
            text.trim_ascii_start().get(..19).is_some_and(|name| name.eq_ignore_ascii_case("multipart/form-data"));
        let message = "forms with files in them were left out of this program; enable the feature \"multipart\"";
        is_multipart.then(|| Err(Error::new(crate::error::Kind::UnsupportedMediaType, message)))
    }
}

impl Codec for Form<'_> {
    /// A form is answered in JSON.
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static("application/json")
    }

    fn decode<T: Model>(&self, _: &[u8], _: Overlay<'_>) -> Option<T> {
        None
    }

    fn with_tree<R>(&self, payload: &[u8], look: impl FnOnce(Tree<'_>) -> R) -> Result<R, Fault> {
        let text = std::str::from_utf8(payload).map_err(|_| Fault::new("", "the form is not UTF-8"))?;
        let mut entries: Vec<(String, Tree<'_>)> = Vec::new();
        // A form may have as many names as its body has room for: looking through all of them for each would take hours.
        let mut positions: HashMap<Cow<'_, str>, usize> = HashMap::new();
        let pairs = pairs(text.trim_end_matches(['\r', '\n']), "form").map_err(|error| {
            error.input_faults().first().cloned().unwrap_or_else(|| Fault::new("", error.to_string()))
        })?;
        for (name, value) in pairs {
            match positions.get(&name).and_then(|position| entries.get_mut(*position)) {
                Some((_, Tree::Text(values))) => values.push(value),
                _ => {
                    positions.insert(name.clone(), entries.len());
                    entries.push((Cow::into_owned(name), Tree::Text(vec![value])));
                }
            }
        }
        Ok(look(Tree::Map(entries)))
    }

    fn read_again<T: Model>(&self, payload: &[u8], overlay: Overlay<'_>) -> Result<T> {
        let tree = match self.with_files(payload) {
            _ if payload.is_empty() => Tree::Map(Vec::new()),
            Some(tree) => tree?,
            None => {
                let read = self.with_tree(payload, |tree| decode_tree(&overlay.laid_over(tree), T::COERCE));
                return read.map_err(|fault| vec![fault]).and_then(|read| read).map_err(Error::faults);
            }
        };
        decode_tree(&overlay.laid_over(tree), T::COERCE).map_err(Error::faults)
    }

    fn encode<T: Model>(&self, value: &T) -> Result<Bytes> {
        #[cfg(feature = "json")]
        return super::json::Json.encode(value);
        #[cfg(not(feature = "json"))]
        {
            let _ = value;
            Err(super::left_out(crate::message::Format::Json))
        }
    }
}
