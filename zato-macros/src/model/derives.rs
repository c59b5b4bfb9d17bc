//! The user's own derives.

use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Path, Token, parse_quote};

use crate::errors::Errors;

/// What `#[model]` derives.
const OURS: [&str; 3] = ["Serialize", "Deserialize", "JsonSchema"];

/// Takes the derives that are ours off the item, each a mistake.
///
/// They go because rustc would report each a second time, as conflicting implementations of a trait that the user
/// has perhaps never heard of.
pub(super) fn take(item: &mut DeriveInput, errors: &mut Errors) {
    item.attrs.retain_mut(|attribute| {
        let Some(derives) = derives(attribute) else { return true };
        let (ours, others) = derives.into_iter().partition::<Vec<Path>, _>(is_ours);
        let leaves_some = ours.is_empty() || !others.is_empty();
        if !ours.is_empty() {
            *attribute = parse_quote!(#[derive(#(#others),*)]);
        }
        for path in ours {
            let word = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            errors.push(path, format!("#[model] derives {word} already"));
        }
        leaves_some
    });
}

/// Returns what stands in a `#[derive(...)]`.
fn derives(attribute: &Attribute) -> Option<Punctuated<Path, Token![,]>> {
    if !attribute.path().is_ident("derive") {
        return None;
    }
    attribute.parse_args_with(Punctuated::parse_terminated).ok()
}

fn is_ours(path: &Path) -> bool {
    path.segments.last().is_some_and(|segment| OURS.iter().any(|ours| segment.ident == ours))
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::{DeriveInput, parse_quote};

    use super::take;
    use crate::errors::Errors;

    #[test]
    fn takes_only_what_is_ours() {
        let mut item = parse_quote! {
            #[derive(Debug, serde::Serialize, Clone)]
            #[derive(JsonSchema)]
            #[serde(rename = "b")]
            struct A {}
        };
        let mut errors = Errors::default();
        take(&mut item, &mut errors);
        assert_eq!(
            errors.rendered(),
            "serde :: Serialize: #[model] derives Serialize already\nJsonSchema: #[model] derives JsonSchema already"
        );
        let expected: DeriveInput =
            syn::parse_str("#[derive(Debug, Clone)] #[serde(rename = \"b\")] struct A {}").unwrap();
        assert_eq!(item.to_token_stream().to_string(), expected.to_token_stream().to_string());
    }
}
