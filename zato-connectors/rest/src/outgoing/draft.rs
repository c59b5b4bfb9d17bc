//! What every call that is being put together has, whatever it carries.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::Instant;
use zato_core::{
    Error, Result,
    message::{Cid, TraceParent},
    resilience::Deadline,
    service::Context,
};

use super::{
    body::CallBody,
    call::{Call, Judge, Parts},
    client::Settings,
};

/// Longer than anybody waits, and short enough for a clock to add.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What is known so far of a call, beside what it carries.
pub(super) struct Draft {
    pub(super) cid: Cid,
    pub(super) trace: TraceParent,
    pub(super) values: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Option<Duration>,
    pub(super) max_response_size: Option<usize>,
    pub(super) is_idempotent: bool,
    /// The first thing that was wrong with what was given.
    pub(super) fault: Option<Error>,
}

/// What a call carries.
pub(super) struct Carried {
    pub(super) method: Method,
    pub(super) body: CallBody,
    pub(super) is_streamed: bool,
    pub(super) judge: Option<Judge>,
}

impl Draft {
    pub(super) fn new(ctx: &Context, is_idempotent: bool) -> Self {
        Self {
            cid: ctx.cid(),
            trace: ctx.trace_of_call(),
            values: Vec::new(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            timeout: None,
            max_response_size: None,
            is_idempotent,
            fault: None,
        }
    }

    pub(super) fn path(&mut self, name: &str, value: impl fmt::Display) {
        self.values.push((name.to_owned(), value.to_string()));
    }

    pub(super) fn query(&mut self, name: &str, value: impl fmt::Display) {
        self.query.push((name.to_owned(), value.to_string()));
    }

    pub(super) fn header(&mut self, name: impl TryInto<HeaderName>, value: impl TryInto<HeaderValue>) {
        match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(value)) => {
                self.headers.insert(name, value);
            }
            _ => {
                self.fault.get_or_insert_with(|| Error::internal("a name or value can't stand in a header"));
            }
        }
    }

    pub(super) fn timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout.min(LONGEST));
    }

    /// Returns what could be made of what was given; what could not is told when the call is made.
    pub(super) fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault.get_or_insert(error);
                None
            }
        }
    }

    /// Puts together what is sent.
    pub(super) fn into_call(self, settings: &Settings, carried: Carried) -> Result<Call> {
        let url = settings.url(&self.values, &self.query).map_err(|error| error.with("connection", &settings.name))?;
        let (begun, timeout) = (Instant::now(), self.timeout.unwrap_or(settings.timeout));
        let parts = Parts {
            method: carried.method,
            url,
            headers: self.headers,
            body: carried.body,
            is_idempotent: self.is_idempotent,
            follows_redirects: settings.follows_redirects,
            begun,
            deadline: Deadline::since(begun, timeout),
            max_response_size: self.max_response_size.unwrap_or(settings.max_response_size),
            streamed: carried.is_streamed.then_some(timeout),
            judge: carried.judge,
        };
        Ok(Call::new(parts, self.cid, &self.trace))
    }
}
