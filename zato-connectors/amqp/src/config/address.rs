//! Where a broker is, as people write it (the AMQP URI specification of RabbitMQ).

use std::fmt;

use percent_encoding::percent_decode_str;
use zato_core::config::Secret;

/// An address such as `amqp://user:password@broker.example.com:5672/orders`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) is_tls: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// `None` if it names none, which is the default one.
    pub(crate) vhost: Option<String>,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// What is expected in its place, without what it says: there may be a password in it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected an address such as amqp://broker.example.com:5672/orders";
        let (scheme, rest) = text.split_once("://").ok_or(EXPECTED)?;
        let is_tls = match scheme {
            "amqp" => false,
            "amqps" => true,
            _ => return Err("expected an address that begins with amqp:// or amqps://"),
        };
        if rest.contains(['?', '#']) {
            return Err("the address has parameters in it, which are keys of their own here, such as heartbeat");
        }
        let (authority, vhost) = match rest.split_once('/') {
            Some((_, vhost)) if vhost.contains('/') => {
                return Err("a slash in the name of a virtual host is written %2F");
            }
            Some((authority, vhost)) => (authority, Some(decoded(vhost)?)),
            None => (rest, None),
        };
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority),
        };
        let (username, password) = match userinfo.map(|userinfo| userinfo.split_once(':').unwrap_or((userinfo, ""))) {
            Some((username, "")) => (Some(decoded(username)?), None),
            Some((username, password)) => (Some(decoded(username)?), Some(Secret::from(decoded(password)?))),
            None => (None, None),
        };
        let (host, port) = split(place).ok_or(EXPECTED)?;
        Ok(Self { is_tls, username, password, host, port, vhost })
    }
}

/// Splits a host from its port; an IPv6 address stands in brackets.
fn split(place: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (host, port)
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port.map(|port| port.parse().ok().filter(|port| *port > 0)).map_or(Some(None), |port| port.map(Some))?;
    let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
    is_host.then(|| (host.to_owned(), port))
}

fn decoded(text: &str) -> Result<String, &'static str> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| "what stands after a % is no UTF-8")
}

/// Says where, and nothing of who.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("is_tls", &self.is_tls)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("vhost", &self.vhost)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_address_is_read() {
        let address = Address::parse("amqps://us%40er:p%3Ass@broker:5671/or%2Fders").unwrap();
        assert_eq!((address.is_tls, address.host.as_str(), address.port), (true, "broker", Some(5671)));
        assert_eq!(address.username.as_deref(), Some("us@er"));
        assert_eq!(address.password.as_ref().map(Secret::expose), Some("p:ss"));
        assert_eq!(address.vhost.as_deref(), Some("or/ders"));
        assert!(!format!("{address:?}").contains("p:ss"));
        let least = Address::parse("amqp://broker").unwrap();
        assert_eq!((least.port, least.vhost, least.username), (None, None, None));
        let six = Address::parse("amqp://[::1]:5672/").unwrap();
        assert_eq!((six.host.as_str(), six.port, six.vhost.as_deref()), ("::1", Some(5672), Some("")));
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in [
            "broker-secret",
            "http://us:secret@broker",
            "amqp://us:secret@",
            "amqp://us:secret@:5672",
            "amqp://us:secret@a b",
            "amqp://us:secret@broker:0",
            "amqp://us:secret@broker:99999",
            "amqp://us:secret@[::1",
            "amqp://us:secret@[::1]5672",
            "amqp://us:secret@broker/a/b",
            "amqp://us:secret@broker?heartbeat=3",
            "amqp://us:secret@broker/%ff",
        ] {
            let words = Address::parse(text).unwrap_err();
            assert!(!words.contains("secret"), "{text}");
        }
    }
}
