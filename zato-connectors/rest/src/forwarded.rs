//! Whom a proxy speaks for.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};
use zato_core::config::{ForwardedHeader, Network, ServerConfig};

#[cfg(feature = "soap")]
use crate::host::is_well_formed;

/// The proxies whose word on the client's address is taken.
#[derive(Debug)]
pub(crate) struct Proxies {
    trusted: Vec<Network>,
    header: ForwardedHeader,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(feature = "soap")]
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(feature = "soap")]
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

impl Proxies {
    /// Returns the proxies of a configuration; `None` if there are none, so that nothing is looked at.
    pub(crate) fn new(server: &ServerConfig) -> Option<Self> {
        let trusted = server.trusted_proxies.clone();
        (!trusted.is_empty()).then_some(Self { trusted, header: server.forwarded_header })
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Finds the client: from the peer backwards, each trusted proxy is asked for whom it speaks.
    ///
    /// Every proxy adds to the right what it sees, and what stands to the left of that anybody may have written (RFC
    /// 7239 §5.2, §8.1). So the first address that is not trusted is the client, and nothing left of it is looked at.
    /// Where a proxy names nobody, or in a way that is no address, it is itself as near as we get.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let name = match self.header {
            ForwardedHeader::Forwarded => header::FORWARDED,
            _ => X_FORWARDED_FOR,
        };
        // Several headers of a name are one list (RFC 9110 §5.3).
        for value in headers.get_all(name).iter().rev() {
            let mut list = Some(value.as_bytes());
            while let Some(elements) = list {
                if !self.trusts(client) {
                    return client;
                }
                let (before, element) = self.split_last(elements);
                let Some(named) = str::from_utf8(element).ok().and_then(|element| self.address(element)) else {
                    return client;
                };
                (list, client) = (before, named);
            }
        }
        client
    }

    /// Returns what the nearest proxy says of how a client reached it: the scheme, and the host with its port. The nearest
    /// is the one that is known to be trusted; what others have written is left of that.
    #[cfg(feature = "soap")]
    pub(crate) fn reached(&self, headers: &HeaderMap) -> (Option<String>, Option<String>) {
        let last = |name: HeaderName| {
            let value = headers.get_all(name).iter().next_back()?;
            let (_, element) = self.split_last(value.as_bytes());
            str::from_utf8(element).ok().map(str::trim).filter(|element| !element.is_empty())
        };
        let (scheme, host) = match self.header {
            ForwardedHeader::Forwarded => {
                let element = last(header::FORWARDED);
                (element.and_then(|it| parameter(it, "proto")), element.and_then(|it| parameter(it, "host")))
            }
            _ => (last(X_FORWARDED_PROTO).map(str::to_owned), last(X_FORWARDED_HOST).map(str::to_owned)),
        };
        let scheme = scheme.map(|scheme| scheme.to_ascii_lowercase());
        let scheme = scheme.filter(|scheme| matches!(scheme.as_str(), "http" | "https"));
        (scheme, host.filter(|host| !host.is_empty() && is_well_formed(host.as_bytes())))
    }

    /// Splits the last element off a list.
    fn split_last<'a>(&self, list: &'a [u8]) -> (Option<&'a [u8]>, &'a [u8]) {
        let comma = match self.header {
            ForwardedHeader::Forwarded => last_comma(list),
            _ => list.iter().rposition(|byte| *byte == b','),
        };
        let split = comma.and_then(|comma| Some((list.get(..comma)?, list.get(comma + 1..)?)));
        split.map_or((None, list), |(before, element)| (Some(before), element))
    }

    fn address(&self, element: &str) -> Option<IpAddr> {
        match self.header {
            ForwardedHeader::Forwarded => address_of(&parameter(element, "for")?),
            _ => address_of(element.trim()),
        }
    }
}

/// Finds the last comma that stands in no quotes (RFC 7239 §4), read from the right: a quote that a client opened on
/// the left, and did not close, must not swallow what a proxy added.
fn last_comma(list: &[u8]) -> Option<usize> {
    let mut is_quoted = false;
    list.iter().enumerate().rev().find_map(|(position, byte)| {
        let is_escaped = || {
            let before = list.get(..position).unwrap_or_default();
            before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
        };
        if *byte == b'"' && !is_escaped() {
            is_quoted = !is_quoted;
        }
        (*byte == b',' && !is_quoted).then_some(position)
    })
}

/// Splits an element at its semicolons, but not at those in quotes.
fn pairs(element: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    element.split(move |character| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && character == '\\' && !was_escaped;
        if character == '"' && !was_escaped {
            is_quoted = !is_quoted;
        }
        character == ';' && !is_quoted
    })
}

/// Finds the parameter of an element, without its quotes; `None` also if it is there twice (RFC 7239 §4).
fn parameter(element: &str, name: &str) -> Option<String> {
    let mut values = pairs(element).filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then_some(value)
    });
    let value = values.next().filter(|_| values.next().is_none())?;
    match value.strip_prefix('"') {
        // No address has a character that is escaped; what would be left of one is none.
        Some(quoted) => quoted.strip_suffix('"').map(str::to_owned),
        None => Some(value.to_owned()),
    }
}

/// Reads an address with or without a port, in the forms of both headers: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`. Names that a proxy made up (`_hidden`, `unknown`) are none; a port may be one.
fn address_of(text: &str) -> Option<IpAddr> {
    let is_port = |port: &str| {
        let made_up = port.strip_prefix('_');
        made_up.is_some_and(|name| !name.is_empty()) || port.parse::<u16>().is_ok()
    };
    let bracketed = || {
        let (address, rest) = text.strip_prefix('[')?.split_once(']')?;
        let is_well = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        address.parse().ok().filter(|_| is_well).map(IpAddr::V6)
    };
    let with_port = || {
        let (address, port) = text.split_once(':')?;
        address.parse().ok().filter(|_| is_port(port)).map(IpAddr::V4)
    };
    let plain = text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    plain.or_else(bracketed).or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn proxies(header: ForwardedHeader) -> Proxies {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        Proxies { trusted: trusted.into(), header }
    }

    fn client(header: ForwardedHeader, peer: &str, headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        proxies(header).client(peer.parse().unwrap(), &map).to_string()
    }

    fn by_x(peer: &str, values: &[&str]) -> String {
        let headers: Vec<_> = values.iter().map(|value| ("x-forwarded-for", *value)).collect();
        client(ForwardedHeader::XForwardedFor, peer, &headers)
    }

    fn by_forwarded(value: &str) -> String {
        client(ForwardedHeader::Forwarded, "10.0.0.1", &[("forwarded", value)])
    }

    #[test]
    #[cfg(feature = "soap")]
    fn how_a_client_reached_us_is_what_the_nearest_proxy_says() {
        let reached = |header, headers: &[(&'static str, &str)]| {
            let map = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            let (scheme, host) = proxies(header).reached(&map.collect());
            format!("{}://{}", scheme.unwrap_or_default(), host.unwrap_or_default())
        };
        let by_x = |proto, host| {
            reached(ForwardedHeader::XForwardedFor, &[("x-forwarded-proto", proto), ("x-forwarded-host", host)])
        };
        assert_eq!(by_x("HTTPS", "bank.example:8443"), "https://bank.example:8443");
        assert_eq!(by_x("http, https", "evil.example, bank.example"), "https://bank.example");
        assert_eq!(by_x("javascript", "a\"b"), "://");
        let by_forwarded = |value| reached(ForwardedHeader::Forwarded, &[("forwarded", value)]);
        assert_eq!(
            by_forwarded("for=1.2.3.4;proto=http, for=10.0.0.1;proto=https;host=\"bank.example:1\""),
            "https://bank.example:1"
        );
        assert_eq!(by_forwarded("for=10.0.0.1"), "://");
    }

    #[test]
    fn nobody_is_believed_but_those_on_the_list() {
        assert_eq!(by_x("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(by_x("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(by_x("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(by_x("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_first_that_is_not_trusted_is_the_client_seen_from_the_right() {
        // The left one is what the client made up.
        assert_eq!(by_x("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(by_x("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2,10.0.0.3"]), "203.0.113.9");
        assert_eq!(by_x("10.0.0.1", &["198.51.100.1", "203.0.113.9", "10.0.0.2"]), "203.0.113.9");
        assert_eq!(by_x("10.0.0.1", &["10.0.0.4, 10.0.0.3"]), "10.0.0.4", "all are trusted");
    }

    #[test]
    fn what_is_no_address_ends_the_search_at_the_last_good_one() {
        for value in ["203.0.113.9, unknown", "203.0.113.9, ", "203.0.113.9, 10.0.0", "203.0.113.9, \u{e4}", "a, 1 2"] {
            assert_eq!(by_x("10.0.0.1", &[value]), "10.0.0.1", "{value}");
        }
        assert_eq!(by_x("10.0.0.1", &["203.0.113.9, nobody, 10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        for (value, expected) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1\t", "192.0.2.1"),
        ] {
            assert_eq!(by_x("10.0.0.1", &[value]), expected, "{value}");
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (value, expected) in [
            ("for=192.0.2.43", "192.0.2.43"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("proto=https; FOR=\"192.0.2.47:_port\"", "192.0.2.47"),
            ("for=198.51.100.17, for=192.0.2.43, for=10.9.9.9", "192.0.2.43"),
            ("for=192.0.2.43;by=\"a,for=198.51.100.1\"", "192.0.2.43"),
            ("for=192.0.2.43;by=\"a\\\",for=198.51.100.1\"", "192.0.2.43"),
            ("for=_hidden", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
            ("for=\"192.0.2.43", "10.0.0.1"),
            ("for=192.0.2.43;for=192.0.2.44", "10.0.0.1"),
            ("192.0.2.43", "10.0.0.1"),
            ("by=203.0.113.43", "10.0.0.1"),
        ] {
            assert_eq!(by_forwarded(value), expected, "{value}");
        }
    }

    #[test]
    fn the_other_header_is_not_looked_at() {
        let both = [("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client(ForwardedHeader::XForwardedFor, "10.0.0.1", &both), "203.0.113.9");
        assert_eq!(client(ForwardedHeader::Forwarded, "10.0.0.1", &both), "198.51.100.1");
    }

    proptest! {
        /// Whatever the client puts to the left of what the proxy adds, the proxy's word counts.
        #[test]
        fn nothing_that_a_client_writes_counts(made_up in "[ -~]{0,60}") {
            prop_assert_eq!(by_x("10.0.0.1", &[&made_up, "203.0.113.9"]), "203.0.113.9");
            prop_assert_eq!(by_x("10.0.0.1", &[&format!("{made_up}, 203.0.113.9")]), "203.0.113.9");
            let headers = [("forwarded", made_up.as_str()), ("forwarded", "for=203.0.113.9")];
            prop_assert_eq!(client(ForwardedHeader::Forwarded, "10.0.0.1", &headers), "203.0.113.9");
            prop_assert_eq!(by_forwarded(&format!("{made_up}, for=\"203.0.113.9\"")), "203.0.113.9");
        }
    }
}
