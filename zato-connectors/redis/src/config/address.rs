//! Where a server is, as people write it (the URI schemes that are registered with IANA as `redis` and `rediss`).

use std::{fmt, path::PathBuf};

use percent_encoding::percent_decode_str;
use zato_core::config::Secret;

/// The port that Redis listens on unless it was told otherwise.
pub(super) const PORT: u16 = 6379;

/// An address such as `rediss://user:password@redis.example.com:6379/0`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) place: Place,
    pub(crate) is_tls: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) db: Option<i64>,
}

/// Where one server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp(Node),
    /// A socket of this machine, by its path.
    Unix(PathBuf),
}

/// A host and its port, such as `redis-1.example.com:26379`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(node) => node.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl Node {
    /// Reads a host with or without a port.
    pub(crate) fn parse(text: &str, usual: u16) -> Option<Self> {
        let (host, port) = split(text.trim())?;
        Some(Self { host, port: port.unwrap_or(usual) })
    }
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// What is expected in its place, without what it says: there may be a password in it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected an address such as redis://redis.example.com:6379/0";
        let (scheme, rest) = text.split_once(':').ok_or(EXPECTED)?;
        let is_tls = match scheme {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            "unix" | "redis+unix" => return socket(rest),
            _ => return Err("expected an address that begins with redis://, rediss:// or unix:"),
        };
        let rest = rest.strip_prefix("//").ok_or(EXPECTED)?;
        if rest.contains(['?', '#']) {
            return Err("the address has parameters in it, which are keys of their own here, such as db or tls_verify");
        }
        let (authority, db) = match rest.split_once('/') {
            Some((authority, db)) => (authority, number(db)?),
            None => (rest, None),
        };
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority),
        };
        let (username, password) = match userinfo.map(|userinfo| userinfo.split_once(':').unwrap_or((userinfo, ""))) {
            Some((username, password)) => (some(username)?, some(password)?.map(Secret::from)),
            None => (None, None),
        };
        let (host, port) = split(place).ok_or(EXPECTED)?;
        let place = Place::Tcp(Node { host, port: port.unwrap_or(PORT) });
        Ok(Self { place, is_tls, username, password, db })
    }
}

/// Reads what follows `unix:`, such as `///run/redis.sock` or `/run/redis.sock?db=1`.
fn socket(rest: &str) -> Result<Address, &'static str> {
    const EXPECTED: &str = "expected the path of a socket, such as unix:/run/redis/redis.sock";
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let path = path.strip_prefix("//").unwrap_or(path);
    if !path.starts_with('/') {
        return Err(EXPECTED);
    }
    let db = match query {
        None => None,
        Some(query) => number(query.strip_prefix("db=").ok_or("only db may follow the path of a socket, as ?db=1")?)?,
    };
    let place = Place::Unix(PathBuf::from(decoded(path)?));
    Ok(Address { place, is_tls: false, username: None, password: None, db })
}

fn number(db: &str) -> Result<Option<i64>, &'static str> {
    match db {
        "" => Ok(None),
        db => db.parse().map(Some).map_err(|_| "a database is a number, such as the 0 of redis://localhost/0"),
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
    let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/');
    is_host.then(|| (host.to_owned(), port))
}

fn some(text: &str) -> Result<Option<String>, &'static str> {
    decoded(text).map(|text| Some(text).filter(|text| !text.is_empty()))
}

fn decoded(text: &str) -> Result<String, &'static str> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| "what stands after a % is no UTF-8")
}

/// Says where, and nothing of who.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("place", &self.place)
            .field("is_tls", &self.is_tls)
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_address_is_read() {
        let address = Address::parse("rediss://us%40er:p%3Ass@redis:6380/3").unwrap();
        assert_eq!((address.is_tls, address.db, address.place.to_string().as_str()), (true, Some(3), "redis:6380"));
        assert_eq!(address.username.as_deref(), Some("us@er"));
        assert_eq!(address.password.as_ref().map(Secret::expose), Some("p:ss"));
        assert!(!format!("{address:?}").contains("p:ss"));
        let least = Address::parse("redis://redis").unwrap();
        assert_eq!((least.place.to_string().as_str(), least.db, least.username), ("redis:6379", None, None));
        let of_password = Address::parse("redis://:secret@[::1]:7000/").unwrap();
        assert_eq!((of_password.username, of_password.place.to_string().as_str()), (None, "[::1]:7000"));
        for text in ["unix:/run/redis.sock?db=2", "unix:///run/redis.sock?db=2", "redis+unix:///run/redis.sock?db=2"] {
            let socket = Address::parse(text).unwrap();
            assert_eq!((socket.place, socket.db), (Place::Unix(PathBuf::from("/run/redis.sock")), Some(2)), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in [
            "redis-secret",
            "http://us:secret@redis",
            "redis://us:secret@",
            "redis:us:secret@redis",
            "redis://us:secret@:6379",
            "redis://us:secret@a b",
            "redis://us:secret@redis:0",
            "redis://us:secret@redis:99999",
            "redis://us:secret@[::1",
            "redis://us:secret@[::1]6379",
            "redis://us:secret@redis/secret",
            "redis://us:secret@redis/0/1",
            "redis://us:secret@redis?db=3",
            "rediss://us:secret@redis/#insecure",
            "redis://us:secret@redis%ff/%ff",
            "unix:secret.sock",
            "unix:/run/redis.sock?pass=secret",
        ] {
            let words = Address::parse(text).unwrap_err();
            assert!(!words.contains("secret"), "{text}");
        }
    }

    #[test]
    fn nodes_have_the_usual_port_unless_they_say_another() {
        assert_eq!(Node::parse(" one ", 26379).unwrap().to_string(), "one:26379");
        assert_eq!(Node::parse("[::1]:7", 26379).unwrap().to_string(), "[::1]:7");
        for text in ["", ":1", "a:b", "a:0", "a/b", "redis://a"] {
            assert_eq!(Node::parse(text, 1), None, "{text}");
        }
    }
}
