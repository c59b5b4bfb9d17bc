use std::{borrow::Cow, fmt};

use bytes::Bytes;

use super::{Element, encoding, nodes::Nodes, parse, read};
use crate::{
    error::{Error, Fault, Result},
    model::{Model, Overlay},
};

/// A well-formed XML document in memory, with namespaces resolved.
///
/// It has no DTD: a document with a DOCTYPE is refused, and with it every entity but the five that XML has by itself. What
/// it takes in memory is at most some eight times the length of the bytes, whatever they say.
///
/// ```
/// use zato_core::format::xml::Document;
///
/// let document = Document::parse(r#"<rates xmlns="urn:rates"><rate day="1">0.61</rate></rates>"#)?;
/// let root = document.root();
/// assert_eq!((root.name(), root.namespace()), ("rates", Some("urn:rates")));
/// assert_eq!(root.child("rate").map(|rate| rate.text()).as_deref(), Some("0.61"));
///
/// let error = Document::parse("<rates>\n<rate></rates>").unwrap_err();
/// assert!(error.to_string().ends_with("malformed XML: an end tag of another element than the one that is open at line 2 column 7"));
/// # Ok::<(), zato_core::Error>(())
/// ```
pub struct Document {
    text: String,
    nodes: Nodes,
}

impl Document {
    /// Reads a document in the encoding that its byte order mark says, or it declares, or else UTF-8.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::Kind::InvalidInput) if it is malformed, nested more than 128 deep, or has a DOCTYPE; with
    /// line and column.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self> {
        Self::parse_in(bytes, None)
    }

    /// Reads a document in the encoding that its transport names, such as the `charset` of a Content-Type, which counts
    /// more than what the document declares (RFC 7303 §3).
    ///
    /// # Errors
    ///
    /// As [`Document::parse`].
    pub fn parse_in(bytes: impl Into<Bytes>, charset: Option<&str>) -> Result<Self> {
        let bytes = bytes.into();
        let refused = |fault: Fault| Error::faults(vec![fault]);
        let text = match encoding::text_of(&bytes, charset).map_err(refused)? {
            Cow::Owned(text) => text,
            Cow::Borrowed(text) => text.to_owned(),
        };
        let nodes = parse::nodes_of(&text).map_err(|malformed| refused(malformed.into_fault(&text)))?;
        Ok(Self { text, nodes })
    }

    /// Reads a model from the root element, which has to be called as the model says, if it does (`#[model(xml(name))]`);
    /// else as [`read_element`](super::read_element).
    ///
    /// # Errors
    ///
    /// As [`read_element`](super::read_element).
    pub fn read<T: Model>(&self, namespace: Option<&str>) -> Result<T> {
        read::read(self.root(), namespace, Overlay::default(), true).map_err(Error::faults)
    }

    /// Whether there are processing instructions anywhere, which are not shown, and which some vocabularies forbid.
    #[must_use]
    pub fn has_instructions(&self) -> bool {
        self.nodes.has_instructions
    }

    /// Returns the root element.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element::root(&self.text, &self.nodes)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("root", &self.root()).finish_non_exhaustive()
    }
}
