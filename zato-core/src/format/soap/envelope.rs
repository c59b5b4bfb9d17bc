use std::fmt;

use bytes::Bytes;

use super::{Addressing, FaultCode, HeaderBlock, Version};
use crate::{
    error::{Error, Kind, Result},
    format::xml::{Document, Element},
};

/// A SOAP envelope as it was received.
///
/// ```
/// use zato_core::format::soap::{Envelope, Version};
///
/// let envelope = Envelope::parse(r#"
///     <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
///       <s:Header><t:Transaction xmlns:t="urn:t">7</t:Transaction></s:Header>
///       <s:Body><GetRate><day>2026-01-01</day></GetRate></s:Body>
///     </s:Envelope>"#)?;
/// assert_eq!((envelope.version(), envelope.operation().name()), (Version::V11, "GetRate"));
/// assert_eq!(envelope.header("urn:t", "Transaction").map(|block| block.element().text()).as_deref(), Some("7"));
/// # Ok::<(), zato_core::Error>(())
/// ```
pub struct Envelope {
    document: Document,
    version: Version,
}

impl Envelope {
    /// Reads an envelope in the encoding that it declares.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](Kind::InvalidInput) with a [`FaultCode`] as its source if it is malformed or no envelope.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self> {
        Self::parse_in(bytes, None)
    }

    /// Reads an envelope in the encoding that its transport names, such as the `charset` of a Content-Type.
    ///
    /// # Errors
    ///
    /// As [`Envelope::parse`].
    pub fn parse_in(bytes: impl Into<Bytes>, charset: Option<&str>) -> Result<Self> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(wrong("the request has no body, and so no SOAP envelope"));
        }
        let document = Document::parse_in(bytes, charset)?;
        let version = version_of(document.root())?;
        let envelope = Self { document, version };
        envelope.check()?;
        Ok(envelope)
    }

    /// Returns its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns what stands in its header.
    pub fn headers(&self) -> impl Iterator<Item = HeaderBlock<'_>> {
        let header = self.part("Header");
        header.into_iter().flat_map(Element::children).map(|element| HeaderBlock::new(element, self.version))
    }

    /// Returns a block of its header, the first of that namespace and name.
    #[must_use]
    pub fn header(&self, namespace: &str, name: &str) -> Option<HeaderBlock<'_>> {
        self.headers().find(|block| block.element().is(name, Some(namespace)))
    }

    /// Returns what a message says of itself in WS-Addressing, if it says anything.
    #[must_use]
    pub fn addressing(&self) -> Option<Addressing<'_>> {
        Addressing::of(self)
    }

    /// Returns the element in its body, which is what a service reads.
    #[must_use]
    pub fn operation(&self) -> Element<'_> {
        let body = self.part("Body").and_then(|body| body.children().next());
        // A document without one was refused.
        body.unwrap_or_else(|| self.document.root())
    }

    /// Returns the header blocks, as namespace and name, that are meant for us and must be understood, but for those that
    /// are.
    pub fn not_understood(&self, is_understood: impl Fn(Element<'_>) -> bool) -> Vec<(String, String)> {
        let blocks = self.headers().filter(|block| block.must_be_understood() && block.is_for_us());
        let blocks = blocks.map(HeaderBlock::element).filter(|element| !is_understood(*element));
        let named =
            |element: Element<'_>| (element.namespace().unwrap_or_default().to_owned(), element.name().to_owned());
        blocks.map(named).collect()
    }

    fn part(&self, name: &str) -> Option<Element<'_>> {
        self.document.root().children().find(|child| child.is(name, Some(self.version.namespace())))
    }

    /// Finds what no envelope may have (SOAP 1.1 §4, WS-I Basic Profile 1.1 R1011 and R2201; SOAP 1.2 part 1 §5).
    fn check(&self) -> Result<()> {
        if self.document.has_instructions() {
            return Err(wrong("a SOAP envelope has no processing instructions"));
        }
        let mut parts = self.document.root().children();
        let mut next = parts.next();
        if next.is_some_and(|part| self.is_part(part, "Header")) {
            next = parts.next();
        }
        let Some(body) = next.filter(|part| self.is_part(*part, "Body")) else {
            return Err(wrong("a SOAP envelope has a Body, after at most one Header"));
        };
        if parts.next().is_some() {
            return Err(wrong("a SOAP envelope ends with its Body"));
        }
        let mut operations = body.children();
        let Some(operation) = operations.next() else {
            return Err(wrong("the SOAP Body has no operation in it"));
        };
        if operations.next().is_some() {
            return Err(wrong("the SOAP Body has several elements, and not one operation"));
        }
        self.check_encoding(operation)
    }

    fn is_part(&self, element: Element<'_>, name: &str) -> bool {
        element.is(name, Some(self.version.namespace()))
    }

    /// Refuses an encoding that isn't plain XML (SOAP 1.2 part 1 §5.1.1). In 1.1 many say so and mean plain XML (§4.1.1).
    fn check_encoding(&self, operation: Element<'_>) -> Result<()> {
        if self.version == Version::V11 {
            return Ok(());
        }
        let style = operation.attribute_in(self.version.namespace(), "encodingStyle");
        match style.map(str::trim) {
            None | Some("" | "http://www.w3.org/2003/05/soap-envelope/encoding/none") => Ok(()),
            Some(_) => Err(wrong("the body is encoded by rules that are not known here")
                .with_source(FaultCode::DataEncodingUnknown)),
        }
    }
}

fn version_of(root: Element<'_>) -> Result<Version> {
    if root.name() != "Envelope" {
        return Err(wrong("the document is no SOAP envelope"));
    }
    root.namespace().and_then(Version::of_namespace).ok_or_else(|| {
        let known = Version::ALL.map(Version::namespace).join(" or ");
        wrong(format!("the SOAP envelope is of no version that is known: its namespace is {known}"))
            .with_source(FaultCode::VersionMismatch)
    })
}

fn wrong(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::InvalidInput, message)
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("version", &self.version)
            .field("operation", &self.operation().name())
            .finish_non_exhaustive()
    }
}
