//! What stands in `xml(...)`.

use quote::ToTokens;
use syn::{Expr, Lit, LitStr, Meta};

use super::words::{flag, one_of, unknown};
use crate::arguments::arguments;
use crate::errors::Errors;

/// How something looks in XML.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Xml {
    pub(super) attribute: bool,
    pub(super) text: bool,
    pub(super) name: Option<String>,
    pub(super) item: Option<String>,
    pub(super) namespace: Option<String>,
}

/// What can be said of a struct or an enum.
pub(super) const OF_ITEM: [&str; 2] = ["name", "namespace"];

/// What can be said of a field.
pub(super) const OF_FIELD: [&str; 5] = ["attribute", "text", "name", "item", "namespace"];

/// Reads `xml(...)`, in which only some words are known.
pub(super) fn read(xml: &mut Xml, meta: &Meta, known: &[&str], errors: &mut Errors) {
    let Meta::List(list) = meta else {
        errors.push(meta, "`xml` takes words in parentheses, as in `xml(name = \"Rate\")`");
        return;
    };
    let words = arguments(list.tokens.clone());
    if words.is_empty() {
        errors.push(meta, format!("`xml()` says nothing: there are {}", one_of(known, "and")));
    }
    for word in words {
        match syn::parse2::<Meta>(word.clone()) {
            Ok(inner) => one(xml, &inner, known, errors),
            Err(_) => errors.push(word, format!("expected {}", one_of(known, "or"))),
        }
    }
}

fn one(xml: &mut Xml, meta: &Meta, known: &[&str], errors: &mut Errors) {
    let word = meta.path().to_token_stream().to_string();
    if !known.contains(&word.as_str()) {
        let message = match word.as_str() {
            "attribute" | "text" | "item" => format!("`{word}` goes on a field"),
            _ => unknown(&word, known, "`xml(...)`"),
        };
        errors.push(meta.path(), message);
        return;
    }
    let target = match word.as_str() {
        "attribute" => return flag(&mut xml.attribute, meta, errors),
        "text" => return flag(&mut xml.text, meta, errors),
        "name" => &mut xml.name,
        "item" => &mut xml.item,
        _ => &mut xml.namespace,
    };
    let Some(value) = text_of(meta) else {
        errors.push(meta, format!("`{word}` is given as a string: `{word} = \"...\"`"));
        return;
    };
    if target.is_some() {
        errors.push(meta, format!("`{word}` is said twice"));
    } else if word == "namespace" && !is_namespace(&value.value()) {
        errors.push(&value, "a namespace is some URI, such as \"urn:example:rates\"");
    } else if word != "namespace" && !is_name(&value.value()) {
        let message = "an XML name starts with a letter or `_`, and has only letters, digits, `_`, `-` and `.`";
        errors.push(&value, format!("{message}; a namespace is said apart: `namespace = \"...\"`"));
    }
    *target = Some(value.value());
}

/// Returns the string in `word = "string"`.
fn text_of(meta: &Meta) -> Option<LitStr> {
    match meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Whether a text is a name without a prefix (Namespaces in XML 1.0 §3).
fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|it| it.is_alphanumeric() || matches!(it, '_' | '-' | '.'))
}

/// Whether a text can be a namespace: nearly any can.
fn is_namespace(text: &str) -> bool {
    !text.is_empty() && !text.contains(|it: char| it.is_whitespace() || it.is_control())
}

#[cfg(test)]
mod tests {
    use super::{OF_FIELD, OF_ITEM, Xml, read};
    use crate::errors::Errors;

    fn mistakes(text: &str, known: &[&str]) -> String {
        let mut errors = Errors::default();
        read(&mut Xml::default(), &syn::parse_str(text).unwrap(), known, &mut errors);
        errors.rendered()
    }

    #[test]
    fn reads_the_words() {
        let mut xml = Xml::default();
        let mut errors = Errors::default();
        let meta = syn::parse_str("xml(item = \"rate\", name = \"Rates\", namespace = \"urn:x\")").unwrap();
        read(&mut xml, &meta, &OF_FIELD, &mut errors);
        assert_eq!(errors.rendered(), "");
        let text = |text: &str| Some(text.to_owned());
        let expected = Xml { item: text("rate"), name: text("Rates"), namespace: text("urn:x"), ..Xml::default() };
        assert_eq!(xml, expected);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (text, expected) in [
            ("xml", "xml: `xml` takes words in parentheses, as in `xml(name = \"Rate\")`"),
            ("xml()", "xml (): `xml()` says nothing: there are `attribute`, `text`, `name`, `item` and `namespace`"),
            ("xml(atribute)", "atribute: unknown word `atribute` in `xml(...)`; did you mean `attribute`?"),
            ("xml(name)", "name: `name` is given as a string: `name = \"...\"`"),
            ("xml(name = 5)", "name = 5: `name` is given as a string: `name = \"...\"`"),
            ("xml(text = true)", "text = true: `text` takes no value: its presence says it"),
            ("xml(name = \"a\", name = \"b\")", "name = \"b\": `name` is said twice"),
            ("xml(namespace = \"\")", "\"\": a namespace is some URI, such as \"urn:example:rates\""),
            (
                "xml(name = \"x:rate\")",
                "\"x:rate\": an XML name starts with a letter or `_`, and has only letters, digits, `_`, `-` and `.`; \
                 a namespace is said apart: `namespace = \"...\"`",
            ),
        ] {
            assert_eq!(mistakes(text, &OF_FIELD), expected, "{text}");
        }
        assert_eq!(mistakes("xml(attribute)", &OF_ITEM), "attribute: `attribute` goes on a field");
    }
}
