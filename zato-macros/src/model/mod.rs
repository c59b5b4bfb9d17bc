//! `#[model]`: from a struct or an enum to something that is decoded, encoded and described.

mod check;
mod checks;
mod derives;
mod expand;
mod fields;
mod fit;
mod hints;
mod rules;
mod said;
mod serde_names;
mod set_aside;
mod words;
mod xml;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, DeriveInput, parse_quote};

use self::{said::Said, words::Words};
use crate::errors::Errors;

/// A model, with nothing wrong in its shape.
struct Model {
    /// The item, with what we add on its fields.
    item: DeriveInput,
    /// What stands in the attribute.
    words: Words,
    /// What stands in the attributes of the fields: of a struct, or of each variant of an enum.
    said: Vec<Vec<Said>>,
}

impl Model {
    /// Returns what formats are told of it in place of its name, if that is any different.
    fn hints(&self) -> Option<String> {
        let hints = hints::of(&self.item, &self.words, &self.said);
        (self.item.ident.unraw() != hints).then_some(hints)
    }

    /// Returns the attribute by which the schema is told what is said of the item.
    fn described(&self) -> Option<Attribute> {
        described(&hints::of_xml(&self.words.xml))
    }
}

/// Returns the attribute by which a schema is told the words of a hint.
fn described(words: &str) -> Option<Attribute> {
    (!words.is_empty()).then(|| parse_quote!(#[schemars(transform = ::zato::__private::Described(#words))]))
}

/// Expands `#[model(arguments)] item`.
///
/// A wrong word in the attribute or a derive too many leaves the item a model nevertheless, so that not every use of
/// it is reported as well.
pub(crate) fn model(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let words = words::words(arguments, &mut errors);
    let expanded = check::check(item, &mut errors).map(|mut item| {
        derives::take(&mut item, &mut errors);
        let mut said = said::take(&mut item, &mut errors);
        fit::check(&item, &said, &mut errors);
        fields::hide_secrets(&mut item, &mut said);
        fields::leave_out_none(&mut item);
        set_aside::read_late(&mut item);
        fields::describe(&mut item, &said);
        expand::model(&Model { item, words, said })
    });
    let item = expanded.unwrap_or_else(|item| item);
    let errors = errors.into_compile_errors();
    quote!(#item #errors)
}

#[cfg(test)]
#[expect(clippy::too_many_lines, reason = "an expansion is shown whole")]
mod tests {
    use quote::quote;

    use super::model;
    use crate::rendered::rendered;

    #[test]
    fn expands_a_struct() {
        let item = quote! {
            /// Which user to look up.
            #[derive(Debug)]
            #[serde(rename_all = "camelCase")]
            pub struct GetUser {
                /// Login name.
                pub user_name: String,
                pub account: Option<u64>,
                #[serde(default, with = "somehow")]
                pub since: std::option::Option<Date>,
            }
        };
        insta::assert_snapshot!(rendered(model(quote!(coerce, deny_unknown), item)), @r##"
        #[derive(::zato::__private::serde::Serialize, ::zato::__private::serde::Deserialize, ::zato::__private::schemars::JsonSchema)]
        #[serde(crate = "::zato::__private::serde")]
        #[serde(remote = "Self")]
        #[serde(deny_unknown_fields)]
        #[schemars(crate = "::zato::__private::schemars")]
        #[schemars(extend("x-order" = ["userName", "account", "since"]))]
        #[doc = r" Which user to look up."]
        #[derive(Debug)]
        #[serde(rename_all = "camelCase")]
        pub struct GetUser {
            #[doc = r" Login name."]
            pub user_name: String,
            #[serde(skip_serializing_if = "::core::option::Option::is_none")]
            pub account: Option<u64>,
            #[serde(default, with = "somehow")]
            pub since: std::option::Option<Date>,
        }
        #[automatically_derived]
        impl ::zato::__private::serde::Serialize for GetUser {
            fn serialize<S: ::zato::__private::serde::Serializer>(&self, serializer: S,) -> ::core::result::Result<S::Ok,
            S::Error> {
                Self::serialize(self, serializer)
            }
        }
        #[automatically_derived]
        impl<'de>::zato::__private::serde::Deserialize<'de> for GetUser {
            fn deserialize<D: ::zato::__private::serde::Deserializer<'de>>(deserializer: D,) -> ::core::result::Result<Self,
            D::Error> {
                Self::deserialize(::zato::__private::ObjectOnly::new(deserializer, ""))
            }
        }
        #[automatically_derived]
        impl ::zato::Model for GetUser {
            const NAME: &'static str = "GetUser";
            const COERCE: bool = true;
            #[doc(hidden)]
            fn __check(&self, __checks: &mut::zato::__private::constraints::Checks<'_>) {
                use::zato::__private::constraints:: {
                    CheckedList as _,
                    Unchecked as _
                };
                {
                    let(__value, __checks) = (&self.since, &mut __checks.at("since"));
                    (&::zato::__private::constraints::Nested(__value)).check_if_any(__checks);
                }
            }
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
        "##);
    }

    #[test]
    fn expands_hints() {
        let item = quote!(
            #[serde(rename_all = "camelCase")]
            pub struct Rates {
                #[model(xml(attribute))]
                base_currency: String,
                #[model(xml(item = "rate"), secret)]
                rates: Vec<Rate>,
            }
        );
        insta::assert_snapshot!(rendered(model(quote!(xml(name = "LT_RATES")), item)), @r##"
        #[derive(::zato::__private::serde::Serialize, ::zato::__private::serde::Deserialize, ::zato::__private::schemars::JsonSchema)]
        #[serde(crate = "::zato::__private::serde")]
        #[serde(remote = "Self")]
        #[schemars(crate = "::zato::__private::schemars")]
        #[schemars(transform =::zato::__private::Described("name=LT_RATES"))]
        #[schemars(extend("x-order" = ["baseCurrency", "rates"]))]
        #[serde(rename_all = "camelCase")]
        pub struct Rates {
            #[schemars(transform =::zato::__private::Described("attribute"))]
            base_currency: String,
            #[schemars(transform =::zato::__private::Described("secret\u{1e}item=rate"))]
            rates: Vec<Rate>,
        }
        #[automatically_derived]
        impl ::zato::__private::serde::Serialize for Rates {
            fn serialize<S: ::zato::__private::serde::Serializer>(&self, serializer: S,) -> ::core::result::Result<S::Ok,
            S::Error> {
                Self::serialize(self, ::zato::__private::Hinted::new(serializer, "Rates\u{1f}\u{1f}name=LT_RATES\u{1f}baseCurrency\u{1f}attribute\u{1f}rates\u{1f}list\u{1e}secret\u{1e}item=rate"))
            }
        }
        #[automatically_derived]
        impl<'de>::zato::__private::serde::Deserialize<'de> for Rates {
            fn deserialize<D: ::zato::__private::serde::Deserializer<'de>>(deserializer: D,) -> ::core::result::Result<Self,
            D::Error> {
                Self::deserialize(::zato::__private::ObjectOnly::new(deserializer, "Rates\u{1f}\u{1f}name=LT_RATES\u{1f}baseCurrency\u{1f}attribute\u{1f}rates\u{1f}list\u{1e}secret\u{1e}item=rate"))
            }
        }
        #[automatically_derived]
        impl ::zato::Model for Rates {
            const NAME: &'static str = "Rates";
            const COERCE: bool = false;
            #[doc(hidden)]
            const HINTS: &'static str = "Rates\u{1f}\u{1f}name=LT_RATES\u{1f}baseCurrency\u{1f}attribute\u{1f}rates\u{1f}list\u{1e}secret\u{1e}item=rate";
            #[doc(hidden)]
            fn __check(&self, __checks: &mut::zato::__private::constraints::Checks<'_>) {
                use::zato::__private::constraints:: {
                    CheckedList as _,
                    Unchecked as _
                };
                {
                    let(__value, __checks) = (&self.rates, &mut __checks.at_secret("rates"));
                    (&::zato::__private::constraints::Nested(__value)).check_if_any(__checks);
                }
            }
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
        "##);
    }

    #[test]
    fn expands_constraints() {
        let item = quote!(
            pub struct Transfer {
                #[model(length(min = 1, max = 64), pattern("^[A-Z]+$"))]
                iban: String,
                #[model(range(min = 0.01))]
                amount: Decimal,
                #[model(custom(check_note))]
                note: Option<String>,
                #[model(inner(email))]
                notify: Vec<String>,
                pin: Option<Secret>,
                #[serde(flatten)]
                more: More,
                plain: u8,
            }
        );
        insta::assert_snapshot!(rendered(model(quote!(custom(in_order)), item)), @r##"
        #[derive(::zato::__private::serde::Serialize, ::zato::__private::serde::Deserialize, ::zato::__private::schemars::JsonSchema)]
        #[serde(crate = "::zato::__private::serde")]
        #[serde(remote = "Self")]
        #[schemars(crate = "::zato::__private::schemars")]
        pub struct Transfer {
            #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Z]+$"))]
            iban: String,
            #[schemars(range(min = 0.01))]
            amount: Decimal,
            #[serde(skip_serializing_if = "::core::option::Option::is_none")]
            note: Option<String>,
            #[schemars(inner(email))]
            notify: Vec<String>,
            #[serde(skip_serializing)]
            #[schemars(transform =::zato::__private::Described("secret"))]
            pin: Option<Secret>,
            #[serde(flatten)]
            #[serde(deserialize_with = "::zato::__private::buffered")]
            more: More,
            plain: u8,
        }
        #[automatically_derived]
        impl ::zato::__private::serde::Serialize for Transfer {
            fn serialize<S: ::zato::__private::serde::Serializer>(&self, serializer: S,) -> ::core::result::Result<S::Ok,
            S::Error> {
                Self::serialize(self, ::zato::__private::Hinted::new(serializer, "Transfer\u{1f}notify\u{1f}list\u{1f}pin\u{1f}secret"))
            }
        }
        #[automatically_derived]
        impl<'de>::zato::__private::serde::Deserialize<'de> for Transfer {
            fn deserialize<D: ::zato::__private::serde::Deserializer<'de>>(deserializer: D,) -> ::core::result::Result<Self,
            D::Error> {
                Self::deserialize(::zato::__private::ObjectOnly::new(deserializer, "Transfer\u{1f}notify\u{1f}list\u{1f}pin\u{1f}secret"))
            }
        }
        #[automatically_derived]
        impl ::zato::Model for Transfer {
            const NAME: &'static str = "Transfer";
            const COERCE: bool = false;
            #[doc(hidden)]
            const HINTS: &'static str = "Transfer\u{1f}notify\u{1f}list\u{1f}pin\u{1f}secret";
            #[doc(hidden)]
            fn __check(&self, __checks: &mut::zato::__private::constraints::Checks<'_>) {
                use::zato::__private::constraints:: {
                    CheckedList as _,
                    Unchecked as _
                };
                {
                    let(__value, __checks) = (&self.iban, &mut __checks.at("iban"));
                    ::zato::__private::constraints::length(__value, ::core::option::Option::Some(1), ::core::option::Option::Some(64), __checks);
                    static PATTERN: ::zato::__private::constraints::Pattern =::zato::__private::constraints::Pattern::new("^[A-Z]+$");
                    ::zato::__private::constraints::pattern(__value, &PATTERN, __checks);
                }
                {
                    let(__value, __checks) = (&self.amount, &mut __checks.at("amount"));
                    (&::zato::__private::constraints::Nested(__value)).check_if_any(__checks);
                    ::zato::__private::constraints::range(__value, ::core::option::Option::Some(::zato::__private::constraints::Bound::Fraction(0.01)), ::core::option::Option::None, __checks);
                }
                {
                    let(__value, __checks) = (&self.note, &mut __checks.at("note"));
                    if let::core::option::Option::Some(__value) = __value {
                        ::zato::__private::constraints::custom(check_note(__value), __checks);
                    }
                }
                {
                    let(__value, __checks) = (&self.notify, &mut __checks.at("notify"));
                    ::zato::__private::constraints::each(__value, | __value, __checks | {::zato::__private::constraints::email(__value, __checks); }, __checks);
                }
                {
                    let(__value, __checks) = (&self.pin, &mut __checks.at_secret("pin"));
                    (&::zato::__private::constraints::Nested(__value)).check_if_any(__checks);
                }
                {
                    let(__value, __checks) = (&self.more, &mut * __checks);
                    (&::zato::__private::constraints::Nested(__value)).check_if_any(__checks);
                }
                ::zato::__private::constraints::custom(in_order(self), __checks);
            }
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
        "##);
    }

    #[test]
    fn expands_constraints_of_variants() {
        let item = quote!(
            #[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
            pub enum Contact {
                None,
                ByMail {
                    #[model(email)]
                    mail_address: String,
                },
                Post(Address),
            }
        );
        insta::assert_snapshot!(rendered(model(quote!(), item)), @r##"
        #[derive(::zato::__private::serde::Serialize, ::zato::__private::serde::Deserialize, ::zato::__private::schemars::JsonSchema)]
        #[serde(crate = "::zato::__private::serde")]
        #[schemars(crate = "::zato::__private::schemars")]
        #[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
        pub enum Contact {
            None,
            ByMail {
                #[schemars(email)]
                mail_address: String,
            }
            ,
            Post(Address),
        }
        #[automatically_derived]
        impl ::zato::Model for Contact {
            const NAME: &'static str = "Contact";
            const COERCE: bool = false;
            #[doc(hidden)]
            fn __check(&self, __checks: &mut::zato::__private::constraints::Checks<'_>) {
                use::zato::__private::constraints:: {
                    CheckedList as _,
                    Unchecked as _
                };
                match self {
                    Self::ByMail {
                        mail_address: __field_0
                    }
                    => {
                        let __checks = &mut __checks.at("by_mail");
                        {
                            let(__value, __checks) = (__field_0, &mut __checks.at("mailAddress"));
                            ::zato::__private::constraints::email(__value, __checks);
                        }
                    }
                    Self::Post {
                        0: __field_0
                    }
                    => {
                        let __checks = &mut __checks.at("post");
                        {
                            let(__value, __checks) = (__field_0, &mut * __checks);
                            (&::zato::__private::constraints::Nested(__value)).check_if_any(__checks);
                        }
                    }
                    _ => {}
                }
            }
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
        "##);
    }

    #[test]
    fn expands_a_generic_struct() {
        let item = quote!(
            struct Page<T, const N: usize>
            where
                T: Clone,
            {
                items: Vec<T>,
            }
        );
        insta::assert_snapshot!(rendered(model(quote!(), item)), @r##"
        #[derive(::zato::__private::serde::Serialize, ::zato::__private::serde::Deserialize, ::zato::__private::schemars::JsonSchema)]
        #[serde(crate = "::zato::__private::serde")]
        #[serde(remote = "Self")]
        #[serde(bound(serialize = "T: ::zato::__private::serde::Serialize", deserialize = "T: ::zato::__private::serde::Deserialize<'de>"))]
        #[schemars(crate = "::zato::__private::schemars")]
        struct Page<T,
        const N: usize> where T: Clone,
        {
            items: Vec<T>,
        }
        #[automatically_derived]
        impl<T,
        const N: usize>::zato::__private::serde::Serialize for Page<T,
        N> where T: Clone,
        T: ::zato::__private::serde::Serialize {
            fn serialize<S: ::zato::__private::serde::Serializer>(&self, serializer: S,) -> ::core::result::Result<S::Ok,
            S::Error> {
                Self::serialize(self, ::zato::__private::Hinted::new(serializer, "Page\u{1f}items\u{1f}list"))
            }
        }
        #[automatically_derived]
        impl<'de,
        T,
        const N: usize>::zato::__private::serde::Deserialize<'de> for Page<T,
        N> where T: Clone,
        T: ::zato::__private::serde::Deserialize<'de> {
            fn deserialize<D: ::zato::__private::serde::Deserializer<'de>>(deserializer: D,) -> ::core::result::Result<Self,
            D::Error> {
                Self::deserialize(::zato::__private::ObjectOnly::new(deserializer, "Page\u{1f}items\u{1f}list"))
            }
        }
        #[automatically_derived]
        impl<T,
        const N: usize>::zato::Model for Page<T,
        N> where T: Clone,
        T: ::zato::Model {
            const NAME: &'static str = "Page";
            const COERCE: bool = false;
            #[doc(hidden)]
            const HINTS: &'static str = "Page\u{1f}items\u{1f}list";
            #[doc(hidden)]
            fn __check(&self, __checks: &mut::zato::__private::constraints::Checks<'_>) {
                use::zato::__private::constraints:: {
                    CheckedList as _,
                    Unchecked as _
                };
                {
                    let(__value, __checks) = (&self.items, &mut __checks.at("items"));
                    (&::zato::__private::constraints::Nested(__value)).check_if_any(__checks);
                }
            }
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
        "##);
    }

    #[test]
    fn expands_an_enum() {
        let item = quote!(
            pub enum Answer {
                Yes,
                Maybe(Option<u32>),
                Unless { reason: Option<String> },
            }
        );
        insta::assert_snapshot!(rendered(model(quote!(), item)), @r##"
        #[derive(::zato::__private::serde::Serialize, ::zato::__private::serde::Deserialize, ::zato::__private::schemars::JsonSchema)]
        #[serde(crate = "::zato::__private::serde")]
        #[schemars(crate = "::zato::__private::schemars")]
        pub enum Answer {
            Yes,
            Maybe(Option<u32>),
            Unless {
                #[serde(skip_serializing_if = "::core::option::Option::is_none")]
                reason: Option<String>
            }
            ,
        }
        #[automatically_derived]
        impl ::zato::Model for Answer {
            const NAME: &'static str = "Answer";
            const COERCE: bool = false;
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
        "##);
    }

    #[test]
    fn expands_a_newtype() {
        insta::assert_snapshot!(rendered(model(quote!(), quote!(pub struct r#Type(pub Option<u32>);))), @r##"
        #[derive(::zato::__private::serde::Serialize, ::zato::__private::serde::Deserialize, ::zato::__private::schemars::JsonSchema)]
        #[serde(crate = "::zato::__private::serde")]
        #[schemars(crate = "::zato::__private::schemars")]
        pub struct r#Type(pub Option<u32>);
        #[automatically_derived]
        impl ::zato::Model for r#Type {
            const NAME: &'static str = "Type";
            const COERCE: bool = false;
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
        "##);
    }

    #[test]
    fn takes_a_second_derive_off() {
        let item = quote!(
            #[derive(Debug, serde::Serialize)]
            pub struct Twice {
                a: u32,
            }
        );
        insta::assert_snapshot!(rendered(model(quote!(), item)), @r##"
        #[derive(::zato::__private::serde::Serialize, ::zato::__private::serde::Deserialize, ::zato::__private::schemars::JsonSchema)]
        #[serde(crate = "::zato::__private::serde")]
        #[serde(remote = "Self")]
        #[schemars(crate = "::zato::__private::schemars")]
        #[derive(Debug)]
        pub struct Twice {
            a: u32,
        }
        #[automatically_derived]
        impl ::zato::__private::serde::Serialize for Twice {
            fn serialize<S: ::zato::__private::serde::Serializer>(&self, serializer: S,) -> ::core::result::Result<S::Ok,
            S::Error> {
                Self::serialize(self, serializer)
            }
        }
        #[automatically_derived]
        impl<'de>::zato::__private::serde::Deserialize<'de> for Twice {
            fn deserialize<D: ::zato::__private::serde::Deserializer<'de>>(deserializer: D,) -> ::core::result::Result<Self,
            D::Error> {
                Self::deserialize(::zato::__private::ObjectOnly::new(deserializer, ""))
            }
        }
        #[automatically_derived]
        impl ::zato::Model for Twice {
            const NAME: &'static str = "Twice";
            const COERCE: bool = false;
            #[doc(hidden)]
            fn __made_by_the_macro() {}
        }
        ::core::compile_error! {
            "#[model] derives Serialize already"
        }
        "##);
    }

    #[test]
    fn gives_back_what_is_no_model() {
        let expanded = model(
            quote!(),
            quote!(
                pub union Either {
                    a: u32,
                    b: f32,
                }
            ),
        );
        insta::assert_snapshot!(rendered(expanded), @r##"
        pub union Either {
            a: u32,
            b: f32,
        }
        ::core::compile_error! {
            "a model is a struct or an enum: nobody can tell what is in a union"
        }
        "##);
    }
}
