//! What formats are told of a model beside its names and types, as one text.
//!
//! `zato-core` reads it (its `model/hints.rs` describes the text).

use syn::{Data, DeriveInput, Fields};

use super::said::Said;
use super::serde_names;
use super::words::Words;
use super::xml::Xml;

/// Stands between the parts of the text.
const BETWEEN: &str = "\u{1f}";

/// Stands between the words about one field.
const WORDS: &str = "\u{1e}";

/// Returns the text of a model, whose first part is its name.
pub(super) fn of(item: &DeriveInput, words: &Words, said: &[Vec<Said>]) -> String {
    let mut text = serde_names::of_item(&item.ident, &item.attrs).written;
    let mut add = |field: &str, words: &str| {
        if !words.is_empty() {
            text.extend([BETWEEN, field, BETWEEN, words]);
        }
    };
    add("", &of_xml(&words.xml));
    let Data::Struct(data) = &item.data else { return text };
    if !matches!(data.fields, Fields::Named(_)) {
        return text;
    }
    for said in said.iter().flatten() {
        let words = of_field(said);
        let words = match (said.list, words.is_empty()) {
            (false, _) => words,
            (true, true) => "list".to_owned(),
            (true, false) => ["list", &words].join(WORDS),
        };
        add(&said.names.read, &words);
        if said.names.written != said.names.read {
            add(&said.names.written, &words);
        }
    }
    text
}

/// Returns the words about one field.
pub(super) fn of_field(said: &Said) -> String {
    let of_xml = of_xml(&said.xml);
    match (said.secret, of_xml.is_empty()) {
        (false, _) => of_xml,
        (true, true) => "secret".to_owned(),
        (true, false) => ["secret", &of_xml].join(WORDS),
    }
}

/// Returns the words about XML.
pub(super) fn of_xml(xml: &Xml) -> String {
    let flag = |is_set: bool, word: &str| is_set.then(|| word.to_owned());
    let value = |value: &Option<String>, word: &str| value.as_ref().map(|value| format!("{word}={value}"));
    let words = [
        flag(xml.attribute, "attribute"),
        flag(xml.text, "text"),
        value(&xml.item, "item"),
        value(&xml.name, "name"),
        value(&xml.namespace, "namespace"),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(WORDS)
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::{super::said, super::words::words, of};
    use crate::errors::Errors;

    #[test]
    fn says_it_under_the_names_of_serde() {
        let mut errors = Errors::default();
        let mut item = parse_quote! {
            #[serde(rename_all = "camelCase")]
            struct Rate {
                #[model(xml(attribute, name = "cur"))]
                base_currency: String,
                #[model(secret, xml(item = "day"))]
                #[serde(rename(serialize = "out"))]
                bank_days: Vec<u8>,
                rest: u8,
            }
        };
        let words = words(quote!(xml(name = "LT_Rate", namespace = "urn:x")), &mut errors);
        let said = said::take(&mut item, &mut errors);
        assert_eq!(errors.rendered(), "");
        let expected = "Rate||name=LT_Rate&namespace=urn:x|baseCurrency|attribute&name=cur\
            |bankDays|list&secret&item=day|out|list&secret&item=day";
        assert_eq!(of(&item, &words, &said).replace('\u{1f}', "|").replace('\u{1e}', "&"), expected);
    }
}
