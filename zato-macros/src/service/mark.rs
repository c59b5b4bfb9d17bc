//! The attributes on parameters: `#[out("...")]`, `#[config("...")]`, `#[state]`, `#[invoke]`, `#[delivery]`.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Meta};

use super::Kind;
use crate::errors::Errors;
use crate::nearest::nearest;

/// What a parameter's attributes say about it.
pub(super) enum Mark {
    /// Nothing: it is the context or the input.
    Absent,
    /// Something wrong, which is reported already; what the parameter is meant to be cannot be said.
    Broken,
    /// It is something that the service needs, and where the attribute's word stands.
    Need(Kind, Span),
    /// It is what the service settles its message with, and where the attribute's word stands.
    Delivery(Span),
}

/// The words of ours.
const KNOWN: [&str; 5] = ["out", "config", "state", "invoke", "delivery"];

/// Attributes that the language allows on parameters and that stay where they are. `doc` is not allowed there, and
/// rustc says so better than we could.
const OF_THE_LANGUAGE: [&str; 6] = ["allow", "deny", "doc", "expect", "forbid", "warn"];

/// Takes our attributes off a parameter, and what was meant to be one.
///
/// A misspelt one goes too: left in place, rustc would report it a second time, in words that do not help.
pub(super) fn take(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Mark {
    let (kept, ours) = attributes.drain(..).partition(is_of_the_language);
    *attributes = kept;
    let mut mark = Mark::Absent;
    for attribute in ours {
        mark = match mark {
            Mark::Absent => read(&attribute, errors),
            // Read for its own mistakes only.
            Mark::Broken => {
                read(&attribute, errors);
                Mark::Broken
            }
            Mark::Need(..) | Mark::Delivery(_) => {
                errors.push(&attribute, "a parameter has one attribute only, and this one has two");
                Mark::Broken
            }
        };
    }
    mark
}

/// Whether the attribute is none of our business.
fn is_of_the_language(attribute: &Attribute) -> bool {
    OF_THE_LANGUAGE.iter().any(|known| attribute.path().is_ident(known))
}

/// Reads one attribute.
fn read(attribute: &Attribute, errors: &mut Errors) -> Mark {
    let word = attribute.path().to_token_stream().to_string().replace(' ', "");
    let need = |kind| Mark::Need(kind, attribute.path().span());
    let mark = match word.as_str() {
        "out" => named(attribute, "#[out(\"name of the connection\")]").map(Kind::Out).map(need),
        "config" => named(attribute, "#[config(\"name of the configuration\")]").map(Kind::Config).map(need),
        "state" => {
            nameless(attribute, "#[state] takes no name: the value is found by its type").map(|()| need(Kind::State))
        }
        "invoke" => nameless(attribute, "#[invoke] takes no name: the service is in the type, `Invoke<other>`")
            .map(|()| need(Kind::Invoke)),
        "delivery" => {
            nameless(attribute, "#[delivery] takes no name: it is the message that the service is called with")
                .map(|()| Mark::Delivery(attribute.path().span()))
        }
        "cfg" | "cfg_attr" => Err(format!("a service has all its parameters always: put `#[{word}]` on the function")),
        _ => Err(unknown(&word)),
    };
    mark.unwrap_or_else(|message| {
        errors.push(attribute, message);
        Mark::Broken
    })
}

/// Reads `#[word("name")]`.
fn named(attribute: &Attribute, form: &str) -> Result<LitStr, String> {
    let name = attribute.parse_args::<LitStr>().ok();
    name.filter(|name| !name.value().trim().is_empty()).ok_or_else(|| format!("write `{form}`"))
}

/// Reads `#[word]`.
fn nameless(attribute: &Attribute, otherwise: &str) -> Result<(), String> {
    if matches!(attribute.meta, Meta::Path(_)) { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// Says that there is no such attribute.
fn unknown(word: &str) -> String {
    // `#[zato::out("CRM")]` and the like: the right word, with a path before it.
    let last = word.rsplit(':').next().unwrap_or_default().trim();
    let form = |known: &str| match known {
        "out" | "config" => format!("`#[{known}(\"...\")]`"),
        known => format!("`#[{known}]`"),
    };
    match nearest(last, &KNOWN) {
        Some(known) => format!("unknown attribute `#[{word}]`; did you mean {}?", form(known)),
        None => format!("unknown attribute `#[{word}]` on a parameter; there are {}", KNOWN.map(form).join(", ")),
    }
}
