//! What one channel answers.

use std::sync::Arc;

use zato_core::{
    format::{
        soap::{Envelope, Version},
        xml::Element,
    },
    security::Nonces,
};

use crate::{config::HttpChannelConfig, edge::Edge};

/// What one channel answers, and in which words it has to be asked.
pub(crate) struct Operation {
    /// The name of the body's element, configured or derived.
    pub(super) name: String,
    /// Whether that name was configured, so that no other is taken.
    pub(super) is_strict: bool,
    pub(super) action: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) versions: Vec<Version>,
    understood: Vec<String>,
    /// The security definition, by its name.
    pub(super) security: Option<String>,
    pub(super) nonces: Arc<Nonces>,
}

impl Operation {
    /// Makes that of a channel; `None` if it doesn't speak SOAP.
    pub(crate) fn of(entry: &HttpChannelConfig, edge: &Edge) -> Option<Self> {
        let soap = entry.soap.as_ref()?;
        Some(Self {
            name: soap.operation.clone().unwrap_or_else(|| derived(&entry.http.service)),
            is_strict: soap.operation.is_some(),
            action: soap.action.clone(),
            namespace: soap.namespace.clone(),
            versions: soap.versions.clone(),
            understood: soap.understood.clone(),
            security: entry.http.security().map(str::to_owned),
            nonces: Arc::clone(&edge.nonces),
        })
    }

    /// Whether a header block is seen to: by us, or by the service. The security header is, where it is looked at.
    pub(super) fn is_understood(&self, block: Element<'_>, is_secured: bool) -> bool {
        let of_security = || is_secured && zato_core::security::is_security_header(block);
        Envelope::is_addressing(block) || of_security() || self.is_left_to_service(block)
    }

    fn is_left_to_service(&self, block: Element<'_>) -> bool {
        let namespace = block.namespace().unwrap_or_default();
        self.understood.iter().any(|known| match known.strip_prefix('{').and_then(|known| known.split_once('}')) {
            Some((of, name)) => of == namespace && name == block.name(),
            None => known == namespace,
        })
    }
}

/// Makes one word of a service's name, as XML and the languages of clients can have it: `ClientGet` of `client.get`.
pub(super) fn derived(service: &str) -> String {
    let words = service.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let capitalized = words.flat_map(|word| {
        let mut characters = word.chars();
        characters.next().into_iter().flat_map(char::to_uppercase).chain(characters)
    });
    let name: String = capitalized.collect();
    // No name in XML begins with a digit.
    if name.starts_with(char::is_alphabetic) { name } else { format!("Call{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_gives_its_name_to_the_operation() {
        for (service, name) in [
            ("client.get", "ClientGet"),
            ("api.user.get-details", "ApiUserGetDetails"),
            ("ping", "Ping"),
            ("1.get_2", "Call1Get2"),
        ] {
            assert_eq!(derived(service), name);
        }
    }
}
