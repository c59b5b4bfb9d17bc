//! The server: who may do what, and who does it.

use std::collections::HashMap;

use bytes::Bytes;
use http::{Method, StatusCode};
use zato_core::{Result, Retry};

use super::{
    account,
    answer::{Answer, Outcome, Refusal},
    bulk,
    clock::{self, Clock},
    container, copy,
    faults::{Faults, Taken},
    manifest, object, read,
    request::{Call, Place, Target},
    store::Store,
    tempurl::{self, Pass},
    tokens::Tokens,
};
use crate::error::{self, SwiftErrorKind};

/// The most that a body may have that is no object: names to delete, a manifest, a login. In bytes.
const MOST_OTHERWISE: u64 = 64 << 20;

/// How large one object may be, as in Swift (`max_file_size`, 5 GiB and 2 bytes).
const MOST_IN_OBJECT: u64 = (5 << 30) + 2;

/// All that there is.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) clock: Clock,
    pub(super) tokens: Tokens,
    pub(super) store: Store,
    pub(super) faults: Faults,
    /// How many requests came so far, by their word.
    pub(super) calls: HashMap<String, u64>,
    /// How large one object may be, in bytes.
    pub(super) max_object_size: u64,
    /// How many requests were answered, for `X-Trans-Id`.
    transactions: u64,
    /// What a replica has that is behind, and that answers before the others.
    pub(super) stale: Option<Store>,
}

/// What a request is let in with.
#[derive(Debug)]
pub(super) struct Admitted {
    /// How many bytes its body may have.
    pub(super) limit: u64,
    /// The temporary URL, if it came by one.
    pub(super) pass: Option<Pass>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            tokens: Tokens::default(),
            store: Store::default(),
            faults: Faults::default(),
            calls: HashMap::new(),
            max_object_size: MOST_IN_OBJECT,
            transactions: 0,
            stale: None,
        }
    }
}

impl Server {
    /// Counts a request and takes what goes wrong with it; an error if nobody is there to take it.
    pub(super) fn begin(&mut self, word: &str) -> Result<Taken> {
        *self.calls.entry(word.to_owned()).or_default() += 1;
        let last = self.faults.last();
        if self.faults.is_down {
            return Err(error::of_kind(SwiftErrorKind::ConnectionLost, "connection refused").with_retry(Retry::Unsent));
        }
        Ok(last.unwrap_or_else(|| self.faults.take(word)))
    }

    /// Marks an answer as Swift does.
    pub(super) fn sign(&mut self, answer: Answer) -> Answer {
        self.transactions += 1;
        let id = format!("tx{:021x}-{:010x}", self.transactions, self.clock.now().as_secs());
        let now = clock::date(self.clock.now().as_secs());
        answer.with("x-trans-id", &id).with("x-openstack-request-id", &id).with("date", now)
    }

    /// Tells, before its body is read, whether a request is carried out.
    pub(super) fn admit(&mut self, call: &Call, length: Option<u64>) -> Outcome<Admitted> {
        let Some(account) = call.target.account() else { return Ok(Admitted { limit: MOST_OTHERWISE, pass: None }) };
        let now = self.clock.now();
        let pass = tempurl::pass(&self.store, call, now)?;
        if pass.is_none() {
            self.tokens.check(&call.headers, account, now)?;
            if !self.store.accounts.contains_key(account) {
                let stamp = self.clock.stamp();
                self.store.accounts.entry(account.to_owned()).or_default().stamp = stamp;
            }
        }
        let mut limit = MOST_OTHERWISE;
        if let (Target::Object(place), &Method::PUT) = (&call.target, &call.method) {
            object::admit(self, call, place, length)?;
            if call.query.manifest() != "put" {
                limit = self.max_object_size;
            }
        }
        Ok(Admitted { limit, pass })
    }

    /// Carries out a request that was let in, now that its body is there.
    pub(super) fn carry_out(&mut self, call: &Call, body: &Bytes) -> Outcome {
        let now = self.clock.now();
        match &call.target {
            Target::LoginV1 if call.method == Method::GET => self.tokens.login(&call.headers, now),
            Target::LoginV3 if call.method == Method::POST => self.tokens.login_v3(body, now),
            Target::LoginV1 | Target::LoginV3 => Err(not_allowed()),
            Target::Account(account) => self.on_account(call, account, body),
            Target::Container(account, container) => self.on_container(call, account, container),
            Target::Object(place) => self.on_object(call, place, body),
        }
    }

    fn on_account(&mut self, call: &Call, account: &str, body: &Bytes) -> Outcome {
        match call.method {
            Method::POST | Method::DELETE if call.query.has("bulk-delete") => bulk::delete(self, call, account, body),
            Method::GET | Method::HEAD => account::read(self, call, account),
            Method::POST => account::post(self, call, account),
            _ => Err(not_allowed()),
        }
    }

    fn on_container(&mut self, call: &Call, account: &str, container: &str) -> Outcome {
        match call.method {
            Method::GET | Method::HEAD => container::read(self, call, account, container),
            Method::PUT => container::put(self, call, account, container),
            Method::POST => container::post(self, call, account, container),
            Method::DELETE => container::delete(self, account, container),
            _ => Err(not_allowed()),
        }
    }

    /// Returns what the replica has that answers first, or the newest.
    fn replica(&self, call: &Call) -> &Store {
        let is_newest = call.header("x-newest").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        self.stale.as_ref().filter(|_| !is_newest).unwrap_or(&self.store)
    }

    fn on_object(&mut self, call: &Call, place: &Place, body: &Bytes) -> Outcome {
        match call.method.as_str() {
            "GET" | "HEAD" => read::object(self.replica(call), call, place, self.clock.now()),
            "PUT" if call.headers.contains_key("x-copy-from") => copy::put(self, call, place, body),
            "PUT" if call.query.manifest() == "put" => manifest::put(self, call, place, body),
            "PUT" => object::put(self, call, place, body),
            "COPY" => copy::copy(self, call, place),
            "POST" => object::post(self, call, place),
            "DELETE" if call.query.manifest() == "delete" => manifest::delete(self, call, place),
            "DELETE" => object::delete(self, place),
            _ => Err(not_allowed()),
        }
    }
}

fn not_allowed() -> Refusal {
    Refusal::from(StatusCode::METHOD_NOT_ALLOWED)
}
