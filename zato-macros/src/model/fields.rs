//! What is added to fields.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Type, parse_quote};

use super::fit::is_map;
use super::rules::Constraint;
use super::said::Said;
use super::serde_names::{of_field, says};
use super::{described, hints};

/// Tells the schema what is said of fields.
pub(super) fn describe(item: &mut DeriveInput, said: &[Vec<Said>]) {
    for (field, said) in all(item).into_iter().zip(said.iter().flatten()) {
        field.attrs.extend(described(&hints::of_field(said)));
        let rules: Vec<_> = said.rules.iter().filter_map(Constraint::schema).collect();
        if !rules.is_empty() {
            field.attrs.push(parse_quote!(#[schemars(#(#rules),*)]));
        }
        if let Some(of_map) = said.rules.iter().filter(|_| is_map(&field.ty)).find_map(Constraint::schema_of_map) {
            field.attrs.push(parse_quote!(#[schemars(transform = #of_map)]));
        }
    }
}

/// Leaves what is of the type `Secret` out of what is written, and out of what is repeated.
///
/// Only the name of the type can be seen here, which may stand in another: `Option<Secret>`.
pub(super) fn hide_secrets(item: &mut DeriveInput, said: &mut [Vec<Said>]) {
    for (field, said) in all(item).into_iter().zip(said.iter_mut().flatten()) {
        if mentions_secret(field.ty.to_token_stream()) {
            said.secret = true;
            if field.ident.is_some() && !says(&field.attrs, &["skip", "skip_serializing", "serialize_with", "with"]) {
                field.attrs.push(parse_quote!(#[serde(skip_serializing)]));
            }
        }
    }
}

fn mentions_secret(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "Secret",
        TokenTree::Group(group) => mentions_secret(group.stream()),
        _ => false,
    })
}

fn all(item: &mut DeriveInput) -> Vec<&mut Field> {
    match &mut item.data {
        Data::Struct(data) => data.fields.iter_mut().collect(),
        Data::Enum(data) => data.variants.iter_mut().flat_map(|variant| variant.fields.iter_mut()).collect(),
        Data::Union(_) => Vec::new(),
    }
}

/// Returns the attribute by which the schema is told in which order the fields of a struct stand: JSON has none, and XML
/// does. Where fields are flattened into it, nobody knows here which those are.
pub(super) fn order(item: &DeriveInput) -> Option<Attribute> {
    let Data::Struct(data) = &item.data else { return None };
    let Fields::Named(fields) = &data.fields else { return None };
    if fields.named.len() < 2 || fields.named.iter().any(|field| says(&field.attrs, &["flatten"])) {
        return None;
    }
    let is_read = |field: &&Field| !says(&field.attrs, &["skip", "skip_deserializing"]);
    let names = fields.named.iter().filter(is_read).map(|field| of_field(field, "rename_all", &item.attrs).read);
    Some(parse_quote!(#[schemars(extend("x-order" = [#(#names),*]))]))
}

/// Leaves every named field that is `None` out of what is written.
pub(super) fn leave_out_none(item: &mut DeriveInput) {
    match &mut item.data {
        Data::Struct(data) => named(&mut data.fields),
        Data::Enum(data) => data.variants.iter_mut().for_each(|variant| named(&mut variant.fields)),
        Data::Union(_) => {}
    }
}

/// The fields of a tuple are known by their position, which leaving one out would change.
fn named(fields: &mut Fields) {
    if let Fields::Named(fields) = fields {
        for field in fields.named.iter_mut().filter(|field| is_option(&field.ty) && !decides_itself(field)) {
            field.attrs.push(parse_quote!(#[serde(skip_serializing_if = "::core::option::Option::is_none")]));
        }
    }
}

/// Whether the type is called `Option`. Only the name can be seen here: an alias of it is not found.
pub(super) fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_option(&group.elem),
        Type::Paren(paren) => is_option(&paren.elem),
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Option"),
        _ => false,
    }
}

/// Whether the user has said how, or whether, the field is written.
fn decides_itself(field: &Field) -> bool {
    const WORDS: [&str; 5] = ["skip", "skip_serializing", "skip_serializing_if", "serialize_with", "with"];
    says(&field.attrs, &WORDS)
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::DeriveInput;

    use super::{leave_out_none, order};

    /// What the schema is told of the order of the fields.
    fn ordered(item: &str) -> Option<String> {
        order(&syn::parse_str(item).unwrap()).map(|attribute| attribute.into_token_stream().to_string())
    }

    #[test]
    fn tells_the_order_of_fields_as_they_are_read() {
        let expected = "# [schemars (extend (\"x-order\" = [\"B\" , \"type\"]))]";
        let item = "struct A { #[serde(rename = \"B\")] b: u8, r#type: u8, #[serde(skip)] c: u8 }";
        assert_eq!(ordered(item).as_deref(), Some(expected));
        for item in
            ["struct A { b: u8 }", "struct A(u8, u8);", "enum A { B, C }", "struct A { b: u8, #[serde(flatten)] c: B }"]
        {
            assert_eq!(ordered(item), None, "{item}");
        }
    }

    /// Whether `field` is left out of what is written.
    fn is_left_out(field: &str) -> bool {
        let mut item: DeriveInput = syn::parse_str(&format!("struct A {{ {field} }}")).unwrap();
        leave_out_none(&mut item);
        item.into_token_stream().to_string().contains("::core::option::Option::is_none")
    }

    #[test]
    fn leaves_options_out() {
        for field in [
            "a: Option<u32>",
            "a: ::std::option::Option<u32>",
            "a: (Option<u32>)",
            "#[serde(default, rename = \"with\")] a: Option<u32>",
        ] {
            assert!(is_left_out(field), "{field}");
        }
    }

    #[test]
    fn leaves_the_rest_to_the_user() {
        for field in [
            "a: u32",
            "a: Vec<Option<u32>>",
            "#[serde(skip_serializing_if = \"never\")] a: Option<u32>",
            "#[serde(default, with = \"somehow\")] a: Option<u32>",
            "#[serde(serialize_with = \"somehow\")] a: Option<u32>",
            "#[serde(skip)] a: Option<u32>",
            "#[serde(skip_serializing)] a: Option<u32>",
        ] {
            assert!(!is_left_out(field), "{field}");
        }
    }
}
