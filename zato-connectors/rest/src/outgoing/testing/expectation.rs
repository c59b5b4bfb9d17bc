use std::{fmt, sync::Arc};

use http::{HeaderName, Method};
use serde::Serialize;
use zato_core::{Value, bytes::Bytes};

use super::{PartnerCall, PartnerReply, Script, reply::Replies};
use crate::outgoing::pairs;

/// A call that a partner of the test kit expects, once unless something else is said, and what it replies.
///
/// What is not said is not looked at: without a method any will do, and there may be further parameters and headers.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use zato_core::{Result, testing};
/// use zato_rest::testing::{PartnerReply, RestFake};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let accounts = RestFake::with_config("url_path: /clients/{id}/accounts");
/// accounts
///     .expect()
///     .post("/clients/{id}/accounts")
///     .path("id", 7)
///     .json(&json!({"currency": "EUR"}))
///     .reply_each([PartnerReply::status(503), PartnerReply::status(201)]);
///
/// let (ctx, rest) = (testing::context(), accounts.rest());
/// let open = async || rest.post(&ctx).path("id", 7).json(&json!({"currency": "EUR"})).await;
/// assert_eq!((open().await?.status(), open().await?.status()), (503.try_into().unwrap(), 201.try_into().unwrap()));
/// # Ok(())
/// # }
/// ```
#[must_use = "an expectation counts once it has a reply"]
pub struct RestExpectation {
    script: Arc<Script>,
    wanted: Wanted,
    times: Option<Times>,
}

/// How often a call may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) min: usize,
    pub(super) max: usize,
}

/// What a call has to be like.
#[derive(Clone, Default)]
pub(super) struct Wanted {
    pub(super) method: Option<Method>,
    /// As it is sent, or with placeholders.
    pub(super) path: Option<String>,
    /// The values of the placeholders, as far as they matter.
    pub(super) values: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: WantedBody,
    pub(super) others: Vec<Other>,
}

#[derive(Clone, Default)]
pub(super) enum WantedBody {
    #[default]
    Any,
    Json(Value),
    Form(Vec<(String, String)>),
    Bytes(Bytes),
    Contains(String),
}

/// What a test looks at by itself.
#[derive(Clone)]
pub(super) struct Other {
    pub(super) what: String,
    pub(super) holds: Arc<dyn Fn(&PartnerCall) -> bool + Send + Sync>,
}

/// What is expected.
impl RestExpectation {
    pub(super) fn new(script: Arc<Script>) -> Self {
        Self { script, wanted: Wanted::default(), times: None }
    }

    /// Expects `GET` of a path; see [`method`](Self::method).
    pub fn get(self, path: &str) -> Self {
        self.method(Method::GET, path)
    }

    /// Expects `POST` to a path; see [`method`](Self::method).
    pub fn post(self, path: &str) -> Self {
        self.method(Method::POST, path)
    }

    /// Expects `PUT` to a path; see [`method`](Self::method).
    pub fn put(self, path: &str) -> Self {
        self.method(Method::PUT, path)
    }

    /// Expects `PATCH` to a path; see [`method`](Self::method).
    pub fn patch(self, path: &str) -> Self {
        self.method(Method::PATCH, path)
    }

    /// Expects `DELETE` of a path; see [`method`](Self::method).
    pub fn delete(self, path: &str) -> Self {
        self.method(Method::DELETE, path)
    }

    /// Expects a method and a path, as it is sent (`/clients/a%2Fb`), with plain characters (`/clients/Żółw`), or with
    /// placeholders, each of which stands for one segment (`/clients/{id}`). A query string in it is taken as by
    /// [`query`](Self::query).
    pub fn method(mut self, method: Method, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.wanted.method = Some(method);
        self.wanted.path = Some(path.to_owned());
        self.wanted.query.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        self
    }

    /// Expects a value in the place of a placeholder of the path.
    pub fn path(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.wanted.values.push((name.to_owned(), value.to_string()));
        self
    }

    /// Expects a parameter in the query string.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.wanted.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Expects a header.
    ///
    /// # Panics
    ///
    /// If the name can't be that of a header.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.wanted.headers.push((name.parse().expect("a name of a header"), value.to_string()));
        self
    }

    /// Expects a body of JSON that is equal to a value, however it is written.
    ///
    /// # Panics
    ///
    /// If the value can't be written as JSON.
    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.wanted.body = WantedBody::Json(serde_json::to_value(value).expect("the body can be written as JSON"));
        self
    }

    /// Expects a form with the fields of a struct or map, in any order.
    ///
    /// # Panics
    ///
    /// If the fields can't be written as a form.
    #[track_caller]
    pub fn form<T: Serialize + ?Sized>(mut self, fields: &T) -> Self {
        let mut fields = pairs::of(fields).expect("the body can be written as a form");
        fields.sort();
        self.wanted.body = WantedBody::Form(fields);
        self
    }

    /// Expects a body that is this, byte by byte.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.wanted.body = WantedBody::Bytes(body.into());
        self
    }

    /// Expects a body that has a text in it.
    pub fn body_contains(mut self, text: impl Into<String>) -> Self {
        self.wanted.body = WantedBody::Contains(text.into());
        self
    }

    /// Expects whatever a function looks at; `what` says what that is, where it doesn't hold.
    pub fn matching(
        mut self,
        what: impl Into<String>,
        holds: impl Fn(&PartnerCall) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.wanted.others.push(Other { what: what.into(), holds: Arc::new(holds) });
        self
    }

    /// Expects the call so many times; 0 is never.
    pub fn times(self, times: usize) -> Self {
        Self { times: Some(Times { min: times, max: times }), ..self }
    }

    /// Expects the call so many times or more often.
    pub fn at_least(self, times: usize) -> Self {
        Self { times: Some(Times { min: times, max: usize::MAX }), ..self }
    }

    /// Takes the call as often as it comes, and misses nothing if it doesn't.
    pub fn any_number(self) -> Self {
        self.at_least(0)
    }
}

/// What is replied. The expectation counts from here on.
impl RestExpectation {
    /// Replies.
    pub fn reply(self, reply: PartnerReply) {
        self.reply_each([reply]);
    }

    /// Replies with each in its turn, and is expected as often; if it is expected more often than that, the last one is
    /// the reply to all that are left.
    pub fn reply_each(self, replies: impl IntoIterator<Item = PartnerReply>) {
        self.add(Replies::each(replies));
    }

    /// Replies with what a function makes of the call.
    pub fn reply_with(self, make: impl Fn(&PartnerCall) -> PartnerReply + Send + Sync + 'static) {
        self.add(Replies::made(make));
    }

    /// Replies with a model or any other value, as JSON.
    ///
    /// # Panics
    ///
    /// If it can't be written as JSON.
    #[track_caller]
    pub fn reply_json<T: Serialize>(self, value: T) {
        self.reply(PartnerReply::json(&value));
    }

    /// Replies with a text.
    pub fn reply_text(self, text: impl Into<String>) {
        self.reply(PartnerReply::text(text));
    }

    /// Replies with a status and an empty body.
    ///
    /// # Panics
    ///
    /// If there can't be such a status.
    #[track_caller]
    pub fn reply_status(self, status: u16) {
        self.reply(PartnerReply::status(status));
    }

    fn add(self, replies: Replies) {
        let each = replies.len();
        let times = self.times.unwrap_or(Times { min: each, max: each });
        self.script.expect(self.wanted, times, replies);
    }
}

impl fmt::Debug for RestExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestExpectation").field("call", &self.wanted.line()).finish_non_exhaustive()
    }
}
