use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a channel writes XML, and what it asks of the XML that it reads: its key `xml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct XmlOptions {
    /// The namespace of the elements; any will do on input, and there is none on output, unless given here or in the
    /// model.
    pub namespace: Option<String>,
    /// Whether the output is indented for people.
    pub pretty_print: bool,
    /// Whether the output begins with `<?xml version="1.0" encoding="UTF-8"?>`.
    pub declaration: bool,
}

impl Default for XmlOptions {
    fn default() -> Self {
        Self { namespace: None, pretty_print: false, declaration: true }
    }
}
