use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// What may be written as one text, or as a list of them.
///
/// # Examples
///
/// ```
/// use serde::{Deserialize, Deserializer};
/// use zato_core::config::{ConfigFault, OneOrMany, from_node, yaml};
///
/// #[derive(Deserialize)]
/// struct Shop {
///     #[serde(deserialize_with = "texts")]
///     brand: Vec<String>,
/// }
///
/// fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
///     Ok(OneOrMany::read(deserializer, "a brand, or a list of them")?.map(OneOrMany::into_vec).unwrap_or_default())
/// }
///
/// let shop: Shop = from_node(&yaml::parse("zato.yaml", "brand: north")?)?;
/// assert_eq!(shop.brand, ["north"]);
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum OneOrMany {
    /// One text.
    One(String),
    /// A list, which may be empty.
    Many(Vec<String>),
}

impl OneOrMany {
    /// Reads what is written; `None` if it is null. `expected` says what it is, in words such as "a text, or a list of
    /// them".
    ///
    /// # Errors
    ///
    /// The deserializer's, if it is neither.
    pub fn read<'de, D: Deserializer<'de>>(deserializer: D, expected: &'static str) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(Texts(expected))
    }

    /// Returns the texts.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

struct Texts(&'static str);

impl<'de> Visitor<'de> for Texts {
    type Value = Option<OneOrMany>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(OneOrMany::One(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = seq.next_element()? {
            texts.push(text);
        }
        Ok(Some(OneOrMany::Many(texts)))
    }
}
