//! What a partner expects, what came, and who was whose.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_LENGTH, HOST},
};
use http_body::Body as _;
use http_body_util::BodyExt;
use zato_core::{Error, Result};

use super::{
    PartnerCall, PartnerReply,
    expectation::{Times, Wanted},
    reply::Replies,
    report,
};
use crate::outgoing::{RestConfig, connector, error};

/// The partner behind a fake.
pub(in crate::outgoing) struct Script {
    name: Arc<str>,
    /// What the network's client adds to each call.
    defaults: HeaderMap,
    connect_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) expectations: Vec<Expected>,
    pub(super) otherwise: Option<PartnerReply>,
    pub(super) in_order: bool,
    pub(super) calls: Vec<Noted>,
    /// Whether what is wrong was told.
    told: bool,
}

pub(super) struct Expected {
    pub(super) wanted: Wanted,
    pub(super) times: Times,
    pub(super) came: usize,
    replies: Replies,
}

pub(super) struct Noted {
    pub(super) call: PartnerCall,
    pub(super) is_expected: bool,
}

impl Script {
    pub(super) fn new(config: &RestConfig) -> Self {
        let mut defaults = connector::headers(config);
        defaults.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let (name, connect_timeout) = (config.name.as_str().into(), config.connect_timeout.into());
        Self { name, defaults, connect_timeout, state: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A function of the test's that panicked has failed the test already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn expect(&self, wanted: Wanted, times: Times, replies: Replies) {
        self.lock().expectations.push(Expected { wanted, times, came: 0, replies });
    }

    /// Takes a call as the network would, and gives back what the network would.
    pub(in crate::outgoing) async fn exchange(&self, request: reqwest::Request) -> Result<reqwest::Response> {
        let call = self.received(request).await?;
        let (method, line) = (call.method.clone(), call.line());
        let reply = self.lock().take(call);
        let reply = reply.ok_or_else(|| Error::internal(format!("the partner of this test expects no {line}")))?;
        reply.play(&method, self.connect_timeout).await
    }

    async fn received(&self, mut request: reqwest::Request) -> Result<PartnerCall> {
        let (method, url) = (request.method().clone(), request.url().clone());
        let mut headers = std::mem::take(request.headers_mut());
        for (name, value) in &self.defaults {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        if let Ok(host) = HeaderValue::try_from(format!("{}{port}", url.host_str().unwrap_or_default())) {
            headers.entry(HOST).or_insert(host);
        }
        let Some(body) = request.body_mut().take() else {
            return Ok(PartnerCall { method, url, headers, body: Default::default() });
        };
        if let Some(length) = body.size_hint().exact() {
            headers.entry(CONTENT_LENGTH).or_insert(length.into());
        }
        let body = body.collect().await.map_err(error::of)?.to_bytes();
        Ok(PartnerCall { method, url, headers, body })
    }

    /// Says whether everything was as expected; what is wrong is told once.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let mut state = self.lock();
        if state.told || state.is_as_expected() {
            return Ok(());
        }
        state.told = true;
        Err(report::of(&self.name, &state))
    }
}

impl State {
    fn is_as_expected(&self) -> bool {
        let met = self.expectations.iter().all(|expected| expected.came >= expected.times.min);
        met && self.calls.iter().all(|noted| noted.is_expected)
    }

    /// Notes a call, and finds the reply to it.
    fn take(&mut self, call: PartnerCall) -> Option<PartnerReply> {
        let reply = match self.place_of(&call) {
            Some(expected) => {
                let number = expected.came;
                expected.came += 1;
                expected.replies.to(number, &call)
            }
            None => self.otherwise.clone(),
        };
        self.calls.push(Noted { call, is_expected: reply.is_some() });
        reply
    }

    /// Finds the expectation that takes a call.
    fn place_of(&mut self, call: &PartnerCall) -> Option<&mut Expected> {
        if !self.in_order {
            return self.expectations.iter_mut().find(|expected| expected.has_room() && expected.wanted.fits(call));
        }
        // What is behind the last one that came can still come, as far as nothing in between has to come first.
        let last = self.expectations.iter().rposition(|expected| expected.came > 0).unwrap_or(0);
        for expected in self.expectations.iter_mut().skip(last) {
            if expected.has_room() && expected.wanted.fits(call) {
                return Some(expected);
            }
            if expected.came < expected.times.min {
                return None;
            }
        }
        None
    }
}

impl Expected {
    fn has_room(&self) -> bool {
        self.came < self.times.max
    }
}
