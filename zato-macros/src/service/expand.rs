//! The tokens that stand beside the function.
//!
//! Spans decide where rustc reports a type error. The user's own types go into the expansion with their own spans, so
//! most errors are on the user's token by themselves; what we add gets the location of the token that it is about
//! (`located_at`), but stays marked as generated, so that lints do not hold the user responsible for it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, ItemFn, LitStr};

use super::{Need, Parameter, Passing, Service, docs};

/// Expands a service: its function, the type of the same name, and the glue between them.
pub(super) fn service(service: &Service) -> TokenStream {
    let function = &service.function;
    let conditions: Vec<&Attribute> = conditions(function).collect();
    let structure = structure(service);
    let implementation = implementation(service);
    quote! {
        // zato asks for `async` and for a `Result`: a service that awaits nothing is not the user's mistake, and its
        // documentation is for its callers, who get its errors as replies.
        #[allow(clippy::missing_errors_doc, clippy::unused_async)]
        #function
        #(#conditions)*
        #structure
        #(#conditions)*
        // A deprecated service is deprecated for those who name it, not for the glue that calls its function.
        #[allow(deprecated)]
        const _: () = {
            #implementation
        };
    }
}

/// Expands a function that has mistakes in it: as it is, with a type beside it that stands in for its definition.
///
/// Without the type, rustc would report every use of the service as well, and in words that lead astray.
pub(super) fn stand_in(function: &ItemFn) -> TokenStream {
    let (visibility, name) = (&function.vis, &function.sig.ident);
    let conditions: Vec<&Attribute> = conditions(function).collect();
    quote! {
        #function
        #(#conditions)*
        #[allow(missing_docs, non_camel_case_types)]
        #visibility struct #name {}
        #(#conditions)*
        #[automatically_derived]
        impl ::zato::Service for #name {
            type Input = ();
            type Output = ();
            fn definition() -> ::zato::Definition {
                ::core::unreachable!()
            }
            fn bind(_: &::zato::Binder<'_>) -> ::zato::Result<Self> {
                ::core::unreachable!()
            }
            async fn call(&self, _: &::zato::Context, (): ()) -> ::zato::Result<()> {
                ::core::unreachable!()
            }
        }
    }
}

/// Returns the `#[cfg(...)]` below our attribute: rustc has not applied them yet, and they are meant for the
/// definition too.
fn conditions(function: &ItemFn) -> impl Iterator<Item = &Attribute> {
    function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"))
}

/// Expands to the type that carries the definition.
///
/// With braces even if it is empty: a unit struct would be a value too, and clash with the function.
fn structure(service: &Service) -> TokenStream {
    let (visibility, name) = (&service.function.vis, &service.function.sig.ident);
    let docs = format!("The service definition of [`{name}()`].");
    let fields = needs(service).map(|Need { field, ty, .. }| quote!(#field: #ty));
    quote! {
        #[doc = #docs]
        #[allow(non_camel_case_types)]
        #visibility struct #name { #(#fields),* }
    }
}

/// Expands to the trait that makes the type a service.
///
/// What describes a service and what binds it name the same types under the same bounds. They are closures in one
/// constant, because rustc reports a type that does not fit once in every body.
fn implementation(service: &Service) -> TokenStream {
    let name = &service.function.sig.ident;
    let input = input(service);
    let input = quote_spanned!(generated_at(&input)=> type Input = #input;);
    let output = &service.output;
    let output = quote_spanned!(generated_at(output)=> type Output = <#output as ::zato::__private::Outcome>::Ok;);
    let (define, bind, call) = (define(service), bind(service), call(service));
    let delivery = delivery(service);
    let (taken, take) = delivery.unzip();
    quote! {
        const __ZATO_DEFINE_AND_BIND: (
            fn() -> ::zato::Definition,
            fn(&::zato::Binder<'_>) -> ::zato::Result<#name>
            #taken
        ) = (#define, #bind #take);
        #[automatically_derived]
        impl ::zato::Service for #name {
            #input
            #output
            fn definition() -> ::zato::Definition {
                __ZATO_DEFINE_AND_BIND.0()
            }
            fn bind(__zato_binder: &::zato::Binder<'_>) -> ::zato::Result<Self> {
                __ZATO_DEFINE_AND_BIND.1(__zato_binder)
            }
            #call
        }
    }
}

/// Expands to what describes the service without making one.
fn define(service: &Service) -> TokenStream {
    let function = &service.function;
    let ident = &function.sig.ident;
    let name = name(service.name.as_ref(), ident);
    let docs = docs::docs(&function.attrs).map(|docs| quote!(.docs(#docs)));
    // Not `generated_at`: `line!` in generated code is the line of the attribute.
    let source = quote_spanned!(ident.span()=> ::core::file!(), ::core::line!());
    let needs = needs(service).map(lookup);
    let delivery = service.parameters.iter().find_map(delivery_lookup);
    let delivery = delivery.map(|delivery| quote!(.#delivery()));
    quote!(|| ::zato::Definition::of::<#ident>(#name)#docs.source(#source)#(.#needs)*#delivery)
}

/// Expands to the service's name.
fn name(given: Option<&LitStr>, function: &Ident) -> TokenStream {
    match given {
        Some(name) => name.to_token_stream(),
        None => {
            let function = function.unraw().to_string();
            quote!(::zato::__private::default_name(::core::module_path!(), #function))
        }
    }
}

/// Expands to what looks up what the service needs.
fn bind(service: &Service) -> TokenStream {
    let name = &service.function.sig.ident;
    let fields: Vec<TokenStream> = needs(service)
        .map(|need| {
            let (field, lookup) = (&need.field, lookup(need));
            quote!(#field: __zato_binder.#lookup?)
        })
        .collect();
    let binder = if fields.is_empty() { quote!(_) } else { quote!(__zato_binder) };
    quote!(|#binder| ::core::result::Result::Ok(#name { #(#fields),* }))
}

/// Expands to the method that declares a need on a definition, and looks it up on a binder: they are called the same.
fn lookup(need: &Need) -> TokenStream {
    let Need { ty, kind, .. } = need;
    // At the attribute, which is what asks for the bound on the type.
    let method = Ident::new(kind.word(), Span::call_site().located_at(need.at));
    let name = kind.name();
    quote_spanned!(generated_at(ty)=> #method::<#ty>(#name))
}

/// Expands to the type of what takes the delivery out of a request, and to that itself.
fn delivery(service: &Service) -> Option<(TokenStream, TokenStream)> {
    service.parameters.iter().find_map(|parameter| {
        let lookup = delivery_lookup(parameter)?;
        let Parameter::Delivery(ty, _) = parameter else { return None };
        let taken = quote_spanned!(generated_at(ty)=> , fn(&::zato::Context) -> ::zato::Result<#ty>);
        Some((taken, quote!(, |__zato_context| __zato_context.#lookup())))
    })
}

/// Expands to the method that declares a delivery on a definition, and takes it from a context.
fn delivery_lookup(parameter: &Parameter) -> Option<TokenStream> {
    let Parameter::Delivery(ty, at) = parameter else { return None };
    let method = Ident::new("delivery", Span::call_site().located_at(*at));
    Some(quote_spanned!(generated_at(ty)=> #method::<#ty>))
}

/// Expands to the method that calls the function.
fn call(service: &Service) -> TokenStream {
    let name = &service.function.sig.ident;
    let output = &service.output;
    let needs_context = |it: &Parameter| matches!(it, Parameter::Context(_) | Parameter::Delivery(..));
    let context = has(service, needs_context, quote!(__zato_context));
    let input = has(service, |it| matches!(it, Parameter::Input(_)), quote!(__zato_input));
    let arguments = service.parameters.iter().map(argument);
    // At the return type, where a user looks for what rustc can have against these: that it is no `Result`, or that
    // the future is not `Send`.
    let at = generated_at(output);
    let result = quote_spanned!(at=> ::zato::Result<Self::Output>);
    let body = quote_spanned!(at=> { ::zato::__private::Outcome::into_result(#name(#(#arguments),*).await) });
    quote_spanned! {generated_at(name)=>
        async fn call(&self, #context: &::zato::Context, #input: Self::Input) -> #result #body
    }
}

/// Returns the name of a parameter of the generated function, or `_` if the user's has no such parameter.
fn has(service: &Service, is: impl Fn(&Parameter) -> bool, name: TokenStream) -> TokenStream {
    if service.parameters.iter().any(is) { name } else { quote!(_) }
}

/// Expands to what the function gets for a parameter.
fn argument(parameter: &Parameter) -> TokenStream {
    match parameter {
        Parameter::Context(ty) => quote_spanned!(generated_at(ty)=> __zato_context),
        Parameter::Input(_) => quote!(__zato_input),
        Parameter::Delivery(ty, _) => quote_spanned!(generated_at(ty)=> __ZATO_DEFINE_AND_BIND.2(__zato_context)?),
        Parameter::Need(Need { field, ty, passing, .. }) => match passing {
            Passing::Cloned => quote_spanned!(generated_at(ty)=> ::core::clone::Clone::clone(&self.#field)),
            Passing::Borrowed => quote_spanned!(generated_at(ty)=> &self.#field),
        },
    }
}

/// Returns the type of the input.
fn input(service: &Service) -> TokenStream {
    let input = service.parameters.iter().find_map(|parameter| match parameter {
        Parameter::Input(ty) => Some(ty.to_token_stream()),
        Parameter::Context(_) | Parameter::Need(_) | Parameter::Delivery(..) => None,
    });
    input.unwrap_or_else(|| quote!(()))
}

/// Returns what the service needs, in the order of the parameters.
fn needs(service: &Service) -> impl Iterator<Item = &Need> {
    service.parameters.iter().filter_map(|parameter| match parameter {
        Parameter::Need(need) => Some(need),
        Parameter::Context(_) | Parameter::Input(_) | Parameter::Delivery(..) => None,
    })
}

/// Returns a span that rustc shows at the user's token, and lints know to be ours.
fn generated_at(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}
