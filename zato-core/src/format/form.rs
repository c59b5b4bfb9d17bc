use std::{borrow::Cow, collections::HashMap};

use super::Codec;
use crate::{
    error::{Fault, Result},
    message::{Param, ParamsPriority, pairs},
    model::{Model, Tree, decode_tree, overlay},
};

/// `application/x-www-form-urlencoded` (WHATWG URL §5), on the way in only.
///
/// A form is flat text already, so that its tree is what is decoded in any case.
pub(super) struct Form;

impl Codec for Form {
    fn decode<T: Model>(payload: &[u8], params: &[Param<'_>], priority: ParamsPriority) -> Option<T> {
        let tree = overlay(Self::tree(payload).ok()?, params, priority);
        decode_tree(&tree, false).ok()
    }

    fn tree(payload: &[u8]) -> Result<Tree<'_>, Fault> {
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
        Ok(Tree::Map(entries))
    }
}
