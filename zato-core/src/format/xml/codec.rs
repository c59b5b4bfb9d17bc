use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use http::HeaderValue;

use super::{Element, encoding, parse, read, write};
use crate::{
    error::{Error, Fault, Result},
    format::Codec,
    message::XmlOptions,
    model::{Model, Overlay, Tree, decode_tree},
};

/// XML, as a channel has it.
pub(in super::super) struct Xml<'o> {
    pub(in super::super) options: &'o XmlOptions,
    /// The encoding that the transport names.
    pub(in super::super) charset: Option<&'o str>,
}

impl Xml<'_> {
    fn with_root<R>(&self, payload: &[u8], look: impl FnOnce(Element<'_>) -> R) -> Result<R, Fault> {
        let text = encoding::text_of(payload, self.charset)?;
        let nodes = parse::nodes_of(&text).map_err(|malformed| malformed.into_fault(&text))?;
        Ok(look(Element::root(&text, &nodes)))
    }

    /// Returns the encoding that is written, unless that is UTF-8.
    fn other_encoding(&self) -> Option<&'static Encoding> {
        let encoding = Encoding::for_label(self.options.encoding.as_bytes())?;
        (encoding != UTF_8).then_some(encoding)
    }
}

impl Codec for Xml<'_> {
    /// RFC 7303 §9.1.
    fn content_type(&self) -> HeaderValue {
        let named = match self.other_encoding() {
            None => None,
            Some(_) => HeaderValue::from_str(&format!("application/xml; charset={}", self.options.encoding)).ok(),
        };
        named.unwrap_or(const { HeaderValue::from_static("application/xml; charset=utf-8") })
    }

    /// There is one reading for everything.
    fn decode<T: Model>(&self, _: &[u8], _: Overlay<'_>) -> Option<T> {
        None
    }

    fn with_tree<R>(&self, payload: &[u8], look: impl FnOnce(Tree<'_>) -> R) -> Result<R, Fault> {
        let read = |root: Element<'_>| read::tree_of(root).map(look);
        self.with_root(payload, read)?.map_err(|error| Fault::new("", error.to_string()))
    }

    fn read_again<T: Model>(&self, payload: &[u8], overlay: Overlay<'_>) -> Result<T> {
        let namespace = self.options.namespace.as_deref();
        let read = match payload {
            // Parameters alone may be all that there is.
            [] => decode_tree(&overlay.laid_over(Tree::Map(Vec::new())), T::COERCE),
            payload => self
                .with_root(payload, |root| read::read(root, namespace, overlay, true))
                .unwrap_or_else(|malformed| Err(vec![malformed])),
        };
        read.map_err(Error::faults)
    }

    fn encode<T: Model>(&self, value: &T) -> Result<Bytes> {
        let text = write::write_document(value, self.options)?;
        let bytes = match self.other_encoding() {
            None => text.into_bytes(),
            // What the standard library of encodings writes in no encoding but UTF-8.
            Some(wide) if wide == UTF_16LE || wide == UTF_16BE => {
                let unit = if wide == UTF_16LE { u16::to_le_bytes } else { u16::to_be_bytes };
                ['\u{feff}'].into_iter().chain(text.chars()).collect::<String>().encode_utf16().flat_map(unit).collect()
            }
            // Characters that it does not have become references.
            Some(encoding) => encoding.encode(&text).0.into_owned(),
        };
        Ok(Bytes::from(bytes))
    }
}
