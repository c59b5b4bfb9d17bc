//! What stands in `#[model(...)]` before an item.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Meta, Path};

use super::xml::{self, Xml};
use super::{rules, said};
use crate::arguments::arguments;
use crate::errors::Errors;
use crate::nearest::nearest;

/// The words that the user wrote.
#[derive(Default)]
pub(super) struct Words {
    pub(super) coerce: bool,
    pub(super) deny_unknown: bool,
    /// What the element is called, and its namespace.
    pub(super) xml: Xml,
    /// Functions that are shown the whole.
    pub(super) custom: Vec<Path>,
}

/// The words that there are.
const KNOWN: [&str; 4] = ["coerce", "deny_unknown", "xml", "custom"];

/// Reads the words.
pub(super) fn words(tokens: TokenStream, errors: &mut Errors) -> Words {
    let mut words = Words::default();
    for argument in arguments(tokens) {
        let Ok(meta) = syn::parse2::<Meta>(argument.clone()) else {
            errors.push(argument, format!("expected {}", one_of(&KNOWN, "or")));
            continue;
        };
        let word = meta.path().to_token_stream().to_string();
        match word.as_str() {
            "coerce" => flag(&mut words.coerce, &meta, errors),
            "deny_unknown" => flag(&mut words.deny_unknown, &meta, errors),
            "xml" => xml::read(&mut words.xml, &meta, &xml::OF_ITEM, errors),
            "custom" => words.custom.extend(rules::custom(&meta, errors)),
            of_field if said::KNOWN.contains(&of_field) => {
                errors.push(meta.path(), format!("`{of_field}` goes on a field: `#[model({of_field})]` above it"));
            }
            _ => errors.push(meta.path(), unknown(&word, &KNOWN, "#[model]")),
        }
    }
    words
}

/// Notes a word whose presence says all.
pub(super) fn flag(flag: &mut bool, meta: &Meta, errors: &mut Errors) {
    let word = meta.path().to_token_stream();
    if !matches!(meta, Meta::Path(_)) {
        errors.push(meta, format!("`{word}` takes no value: its presence says it"));
    } else if *flag {
        errors.push(meta, format!("`{word}` is said twice"));
    }
    *flag = true;
}

/// Says that there is no such word in a place.
pub(super) fn unknown(word: &str, known: &[&str], place: &str) -> String {
    match nearest(word, known) {
        Some(known) => format!("unknown word `{word}` in {place}; did you mean `{known}`?"),
        None => format!("unknown word `{word}` in {place}; there are {}", one_of(known, "and")),
    }
}

/// Lists words as a sentence does.
pub(super) fn one_of(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Xml, words};
    use crate::errors::Errors;

    /// The flags, and what is wrong.
    fn read(text: &str) -> ((bool, bool), String) {
        let mut errors = Errors::default();
        let words = words(text.parse().unwrap(), &mut errors);
        ((words.coerce, words.deny_unknown), errors.rendered())
    }

    #[test]
    fn reads_the_words() {
        let of = |coerce, deny_unknown| ((coerce, deny_unknown), String::new());
        assert_eq!(read(""), of(false, false));
        assert_eq!(read("coerce"), of(true, false));
        assert_eq!(read("deny_unknown,"), of(false, true));
        assert_eq!(read("coerce, deny_unknown"), of(true, true));
        let mut errors = Errors::default();
        let text = "xml(name = \"LT_RATES\", namespace = \"urn:x\"), custom(a), custom(crate::b)";
        let words = words(text.parse().unwrap(), &mut errors);
        let xml = Xml { name: Some("LT_RATES".to_owned()), namespace: Some("urn:x".to_owned()), ..Xml::default() };
        assert_eq!((words.xml, words.custom.len(), errors.rendered()), (xml, 2, String::new()));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (text, expected) in [
            ("corce", "corce: unknown word `corce` in #[model]; did you mean `coerce`?"),
            ("deny_unknwon", "deny_unknwon: unknown word `deny_unknwon` in #[model]; did you mean `deny_unknown`?"),
            (
                "format(name = \"a\")",
                "format: unknown word `format` in #[model]; there are `coerce`, `deny_unknown`, `xml` and `custom`",
            ),
            ("length(min = 1)", "length: `length` goes on a field: `#[model(length)]` above it"),
            ("coerce = true", "coerce = true: `coerce` takes no value: its presence says it"),
            ("coerce, coerce", "coerce: `coerce` is said twice"),
            ("\"coerce\"", "\"coerce\": expected `coerce`, `deny_unknown`, `xml` or `custom`"),
        ] {
            assert_eq!(read(text).1, expected, "{text}");
        }
    }

    #[test]
    fn reports_every_mistake() {
        let expected = "a: unknown word `a` in #[model]; there are `coerce`, `deny_unknown`, `xml` and `custom`\n\
            5: expected `coerce`, `deny_unknown`, `xml` or `custom`";
        assert_eq!(read("a, coerce, 5"), ((true, false), expected.to_owned()));
    }
}
