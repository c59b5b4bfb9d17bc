use std::borrow::Cow;

use super::{Envelope, Version};
use crate::{
    error::Result,
    format::xml::{self, Element},
    model::Model,
};

/// A block of a SOAP header: something that is said of a message beside the message.
///
/// ```
/// use zato_core::format::soap::Envelope;
///
/// let envelope = Envelope::parse(r#"
///     <s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">
///       <s:Header><t:Transaction xmlns:t="urn:t" s:mustUnderstand="true">7</t:Transaction></s:Header>
///       <s:Body><GetRate/></s:Body>
///     </s:Envelope>"#)?;
/// let block = envelope.headers().next().expect("the envelope has a header");
/// assert!(block.must_be_understood() && block.is_for_us());
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HeaderBlock<'e> {
    element: Element<'e>,
    version: Version,
}

/// Whoever gets a message next (SOAP 1.1 §4.2.2).
const NEXT_11: &str = "http://schemas.xmlsoap.org/soap/actor/next";
/// The same, and whoever a message is for at last (SOAP 1.2 part 1 §2.2).
const NEXT_12: &str = "http://www.w3.org/2003/05/soap-envelope/role/next";
const ULTIMATE_12: &str = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver";

impl<'e> HeaderBlock<'e> {
    pub(super) fn new(element: Element<'e>, version: Version) -> Self {
        Self { element, version }
    }

    /// Returns its element.
    #[must_use]
    pub fn element(self) -> Element<'e> {
        self.element
    }

    /// Reads it as a model.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::Kind::InvalidInput) with everything that does not fit.
    pub fn model<T: Model>(self) -> Result<T> {
        xml::read_element(self.element, None)
    }

    /// Whether a receiver that doesn't know it must not go on (SOAP 1.1 §4.2.3, SOAP 1.2 part 1 §5.2.3).
    #[must_use]
    pub fn must_be_understood(self) -> bool {
        let said = self.element.attribute_in(self.version.namespace(), "mustUnderstand");
        said.is_some_and(|said| matches!(said.trim(), "1" | "true"))
    }

    /// Whether it is meant for us, and not for somebody on the way to us.
    #[must_use]
    pub fn is_for_us(self) -> bool {
        let (name, known): (_, &[&str]) = match self.version {
            Version::V11 => ("actor", &["", NEXT_11]),
            Version::V12 => ("role", &["", NEXT_12, ULTIMATE_12]),
        };
        self.element.attribute_in(self.version.namespace(), name).is_none_or(|role| known.contains(&role.trim()))
    }
}

/// The namespaces of WS-Addressing: the recommendation of 2006, and the submission that older clients send.
const ADDRESSING: [&str; 2] =
    ["http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"];

/// Where a reply goes that comes back in the same exchange, in either namespace.
const ANONYMOUS: [&str; 2] = [
    "http://www.w3.org/2005/08/addressing/anonymous",
    "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
];

/// What a message says of itself in WS-Addressing 1.0.
///
/// ```
/// use zato_core::format::soap::Envelope;
///
/// let envelope = Envelope::parse(r#"
///     <s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">
///       <s:Header><a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">urn:uuid:1</a:MessageID></s:Header>
///       <s:Body><GetRate/></s:Body>
///     </s:Envelope>"#)?;
/// assert_eq!(envelope.addressing().and_then(|it| it.message_id()).as_deref(), Some("urn:uuid:1"));
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Addressing<'e> {
    envelope: &'e Envelope,
    namespace: &'static str,
}

impl<'e> Addressing<'e> {
    pub(super) fn of(envelope: &'e Envelope) -> Option<Self> {
        let of = |namespace: &&str| envelope.headers().any(|block| block.element().namespace() == Some(*namespace));
        ADDRESSING.into_iter().find(of).map(|namespace| Self { envelope, namespace })
    }

    /// Returns the namespace that it is written in.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        self.namespace
    }

    /// Returns the id of the message.
    #[must_use]
    pub fn message_id(self) -> Option<Cow<'e, str>> {
        self.text("MessageID")
    }

    /// Returns what the message asks for.
    #[must_use]
    pub fn action(self) -> Option<Cow<'e, str>> {
        self.text("Action")
    }

    /// Returns where the message goes.
    #[must_use]
    pub fn to(self) -> Option<Cow<'e, str>> {
        self.text("To")
    }

    /// Whether its reply, and its fault, come back in the same exchange, as nearly all do.
    #[must_use]
    pub fn is_anonymous(self) -> bool {
        let is_here = |name| {
            let block = self.envelope.header(self.namespace, name);
            let address = block.and_then(|block| block.element().child("Address"));
            address.is_none_or(|address| ANONYMOUS.contains(&address.text().trim()))
        };
        is_here("ReplyTo") && is_here("FaultTo")
    }

    /// Whether a namespace is one of WS-Addressing.
    pub(super) fn has(namespace: &str) -> bool {
        ADDRESSING.contains(&namespace)
    }

    fn text(self, name: &str) -> Option<Cow<'e, str>> {
        let block = self.envelope.header(self.namespace, name)?;
        Some(match block.element().text() {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        })
    }
}

impl Envelope {
    /// Whether a header block is one of WS-Addressing, which every channel understands.
    #[must_use]
    pub fn is_addressing(element: Element<'_>) -> bool {
        element.namespace().is_some_and(Addressing::has)
    }
}
