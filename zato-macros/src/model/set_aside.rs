//! Fields that serde sets aside before it knows their type.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Meta, parse_quote};

use super::fields::is_option;

/// Has flattened fields, and those of tagged and untagged enums, read in a way that parses texts once the type is known.
///
/// serde keeps such values as whatever they are until then, and a number of a query string is only ever a string.
pub(super) fn read_late(item: &mut DeriveInput) {
    let is_generic = item.generics.type_params().next().is_some();
    match &mut item.data {
        Data::Struct(data) => flattened(&mut data.fields, is_generic),
        Data::Enum(data) => {
            let is_set_aside = says(&item.attrs, &["tag", "untagged"]);
            for variant in &mut data.variants {
                if is_set_aside || says(&variant.attrs, &["untagged"]) {
                    let fields = variant.fields.iter_mut().filter(|field| !says(&field.attrs, &["flatten"]));
                    fields.for_each(|field| within_variant(field, is_generic));
                }
                flattened(&mut variant.fields, is_generic);
            }
        }
        Data::Union(_) => {}
    }
}

fn flattened(fields: &mut Fields, is_generic: bool) {
    let fields = fields.iter_mut().filter(|field| says(&field.attrs, &["flatten"]) && !decides_itself(field));
    for field in fields {
        let attribute: Attribute = if is_option(&field.ty) {
            parse_quote!(#[serde(deserialize_with = "::zato::__private::buffered_option")])
        } else {
            parse_quote!(#[serde(deserialize_with = "::zato::__private::buffered")])
        };
        field.attrs.push(attribute);
        bound(field, is_generic);
    }
}

fn within_variant(field: &mut Field, is_generic: bool) {
    if decides_itself(field) {
        return;
    }
    field.attrs.push(parse_quote!(#[serde(deserialize_with = "::zato::__private::buffered")]));
    // serde takes an absent option for `None` only where it reads the field by itself.
    if field.ident.is_some() && is_option(&field.ty) && !says(&field.attrs, &["default"]) {
        field.attrs.push(parse_quote!(#[serde(default)]));
        field.attrs.push(parse_quote!(#[schemars(!default)]));
    }
    bound(field, is_generic);
}

/// Says that the field's type can be read, which serde concludes only where it reads the field by itself.
fn bound(field: &mut Field, is_generic: bool) {
    if !is_generic || says(&field.attrs, &["bound"]) {
        return;
    }
    let ty = field.ty.to_token_stream();
    let bound = format!("{ty}: ::zato::__private::serde::Deserialize<'de>");
    field.attrs.push(parse_quote!(#[serde(bound(deserialize = #bound))]));
}

/// Whether the user has said how, or whether, the field is read.
fn decides_itself(field: &Field) -> bool {
    says(&field.attrs, &["skip", "skip_deserializing", "deserialize_with", "with"])
}

/// Whether one of the words stands in a `#[serde(...)]`, by itself or before a value.
fn says(attributes: &[Attribute], words: &[&str]) -> bool {
    let lists = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("serde") => Some(list.tokens.clone()),
        _ => None,
    });
    lists
        .flat_map(TokenStream::into_iter)
        .any(|token| matches!(token, TokenTree::Ident(word) if words.iter().any(|known| word == known)))
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::DeriveInput;

    use super::read_late;

    /// How many fields are read late.
    fn late(item: &str) -> usize {
        let mut item: DeriveInput = syn::parse_str(item).unwrap();
        read_late(&mut item);
        item.into_token_stream().to_string().matches("::zato::__private::buffered").count()
    }

    #[test]
    fn what_serde_sets_aside_is_read_late() {
        for (item, expected) in [
            ("struct A { #[serde(flatten)] b: B, #[serde(default, flatten)] c: Option<C>, d: u8 }", 2),
            ("#[serde(tag = \"t\")] enum A { B { c: u8, d: Option<u8> }, E(F), G }", 3),
            ("#[serde(untagged)] enum A { B(u8), C(u8, u8) }", 3),
            ("enum A { B(u8), #[serde(untagged)] C(u8), D { #[serde(flatten)] e: E } }", 2),
        ] {
            assert_eq!(late(item), expected, "{item}");
        }
    }

    #[test]
    fn the_rest_is_left_alone() {
        for item in [
            "struct A { b: B }",
            "enum A { B(u8), C { d: u8 } }",
            "struct A { #[serde(flatten, with = \"somehow\")] b: B }",
            "#[serde(untagged)] enum A { B(#[serde(deserialize_with = \"somehow\")] u8), C { #[serde(skip)] d: u8 } }",
        ] {
            assert_eq!(late(item), 0, "{item}");
        }
    }
}
