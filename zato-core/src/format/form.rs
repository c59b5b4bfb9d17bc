use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use http::HeaderValue;

use super::Codec;
use crate::{
    error::{Fault, Result},
    message::pairs,
    model::{Model, Overlay, Tree},
};

/// `application/x-www-form-urlencoded` (WHATWG URL §5), on the way in only.
///
/// A form is flat text already, so that its tree is what is decoded in any case.
pub(super) struct Form;

impl Codec for Form {
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
