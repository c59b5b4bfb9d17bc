//! A request as operators see it: counted, and in the access log.

use std::sync::{Arc, OnceLock};

use http::{Method, Response, StatusCode};
use http_body::Body as _;
use tokio::time::Instant;

use crate::{
    access::{Noted, Outcome},
    body::Body,
    meter::{Meter, MethodIndex},
    table::Route,
};

/// The status of a request that its caller has given up, under which other servers log it, too. It is never sent.
const GIVEN_UP: u16 = 499;

/// A request from its first look until it is answered, or given up.
pub(crate) struct Seen<'a> {
    begun: Instant,
    method: MethodIndex,
    route: Option<Arc<Route>>,
    /// The channel that the body has told, where that is another one.
    rerouted: OnceLock<Arc<Route>>,
    noted: Option<Box<Noted>>,
    unrouted: &'a Meter,
    is_over: bool,
}

/// What becomes known of a request while it is served.
#[derive(Default)]
pub(crate) struct Tally {
    /// How many bytes its body has; none, if the service reads it as it comes.
    pub(crate) received: u64,
    /// When its service had ended.
    pub(crate) ended: Option<Instant>,
}

impl<'a> Seen<'a> {
    /// Takes a request whose headers have been read.
    pub(crate) fn begin(
        begun: Instant,
        method: &Method,
        route: Option<Arc<Route>>,
        noted: Option<Box<Noted>>,
        unrouted: &'a Meter,
    ) -> Self {
        if let Some(route) = &route {
            route.meter.begin();
        }
        Self {
            begun,
            method: MethodIndex::of(method),
            route,
            rerouted: OnceLock::new(),
            noted,
            unrouted,
            is_over: false,
        }
    }

    pub(crate) fn route(&self) -> Option<&Arc<Route>> {
        self.route.as_ref()
    }

    /// Counts the request as one of another channel from now on.
    pub(crate) fn reroute(&self, route: &Arc<Route>) {
        if let Some(before) = &self.route
            && self.rerouted.set(Arc::clone(route)).is_ok()
        {
            before.meter.end(0, 0);
            route.meter.begin();
        }
    }

    /// Notes how the request was answered.
    pub(crate) fn answered(mut self, response: &Response<Body>, tally: &Tally) {
        self.end(response.status(), tally, response.body().size_hint().exact());
    }

    fn end(&mut self, status: StatusCode, tally: &Tally, sent: Option<u64>) {
        self.is_over = true;
        let took = tally.ended.unwrap_or_else(Instant::now).duration_since(self.begun);
        let route = self.rerouted.get().or(self.route.as_ref());
        let meter = route.map_or(self.unrouted, |route| &*route.meter);
        meter.record(self.method, status, took);
        meter.end(tally.received, sent.unwrap_or_default());
        if let Some(noted) = &self.noted {
            let channel = route.map(|route| route.info.name.as_str());
            noted.write(&Outcome { status, channel, took, received: tally.received, sent });
        }
    }
}

impl Drop for Seen<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let status = StatusCode::from_u16(GIVEN_UP).unwrap_or(StatusCode::REQUEST_TIMEOUT);
            self.end(status, &Tally::default(), None);
        }
    }
}
