//! Whether what is said of XML fits the shape of the model.

use syn::{Data, DataStruct, DeriveInput, Field, Fields, Type};

use super::said::Said;
use super::serde_names::says;
use super::xml::Xml;
use crate::errors::Errors;

/// Checks what is said of the fields of an item.
pub(super) fn check(item: &DeriveInput, said: &[Vec<Said>], errors: &mut Errors) {
    match &item.data {
        Data::Struct(data) => structure(item, data, said, errors),
        Data::Enum(data) => {
            for (variant, said) in data.variants.iter().zip(said) {
                let message = "a variant has no hints of its own: put its fields into a struct with `#[model]`, \
                     and let the variant hold that";
                refuse_all(&variant.fields, said, message, errors);
            }
        }
        Data::Union(_) => {}
    }
}

fn structure(item: &DeriveInput, data: &DataStruct, said: &[Vec<Said>], errors: &mut Errors) {
    let Some(said) = said.first() else { return };
    if !matches!(data.fields, Fields::Named(_)) {
        let message = "the only field of a tuple struct has no name: it looks as the struct itself does";
        refuse_all(&data.fields, said, message, errors);
        return;
    }
    if let Some(word) = reads_itself(item) {
        let message = format!("`#[serde({word})]` says how the struct is read and written: this would not be seen");
        refuse_all(&data.fields, said, &message, errors);
        return;
    }
    if let Some(flattened) = data.fields.iter().find(|field| says(&field.attrs, &["flatten"])) {
        let name = name(flattened);
        let message = format!("what is said of XML is not seen beside `#[serde(flatten)]`, which `{name}` has");
        refuse(&data.fields, said, &message, |said| said.xml != Xml::default(), errors);
        return;
    }
    for (field, said) in data.fields.iter().zip(said) {
        one(field, &said.xml, errors);
    }
    text_alone(&data.fields, said, errors);
}

/// Returns the word with which an item tells serde how it is read and written as a whole.
pub(super) fn reads_itself(item: &DeriveInput) -> Option<&'static str> {
    const WORDS: [&str; 6] = ["bound", "from", "into", "remote", "transparent", "try_from"];
    WORDS.into_iter().find(|word| says(&item.attrs, &[word]))
}

/// Refuses whatever formats would have to be told of fields.
fn refuse_all(fields: &Fields, said: &[Said], message: &str, errors: &mut Errors) {
    refuse(fields, said, message, |said| said.secret || said.xml != Xml::default(), errors);
}

fn refuse(fields: &Fields, said: &[Said], message: &str, is_so: fn(&Said) -> bool, errors: &mut Errors) {
    for (field, _) in fields.iter().zip(said).filter(|(_, said)| is_so(said)) {
        match &field.ident {
            Some(ident) => errors.push(ident, message),
            None => errors.push(&field.ty, message),
        }
    }
}

/// Checks what is said of one field.
fn one(field: &Field, xml: &Xml, errors: &mut Errors) {
    let name = name(field);
    if xml.attribute && xml.text {
        errors.push(&field.ident, format!("`{name}` is an attribute or the text, not both"));
    } else if xml.text && (xml.name.is_some() || xml.item.is_some() || xml.namespace.is_some()) {
        errors
            .push(&field.ident, format!("`{name}` is the text of the element, which has no name, items or namespace"));
    } else if xml.attribute && (xml.item.is_some() || xml.namespace.is_some()) {
        errors.push(&field.ident, format!("`{name}` is an attribute, which has no items and no namespace of its own"));
    }
    let shape = shape(&field.ty);
    if (xml.attribute || xml.text) && matches!(shape, Shape::List | Shape::Map) {
        let place = if xml.attribute { "an attribute" } else { "the text of an element" };
        errors.push(&field.ty, format!("{place} holds one value: a {} needs elements", shape.word()));
    }
    if xml.item.is_some() && matches!(shape, Shape::Scalar | Shape::Map) {
        let message = format!("`item` names the items of a list, and this is a {}", shape.word());
        errors.push(&field.ty, format!("{message}: `name = \"...\"` names its element"));
    }
}

/// An element with text of its own has nothing but attributes beside it.
fn text_alone(fields: &Fields, said: &[Said], errors: &mut Errors) {
    let mut texts = fields.iter().zip(said).filter(|(_, said)| said.xml.text).map(|(field, _)| name(field));
    let Some(text) = texts.next() else { return };
    for (field, said) in fields.iter().zip(said) {
        let name = name(field);
        if said.xml.text && name != text {
            errors.push(&field.ident, format!("`{text}` is the text of the element already"));
        } else if !said.xml.text && !said.xml.attribute && !says(&field.attrs, &["skip"]) {
            let message = format!("`{text}` is the text of the element, so that no elements are in it");
            errors.push(&field.ident, format!("{message}: make this `#[model(xml(attribute))]`"));
        }
    }
}

fn name(field: &Field) -> String {
    field.ident.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// What can be seen of a type.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Scalar,
    List,
    Map,
    /// A type of the user's, or an alias.
    Unknown,
}

impl Shape {
    fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Map => "map",
            Self::Scalar | Self::Unknown => "single value",
        }
    }
}

/// Whether a type is visibly a list of any length, which no elements of XML are as well as some.
pub(super) fn is_list(ty: &Type) -> bool {
    let is_bare = |path: &syn::TypePath| path.path.segments.last().is_none_or(|last| last.ident != "Option");
    shape(ty) == Shape::List && matches!(ty, Type::Path(path) if is_bare(path))
}

/// Whether a type is visibly a map.
pub(super) fn is_map(ty: &Type) -> bool {
    shape(ty) == Shape::Map
}

fn shape(ty: &Type) -> Shape {
    const SCALARS: [&str; 18] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize", "String", "Decimal",
    ];
    let segment = match ty {
        Type::Array(_) | Type::Slice(_) => return Shape::List,
        Type::Group(group) => return shape(&group.elem),
        Type::Paren(paren) => return shape(&paren.elem),
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    let Some(segment) = segment else { return Shape::Unknown };
    match segment.ident.to_string().as_str() {
        "Option" | "Box" | "Arc" => match &segment.arguments {
            syn::PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                Some(syn::GenericArgument::Type(inner)) => shape(inner),
                _ => Shape::Unknown,
            },
            _ => Shape::Unknown,
        },
        "Vec" | "VecDeque" | "LinkedList" | "HashSet" | "BTreeSet" | "BinaryHeap" => Shape::List,
        "HashMap" | "BTreeMap" => Shape::Map,
        scalar if SCALARS.contains(&scalar) => Shape::Scalar,
        _ => Shape::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use syn::DeriveInput;

    use super::{super::said, check};
    use crate::errors::Errors;

    fn mistakes(item: &str) -> String {
        let mut item: DeriveInput = syn::parse_str(item).unwrap();
        let mut errors = Errors::default();
        let said = said::take(&mut item, &mut errors);
        check(&item, &said, &mut errors);
        errors.rendered()
    }

    #[test]
    fn accepts_what_fits() {
        for item in [
            "struct A { #[model(xml(attribute))] a: Option<u32>, #[model(xml(text))] b: String }",
            "struct A { #[model(xml(text))] b: String, #[serde(skip)] c: u8 }",
            "struct A { #[model(xml(item = \"b\"))] b: Option<Vec<u8>>, #[model(xml(item = \"c\"))] c: Cs }",
            "struct A { #[model(xml(name = \"b\", namespace = \"urn:b\"))] b: B }",
            "struct A { #[model(secret)] pin: String, #[serde(flatten)] rest: B }",
        ] {
            assert_eq!(mistakes(item), "", "{item}");
        }
    }

    #[test]
    fn refuses_what_does_not() {
        for (item, expected) in [
            (
                "struct A { #[model(xml(text))] a: String, #[model(xml(text))] b: String }",
                "b: `a` is the text of the element already",
            ),
            (
                "struct A { #[model(xml(text))] a: String, b: u8 }",
                "b: `a` is the text of the element, so that no elements are in it: make this `#[model(xml(attribute))]`",
            ),
            ("struct A { #[model(xml(attribute, text))] a: u8 }", "a: `a` is an attribute or the text, not both"),
            (
                "struct A { #[model(xml(text, name = \"b\"))] a: u8 }",
                "a: `a` is the text of the element, which has no name, items or namespace",
            ),
            (
                "struct A { #[model(xml(attribute, namespace = \"b\"))] a: u8 }",
                "a: `a` is an attribute, which has no items and no namespace of its own",
            ),
            (
                "struct A { #[model(xml(attribute))] a: Option<Vec<u8>> }",
                "Option < Vec < u8 > >: an attribute holds one value: a list needs elements",
            ),
            (
                "struct A { #[model(xml(text))] a: BTreeMap<String, u8> }",
                "BTreeMap < String , u8 >: the text of an element holds one value: a map needs elements",
            ),
            (
                "struct A { #[model(xml(item = \"b\"))] a: String }",
                "String: `item` names the items of a list, and this is a single value: `name = \"...\"` names its element",
            ),
            (
                "struct A { #[model(xml(attribute))] a: u8, #[serde(flatten)] b: B }",
                "a: what is said of XML is not seen beside `#[serde(flatten)]`, which `b` has",
            ),
            (
                "#[serde(transparent)] struct A { #[model(secret)] a: u8 }",
                "a: `#[serde(transparent)]` says how the struct is read and written: this would not be seen",
            ),
            (
                "struct A(#[model(xml(text))] u8);",
                "u8: the only field of a tuple struct has no name: it looks as the struct itself does",
            ),
            (
                "enum A { B { #[model(xml(attribute))] a: u8 } }",
                "a: a variant has no hints of its own: put its fields into a struct with `#[model]`, \
                 and let the variant hold that",
            ),
        ] {
            assert_eq!(mistakes(item), expected, "{item}");
        }
    }
}
