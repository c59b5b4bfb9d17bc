//! Which items can be models.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Data, DataEnum, DataStruct, DeriveInput, Fields, GenericParam, Generics, Item};

use crate::errors::Errors;

/// Checks that the item has the shape of a model.
///
/// # Errors
///
/// Gives the item back if it has not.
pub(super) fn check(item: TokenStream, errors: &mut Errors) -> Result<DeriveInput, TokenStream> {
    let Ok(parsed) = syn::parse2::<DeriveInput>(item.clone()) else {
        errors.push(head(&item), "#[model] goes on a struct or an enum");
        return Err(item);
    };
    let before = errors.len();
    match &parsed.data {
        Data::Struct(data) => structure(&parsed, data, errors),
        Data::Enum(data) => enumeration(&parsed, data, errors),
        Data::Union(data) => {
            errors.push(data.union_token, "a model is a struct or an enum: nobody can tell what is in a union");
        }
    }
    lifetimes(&parsed.generics, errors);
    if errors.len() == before { Ok(parsed) } else { Err(item) }
}

/// Returns what a user takes for the beginning of an item that is none of ours: not its attributes.
fn head(item: &TokenStream) -> TokenStream {
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Fn(function)) => function.sig.fn_token.to_token_stream(),
        Ok(Item::Impl(item)) => item.impl_token.to_token_stream(),
        Ok(Item::Trait(item)) => item.trait_token.to_token_stream(),
        Ok(Item::Type(item)) => item.type_token.to_token_stream(),
        Ok(Item::Mod(item)) => item.mod_token.to_token_stream(),
        _ => item.clone(),
    }
}

/// Checks that the fields of a struct have names, as the keys of an object have.
fn structure(item: &DeriveInput, data: &DataStruct, errors: &mut Errors) {
    let name = &item.ident;
    match &data.fields {
        Fields::Named(_) => {}
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {}
        Fields::Unnamed(fields) => {
            errors.push(fields, "the fields of a model have names; only a single one can do without");
        }
        Fields::Unit => errors.push(name, format!("a model has fields: write `struct {name} {{}}` if it has none yet")),
    }
}

/// Checks that an enum has a value at all.
fn enumeration(item: &DeriveInput, data: &DataEnum, errors: &mut Errors) {
    if data.variants.is_empty() {
        errors.push(&item.ident, "a model has a value: this enum has no variant");
    }
}

/// Refuses borrowed data: an input outlives the bytes that it came in.
fn lifetimes(generics: &Generics, errors: &mut Errors) {
    for parameter in &generics.params {
        if let GenericParam::Lifetime(lifetime) = parameter {
            errors.push(lifetime, "a model owns its data: no lifetimes, so `String` instead of `&str`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::errors::Errors;

    fn mistakes(item: &str) -> String {
        let mut errors = Errors::default();
        let checked = check(item.parse().unwrap(), &mut errors);
        assert_eq!(checked.is_ok(), errors.is_empty(), "a model comes out exactly if nothing is wrong");
        errors.rendered()
    }

    #[test]
    fn accepts_what_has_the_shape() {
        for item in [
            "pub struct A { a: u32 }",
            "struct A {}",
            "struct A(u32);",
            "struct A<T: Clone, const N: usize = 3> where T: Send { a: [T; N] }",
            "enum A { B, C(u32, u32), D { e: u32 } }",
        ] {
            assert_eq!(mistakes(item), "", "{item}");
        }
    }

    #[test]
    fn refuses_what_has_not() {
        const OWNED: &str = "a model owns its data: no lifetimes, so `String` instead of `&str`";
        for (item, expected) in [
            (
                "#[repr(C)] union A { a: u32 }",
                "union: a model is a struct or an enum: nobody can tell what is in a union".to_owned(),
            ),
            ("/// Docs.\nfn a() {}", "fn: #[model] goes on a struct or an enum".to_owned()),
            ("trait A {}", "trait: #[model] goes on a struct or an enum".to_owned()),
            ("struct A;", "A: a model has fields: write `struct A {}` if it has none yet".to_owned()),
            ("struct A();", "(): the fields of a model have names; only a single one can do without".to_owned()),
            (
                "struct A(u8, u8);",
                "(u8 , u8): the fields of a model have names; only a single one can do without".to_owned(),
            ),
            ("enum A {}", "A: a model has a value: this enum has no variant".to_owned()),
            ("struct A<'a, 'b: 'a, T> { a: &'a T }", format!("'a: {OWNED}\n'b : 'a: {OWNED}")),
        ] {
            assert_eq!(mistakes(item), expected, "{item}");
        }
    }
}
