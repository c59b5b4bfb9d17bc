use std::fmt;

use zato_core::format::{
    soap::Version,
    xml::{Document, Element},
};

/// What a partner says that went wrong: a fault of SOAP 1.1 (§4.4) or 1.2 (part 1, §5.4).
///
/// It is among the causes of the error that a call fails with. That is an error of another system: what stands in the fault
/// goes into the log, and not to our own caller.
///
/// # Examples
///
/// ```
/// use zato_core::{Error, Result, service::Context};
/// use zato_rest::outgoing::soap::{Soap, SoapFault};
///
/// async fn is_known(ctx: &Context, crm: &Soap) -> Result<bool> {
///     let error = match crm.invoke(ctx, "GetClient").await {
///         Ok(_) => return Ok(true),
///         Err(error) => error,
///     };
///     match error.find::<SoapFault>() {
///         Some(fault) if fault.reason() == "no such client" => Ok(false),
///         _ => Err(error),
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SoapFault {
    version: Version,
    code: String,
    subcodes: Vec<String>,
    reason: String,
    actor: Option<String>,
    node: Option<String>,
    /// As it was written, with its namespaces.
    detail: Option<String>,
}

impl SoapFault {
    /// Returns the version of SOAP that it was told in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the code without its prefix: `Client`, `Server`, or since 1.2 `Sender`, `Receiver`, and whatever else the
    /// partner has; in 1.1 that may be a name of its own.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the codes that say more, without their prefixes; the first is the most general.
    #[must_use]
    pub fn subcodes(&self) -> &[String] {
        &self.subcodes
    }

    /// Returns what went wrong, in words for people; of several languages the first.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns who failed, or in 1.2 as which role.
    #[must_use]
    #[doc(alias = "role")]
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// Returns the URI of the node that failed, which only 1.2 has.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Returns the first element of the detail, as XML.
    #[must_use]
    pub fn detail_xml(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Returns the first element of the detail, to look into it; `None` if there is none.
    #[must_use]
    pub fn detail(&self) -> Option<Document> {
        Document::parse(self.detail.clone()?).ok()
    }

    /// Whether the partner says that what we sent can't be used, so that sending it again is of no use.
    #[must_use]
    pub fn is_senders(&self) -> bool {
        // In 1.1 a code may go into detail after a dot (§4.4.1).
        let general = self.code.split('.').next().unwrap_or_default();
        matches!(general, "Client" | "Sender" | "MustUnderstand" | "VersionMismatch" | "DataEncodingUnknown")
    }

    /// Reads the fault in an envelope, if there is one.
    pub(super) fn of(envelope: Element<'_>, version: Version) -> Option<Self> {
        let is_soaps = |element: &Element<'_>, name| element.is(name, Some(version.namespace()));
        let body = envelope.children().find(|child| is_soaps(child, "Body"))?;
        let fault = body.children().next().filter(|first| is_soaps(first, "Fault"))?;
        Some(match version {
            Version::V11 => Self::of_11(fault),
            Version::V12 => Self::of_12(fault),
        })
    }

    /// What stands in a fault of 1.1 has no namespace, which not everybody knows.
    fn of_11(fault: Element<'_>) -> Self {
        Self {
            version: Version::V11,
            code: text(fault.child("faultcode")).map(|code| local(&code)).unwrap_or_default(),
            subcodes: Vec::new(),
            reason: text(fault.child("faultstring")).unwrap_or_default(),
            actor: text(fault.child("faultactor")),
            node: None,
            detail: detail(fault.child("detail")),
        }
    }

    fn of_12(fault: Element<'_>) -> Self {
        let value = |code: Element<'_>| text(code.child("Value")).map(|code| local(&code));
        let code = fault.child("Code");
        let mut subcodes = Vec::new();
        let mut inner = code.and_then(|code| code.child("Subcode"));
        // A document is not as deep as this could be long.
        while let Some(subcode) = inner {
            subcodes.extend(value(subcode));
            inner = subcode.child("Subcode");
        }
        Self {
            version: Version::V12,
            code: code.and_then(value).unwrap_or_default(),
            subcodes,
            reason: text(fault.child("Reason").and_then(|reason| reason.child("Text"))).unwrap_or_default(),
            actor: text(fault.child("Role")),
            node: text(fault.child("Node")),
            detail: detail(fault.child("Detail")),
        }
    }
}

fn text(element: Option<Element<'_>>) -> Option<String> {
    let text = element?.text().trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Takes the prefix off a name.
fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

fn detail(element: Option<Element<'_>>) -> Option<String> {
    element?.children().next().map(|first| first.to_xml())
}

impl fmt::Display for SoapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        self.subcodes.iter().try_for_each(|subcode| write!(f, "/{subcode}"))?;
        write!(f, ": {}", self.reason)
    }
}

/// Leaves the detail out: it is somebody else's data.
impl fmt::Debug for SoapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, code, subcodes, reason, actor, node, detail: _ } = self;
        f.debug_struct("SoapFault")
            .field("version", version)
            .field("code", code)
            .field("subcodes", subcodes)
            .field("reason", reason)
            .field("actor", actor)
            .field("node", node)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for SoapFault {}
