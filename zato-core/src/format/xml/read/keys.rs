//! What the parts of an element are called where a key is asked for.

use std::borrow::Cow;

use super::{
    super::{Attribute, Element, element::XSI_NAMESPACE},
    hinted::Hinted,
};
use crate::model::Hint;

/// The key of the text of an element that has more than text.
pub(super) const TEXT: &str = "$text";

/// Whether an attribute is data, and not about how an element is read, as `xsi:type` is.
pub(super) fn is_data(attribute: &Attribute<'_>) -> bool {
    attribute.namespace != Some(XSI_NAMESPACE)
}

/// Whether an element has attributes that are data.
pub(super) fn has_data(element: Element<'_>) -> bool {
    element.attributes().any(|attribute| is_data(&attribute))
}

/// Returns the key of an attribute that no model says anything of.
pub(super) fn of_attribute(attribute: &Attribute<'_>) -> String {
    format!("@{}", attribute.written)
}

/// Returns the field that an attribute is.
pub(super) fn attribute_field(hinted: Option<&Hinted>, attribute: &Attribute<'_>) -> Option<&'static str> {
    let hinted = hinted.filter(|hinted| hinted.has_attributes)?;
    let is_it = |(field, hint): &(&'static str, Hint)| {
        hint.is_attribute
            && hint.name.unwrap_or(field) == attribute.name
            && hint.namespace.filter(|named| !named.is_empty()) == attribute.namespace
    };
    hinted.fields().find(is_it).map(|(field, _)| field)
}

/// Returns the field that an element is, and what its model says of it.
///
/// One that is none, since it is in another namespace, or has the name of a field that is called otherwise in XML, has a
/// key that no field has.
pub(super) fn element_field<'d>(
    hinted: Option<&Hinted>,
    namespace: Option<&str>,
    element: Element<'d>,
) -> (Cow<'d, str>, Hint) {
    let name = element.name();
    let mut is_taken = false;
    for (field, hint) in hinted.into_iter().flat_map(Hinted::fields) {
        is_taken |= field == name;
        let is_element = !hint.is_attribute && !hint.is_text;
        if is_element && hint.name.unwrap_or(field) == name && is_in(element, hint.namespace, namespace) {
            return (Cow::Borrowed(field), hint);
        }
    }
    if !is_taken && is_in(element, None, namespace) {
        return (Cow::Borrowed(name), Hint::default());
    }
    (Cow::Owned(format!("{{{}}}{name}", element.namespace().unwrap_or_default())), Hint::default())
}

/// Returns the field that has a name in the path of a fault.
pub(super) fn field_called(hinted: Option<&Hinted>, name: String) -> Cow<'static, str> {
    let is_it = |(field, hint): &(&'static str, Hint)| {
        let own = hint.name.unwrap_or(field);
        if hint.is_attribute {
            name.strip_prefix('@') == Some(own)
        } else if hint.is_text {
            name == "text()"
        } else {
            name == own
        }
    };
    let field = hinted.into_iter().flat_map(Hinted::fields).find(is_it).map(|(field, _)| field);
    field.map_or_else(|| Cow::Owned(name), Cow::Borrowed)
}

/// Whether an element is in the namespace that is asked of it, if any is.
pub(super) fn is_in(element: Element<'_>, named: Option<&str>, around: Option<&str>) -> bool {
    match named.or(around) {
        None => true,
        Some("") => element.namespace().is_none(),
        Some(namespace) => element.namespace() == Some(namespace),
    }
}
