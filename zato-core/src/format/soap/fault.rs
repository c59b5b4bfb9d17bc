use std::fmt;

use bytes::Bytes;

use super::{Version, markup::Markup};
use crate::{error::Fault, message::Cid};

/// The namespace of what we say in the detail of a fault.
pub const ERROR_NAMESPACE: &str = "urn:zato:error";

/// The namespace of security headers (WS-Security 1.0, 2004), in which WS-Security 1.1 left them.
pub const WSSE_NAMESPACE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

/// Says whose fault it is, in the words of SOAP (SOAP 1.1 §4.4.1, SOAP 1.2 part 1 §5.4.6).
///
/// It travels as the source of an [`Error`](crate::Error), and a channel that speaks SOAP looks for it there; an error
/// without one is the sender's or the receiver's by its kind.
///
/// ```
/// use zato_core::{Error, format::soap::FaultCode};
///
/// let error = Error::invalid_input("the header Security is malformed").with_source(FaultCode::InvalidSecurity);
/// assert!(error.source().is_some_and(|source| source.is::<FaultCode>()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultCode {
    /// The message can't be used as it is: `Client`, since 1.2 `Sender`.
    Sender,
    /// The message may be right, and was not processed: `Server`, since 1.2 `Receiver`.
    Receiver,
    /// The envelope is of a version that isn't taken.
    VersionMismatch,
    /// These header blocks, as namespace and name, must be understood and are not.
    MustUnderstand(Vec<(String, String)>),
    /// The body is encoded in a way that isn't known; only 1.2 has a code for that.
    DataEncodingUnknown,
    /// A security header can't be read (WS-Security 1.1 §12).
    InvalidSecurity,
    /// A security token can't be used.
    InvalidSecurityToken,
    /// A security token is of a kind that isn't taken.
    UnsupportedSecurityToken,
    /// Who a security token is of isn't known, or it isn't theirs.
    FailedAuthentication,
    /// What a security header says of the age of the message is over.
    MessageExpired,
}

impl FaultCode {
    /// Returns the local name in a version's own namespace.
    fn local_name(&self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Receiver, Version::V11) => "Server",
            (Self::Receiver, Version::V12) => "Receiver",
            (Self::VersionMismatch, _) => "VersionMismatch",
            (Self::MustUnderstand(_), _) => "MustUnderstand",
            (Self::DataEncodingUnknown, Version::V12) => "DataEncodingUnknown",
            (_, Version::V11) => "Client",
            (_, Version::V12) => "Sender",
        }
    }

    /// Returns the name that WS-Security has for it.
    fn of_security(&self) -> Option<&'static str> {
        Some(match self {
            Self::InvalidSecurity => "InvalidSecurity",
            Self::InvalidSecurityToken => "InvalidSecurityToken",
            Self::UnsupportedSecurityToken => "UnsupportedSecurityToken",
            Self::FailedAuthentication => "FailedAuthentication",
            Self::MessageExpired => "MessageExpired",
            _ => return None,
        })
    }

    /// Whether it is about headers, of which the detail of SOAP 1.1 must not speak (§4.4).
    fn is_of_headers(&self) -> bool {
        self.of_security().is_some() || matches!(self, Self::VersionMismatch | Self::MustUnderstand(_))
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault code {}", self.of_security().unwrap_or_else(|| self.local_name(Version::V12)))
    }
}

impl std::error::Error for FaultCode {}

/// A fault as it is written.
///
/// ```
/// use zato_core::format::soap::{FaultCode, FaultMessage, Version};
///
/// let fault = FaultMessage {
///     version: Version::V11,
///     code: &FaultCode::Sender,
///     reason: "no such client",
///     cid: "c1".parse()?,
///     faults: &[],
///     versions: &Version::ALL,
/// };
/// let text = String::from_utf8(fault.to_bytes().to_vec())?;
/// assert!(text.contains("<faultcode>soap:Client</faultcode><faultstring>no such client</faultstring>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FaultMessage<'a> {
    /// The version that it is told in.
    pub version: Version,
    /// Whose fault it is.
    pub code: &'a FaultCode,
    /// What the caller may read.
    pub reason: &'a str,
    /// The correlation id.
    pub cid: Cid,
    /// What is wrong with the input.
    pub faults: &'a [Fault],
    /// The versions that are taken, told where that is what is wrong.
    pub versions: &'a [Version],
}

impl FaultMessage<'_> {
    /// Writes the envelope with the fault in it.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut to = Markup::new();
        to.raw("<soap:Envelope xmlns:soap=\"").raw(self.version.namespace()).raw("\">");
        match self.version {
            Version::V11 => self.write_11(&mut to),
            Version::V12 => self.write_12(&mut to),
        }
        to.raw("</soap:Envelope>");
        to.into_bytes()
    }

    /// SOAP 1.1 §4.4, where all but the code is in no namespace (WS-I Basic Profile 1.1, R1000, R1001).
    fn write_11(&self, to: &mut Markup) {
        to.raw("<soap:Body><soap:Fault><faultcode");
        match self.code.of_security() {
            Some(name) => to.raw(" xmlns:wsse=\"").raw(WSSE_NAMESPACE).raw("\">wsse:").raw(name),
            None => to.raw(">soap:").raw(self.code.local_name(Version::V11)),
        };
        to.raw("</faultcode><faultstring>").text(self.reason).raw("</faultstring>");
        if !self.code.is_of_headers() {
            to.raw("<detail>");
            self.write_error(to);
            to.raw("</detail>");
        }
        to.raw("</soap:Fault></soap:Body>");
    }

    /// SOAP 1.2 part 1 §5.4.
    fn write_12(&self, to: &mut Markup) {
        self.write_headers(to);
        to.raw("<soap:Body><soap:Fault><soap:Code><soap:Value>soap:");
        to.raw(self.code.local_name(Version::V12)).raw("</soap:Value>");
        if let Some(name) = self.code.of_security() {
            to.raw("<soap:Subcode><soap:Value xmlns:wsse=\"").raw(WSSE_NAMESPACE).raw("\">wsse:").raw(name);
            to.raw("</soap:Value></soap:Subcode>");
        }
        to.raw("</soap:Code><soap:Reason><soap:Text xml:lang=\"en\">").text(self.reason);
        to.raw("</soap:Text></soap:Reason><soap:Detail>");
        self.write_error(to);
        to.raw("</soap:Detail></soap:Fault></soap:Body>");
    }

    /// What would be understood, and what isn't (SOAP 1.2 part 1 §5.4.7, §5.4.8).
    fn write_headers(&self, to: &mut Markup) {
        match self.code {
            FaultCode::VersionMismatch => {
                to.raw("<soap:Header><soap:Upgrade>");
                // The one that is liked best comes first.
                for version in self.versions.iter().rev() {
                    to.raw("<soap:SupportedEnvelope xmlns:v=\"")
                        .raw(version.namespace())
                        .raw("\" qname=\"v:Envelope\"/>");
                }
                to.raw("</soap:Upgrade></soap:Header>");
            }
            FaultCode::MustUnderstand(blocks) => {
                to.raw("<soap:Header>");
                for (namespace, name) in blocks {
                    to.raw("<soap:NotUnderstood xmlns:h=\"")
                        .text(namespace)
                        .raw("\" qname=\"h:")
                        .text(name)
                        .raw("\"/>");
                }
                to.raw("</soap:Header>");
            }
            _ => {}
        }
    }

    /// What a caller needs to ask about it, and every single thing that is wrong.
    fn write_error(&self, to: &mut Markup) {
        to.raw("<zato:error xmlns:zato=\"").raw(ERROR_NAMESPACE).raw("\"><zato:cid>").text(self.cid.as_str());
        to.raw("</zato:cid>");
        for fault in self.faults {
            to.raw("<zato:fault path=\"").text(&fault.path);
            if let Some(value) = &fault.value {
                to.raw("\" value=\"").text(value);
            }
            to.raw("\">").text(&fault.detail).raw("</zato:fault>");
        }
        to.raw("</zato:error>");
    }
}
