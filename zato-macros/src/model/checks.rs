//! The check of a model's constraints.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DataEnum, Fields, GenericArgument, PathArguments, Type};

use super::said::Said;
use super::serde_names::{self, says, value_of};
use super::{Model, fields};

/// Expands to the function that goes through a model, if there is anything to check.
pub(super) fn function(model: &Model) -> Option<TokenStream> {
    let fields = match &model.item.data {
        Data::Struct(data) => {
            let said = model.said.first()?;
            let members = data.fields.members().map(|member| quote!(&self.#member));
            of_fields(&data.fields, said, members)
        }
        Data::Enum(data) => of_variants(model, data),
        Data::Union(_) => return None,
    };
    let customs = model.words.custom.iter().map(|path| {
        let at = Span::call_site().located_at(path.span());
        quote_spanned!(at=> ::zato::__private::constraints::custom(#path(self), __checks);)
    });
    let customs: TokenStream = customs.collect();
    if fields.is_empty() && customs.is_empty() {
        return None;
    }
    Some(quote! {
        #[doc(hidden)]
        fn __check(&self, __checks: &mut ::zato::__private::constraints::Checks<'_>) {
            use ::zato::__private::constraints::{CheckedList as _, Unchecked as _};
            #fields
            #customs
        }
    })
}

/// Expands to the checks of fields, each of which a place is given of.
fn of_fields(fields: &Fields, said: &[Said], places: impl Iterator<Item = TokenStream>) -> TokenStream {
    let is_single = matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1);
    let checks = fields.iter().zip(said).zip(places).enumerate().map(|(index, ((field, said), place))| {
        let is_read = !says(&field.attrs, &["skip", "skip_deserializing"]);
        let nested = (is_read && may_hold_models(&field.ty))
            .then(|| quote!((&::zato::__private::constraints::Nested(__value)).check_if_any(__checks);));
        let is_option = fields::is_option(&field.ty);
        let rules: TokenStream = said.rules.iter().map(|rule| rule.check(is_option)).collect();
        if nested.is_none() && rules.is_empty() {
            return TokenStream::new();
        }
        let at = if is_single || says(&field.attrs, &["flatten"]) {
            // The keys of a flattened model are those of what it is in.
            quote!(&mut *__checks)
        } else {
            let key = if field.ident.is_some() { said.names.read.clone() } else { index.to_string() };
            let at = if said.secret { quote!(at_secret) } else { quote!(at) };
            quote!(&mut __checks.#at(#key))
        };
        quote!({
            let (__value, __checks) = (#place, #at);
            #nested
            #rules
        })
    });
    checks.collect()
}

/// Expands to the checks of an enum, whose fields stand where serde puts them.
fn of_variants(model: &Model, data: &DataEnum) -> TokenStream {
    let attributes = &model.item.attrs;
    let is_untagged = says(attributes, &["untagged"]);
    let content = value_of(attributes, "content");
    let is_flat = is_untagged || (content.is_none() && says(attributes, &["tag"]));
    let arms = data.variants.iter().zip(&model.said).map(|(variant, said)| {
        let names: Vec<_> = (0..variant.fields.len()).map(|index| format_ident!("__field_{index}")).collect();
        let checks = of_fields(&variant.fields, said, names.iter().map(|name| quote!(#name)));
        if checks.is_empty() {
            return TokenStream::new();
        }
        let ident = &variant.ident;
        let members = variant.fields.members();
        let key = match &content {
            Some(content) => Some(content.clone()),
            None => (!is_flat && !says(&variant.attrs, &["untagged"]))
                .then(|| serde_names::of_variant(variant, attributes).read),
        };
        let inside = key.map(|key| quote!(let __checks = &mut __checks.at(#key);));
        quote!(Self::#ident { #(#members: #names),* } => { #inside #checks })
    });
    let arms: TokenStream = arms.collect();
    if arms.is_empty() { arms } else { quote!(match self { #arms _ => {} }) }
}

/// Whether a type can be a model or hold one; only of the language's own types it is known that they can't.
fn may_hold_models(ty: &Type) -> bool {
    const NEVER: [&str; 17] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize", "String",
    ];
    const HOLDERS: [&str; 4] = ["Option", "Vec", "Box", "BTreeMap"];
    let segment = match ty {
        Type::Group(group) => return may_hold_models(&group.elem),
        Type::Paren(paren) => return may_hold_models(&paren.elem),
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    let Some(segment) = segment else { return true };
    match &segment.arguments {
        PathArguments::None => !NEVER.iter().any(|never| segment.ident == never),
        PathArguments::AngleBracketed(arguments) if HOLDERS.iter().any(|holder| segment.ident == holder) => {
            arguments.args.iter().any(|argument| match argument {
                GenericArgument::Type(inner) => may_hold_models(inner),
                _ => true,
            })
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::may_hold_models;

    #[test]
    fn types_of_the_language_hold_no_models() {
        for ty in ["u8", "String", "Option<Vec<String>>", "std::collections::BTreeMap<String, i64>"] {
            assert!(!may_hold_models(&syn::parse_str(ty).unwrap()), "{ty}");
        }
        for ty in ["User", "Option<User>", "Vec<Vec<T>>", "BTreeMap<String, User>", "[User; 2]", "crate::String<u8>"] {
            assert!(may_hold_models(&syn::parse_str(ty).unwrap()), "{ty}");
        }
    }
}
