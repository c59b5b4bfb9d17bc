//! An input as data, for the second reading that finds every fault, and for models that are read leniently.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::message::{Param, ParamsPriority};

/// Any input. A map keeps its order and its duplicate keys, so that those can be told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree<'a> {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Str(String),
    /// One or more texts of one name, which become whatever type is asked for.
    Text(Vec<Cow<'a, str>>),
    /// A file in a form.
    #[cfg(feature = "multipart")]
    File(super::FormFile),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Tree<'_> {
    /// Keeps the texts as well, which may have been lent.
    #[cfg(feature = "csv")]
    pub(crate) fn into_owned(self) -> Tree<'static> {
        match self {
            Tree::Null => Tree::Null,
            Tree::Bool(value) => Tree::Bool(value),
            Tree::Signed(value) => Tree::Signed(value),
            Tree::Unsigned(value) => Tree::Unsigned(value),
            Tree::Float(value) => Tree::Float(value),
            Tree::Str(value) => Tree::Str(value),
            Tree::Text(values) => Tree::Text(values.into_iter().map(|value| Cow::Owned(value.into_owned())).collect()),
            #[cfg(feature = "multipart")]
            Tree::File(file) => Tree::File(file),
            Tree::List(items) => Tree::List(items.into_iter().map(Tree::into_owned).collect()),
            Tree::Map(entries) => {
                Tree::Map(entries.into_iter().map(|(name, value)| (name, value.into_owned())).collect())
            }
        }
    }

    /// Counts the values in it, itself included.
    pub(crate) fn size(&self) -> usize {
        match self {
            Tree::List(items) => 1 + items.iter().map(Tree::size).sum::<usize>(),
            Tree::Map(entries) => 1 + entries.iter().map(|(_, value)| value.size()).sum::<usize>(),
            _ => 1,
        }
    }

    /// Returns the text of the scalar in a place, a JSON Pointer; none if there is no scalar.
    pub(crate) fn scalar_at(&self, pointer: &str) -> Option<Cow<'_, str>> {
        let mut here = self;
        for step in pointer.split('/').skip(1) {
            here = match here {
                Tree::List(items) => items.get(step.parse::<usize>().ok()?)?,
                Tree::Map(entries) => {
                    let key = step.replace("~1", "/").replace("~0", "~");
                    &entries.iter().find(|(name, _)| *name == key)?.1
                }
                // Several values of one parameter.
                Tree::Text(values) => return values.get(step.parse::<usize>().ok()?).map(|it| Cow::Borrowed(&**it)),
                _ => return None,
            };
        }
        Some(match here {
            Tree::Bool(value) => value.to_string().into(),
            Tree::Signed(value) => value.to_string().into(),
            Tree::Unsigned(value) => value.to_string().into(),
            Tree::Float(value) => value.to_string().into(),
            Tree::Str(value) => Cow::Borrowed(value),
            Tree::Text(values) => match values.as_slice() {
                [one] => Cow::Borrowed(one),
                _ => return None,
            },
            Tree::Null | Tree::List(_) | Tree::Map(_) => return None,
            #[cfg(feature = "multipart")]
            Tree::File(_) => return None,
        })
    }
}

/// The parameters of a message, which are laid over its payload.
#[derive(Clone, Copy, Default)]
pub(crate) struct Overlay<'p> {
    pub(crate) params: &'p [Param<'p>],
    pub(crate) priority: ParamsPriority,
}

impl<'p> Overlay<'p> {
    /// Lays them over an object, as [`Layered`](super::Layered) does while it reads.
    pub(crate) fn laid_over(self, payload: Tree<'p>) -> Tree<'p> {
        let mut entries = match payload {
            Tree::Map(entries) => entries,
            Tree::Null if !self.params.is_empty() => Vec::new(),
            other => return other,
        };
        for param in self.params {
            let is_given = entries.iter().any(|(name, _)| *name == param.name);
            if is_given && self.priority == ParamsPriority::MsgOverChannelParams {
                continue;
            }
            entries.retain(|(name, _)| *name != param.name);
            entries.push((param.name.clone().into_owned(), Tree::Text(param.values.clone())));
        }
        Tree::Map(entries)
    }
}

impl<'de> Deserialize<'de> for Tree<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything(std::marker::PhantomData))
    }
}

struct Anything<'a>(std::marker::PhantomData<Tree<'a>>);

impl<'de, 'a> Visitor<'de> for Anything<'a> {
    type Value = Tree<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Tree<'a>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree<'a>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree<'a>, E> {
        Ok(Tree::Signed(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree<'a>, E> {
        Ok(Tree::Unsigned(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree<'a>, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree<'a>, E> {
        Ok(Tree::Str(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree<'a>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree<'a>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
