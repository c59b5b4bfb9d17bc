//! What is asked for: the account, container and object that a path names, and the query.

use std::fmt;

use http::{HeaderMap, Method, StatusCode, request::Parts};
use percent_encoding::percent_decode_str;

use super::answer::{Outcome, Refusal};

/// The word that logins are counted under, and faults are told with. A test that has the next GET fail does not mean the
/// login before it.
pub(super) const LOGIN: &str = "LOGIN";

/// A request without its body.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) query: Query,
    pub(super) target: Target,
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A login by auth v1.
    LoginV1,
    /// A login by Keystone v3.
    LoginV3,
    Account(String),
    Container(String, String),
    Object(Place),
}

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) container: String,
    pub(super) name: String,
}

/// The parameters of a query, in their order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Call {
    pub(super) fn read(parts: Parts) -> Outcome<Self> {
        let target = Target::read(parts.uri.path())?;
        let query = Query::read(parts.uri.query().unwrap_or_default());
        Ok(Self { method: parts.method, headers: parts.headers, query, target })
    }

    /// Returns a header as text, if it is there and UTF-8.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// Tells whether the answer is to be JSON; otherwise it is plain text.
    pub(super) fn wants_json(&self) -> bool {
        match self.query.get("format") {
            Some(format) => format == "json",
            None => self.header("accept").is_some_and(|accept| accept.contains("application/json")),
        }
    }
}

/// Returns a header as text, if it is there and UTF-8.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

impl Target {
    fn read(path: &str) -> Outcome<Self> {
        if let Some(login) = Self::login(path) {
            return Ok(login);
        }
        let path = decoded(path)?;
        let mut parts = path.splitn(5, '/');
        let is_known = parts.next() == Some("") && matches!(parts.next(), Some("v1" | "v1.0"));
        let account = parts.next().filter(|account| is_known && !account.is_empty());
        let Some(account) = account.map(str::to_owned) else { return Err(StatusCode::NOT_FOUND.into()) };
        match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
            ("", "") => Ok(Self::Account(account)),
            ("", _) => Err(StatusCode::NOT_FOUND.into()),
            (container, "") => Ok(Self::Container(account, container.to_owned())),
            (container, name) => {
                Ok(Self::Object(Place { account, container: container.to_owned(), name: name.to_owned() }))
            }
        }
    }

    fn login(path: &str) -> Option<Self> {
        match path {
            "/auth/v1.0" | "/auth/v1.0/" | "/auth/v1" | "/v1.0" => Some(Self::LoginV1),
            "/v3/auth/tokens" | "/identity/v3/auth/tokens" => Some(Self::LoginV3),
            _ => None,
        }
    }

    pub(super) fn is_login(path: &str) -> bool {
        Self::login(path).is_some()
    }

    pub(super) fn account(&self) -> Option<&str> {
        match self {
            Self::LoginV1 | Self::LoginV3 => None,
            Self::Account(account) | Self::Container(account, _) => Some(account),
            Self::Object(place) => Some(&place.account),
        }
    }
}

impl Place {
    /// Reads what `/container/name` means in an account, which stands in headers and manifests.
    pub(super) fn read(account: &str, path: &str) -> Option<Self> {
        let (container, name) = path.trim_start_matches('/').split_once('/')?;
        let is_whole = !container.is_empty() && !name.is_empty();
        let (container, name) = (container.to_owned(), name.to_owned());
        is_whole.then(|| Self { account: account.to_owned(), container, name })
    }
}

/// As paths within an account are written: `/container/name`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.container, self.name)
    }
}

impl Query {
    fn read(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The query that asks for a manifest as it can be put once more.
    pub(super) fn of_raw_manifest() -> Self {
        Self::read("multipart-manifest=get&format=raw")
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Tells what is asked of a manifest: `put`, `get` or `delete`.
    pub(super) fn manifest(&self) -> &str {
        self.get("multipart-manifest").unwrap_or_default()
    }
}

/// Decodes a path, or a part of one.
pub(super) fn decoded(path: &str) -> Outcome<String> {
    let decoded = percent_decode_str(path).decode_utf8().ok().filter(|path| !path.contains('\0'));
    let refused = || Refusal::new(StatusCode::PRECONDITION_FAILED, "Invalid UTF8 or contains NULL");
    decoded.map(String::from).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(container: &str, name: &str) -> Target {
        Target::Object(Place { account: "a".to_owned(), container: container.to_owned(), name: name.to_owned() })
    }

    #[test]
    fn a_path_names_what_it_names() {
        for (path, target) in [
            ("/auth/v1.0", Target::LoginV1),
            ("/v3/auth/tokens", Target::LoginV3),
            ("/v1/a", Target::Account("a".to_owned())),
            ("/v1/a/", Target::Account("a".to_owned())),
            ("/v1/a/c%20c", Target::Container("a".to_owned(), "c c".to_owned())),
            ("/v1/a/c/", Target::Container("a".to_owned(), "c".to_owned())),
            ("/v1/a/c/x//y%2Fz+%25", place("c", "x//y/z+%")),
            ("/v1/a/c%2Fo", place("c", "o")),
            ("/v1/a/c//", place("c", "/")),
        ] {
            assert_eq!(Target::read(path).unwrap(), target, "{path}");
        }
    }

    #[test]
    fn other_paths_are_refused() {
        for (path, status) in [("/", 404), ("/v2/a", 404), ("/v1//c", 404), ("/v1/a//o", 404), ("/v1/a/c/%FF", 412)] {
            assert_eq!(Target::read(path).unwrap_err().status, status, "{path}");
        }
        assert_eq!(decoded("%00").unwrap_err().status, 412);
    }

    #[test]
    fn a_query_is_decoded() {
        let query = Query::read("bulk-delete&prefix=a%20b%2B&format=json");
        assert_eq!((query.get("prefix"), query.get("format")), (Some("a b+"), Some("json")));
        assert!(query.has("bulk-delete") && !query.has("limit"));
    }
}
