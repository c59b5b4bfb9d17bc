//! What a reply is kept under.

use http::{HeaderName, header};
use sha2::{Digest, Sha256};
use zato_core::{
    bytes::Bytes,
    message::{Head, percent_decode},
};

use crate::config::{ResponseCacheConfig, RestChannelConfig};

/// How the keys of a channel are made.
pub(super) struct Keys {
    /// The channel, and what it was configured with: another configuration finds nothing that this one has kept.
    prefix: String,
    /// Headers that replies depend on.
    pub(super) headers: Vec<HeaderName>,
    ignored: Vec<String>,
    has_body: bool,
    is_shared: bool,
}

/// The key of a request.
pub(super) struct Key {
    pub(super) text: String,
    /// Some of its bits.
    pub(super) hash: u64,
}

/// What keys are made out of: parts, each with its length before it, so that no two lists of parts are the same bytes.
///
/// Whoever calls chooses most of them, and must not find two that are taken for one: hence a hash that nobody can do that
/// with.
struct Parts(Sha256);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.0.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.update(part);
    }

    /// Adds parts, and that they are over.
    fn all<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>) {
        for part in parts {
            self.add(part);
        }
        // No part is that long.
        self.0.update(u64::MAX.to_le_bytes());
    }
}

impl Keys {
    pub(super) fn of(config: &RestChannelConfig, settings: &ResponseCacheConfig, headers: Vec<HeaderName>) -> Self {
        let configured = hex(Sha256::digest(format!("{config:?}")).iter().take(8));
        Self {
            prefix: format!("channel:{}:{configured}:", config.name),
            headers,
            ignored: settings.ignored_query_parameters.clone(),
            has_body: settings.include_body_in_key,
            is_shared: settings.is_shared_across_callers,
        }
    }

    pub(super) fn of_request(&self, head: &Head, body: &Bytes) -> Key {
        let mut parts = Parts(Sha256::new());
        parts.add(head.method.as_ref().map_or("", |method| method.as_str()).as_bytes());
        if let Some(uri) = &head.uri {
            // A link in a reply may be made of it.
            parts.add(uri.authority().map_or("", |authority| authority.as_str()).as_bytes());
            parts.add(uri.path().as_bytes());
            parts.all(self.query(uri.query().unwrap_or_default()).iter().map(|pair| pair.as_bytes()));
        }
        for format in [head.input, head.output] {
            parts.add(format.as_str().as_bytes());
        }
        let of_header = |parts: &mut Parts, name: &HeaderName| {
            parts.all(head.headers.get_all(name).iter().map(http::HeaderValue::as_bytes));
        };
        of_header(&mut parts, &header::HOST);
        for name in &self.headers {
            of_header(&mut parts, name);
        }
        if !self.is_shared {
            match &head.caller {
                Some(caller) => parts.all([caller.security.as_bytes(), caller.username.as_bytes()].into_iter()),
                // Nobody was asked who it is, but the service may look at that itself.
                None => {
                    of_header(&mut parts, &header::AUTHORIZATION);
                    of_header(&mut parts, &header::COOKIE);
                    let certificate = head.certificate.as_ref().map(|one| one.fingerprint.to_string());
                    parts.all(certificate.iter().map(String::as_bytes));
                }
            }
        }
        if self.has_body {
            parts.add(body);
        }
        let digest = parts.0.finalize();
        let hash = digest.iter().take(8).fold(0, |hash: u64, byte| (hash << 8) | u64::from(*byte));
        Key { text: format!("{}{}", self.prefix, hex(digest.iter())), hash }
    }

    /// Returns the parameters of a query string that matter, by name; those of one name stay in their order.
    fn query<'a>(&self, query: &'a str) -> Vec<&'a str> {
        fn name(pair: &str) -> &str {
            pair.split_once('=').map_or(pair, |(name, _)| name)
        }
        let is_ignored = |pair: &str| {
            let spaced = name(pair).replace('+', " ");
            percent_decode(&spaced).is_ok_and(|name| self.ignored.iter().any(|ignored| *ignored == *name))
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let mut pairs: Vec<&str> = pairs.filter(|pair| self.ignored.is_empty() || !is_ignored(pair)).collect();
        pairs.sort_by_key(|pair| name(pair));
        pairs
    }
}

fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Method;
    use zato_core::{
        bytes::Bytes,
        config::{from_node, yaml},
        message::{Caller, ChannelInfo, Message, Payload},
    };

    use super::*;

    fn keys(entry: &str, settings: &str) -> Keys {
        let entry: RestChannelConfig = from_node(&yaml::parse("a.yaml", entry).unwrap()).unwrap();
        let settings: ResponseCacheConfig = from_node(&yaml::parse("a.yaml", settings).unwrap()).unwrap();
        let headers = settings.vary_by_headers.iter().map(|name| HeaderName::try_from(name).unwrap()).collect();
        Keys::of(&entry, &settings, headers)
    }

    const ENTRY: &str = "{name: a, url_path: /a, service: a}";

    fn key(
        keys: &Keys,
        uri: &str,
        headers: &[(&'static str, &'static str)],
        caller: Option<&str>,
        body: &str,
    ) -> String {
        let channel = Arc::new(ChannelInfo::new("rest", "a", "a"));
        let mut message = Message::new("c1".parse().unwrap(), channel, Payload::empty());
        message.head.method = Some(Method::GET);
        message.head.uri = Some(uri.parse().unwrap());
        message.head.caller = caller.map(|name| Arc::new(Caller::new("staff", name)));
        for (name, value) in headers {
            message.head.headers.append(*name, value.parse().unwrap());
        }
        keys.of_request(&message.head, &Bytes::copy_from_slice(body.as_bytes())).text
    }

    #[test]
    fn what_makes_no_difference_makes_no_other_key() {
        let keys = keys(ENTRY, "{ignored_query_parameters: [\"utm source\"]}");
        let first = key(&keys, "/a?b=2&a=1", &[], None, "");
        for (uri, headers) in [
            ("/a?a=1&b=2", &[][..]),
            ("/a?a=1&utm%20source=x&b=2", &[]),
            ("/a?utm+source=y&a=1&&b=2", &[]),
            ("/a?a=1&b=2", &[("accept-language", "pl"), ("user-agent", "x")]),
        ] {
            assert_eq!(key(&keys, uri, headers, None, "body"), first, "{uri}");
        }
        assert!(first.starts_with("channel:a:"));
    }

    #[test]
    fn what_makes_a_difference_makes_another_key() {
        let whole = keys(ENTRY, "{vary_by_headers: [Accept-Language], include_body_in_key: true}");
        let of = |uri, headers, caller, body| key(&whole, uri, headers, caller, body);
        let mut all = vec![
            of("/a?a=1&a=2", &[], None, ""),
            of("/a?a=2&a=1", &[], None, ""),
            of("/a?a=1%26a=2", &[], None, ""),
            of("/b?a=1&a=2", &[], None, ""),
            of("/a", &[("accept-language", "pl")], None, ""),
            of("/a", &[("accept-language", "pl"), ("accept-language", "en")], None, ""),
            of("/a", &[("host", "a.test")], None, ""),
            of("/a", &[("authorization", "x")], None, ""),
            of("/a", &[("cookie", "x")], None, ""),
            of("/a", &[], Some("ann"), ""),
            of("/a", &[], Some("bob"), ""),
            of("/a", &[], None, "x"),
            key(&keys("{name: a, url_path: /a, service: b}", "{}"), "/a", &[], None, ""),
        ];
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        let shared = keys(ENTRY, "{is_shared_across_callers: true}");
        assert_eq!(key(&shared, "/a", &[], Some("ann"), ""), key(&shared, "/a", &[("cookie", "x")], None, ""));
    }
}
