//! What `#[model(...)]` says of fields.

use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Meta};

use super::fit;
use super::rules::{self, Constraint};
use super::serde_names::{self, Names, says};
use super::words::{flag, one_of, unknown};
use super::xml::{self, Xml};
use crate::arguments::arguments;
use crate::errors::Errors;

/// What is said of one field.
pub(super) struct Said {
    pub(super) names: Names,
    pub(super) xml: Xml,
    /// Its value is never repeated.
    pub(super) secret: bool,
    /// It is a list that has to be there, which one without items is in formats that write no list around items.
    pub(super) list: bool,
    /// What its value has to be.
    pub(super) rules: Vec<Constraint>,
}

/// The words that there are.
pub(super) const KNOWN: [&str; 9] = ["secret", "xml", "length", "range", "pattern", "email", "url", "custom", "inner"];

/// Takes the attributes that are ours off the fields of an item: of a struct, or of each variant of an enum.
pub(super) fn take(item: &mut DeriveInput, errors: &mut Errors) -> Vec<Vec<Said>> {
    let attributes = &item.attrs;
    match &mut item.data {
        Data::Struct(data) => vec![of_fields(&mut data.fields, "rename_all", attributes, errors)],
        Data::Enum(data) => {
            let variants = data.variants.iter_mut().map(|variant| {
                for attribute in ours(&mut variant.attrs) {
                    let message = "this goes on fields: a variant is called what `#[serde(rename = \"...\")]` says";
                    errors.push(attribute, message);
                }
                // What the variant says counts more than what the enum says of all.
                if says(&variant.attrs, &["rename_all"]) {
                    of_fields(&mut variant.fields, "rename_all", &variant.attrs, errors)
                } else {
                    of_fields(&mut variant.fields, "rename_all_fields", attributes, errors)
                }
            });
            variants.collect()
        }
        Data::Union(_) => Vec::new(),
    }
}

fn of_fields(fields: &mut Fields, rule: &str, of_all: &[Attribute], errors: &mut Errors) -> Vec<Said> {
    fields.iter_mut().map(|field| of_field(field, serde_names::of_field(field, rule, of_all), errors)).collect()
}

fn of_field(field: &mut Field, names: Names, errors: &mut Errors) -> Said {
    let is_there =
        !says(&field.attrs, &["default", "deserialize_with", "flatten", "skip", "skip_deserializing", "with"]);
    let list = is_there && fit::is_list(&field.ty);
    let mut said = Said { names, xml: Xml::default(), secret: false, list, rules: Vec::new() };
    for attribute in ours(&mut field.attrs) {
        let Meta::List(list) = &attribute.meta else {
            errors.push(&attribute, "this takes words in parentheses, as in `#[model(secret)]`");
            continue;
        };
        for argument in arguments(list.tokens.clone()) {
            match syn::parse2::<Meta>(argument.clone()) {
                Ok(meta) => word(&mut said, &meta, errors),
                Err(_) => errors.push(argument, format!("expected {}", one_of(&KNOWN, "or"))),
            }
        }
    }
    said
}

fn word(said: &mut Said, meta: &Meta, errors: &mut Errors) {
    let word = meta.path().to_token_stream().to_string();
    match word.as_str() {
        "secret" => flag(&mut said.secret, meta, errors),
        "xml" => xml::read(&mut said.xml, meta, &xml::OF_FIELD, errors),
        "coerce" | "deny_unknown" => {
            errors.push(meta.path(), format!("`{word}` goes on the whole model: `#[model({word})]` above it"));
        }
        rule if rules::KNOWN.contains(&rule) => rules::read(meta, &mut said.rules, errors),
        _ => errors.push(meta.path(), unknown(&word, &KNOWN, "the #[model] of a field")),
    }
}

/// Takes the attributes that are ours.
fn ours(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    let is_ours = |it: &Attribute| it.path().segments.last().is_some_and(|segment| segment.ident == "model");
    let (ours, others) = std::mem::take(attributes).into_iter().partition(is_ours);
    *attributes = others;
    ours
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::DeriveInput;

    use super::take;
    use crate::errors::Errors;

    fn mistakes(field: &str) -> String {
        let mut item: DeriveInput = syn::parse_str(&format!("struct A {{ {field} a: u32 }}")).unwrap();
        let mut errors = Errors::default();
        take(&mut item, &mut errors);
        assert!(!item.to_token_stream().to_string().contains("model"), "it is taken off: {field}");
        errors.rendered()
    }

    #[test]
    fn takes_what_is_said() {
        let mut item: DeriveInput = syn::parse_str(
            "enum A { B { #[model(secret)] #[doc = \"x\"] #[zato::model(xml(attribute))] a: u32, b: u8 }, C(u8) }",
        )
        .unwrap();
        let mut errors = Errors::default();
        let said = take(&mut item, &mut errors);
        assert_eq!(errors.rendered(), "");
        assert_eq!(said.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert!(said[0][0].secret && said[0][0].xml.attribute && !said[0][1].secret);
        assert_eq!(item.to_token_stream().to_string(), "enum A { B { # [doc = \"x\"] a : u32 , b : u8 } , C (u8) }");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (field, expected) in [
            ("#[model]", "# [model]: this takes words in parentheses, as in `#[model(secret)]`"),
            ("#[model(sceret)]", "sceret: unknown word `sceret` in the #[model] of a field; did you mean `secret`?"),
            ("#[model(coerce)]", "coerce: `coerce` goes on the whole model: `#[model(coerce)]` above it"),
            ("#[model(secret = 1)]", "secret = 1: `secret` takes no value: its presence says it"),
            (
                "#[model(5)]",
                "5: expected `secret`, `xml`, `length`, `range`, `pattern`, `email`, `url`, `custom` or `inner`",
            ),
            ("#[model(length(min = 1), length(max = 2))]", "length (max = 2): `length` is said twice"),
            ("#[model(email, url)]", "url: nothing is an email address and a URL at once"),
        ] {
            assert_eq!(mistakes(field), expected, "{field}");
        }
    }

    #[test]
    fn a_variant_is_named_by_serde() {
        let mut item: DeriveInput = syn::parse_str("enum A { #[model(xml(name = \"b\"))] B }").unwrap();
        let mut errors = Errors::default();
        take(&mut item, &mut errors);
        assert_eq!(
            errors.rendered(),
            "# [model (xml (name = \"b\"))]: this goes on fields: a variant is called what `#[serde(rename = \"...\")]` says"
        );
    }
}
