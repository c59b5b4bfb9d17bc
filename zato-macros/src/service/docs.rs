//! What a function's documentation comments say.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, LitStr, Meta};

/// Returns an expression for the documentation, if there is any.
///
/// It is one string literal, unless a `#[doc = include_str!("...")]` is among the comments, which only the compiler
/// can read.
pub(super) fn docs(attributes: &[Attribute]) -> Option<TokenStream> {
    let parts: Vec<&Expr> = attributes.iter().filter_map(doc).collect();
    let literals: Vec<Option<String>> = parts.iter().copied().map(literal).collect();
    match literals.iter().cloned().collect::<Option<Vec<String>>>() {
        Some(lines) => {
            let text = lines.join("\n").trim().to_owned();
            (!text.is_empty()).then(|| text.into_token_stream())
        }
        None => {
            let lines =
                parts.iter().zip(literals).map(|(part, text)| text.map_or_else(|| quote!(#part), |it| quote!(#it)));
            Some(quote!(::core::concat!(#(#lines, "\n"),*)))
        }
    }
}

/// Returns the value of `#[doc = ...]`, but not of `#[doc(hidden)]`.
fn doc(attribute: &Attribute) -> Option<&Expr> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(&pair.value),
        _ => None,
    }
}

/// Returns the text of a comment's line, without the space that stands after `///`.
fn literal(value: &Expr) -> Option<String> {
    let text = syn::parse2::<LitStr>(value.to_token_stream()).ok()?.value();
    Some(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use super::docs;

    fn of(function: &ItemFn) -> Option<String> {
        docs(&function.attrs).map(|tokens| tokens.to_string())
    }

    #[test]
    fn joins_the_lines() {
        let function = parse_quote! {
            /// First.
            ///
            ///     code
            #[inline]
            #[doc(hidden)]
            /// Last.
            fn f() {}
        };
        assert_eq!(of(&function).as_deref(), Some(r#""First.\n\n    code\nLast.""#));
    }

    #[test]
    fn leaves_what_is_included_to_the_compiler() {
        let function = parse_quote! {
            /// First.
            #[doc = include_str!("more.md")]
            fn f() {}
        };
        assert_eq!(
            of(&function).as_deref(),
            Some(r#":: core :: concat ! ("First." , "\n" , include_str ! ("more.md") , "\n")"#)
        );
    }

    #[test]
    fn is_absent_without_a_comment() {
        assert_eq!(
            of(&parse_quote!(
                #[inline]
                fn f() {}
            )),
            None
        );
        assert_eq!(
            of(&parse_quote!(
                #[doc = ""]
                fn f() {}
            )),
            None
        );
    }
}
