use std::{fmt::Write as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use zato_core::{Error, Result};

use crate::{error, name, progress::Leg, transport::Body};

/// A request about the account, a container or an object, or to an address of whatever server.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// As it stands in a URL, without a slash before it; empty for the account.
    path: String,
    /// Where the request goes, if not to the account: the address before the path.
    server: Option<String>,
    query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// What the body is of an object on its way there, if it is one.
    pub(crate) leg: Option<Leg>,
    /// Whether making it twice comes to the same as making it once.
    pub(crate) is_idempotent: bool,
    /// Whether it counts among those that are on their way. What keeps others from taking over is sent in any case.
    pub(crate) has_place: bool,
    /// How long nothing may move, where that is longer than the connection's `timeout`.
    pub(crate) lasting: Option<Duration>,
    /// Whether it waits for a place as long as something moves, which is more than the `acquire_timeout` where many large
    /// pieces are on their way.
    pub(crate) is_patient: bool,
    /// Whether it is tried again if it fails for a moment.
    pub(crate) has_retries: bool,
    /// Further statuses that are no error.
    accepted: Vec<StatusCode>,
    /// Whether who calls reads all answers, but those that another attempt or another token may change.
    reads_faults: bool,
}

/// Whether a call with a condition is made once more when its answer did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeated {
    /// It would find what it has stored itself, and say that somebody else had: who asks learns that nobody knows.
    Never,
    /// Who makes it finds out whose that is.
    Knowingly,
}

/// Whatever it is.
const ANY: HeaderValue = HeaderValue::from_static("*");

impl Call {
    /// Begins a request about the account.
    pub(crate) fn account(method: Method) -> Self {
        Self::new(method, String::new())
    }

    /// Begins a request about a container.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if there can't be one of this name.
    pub(crate) fn container(method: Method, container: &str) -> Result<Self> {
        name::container(container)?;
        Ok(Self::new(method, name::path(container, None)))
    }

    /// Begins a request about an object.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if there can't be one of this name.
    pub(crate) fn object(method: Method, container: &str, object: &str) -> Result<Self> {
        name::container(container)?;
        name::object(object)?;
        Ok(Self::new(method, name::path(container, Some(object))))
    }

    /// Begins a request whose path and query somebody else has written.
    pub(crate) fn of_path(method: Method, path: &str, query: Option<&str>) -> Self {
        let mut call = Self::new(method, path.trim_start_matches('/').to_owned());
        call.query = query.map(|query| format!("?{query}")).unwrap_or_default();
        call
    }

    fn new(method: Method, path: String) -> Self {
        Self {
            // All that Swift does by POST sets something to what it is told, or deletes.
            is_idempotent: true,
            method,
            path,
            server: None,
            query: String::new(),
            headers: HeaderMap::new(),
            body: Body::Empty,
            leg: None,
            has_place: true,
            lasting: None,
            is_patient: false,
            has_retries: true,
            accepted: Vec::new(),
            reads_faults: false,
        }
    }

    /// Adds a parameter to the query string; one without a value is a word alone, such as `bulk-delete`.
    pub(crate) fn query(mut self, key: &str, value: Option<&str>) -> Self {
        let separator = if self.query.is_empty() { '?' } else { '&' };
        // Writing into a string can't fail.
        let _ = match value {
            Some(value) => write!(self.query, "{separator}{key}={}", name::value(value)),
            None => write!(self.query, "{separator}{key}"),
        };
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a header whose value somebody has given.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if it can't stand in a header.
    pub(crate) fn text(self, name: HeaderName, value: &str) -> Result<Self> {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Error::invalid_input(format!("the value of \"{name}\" has a character that can't stand in a header"))
        })?;
        Ok(self.header(name, value))
    }

    pub(crate) fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Says what the body is of an object.
    pub(crate) fn leg(mut self, leg: Leg) -> Self {
        self.leg = Some(leg);
        self
    }

    /// Has it wait for a place as long as something moves on the connection.
    pub(crate) fn patient(mut self) -> Self {
        self.is_patient = true;
        self
    }

    /// Has it done only where there is none of this name (`If-None-Match: *`). Swift looks before it stores: one that is made twice
    /// may find what it has stored itself.
    pub(crate) fn only_if_absent(self, repeated: Repeated) -> Self {
        let call = self.header(header::IF_NONE_MATCH, ANY);
        match repeated {
            Repeated::Never => call.once(),
            Repeated::Knowingly => call,
        }
    }

    /// Whether it is done only where there is none of this name.
    pub(crate) fn is_conditional(&self) -> bool {
        self.headers.contains_key(header::IF_NONE_MATCH)
    }

    /// Returns the same once more, if its body can be sent a second time.
    pub(crate) fn again(&self) -> Option<Self> {
        let Self { method, path, server, query, headers, leg, accepted, .. } = self;
        Some(Self {
            method: method.clone(),
            path: path.clone(),
            server: server.clone(),
            query: query.clone(),
            headers: headers.clone(),
            body: self.body.again()?,
            leg: leg.clone(),
            accepted: accepted.clone(),
            ..*self
        })
    }

    /// Says that it must not be made twice.
    pub(crate) fn once(mut self) -> Self {
        self.is_idempotent = false;
        self
    }

    /// Has it sent at once, however many others are on their way.
    pub(crate) fn at_once(mut self) -> Self {
        self.has_place = false;
        self
    }

    /// Gives the server longer, for what it does by itself meanwhile.
    pub(crate) fn lasting(mut self, time: Duration) -> Self {
        self.lasting = Some(time);
        self
    }

    /// Has it tried once, whatever comes of it.
    pub(crate) fn tried_once(mut self) -> Self {
        self.has_retries = false;
        self
    }

    /// Has an answer with this status given back, beside those of the 200s.
    pub(crate) fn accepting(mut self, status: StatusCode) -> Self {
        self.accepted.push(status);
        self
    }

    /// Has it sent to a server such as `https://s3.example.com`, in place of the account's.
    pub(crate) fn at(mut self, server: String) -> Self {
        self.server = Some(server);
        self
    }

    /// Has all answers given back that neither another attempt nor another token may change.
    pub(crate) fn reading_faults(mut self) -> Self {
        self.reads_faults = true;
        self
    }

    pub(crate) fn accepts(&self, status: StatusCode) -> bool {
        status.is_success() || self.accepted.contains(&status) || (self.reads_faults && !error::may_change(status))
    }

    /// Returns its address.
    pub(super) fn uri(&self, storage_url: &str) -> String {
        let storage_url = self.server().unwrap_or(storage_url);
        match &*self.path {
            "" => format!("{storage_url}{}", self.query),
            path => format!("{storage_url}/{path}{}", self.query),
        }
    }

    /// Returns what it is about, for the log.
    pub(crate) fn shown(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// Returns the server that it goes to, unless that is the account's.
    pub(super) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_an_address() {
        let call = Call::object(Method::GET, "a b", "2026/ż?").unwrap().query("multipart-manifest", Some("get"));
        assert_eq!(call.uri("http://s/v1/AUTH_a"), "http://s/v1/AUTH_a/a%20b/2026/%C5%BC%3F?multipart-manifest=get");
        let call = Call::account(Method::POST).query("bulk-delete", None).query("a", Some("1&2"));
        assert_eq!(call.uri("http://s/v1/AUTH_a"), "http://s/v1/AUTH_a?bulk-delete&a=1%262");
        assert!(Call::container(Method::PUT, "a/b").is_err() && Call::object(Method::PUT, "a", "").is_err());
    }
}
