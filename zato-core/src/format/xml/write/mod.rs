//! From models to XML.

mod element;
mod error;
pub(super) mod escape;
mod fields;
mod items;
mod output;
mod text;

use serde::Serialize;

pub(super) use self::element::ITEM;
use self::{
    element::{ElementWriter, Role},
    error::Unwritable,
    output::Output,
};
use crate::{
    error::{Error, Result},
    message::XmlOptions,
};

/// Writes a value as an element of a name, at the end of a text in which no default namespace holds.
///
/// The fields of a struct are elements, or what its model says of them: attributes, text, names, namespaces. A list is one
/// element for each item; where its model names the items, they stand in an element of its own. `None` is left out, but
/// for items of lists, which say that they are nothing (`xsi:nil`). What is in it is in the namespace of its model, or else
/// in that of the element.
///
/// ```
/// use std::collections::BTreeMap;
/// use zato_core::format::xml::write_element;
///
/// let mut out = "<soap:Body>".to_owned();
/// write_element(&mut out, &BTreeMap::from([("id", "7 < 8")]), "GetOrder", Some("urn:orders"))?;
/// assert_eq!(out, r#"<soap:Body><GetOrder xmlns="urn:orders"><id>7 &lt; 8</id></GetOrder>"#);
/// # Ok::<(), zato_core::Error>(())
/// ```
///
/// # Errors
///
/// [`Internal`](crate::Kind::Internal) with the place of what XML can't carry: a key of a map that is no name, a control
/// character. The text has a part of it then.
pub fn write_element<T: Serialize + ?Sized>(
    out: &mut String,
    value: &T,
    name: &str,
    namespace: Option<&str>,
) -> Result<()> {
    let mut output = Output::new(out, false);
    value
        .serialize(ElementWriter { output: &mut output, name, namespace, item: None, role: Role::Root })
        .map_err(|error| internal(error.within(name)))
}

/// Writes a document of its own, as options have it. The root is called as the model says, or else as the options do.
///
/// The text is what it is in any encoding: the declaration alone names one.
///
/// ```
/// use std::collections::BTreeMap;
/// use zato_core::{format::xml::write_document, message::XmlOptions};
///
/// let text = write_document(&BTreeMap::from([("id", 7)]), &XmlOptions::default())?;
/// assert_eq!(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response><id>7</id></response>");
/// # Ok::<(), zato_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`write_element`].
pub fn write_document<T: Serialize + ?Sized>(value: &T, options: &XmlOptions) -> Result<String> {
    let mut out = String::with_capacity(256);
    if options.declaration {
        out.push_str("<?xml version=\"1.0\" encoding=\"");
        out.push_str(&options.encoding);
        out.push_str("\"?>\n");
    }
    let mut output = Output::new(&mut out, options.pretty_print);
    let root = ElementWriter {
        output: &mut output,
        name: &options.root,
        namespace: options.namespace.as_deref(),
        item: None,
        role: Role::Named,
    };
    value.serialize(root).map_err(|error| internal(error.within(&options.root)))?;
    Ok(out)
}

fn internal(error: Unwritable) -> Error {
    Error::internal("the model can't be written as XML").with_source(error)
}
