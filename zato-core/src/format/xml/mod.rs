//! XML 1.0 with namespaces, without DTDs.
//!
//! A payload becomes a [`Document`], which is read into a model with what that says of itself (`#[model(xml(...))]`), in
//! one way whether everything fits or not: a fault is found where it is, and told with its XPath.

mod characters;
mod codec;
mod content;
mod declaration;
mod document;
mod element;
mod encoding;
mod malformed;
mod nodes;
mod parse;
mod position;
mod read;
mod tag;
mod write;

pub(super) use self::codec::Xml;
#[cfg(feature = "soap")]
pub(in crate::format) use self::read::read as read_with;
pub use self::{
    document::Document,
    element::{Attribute, Children, Element},
    position::Position,
    read::read_element,
    write::{write_document, write_element},
};

#[cfg(test)]
mod tests;
