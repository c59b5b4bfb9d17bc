//! What a request may say of the host that it is for.

use std::net::Ipv6Addr;

use http::{HeaderMap, HeaderValue, Uri, header};

/// The `Host` headers of a request.
#[derive(Default)]
pub(crate) struct Hosts {
    number: usize,
    has_malformed: bool,
}

impl Hosts {
    pub(crate) fn add(&mut self, host: &HeaderValue) {
        self.number += 1;
        self.has_malformed |= !is_well_formed(host.as_bytes());
    }

    pub(crate) fn is_one(&self) -> bool {
        self.number == 1
    }

    pub(crate) fn are_well_formed(&self) -> bool {
        !self.has_malformed
    }
}

/// Whether a `Host` header has a form that it may have (RFC 9110 §7.2, RFC 3986 §3.2.2): who stands between us and the
/// client could read another host in it than we or a service. An empty one is allowed where there is no host to name.
pub(crate) fn is_well_formed(host: &[u8]) -> bool {
    // Nearly all hosts are letters, digits, dots and hyphens, and this is on the way of every request.
    let plain = host.iter().take_while(|byte| IS_PLAIN.get(usize::from(**byte)).copied().unwrap_or_default()).count();
    match host.split_at_checked(plain) {
        Some((_, [])) => true,
        Some((name, [b':', port @ ..])) => !name.is_empty() && is_port(port),
        _ => is_well_formed_otherwise(host),
    }
}

/// The bytes that a plain name of a host is made of.
static IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "a byte is always below 256, and this is done by the compiler")]
        {
            plain[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        }
        byte += 1;
    }
    plain
};

fn is_port(port: &[u8]) -> bool {
    port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}

/// The same for addresses of IPv6, and for names with the rarer characters.
fn is_well_formed_otherwise(host: &[u8]) -> bool {
    let Ok(host) = str::from_utf8(host) else { return false };
    let has_port = |rest: &str| rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| is_port(port.as_bytes()));
    if let Some(literal) = host.strip_prefix('[') {
        let split = literal.split_once(']');
        return split.is_some_and(|(address, rest)| address.parse::<Ipv6Addr>().is_ok() && has_port(rest));
    }
    let (name, port) = host.split_once(':').map_or((host, ""), |(name, port)| (name, port));
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
    !name.is_empty() && name.bytes().all(is_of_name) && is_port(port.as_bytes())
}

/// Whether a request of HTTP/2 names one host, and the same if it does so twice (RFC 9113 §8.3.1).
pub(crate) fn is_named_once(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (uri.authority(), hosts.next(), hosts.next()) {
        (Some(_), None, None) => true,
        (Some(authority), Some(host), None) => host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()),
        (None, Some(host), None) => !host.is_empty() && is_well_formed(host.as_bytes()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_there_are() {
        for host in [
            "",
            "a",
            "example.com",
            "example.com:",
            "127.0.0.1:8080",
            "[::1]",
            "[2001:db8::1]:443",
            "my_host",
            "xn--bcher-kva.example",
            "a%20b:1",
        ] {
            assert!(is_well_formed(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn hosts_that_there_are_not() {
        for host in [
            ":80", "a:b", "a:80:90", "a:123456", "a b", "a, b c", "user@a", "a/b", "a?b", "a#b", "http://a", "[::1",
            "[::1]x", "[::1]:x", "[a]", "::1", "a\\b", "<a>", "\u{e4}",
        ] {
            assert!(!is_well_formed(host.as_bytes()), "{host}");
        }
        assert!(!is_well_formed(b"\xff"));
    }
}
