//! What stands in `#[model(...)]`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Meta;

use crate::arguments::arguments;
use crate::errors::Errors;
use crate::nearest::nearest;

/// The words that the user wrote.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Words {
    pub(super) coerce: bool,
    pub(super) deny_unknown: bool,
}

/// The words that there are.
const KNOWN: [&str; 2] = ["coerce", "deny_unknown"];

/// Reads the words.
pub(super) fn words(tokens: TokenStream, errors: &mut Errors) -> Words {
    let mut words = Words::default();
    for argument in arguments(tokens) {
        let Ok(meta) = syn::parse2::<Meta>(argument.clone()) else {
            errors.push(argument, "expected `coerce` or `deny_unknown`");
            continue;
        };
        let word = meta.path().to_token_stream().to_string();
        let flag = match word.as_str() {
            "coerce" => &mut words.coerce,
            "deny_unknown" => &mut words.deny_unknown,
            _ => {
                errors.push(meta.path(), unknown(&word));
                continue;
            }
        };
        if !matches!(meta, Meta::Path(_)) {
            errors.push(&meta, format!("`{word}` takes no value: its presence says it"));
        } else if *flag {
            errors.push(&meta, format!("`{word}` is said twice"));
        }
        *flag = true;
    }
    words
}

/// Says that there is no such word.
fn unknown(word: &str) -> String {
    match nearest(word, &KNOWN) {
        Some(known) => format!("unknown word `{word}` in #[model]; did you mean `{known}`?"),
        None => format!("unknown word `{word}` in #[model]; there are `coerce` and `deny_unknown`"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Words, words};
    use crate::errors::Errors;

    fn read(text: &str) -> (Words, String) {
        let mut errors = Errors::default();
        let words = words(text.parse().unwrap(), &mut errors);
        (words, errors.rendered())
    }

    #[test]
    fn reads_the_words() {
        let of = |coerce, deny_unknown| (Words { coerce, deny_unknown }, String::new());
        assert_eq!(read(""), of(false, false));
        assert_eq!(read("coerce"), of(true, false));
        assert_eq!(read("deny_unknown,"), of(false, true));
        assert_eq!(read("coerce, deny_unknown"), of(true, true));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (text, expected) in [
            ("corce", "corce: unknown word `corce` in #[model]; did you mean `coerce`?"),
            ("deny_unknwon", "deny_unknwon: unknown word `deny_unknwon` in #[model]; did you mean `deny_unknown`?"),
            ("xml(name = \"a\")", "xml: unknown word `xml` in #[model]; there are `coerce` and `deny_unknown`"),
            ("coerce = true", "coerce = true: `coerce` takes no value: its presence says it"),
            ("coerce, coerce", "coerce: `coerce` is said twice"),
            ("\"coerce\"", "\"coerce\": expected `coerce` or `deny_unknown`"),
        ] {
            assert_eq!(read(text).1, expected, "{text}");
        }
    }

    #[test]
    fn reports_every_mistake() {
        let expected = "a: unknown word `a` in #[model]; there are `coerce` and `deny_unknown`\n\
            5: expected `coerce` or `deny_unknown`";
        assert_eq!(read("a, coerce, 5"), (Words { coerce: true, deny_unknown: false }, expected.to_owned()));
    }
}
