//! SOAP 1.1 and 1.2: envelopes, what stands in their headers and bodies, and faults.

mod envelope;
mod fault;
mod header;
mod markup;
mod reply;
mod version;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use super::xml;
use crate::{
    error::{Error, Result},
    message::{Head, XmlOptions},
    model::{Model, Overlay},
};

pub(super) use self::reply::write as answer;
pub use self::{
    envelope::Envelope,
    fault::{ERROR_NAMESPACE, FaultCode, FaultMessage, WSSE_NAMESPACE},
    header::{Addressing, HeaderBlock},
    reply::empty_reply,
    version::{UnknownVersion, Version},
};

/// Reads a model from the body of an envelope that a channel has opened, or that nobody has opened yet.
pub(super) fn decode<T: Model>(payload: &[u8], head: &Head, overlay: Overlay<'_>) -> Result<T> {
    let options = &head.channel.options.xml;
    match head.extensions.get::<Arc<Envelope>>() {
        Some(envelope) => read_from(envelope, options, overlay),
        None => read_from(&Envelope::parse(payload.to_vec())?, options, overlay),
    }
}

/// Reads a model from the body of an envelope.
pub(super) fn read<T: Model>(payload: &[u8], options: &XmlOptions) -> Result<T> {
    read_from(&Envelope::parse(payload.to_vec())?, options, Overlay::default())
}

fn read_from<T: Model>(envelope: &Envelope, options: &XmlOptions, overlay: Overlay<'_>) -> Result<T> {
    xml::read_with(envelope.operation(), options.namespace.as_deref(), overlay, false).map_err(Error::faults)
}

/// Writes the envelope that answers the one that a channel has opened.
pub(super) fn encode<T: Model>(value: &T, head: &Head) -> Result<(Bytes, HeaderValue)> {
    let asked = head.extensions.get::<Arc<Envelope>>().map(Arc::as_ref);
    Ok((answer(value, asked, &head.channel.options.xml)?, content_type(asked)))
}

/// Writes an envelope that answers nobody.
pub(super) fn write<T: Model>(value: &T, options: &XmlOptions) -> Result<(Bytes, HeaderValue)> {
    Ok((answer(value, None, options)?, content_type(None)))
}

/// Returns what an answer is called; what answers nobody is of the version that everybody reads.
pub(super) fn content_type(asked: Option<&Envelope>) -> HeaderValue {
    asked.map_or(Version::V11, Envelope::version).content_type()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{
        format::{read, write},
        message::{Format, FormatOptions},
    };

    #[test]
    fn what_answers_nobody_is_read_as_any_envelope() {
        let sent = json!({"day": "Monday", "note": "a < b"});
        let (envelope, content_type) = write(Format::Soap, &FormatOptions::default(), &sent).unwrap();
        assert_eq!(content_type, "text/xml; charset=utf-8");
        assert_eq!(read::<Value>(Format::Soap, &envelope).unwrap(), sent);
        assert!(read::<Value>(Format::Soap, b"<a/>").is_err());
    }
}
