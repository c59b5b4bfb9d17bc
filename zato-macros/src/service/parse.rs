//! What stands in the attribute and in the function, before any rule about it.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, FnArg, Item, ItemFn, LitStr, Meta, MetaNameValue, Pat, Type};

use super::mark::{self, Mark};
use super::name;
use crate::arguments::arguments;
use crate::errors::Errors;
use crate::nearest::nearest;

/// The attribute and the function, taken apart.
pub(super) struct Parsed {
    /// The function, already without our attributes on its parameters.
    pub(super) function: ItemFn,
    pub(super) name: Option<LitStr>,
    pub(super) parameters: Vec<Marked>,
}

/// One parameter and the attribute of ours that it carried.
pub(super) struct Marked {
    pub(super) mark: Mark,
    pub(super) pattern: Pat,
    pub(super) ty: Type,
}

/// Takes the attribute and its function apart.
///
/// # Errors
///
/// Gives the item back if it is no function.
pub(super) fn parse(arguments: TokenStream, item: TokenStream, errors: &mut Errors) -> Result<Parsed, TokenStream> {
    let mut function = match syn::parse2(item.clone()) {
        Ok(Item::Fn(function)) => function,
        Ok(other) => {
            errors.push(keyword(&other), "#[service] goes on an `async fn`");
            return Err(item);
        }
        // rustc has parsed the item before us: it is newer syntax than syn knows, or not an item at all.
        Err(error) => {
            errors.push(&item, format!("#[service] goes on an `async fn`, and this is not understood: {error}"));
            return Err(item);
        }
    };
    twice(&mut function, errors);
    let name = service_arguments(arguments, errors);
    let parameters = parameters(&mut function, errors);
    Ok(Parsed { function, name, parameters })
}

/// Returns the word that says what kind of item it is, which is what a user looks at: `struct`, not `#[derive(...)]`.
fn keyword(item: &Item) -> TokenStream {
    match item {
        Item::Struct(item) => item.struct_token.to_token_stream(),
        Item::Enum(item) => item.enum_token.to_token_stream(),
        Item::Union(item) => item.union_token.to_token_stream(),
        Item::Trait(item) => item.trait_token.to_token_stream(),
        Item::Impl(item) => item.impl_token.to_token_stream(),
        Item::Mod(item) => item.mod_token.to_token_stream(),
        Item::Const(item) => item.const_token.to_token_stream(),
        Item::Static(item) => item.static_token.to_token_stream(),
        Item::Type(item) => item.type_token.to_token_stream(),
        Item::Use(item) => item.use_token.to_token_stream(),
        other => other.to_token_stream(),
    }
}

/// Takes the attribute off where it stands a second time: each would make a definition.
fn twice(function: &mut ItemFn, errors: &mut Errors) {
    let is_ours = |attribute: &mut Attribute| {
        let path = attribute.path().to_token_stream().to_string();
        path == "service" || path == "zato :: service"
    };
    for attribute in function.attrs.extract_if(.., is_ours) {
        errors.push(attribute, "#[service] stands here already");
    }
}

/// Reads `name = "..."`, the only argument there is.
fn service_arguments(tokens: TokenStream, errors: &mut Errors) -> Option<LitStr> {
    let mut found = None;
    for argument in arguments(tokens) {
        let Ok(meta) = syn::parse2::<Meta>(argument.clone()) else {
            let given = syn::parse2::<LitStr>(argument.clone());
            let example = given.map_or_else(|_| "\"...\"".to_owned(), |text| text.token().to_string());
            errors.push(argument, format!("expected `name = {example}`"));
            continue;
        };
        if !meta.path().is_ident("name") {
            errors.push(meta.path(), unknown_argument(&meta));
        } else if found.is_some() {
            errors.push(meta, "the name is given twice");
        } else {
            found = service_name(&meta, errors);
        }
    }
    found
}

/// Says that there is no such argument.
fn unknown_argument(meta: &Meta) -> String {
    let word = meta.path().to_token_stream().to_string();
    match nearest(&word, &["name"]) {
        Some(known) => format!("unknown service argument `{word}`; did you mean `{known}`?"),
        None => format!("unknown service argument `{word}`; there is only `name = \"...\"`"),
    }
}

/// Reads the value of `name = "..."` and checks it.
fn service_name(meta: &Meta, errors: &mut Errors) -> Option<LitStr> {
    const EXPECTED: &str = "a service's name is a string literal: `name = \"api.user.get-details\"`";
    let Meta::NameValue(MetaNameValue { value, .. }) = meta else {
        errors.push(meta, EXPECTED);
        return None;
    };
    let Ok(literal) = syn::parse2::<LitStr>(value.to_token_stream()) else {
        errors.push(value, EXPECTED);
        return None;
    };
    if let Err(wrong) = name::check(&literal.value()) {
        errors.push(&literal, format!("a service's name {wrong}"));
    }
    Some(literal)
}

/// Takes our attributes off the parameters.
fn parameters(function: &mut ItemFn, errors: &mut Errors) -> Vec<Marked> {
    let mut all = Vec::new();
    for parameter in &mut function.sig.inputs {
        match parameter {
            FnArg::Receiver(receiver) => errors.push(receiver, "a service is a free function and has no `self`"),
            FnArg::Typed(typed) => all.push(Marked {
                mark: mark::take(&mut typed.attrs, errors),
                pattern: (*typed.pat).clone(),
                ty: (*typed.ty).clone(),
            }),
        }
    }
    all
}
