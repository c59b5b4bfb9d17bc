//! `#[service]`: from an `async fn` to the definition that stands beside it.

mod check;
mod docs;
mod expand;
mod mark;
mod name;
mod parse;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{ItemFn, LitStr, Type};

use crate::errors::Errors;

/// A service as the user wrote it, with nothing wrong in it.
struct Service {
    /// The function, without our attributes on its parameters.
    function: ItemFn,
    /// The name, if the user gave one.
    name: Option<LitStr>,
    /// The type between `->` and the body.
    output: Type,
    /// What the function takes, in its own order.
    parameters: Vec<Parameter>,
}

/// What one parameter of the function stands for.
enum Parameter {
    /// The request's context; the type as written, with its `&`.
    Context(Type),
    /// The input.
    Input(Type),
    /// Something that is looked up once, when the service is bound.
    Need(Need),
    /// What the service settles its message with: its type, and where the attribute stands that asks for it.
    Delivery(Type, Span),
}

/// Something outside the request that the service needs.
struct Need {
    /// Under which name the definition keeps it.
    field: Ident,
    /// The type without a `&`.
    ty: Type,
    /// How the function takes it.
    passing: Passing,
    kind: Kind,
    /// Where the attribute stands that asks for it.
    at: Span,
}

/// How a function takes what it needs.
enum Passing {
    Cloned,
    Borrowed,
}

/// What a service can need.
enum Kind {
    Out(LitStr),
    Config(LitStr),
    State,
    Invoke,
}

impl Kind {
    /// Returns the word of the attribute, which is the method's name on a definition and on a binder, too.
    fn word(&self) -> &'static str {
        match self {
            Self::Out(_) => "out",
            Self::Config(_) => "config",
            Self::State => "state",
            Self::Invoke => "invoke",
        }
    }

    /// Returns the name that it is asked for by.
    fn name(&self) -> Option<&LitStr> {
        match self {
            Self::Out(name) | Self::Config(name) => Some(name),
            Self::State | Self::Invoke => None,
        }
    }
}

/// Expands `#[service(arguments)] item`.
pub(crate) fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let parsed = parse::parse(arguments, item, &mut errors);
    match parsed.and_then(|parsed| check::check(parsed, &mut errors)) {
        Ok(service) => expand::service(&service),
        Err(item) => {
            let errors = errors.into_compile_errors();
            quote!(#item #errors)
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::service;
    use crate::rendered::rendered;

    #[test]
    fn expands_every_kind_of_parameter() {
        let item = quote! {
            /// Returns details of a user.
            ///
            /// Tells fraud detection too.
            pub async fn get_details(
                ctx: &Context,
                GetUser { user_name }: GetUser,
                #[out("CRM")] crm: Rest,
                #[out("Pay")] pay: &Rest,
                #[config("tutorial")] mut t: UserConfig,
                #[state] #[allow(unused)] db: &Arc<Db>,
                #[invoke] _: Invoke<other>,
            ) -> Result<UserDetails> {
                body().await
            }
        };
        insta::assert_snapshot!(rendered(service(quote!(name = "api.user.get-details"), item)), @r##"
        #[allow(clippy::missing_errors_doc, clippy::unused_async)]
        #[doc = r" Returns details of a user."]
        #[doc = r""]
        #[doc = r" Tells fraud detection too."]
        pub async fn get_details(ctx: &Context, GetUser { user_name }: GetUser, crm: Rest, pay: &Rest, mut t: UserConfig, #[allow(unused)] db: &Arc<Db>, _: Invoke<other>,) -> Result<UserDetails> {
            body().await
        }
        #[doc = "The service definition of [`get_details()`]."]
        #[allow(non_camel_case_types)]
        pub struct get_details {
            crm: Rest,
            pay: Rest,
            t: UserConfig,
            db: Arc<Db>,
            __zato_parameter_6: Invoke<other>
        }
        #[allow(deprecated)]
        const _: () = {
            const __ZATO_DEFINE_AND_BIND: (fn() -> ::zato::Definition, fn(&::zato::Binder<'_>) -> ::zato::Result<get_details>) = (||::zato::Definition::of::<get_details>("api.user.get-details").docs("Returns details of a user.\n\nTells fraud detection too.").source(::core::file!(), ::core::line!()).out::<Rest>("CRM").out::<Rest>("Pay").config::<UserConfig>("tutorial").state::<Arc<Db>>().invoke::<Invoke<other>>(), | __zato_binder |::core::result::Result::Ok(get_details { crm: __zato_binder.out::<Rest>("CRM")?, pay: __zato_binder.out::<Rest>("Pay")?, t: __zato_binder.config::<UserConfig>("tutorial")?, db: __zato_binder.state::<Arc<Db>>()?, __zato_parameter_6: __zato_binder.invoke::<Invoke<other>>()? }));
            #[automatically_derived]
            impl ::zato::Service for get_details {
                type Input = GetUser;
                type Output = <Result<UserDetails> as ::zato::__private::Outcome>::Ok;
                fn definition() -> ::zato::Definition {
                    __ZATO_DEFINE_AND_BIND.0()
                }
                fn bind(__zato_binder: &::zato::Binder<'_>) -> ::zato::Result<Self> {
                    __ZATO_DEFINE_AND_BIND.1(__zato_binder)
                }
                async fn call(&self, __zato_context: &::zato::Context, __zato_input: Self::Input) -> ::zato::Result<Self::Output> {
                    ::zato::__private::Outcome::into_result(get_details(__zato_context, __zato_input, ::core::clone::Clone::clone(&self.crm), &self.pay, ::core::clone::Clone::clone(&self.t), &self.db, ::core::clone::Clone::clone(&self.__zato_parameter_6)).await)
                }
            }
        };
        "##);
    }

    #[test]
    fn expands_a_delivery_as_a_third_function_beside_the_definition() {
        let item = quote! {
            async fn take(#[delivery] delivery: Option<Delivery>) -> Result<()> {}
        };
        let expanded = rendered(service(quote!(), item));
        for part in [
            "async fn take(delivery: Option<Delivery>) -> Result<()> {",
            "fn(&::zato::Binder<'_>) -> ::zato::Result<take>, fn(&::zato::Context) -> ::zato::Result<Option<Delivery>>)",
            ".source(::core::file!(), ::core::line!()).delivery::<Option<Delivery>>(), | _ |",
            ", | __zato_context | __zato_context.delivery::<Option<Delivery>>());",
            "async fn call(&self, __zato_context: &::zato::Context, _: Self::Input)",
            "Outcome::into_result(take(__ZATO_DEFINE_AND_BIND.2(__zato_context)?).await)",
        ] {
            let is_there = expanded.replace(' ', "").contains(&part.replace(' ', ""));
            assert!(is_there, "{part} in\n{expanded}");
        }
    }

    #[test]
    fn expands_a_service_that_needs_nothing() {
        let item = quote! {
            #[cfg(unix)]
            async fn r#type() -> zato::Result<()> {
                Ok(())
            }
        };
        insta::assert_snapshot!(rendered(service(quote!(), item)), @r##"
        #[allow(clippy::missing_errors_doc, clippy::unused_async)]
        #[cfg(unix)]
        async fn r#type() -> zato::Result<()> {
            Ok(())
        }
        #[cfg(unix)]
        #[doc = "The service definition of [`r#type()`]."]
        #[allow(non_camel_case_types)]
        struct r#type {}
        #[cfg(unix)]
        #[allow(deprecated)]
        const _: () = {
            const __ZATO_DEFINE_AND_BIND: (fn() -> ::zato::Definition, fn(&::zato::Binder<'_>) -> ::zato::Result<r#type>) = (||::zato::Definition::of::<r#type>(::zato::__private::default_name(::core::module_path!(), "type")).source(::core::file!(), ::core::line!()), | _ |::core::result::Result::Ok(r#type {}));
            #[automatically_derived]
            impl ::zato::Service for r#type {
                type Input = ();
                type Output = <zato::Result<()> as ::zato::__private::Outcome>::Ok;
                fn definition() -> ::zato::Definition {
                    __ZATO_DEFINE_AND_BIND.0()
                }
                fn bind(__zato_binder: &::zato::Binder<'_>) -> ::zato::Result<Self> {
                    __ZATO_DEFINE_AND_BIND.1(__zato_binder)
                }
                async fn call(&self, _: &::zato::Context, _: Self::Input) -> ::zato::Result<Self::Output> {
                    ::zato::__private::Outcome::into_result(r#type().await)
                }
            }
        };
        "##);
    }

    #[test]
    fn gives_the_function_back_with_every_mistake() {
        let item = quote! {
            /// Docs.
            pub(crate) fn get_details(ctx: Context, #[outt("CRM")] crm: Rest) {
                body()
            }
        };
        insta::assert_snapshot!(rendered(service(quote!(nmae = "x"), item)), @r##"
        #[doc = r" Docs."]
        pub(crate) fn get_details(ctx: Context, crm: Rest) {
            body()
        }
        #[allow(missing_docs, non_camel_case_types)]
        pub(crate) struct get_details {}
        #[automatically_derived]
        impl ::zato::Service for get_details {
            type Input = ();
            type Output = ();
            fn definition() -> ::zato::Definition {
                ::core::unreachable!()
            }
            fn bind(_: &::zato::Binder<'_>) -> ::zato::Result<Self> {
                ::core::unreachable!()
            }
            async fn call(&self, _: &::zato::Context,(): ()) -> ::zato::Result<()> {
                ::core::unreachable!()
            }
        }
        ::core::compile_error! {
            "unknown service argument `nmae`; did you mean `name`?"
        }
        ::core::compile_error! {
            "unknown attribute `#[outt]`; did you mean `#[out(\"...\")]`?"
        }
        ::core::compile_error! {
            "a service is an `async fn`"
        }
        ::core::compile_error! {
            "the context is taken as `&Context`"
        }
        ::core::compile_error! {
            "a service returns `zato::Result<...>`, or `zato::Result<()>` for nothing"
        }
        "##);
    }

    #[test]
    fn gives_back_what_is_no_function() {
        let expanded = service(
            quote!(),
            quote!(
                #[derive(Debug)]
                struct Wrong {
                    a: u32,
                }
            ),
        );
        insta::assert_snapshot!(rendered(expanded), @r##"
        #[derive(Debug)]
        struct Wrong {
            a: u32,
        }
        ::core::compile_error! {
            "#[service] goes on an `async fn`"
        }
        "##);
    }
}
