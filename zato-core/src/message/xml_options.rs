use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// How a channel writes XML, and what it asks of the XML that it reads: its key `xml`.
///
/// ```
/// use zato_core::message::XmlOptions;
///
/// let mut options = XmlOptions::default();
/// options.namespace = Some("urn:example:rates".to_owned());
/// assert_eq!((options.root.as_str(), options.encoding.as_str()), ("response", "UTF-8"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct XmlOptions {
    /// The namespace of the elements; any will do on input, and there is none on output, unless given here or in the
    /// model.
    pub namespace: Option<String>,
    /// Whether the output is indented for people.
    pub pretty_print: bool,
    /// Whether the output begins with an XML declaration: `<?xml version="1.0" encoding="UTF-8"?>`.
    pub declaration: bool,
    /// The encoding of the output, such as `ISO-8859-1` or `UTF-16`; characters that it does not have are written as
    /// numbers. Input may be in any, whatever stands here. Default: `UTF-8`.
    #[serde(deserialize_with = "encoding")]
    pub encoding: String,
    /// The name of the root element of the output, unless the model has one of its own. Default: `response`.
    #[serde(deserialize_with = "root")]
    pub root: String,
}

impl Default for XmlOptions {
    fn default() -> Self {
        Self {
            namespace: None,
            pretty_print: false,
            declaration: true,
            encoding: "UTF-8".to_owned(),
            root: "response".to_owned(),
        }
    }
}

fn encoding<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    #[cfg(feature = "xml")]
    if encoding_rs::Encoding::for_label(name.as_bytes())
        .is_none_or(|encoding| !encoding.can_encode_everything() && !encoding.is_single_byte())
    {
        return Err(D::Error::custom("no encoding for XML; say UTF-8, UTF-16, ISO-8859-1 or another of one byte"));
    }
    Ok(name)
}

/// A name without a prefix, in characters that need no table.
fn root<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let begins = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    if begins && name.chars().all(|next| next.is_alphanumeric() || matches!(next, '_' | '-' | '.')) {
        return Ok(name);
    }
    Err(D::Error::custom("no name of an XML element; begin it with a letter, and go on with letters, digits, _ - ."))
}
