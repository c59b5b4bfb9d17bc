//! What serde calls things.

use syn::ext::IdentExt;
use syn::{Attribute, Expr, Field, Ident, Lit, Meta, Variant};

use crate::arguments::arguments;

/// The names of one thing: what it is written as, and what it is read by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Names {
    pub(super) written: String,
    pub(super) read: String,
}

/// Returns everything that stands in `#[serde(...)]` attributes. What is malformed there, serde reports better.
pub(super) fn serde_words(attributes: &[Attribute]) -> Vec<Meta> {
    let lists = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("serde") => Some(list.tokens.clone()),
        _ => None,
    });
    lists.flat_map(arguments).filter_map(|argument| syn::parse2(argument).ok()).collect()
}

/// Tells whether serde is told a word.
pub(super) fn says(attributes: &[Attribute], words: &[&str]) -> bool {
    serde_words(attributes).iter().any(|meta| words.iter().any(|word| meta.path().is_ident(word)))
}

/// Returns the string that serde is told with a word.
pub(super) fn value_of(attributes: &[Attribute], word: &str) -> Option<String> {
    serde_words(attributes).iter().filter(|meta| meta.path().is_ident(word)).find_map(text_of)
}

/// Returns the names of an item.
pub(super) fn of_item(ident: &Ident, attributes: &[Attribute]) -> Names {
    let name = ident.unraw().to_string();
    renamed(attributes, "rename", Names { written: name.clone(), read: name }, |_, new| new.to_owned())
}

/// Returns the names of a field that has a rule such as `rename_all` in attributes of what it stands in.
pub(super) fn of_field(field: &Field, rule: &str, attributes: &[Attribute]) -> Names {
    let name = field.ident.as_ref().map(|ident| ident.unraw().to_string()).unwrap_or_default();
    let ruled = renamed(attributes, rule, Names { written: name.clone(), read: name }, in_case);
    renamed(&field.attrs, "rename", ruled, |_, new| new.to_owned())
}

/// Returns the names of a variant of an enum with its own attributes.
pub(super) fn of_variant(variant: &Variant, attributes: &[Attribute]) -> Names {
    let name = variant.ident.unraw().to_string();
    let ruled = renamed(attributes, "rename_all", Names { written: name.clone(), read: name }, of_variant_in_case);
    renamed(&variant.attrs, "rename", ruled, |_, new| new.to_owned())
}

/// Changes names by `word = "..."` or `word(serialize = "...", deserialize = "...")`.
fn renamed(attributes: &[Attribute], word: &str, mut names: Names, change: fn(&str, &str) -> String) -> Names {
    for meta in serde_words(attributes).iter().filter(|meta| meta.path().is_ident(word)) {
        if let Some(text) = text_of(meta) {
            names = Names { written: change(&names.written, &text), read: change(&names.read, &text) };
        }
        let Meta::List(list) = meta else { continue };
        for inner in arguments(list.tokens.clone()).into_iter().filter_map(|it| syn::parse2::<Meta>(it).ok()) {
            match text_of(&inner) {
                Some(text) if inner.path().is_ident("serialize") => names.written = change(&names.written, &text),
                Some(text) if inner.path().is_ident("deserialize") => names.read = change(&names.read, &text),
                _ => {}
            }
        }
    }
    names
}

/// Returns the string in `word = "string"`.
fn text_of(meta: &Meta) -> Option<String> {
    let Meta::NameValue(pair) = meta else { return None };
    let Expr::Lit(literal) = &pair.value else { return None };
    match &literal.lit {
        Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

/// Writes a field's name as a rule of `rename_all` says (serde's documentation of container attributes).
fn in_case(name: &str, rule: &str) -> String {
    match rule {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => name.to_ascii_uppercase(),
        "kebab-case" => name.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => name.to_ascii_uppercase().replace('_', "-"),
        "PascalCase" => pascal(name),
        "camelCase" => {
            let name = pascal(name);
            let mut characters = name.chars();
            let first = characters.next().map(|it| it.to_ascii_lowercase());
            first.into_iter().chain(characters).collect()
        }
        // `lowercase` and `snake_case`, which a field is in already, and what serde refuses.
        _ => name.to_owned(),
    }
}

/// Writes a variant's name as a rule of `rename_all` says: it is in `PascalCase` already.
fn of_variant_in_case(name: &str, rule: &str) -> String {
    let snake = || {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        snake
    };
    match rule {
        "lowercase" => name.to_ascii_lowercase(),
        "UPPERCASE" => name.to_ascii_uppercase(),
        "camelCase" => {
            let mut letters = name.chars();
            let first = letters.next().map(|it| it.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
        "snake_case" => snake(),
        "SCREAMING_SNAKE_CASE" => snake().to_ascii_uppercase(),
        "kebab-case" => snake().replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => snake().to_ascii_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

fn pascal(name: &str) -> String {
    let mut capital = true;
    let letters = name.chars().filter_map(|letter| {
        if letter == '_' {
            capital = true;
            return None;
        }
        Some(if std::mem::take(&mut capital) { letter.to_ascii_uppercase() } else { letter })
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use super::{Names, of_field, of_item, of_variant};

    fn names(item: &DeriveInput) -> Vec<(String, String)> {
        let syn::Data::Struct(data) = &item.data else { panic!("a struct") };
        let fields = data.fields.iter().map(|field| of_field(field, "rename_all", &item.attrs));
        fields.map(|Names { written, read }| (written, read)).collect()
    }

    #[test]
    fn every_rule_of_serde_is_known() {
        for (rule, expected) in [
            ("lowercase", "user_name2_x"),
            ("UPPERCASE", "USER_NAME2_X"),
            ("PascalCase", "UserName2X"),
            ("camelCase", "userName2X"),
            ("snake_case", "user_name2_x"),
            ("SCREAMING_SNAKE_CASE", "USER_NAME2_X"),
            ("kebab-case", "user-name2-x"),
            ("SCREAMING-KEBAB-CASE", "USER-NAME2-X"),
        ] {
            let item = parse_quote!(
                #[serde(rename_all = #rule)]
                struct A {
                    user_name2_x: u8,
                }
            );
            assert_eq!(names(&item), [(expected.to_owned(), expected.to_owned())], "{rule}");
        }
    }

    #[test]
    fn every_rule_of_serde_is_known_of_variants() {
        for (rule, expected) in [
            ("lowercase", "bankday"),
            ("UPPERCASE", "BANKDAY"),
            ("PascalCase", "BankDay"),
            ("camelCase", "bankDay"),
            ("snake_case", "bank_day"),
            ("SCREAMING_SNAKE_CASE", "BANK_DAY"),
            ("kebab-case", "bank-day"),
            ("SCREAMING-KEBAB-CASE", "BANK-DAY"),
        ] {
            let variant = parse_quote!(BankDay);
            assert_eq!(of_variant(&variant, &[parse_quote!(#[serde(rename_all = #rule)])]).read, expected, "{rule}");
        }
    }

    #[test]
    fn either_way_has_its_own_name() {
        let item: DeriveInput = parse_quote! {
            #[serde(default, rename = "B", rename_all(serialize = "UPPERCASE", deserialize = "kebab-case"))]
            struct r#A {
                user_name: u8,
                #[serde(rename(serialize = "out"))]
                user_id: u8,
                #[serde(default = "one", rename = "typ")]
                r#type: u8,
                r#fn: u8,
            }
        };
        let expected = [("USER_NAME", "user-name"), ("out", "user-id"), ("typ", "typ"), ("FN", "fn")];
        assert_eq!(names(&item), expected.map(|(written, read)| (written.to_owned(), read.to_owned())));
        assert_eq!(of_item(&item.ident, &item.attrs).read, "B");
    }
}
