use bytes::Bytes;
use serde::Serialize;

use super::{Envelope, Version, markup::Markup};
use crate::{error::Result, format::xml, message::XmlOptions};

/// Writes the envelope that answers another one: of the same version, with an element named after that which was asked
/// for, in its namespace, and what WS-Addressing wants to be said where the other one used it.
///
/// # Errors
///
/// [`Internal`](crate::Kind::Internal) if the value can't be written as XML.
pub(in crate::format) fn write<T: Serialize + ?Sized>(
    value: &T,
    asked: Option<&Envelope>,
    options: &XmlOptions,
) -> Result<Bytes> {
    let version = asked.map_or(Version::V11, Envelope::version);
    let mut to = Markup::new();
    begin(&mut to, version, asked);
    let operation = asked.map(Envelope::operation);
    let name = operation.map_or("", |operation| operation.name());
    let namespace = options.namespace.as_deref().or_else(|| operation.and_then(|operation| operation.namespace()));
    xml::write_element(to.as_mut(), value, &format!("{name}Response"), namespace)?;
    to.raw("</soap:Body></soap:Envelope>");
    Ok(to.into_bytes())
}

/// Writes the envelope of a reply that says nothing but that all went well.
///
/// ```
/// use zato_core::format::soap::{Envelope, empty_reply};
///
/// let asked = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Ping/></s:Body></s:Envelope>"#;
/// let reply = empty_reply(&Envelope::parse(asked)?, None);
/// assert_eq!(Envelope::parse(reply)?.operation().name(), "PingResponse");
/// # Ok::<(), zato_core::Error>(())
/// ```
#[must_use]
pub fn empty_reply(asked: &Envelope, namespace: Option<&str>) -> Bytes {
    let mut to = Markup::new();
    begin(&mut to, asked.version(), Some(asked));
    let operation = asked.operation();
    to.raw("<").raw(operation.name()).raw("Response");
    if let Some(namespace) = namespace.or(operation.namespace()) {
        to.raw(" xmlns=\"").text(namespace).raw("\"");
    }
    to.raw("/></soap:Body></soap:Envelope>");
    to.into_bytes()
}

fn begin(to: &mut Markup, version: Version, asked: Option<&Envelope>) {
    to.raw("<soap:Envelope xmlns:soap=\"").raw(version.namespace()).raw("\">");
    if let Some(addressing) = asked.and_then(Envelope::addressing) {
        to.raw("<soap:Header xmlns:wsa=\"").raw(addressing.namespace()).raw("\">");
        if let Some(action) = addressing.action() {
            to.raw("<wsa:Action>").text(&action).raw("Response</wsa:Action>");
        }
        if let Some(id) = addressing.message_id() {
            to.raw("<wsa:RelatesTo>").text(&id).raw("</wsa:RelatesTo>");
        }
        to.raw("</soap:Header>");
    }
    to.raw("<soap:Body>");
}
