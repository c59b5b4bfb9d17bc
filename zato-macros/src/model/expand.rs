//! The derives before a model, and the implementation beside it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{DeriveInput, WhereClause, parse_quote};

use super::serde_names::says;
use super::{Model, checks, fields, fit};

/// Expands a model: its derives, the item, and the implementation of `Model`.
pub(super) fn model(model: &Model) -> TokenStream {
    let item = &model.item;
    let deny_unknown = model.words.deny_unknown.then(|| quote!(#[serde(deny_unknown_fields)]));
    let described = model.described();
    let bounds = serde_bounds(item);
    let order = fields::order(item);
    let implementation = implementation(model);
    let (remote, from_object) = from_object(model).unzip();
    // The derives come first: a `#[serde(...)]` of the user's is not known before them.
    quote! {
        #[derive(
            ::zato::__private::serde::Serialize,
            ::zato::__private::serde::Deserialize,
            ::zato::__private::schemars::JsonSchema
        )]
        #[serde(crate = "::zato::__private::serde")]
        #remote
        #bounds
        #deny_unknown
        #[schemars(crate = "::zato::__private::schemars")]
        #described
        #order
        #item
        #from_object
        #implementation
    }
}

/// Expands to what has a struct read from an object only, and to the attribute that makes room for it.
///
/// With `remote = "Self"`, serde derives functions of the type's own in place of its traits' implementations (see its
/// documentation of `remote`), and those are put behind ours. A type that says itself how it is read or written is left
/// alone.
fn from_object(model: &Model) -> Option<(TokenStream, TokenStream)> {
    let item = &model.item;
    let syn::Data::Struct(data) = &item.data else { return None };
    if !matches!(data.fields, syn::Fields::Named(_)) || fit::reads_itself(item).is_some() {
        return None;
    }
    let hints = model.hints().unwrap_or_default();
    let serializer = match hints.as_str() {
        "" => quote!(serializer),
        hints => quote!(::zato::__private::Hinted::new(serializer, #hints)),
    };
    let ident = &item.ident;
    let conditions: Vec<_> = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let (parameters, arguments, _) = item.generics.split_for_impl();
    let writes = bounded(item, &parse_quote!(::zato::__private::serde::Serialize));
    let reads = bounded(item, &parse_quote!(::zato::__private::serde::Deserialize<'de>));
    let mut with_lifetime = item.generics.clone();
    with_lifetime.params.insert(0, parse_quote!('de));
    let (with_lifetime, ..) = with_lifetime.split_for_impl();
    let implementations = quote! {
        #(#conditions)*
        #[automatically_derived]
        impl #parameters ::zato::__private::serde::Serialize for #ident #arguments #writes {
            fn serialize<S: ::zato::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                Self::serialize(self, #serializer)
            }
        }
        #(#conditions)*
        #[automatically_derived]
        impl #with_lifetime ::zato::__private::serde::Deserialize<'de> for #ident #arguments #reads {
            fn deserialize<D: ::zato::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                Self::deserialize(::zato::__private::ObjectOnly::new(deserializer, #hints))
            }
        }
    };
    Some((quote!(#[serde(remote = "Self")]), implementations))
}

/// Expands to the bounds that serde puts on type parameters: ours, and no others.
///
/// Left to itself, it wants a `Default` of every parameter that stands in a field with `#[serde(default)]`, which a list
/// of the parameter's values does not need; and where the functions that it derives are bound more narrowly than the
/// implementation before them, that would find no function to call but itself.
fn serde_bounds(item: &DeriveInput) -> Option<TokenStream> {
    if says(&item.attrs, &["bound"]) || item.generics.type_params().next().is_none() {
        return None;
    }
    let each = |bound: &str| {
        let bounds = item.generics.type_params().map(|parameter| format!("{}: {bound}", parameter.ident));
        bounds.collect::<Vec<_>>().join(", ")
    };
    let writes = each("::zato::__private::serde::Serialize");
    let reads = each("::zato::__private::serde::Deserialize<'de>");
    Some(quote!(#[serde(bound(serialize = #writes, deserialize = #reads))]))
}

/// Returns the user's bounds, and one more for every type parameter.
fn bounded(item: &DeriveInput, bound: &syn::TypeParamBound) -> Option<WhereClause> {
    let mut generics = item.generics.clone();
    let parameters: Vec<_> = item.generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    if !parameters.is_empty() {
        let clause = generics.make_where_clause();
        clause
            .predicates
            .extend(parameters.iter().map(|ident| -> syn::WherePredicate { parse_quote!(#ident: #bound) }));
    }
    generics.where_clause
}

/// Expands to the trait that makes the type a model.
fn implementation(model: &Model) -> TokenStream {
    let item = &model.item;
    let ident = &item.ident;
    let name = ident.unraw().to_string();
    let coerce = model.words.coerce;
    let hints = model.hints().map(|hints| {
        quote! {
            #[doc(hidden)]
            const HINTS: &'static str = #hints;
        }
    });
    let check = checks::function(model);
    let (parameters, arguments, _) = item.generics.split_for_impl();
    let bounds = bounded(item, &parse_quote!(::zato::Model));
    let conditions = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    quote! {
        #(#conditions)*
        #[automatically_derived]
        impl #parameters ::zato::Model for #ident #arguments #bounds {
            const NAME: &'static str = #name;
            const COERCE: bool = #coerce;
            #hints
            #check
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
    }
}
