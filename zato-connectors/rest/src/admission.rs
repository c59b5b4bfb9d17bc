//! Whether a request may go on, and where to: decided before its body is read.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{HeaderMap, Method, request::Parts};
use tokio::time::Instant;
use tracing::{debug, info};
use zato_core::{
    Error, Result,
    config::ErrorFormat,
    message::{Caller, Cid, Format, Message, Params, Payload},
    rate::Standing,
    security::Credentials,
};

use crate::{
    access::Noted,
    content::cors,
    edge::{Edge, Via},
    form,
    marks::Marks,
    negotiate::Negotiated,
    path,
    rate::{Asking, Scope},
    refusal::Refusal,
    table::{Found, PathParams, Route, Table},
};

/// What is known of a request once its headers are there.
///
/// It is filled in place: what is passed around by value here is copied for every request.
pub(crate) struct Admission {
    pub(crate) marks: Marks,
    pub(crate) error_format: ErrorFormat,
    /// What the access log will say.
    pub(crate) noted: Option<Box<Noted>>,
    /// The channel, also if it doesn't let the caller in.
    pub(crate) route: Option<Arc<Route>>,
    /// How its payload is read and its reply written, if the channel leaves that to the request.
    negotiated: Option<Negotiated>,
    path: PathParams,
    /// Who calls, if the channel asks for that.
    caller: Option<Arc<Caller>>,
    /// What the caller has left of its definition's limit, which it is told with whatever answer it gets.
    pub(crate) quota: Option<Box<Standing>>,
    /// Why the request goes no further; with a channel, it is that channel's reply all the same.
    pub(crate) refusal: Option<Refusal>,
}

impl Edge {
    /// Decides whether a request may go on. `length` is that of its body, if that is known.
    pub(crate) fn admit(&self, parts: &Parts, length: Option<u64>, via: Via<'_>) -> Admission {
        let table = self.table.load();
        let mut marks = Marks::of(&parts.headers, &table.ambient);
        marks.client_address = client_address(&table, parts, via);
        let noted = table.access_log.as_ref().and_then(|log| log.note(parts, marks.client_address, marks.cid));
        let mut admission = Admission {
            marks,
            error_format: table.error_format,
            noted,
            route: None,
            negotiated: None,
            path: PathParams::new(),
            caller: None,
            quota: None,
            refusal: None,
        };
        admission.refusal = if !via.is_listener() && self.is_closed.load(Ordering::Acquire) {
            Some(Refusal::of(Error::unavailable("stopping").with_retry_after(Duration::from_secs(1))))
        } else {
            admission.decide(&table, parts, length, via).err()
        };
        admission
    }
}

impl Admission {
    /// Finds what answers a request, and whether it may: what costs least to find out comes first, and nothing that
    /// could be guessed is looked at faster than the limits allow.
    fn decide(&mut self, table: &Table, parts: &Parts, length: Option<u64>, via: Via<'_>) -> Result<(), Refusal> {
        let asking = Asking { address: self.marks.client_address, cid: &self.marks.cid, ambient: &table.ambient };
        asking.pass(table.rate_limiter.as_deref(), Scope::Server)?;
        // Of what comes through a server around us, that server has decided.
        if via.is_listener()
            && let Some(refusal) = form::refusal(parts, &self.marks.hosts, length.is_some(), table.limits.max_headers)
        {
            return Err(refusal);
        }
        let (route, path) = find(table, parts, self.marks.cid)?;
        self.path = path;
        let route = self.route.insert(route);
        asking.pass(route.rate_limiter.as_deref(), Scope::Channel(&route.info.name))?;
        self.caller = verify(route, parts, via, &self.marks)?;
        let definition = self.caller.as_ref().map_or("", |caller| &caller.security);
        self.quota = asking.pass(route.caller_rate_limiter.as_deref(), Scope::Security(definition))?.map(Box::new);
        if let Some(negotiation) = route.negotiation {
            let settled = negotiation.settle(&parts.headers, &parts.method, length == Some(0));
            self.negotiated = Some(settled.map_err(|(refusal, output)| {
                self.negotiated = Some(Negotiated { input: Format::default(), output });
                refusal
            })?);
        }
        Ok(())
    }

    /// Returns what a reply, or an error, is written in.
    pub(crate) fn output(&self) -> Format {
        let of_channel = || self.route.as_ref().map_or_else(Format::default, |route| route.info.format);
        self.negotiated.map_or_else(of_channel, |negotiated| negotiated.output)
    }

    /// Makes the message of a request that may go on, out of everything that is left of it.
    pub(crate) fn message(
        &mut self,
        route: &Route,
        parts: Parts,
        payload: Payload,
        (begun, received): (Instant, Instant),
        via: Via<'_>,
    ) -> Message {
        let mut message = Message::received_at(received, self.marks.cid, Arc::clone(&route.info), payload);
        let head = &mut *message.head;
        if let Some(Negotiated { input, output }) = self.negotiated {
            (head.input, head.output) = (input, output);
        }
        head.body_wait = received.duration_since(begun);
        head.certificate = via.certificate(&parts).cloned();
        if !self.path.is_empty() || parts.uri.query().is_some() {
            head.params = Params::new(std::mem::take(&mut self.path), parts.uri.clone());
        }
        head.trace = self.marks.trace;
        head.client_address = self.marks.client_address;
        head.caller = self.caller.take();
        head.headers = parts.headers;
        head.method = Some(parts.method);
        head.uri = Some(parts.uri);
        message
    }
}

/// Finds the address of the client: that of the peer, or whom the peer speaks for if it is a proxy that is trusted.
fn client_address(table: &Table, parts: &Parts, via: Via<'_>) -> Option<IpAddr> {
    let peer = via.peer(parts)?.ip();
    Some(match &table.proxies {
        Some(proxies) => proxies.client(peer, &parts.headers),
        None => peer,
    })
}

/// Verifies the caller, where the channel asks for that.
fn verify(route: &Route, parts: &Parts, via: Via<'_>, marks: &Marks) -> Result<Option<Arc<Caller>>, Refusal> {
    let (cid, address) = (marks.cid, marks.client_address);
    let Some(verifier) = &route.verifier else { return Ok(None) };
    let certificate = via.certificate(parts).map(|certificate| &**certificate);
    let credentials = Credentials { headers: &parts.headers, certificate };
    verifier.verify(credentials).map(Some).map_err(|denied| {
        info!(
            zato.cid = cid.as_str(),
            zato.channel = route.info.name,
            client.address = address.map(tracing::field::display),
            reason = denied.reason,
            // Written as a definition takes it, so that whoever is to be let in can be added to one.
            certificate.subject = certificate.map(|certificate| certificate.subject.as_str()),
            certificate.fingerprint = certificate.map(|certificate| tracing::field::display(certificate.fingerprint)),
            "caller refused"
        );
        Refusal::unauthenticated(denied.challenge)
    })
}

/// Finds the channel of a request.
fn find(table: &Table, parts: &Parts, cid: Cid) -> Result<(Arc<Route>, PathParams), Refusal> {
    let refused = |refusal: Refusal| {
        debug!(
            zato.cid = cid.as_str(),
            http.response.status_code = refusal.status.as_u16(),
            error = %refusal.error,
            "request refused"
        );
        refusal
    };
    let path = path::decode(parts.uri.path())
        .map_err(|fault| refused(Refusal::of(Error::invalid_input(format!("the path of the request {fault}")))))?;
    // What is kept for the framework is not found by a channel that takes everything either.
    let is_kept = path.strip_prefix("/zato").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if parts.method == Method::OPTIONS
        && !is_kept
        && let Some(refusal) = preflight(table, &path, &parts.headers)
    {
        return Err(refusal);
    }
    let found = if is_kept { Found::Nothing } else { table.find(&path, &parts.method) };
    match found {
        Found::Route(route, params) => Ok((route, params)),
        Found::Options(allow) => Err(Refusal::options(allow)),
        Found::Methods(allow) => Err(refused(Refusal::method_not_allowed(allow))),
        Found::Nothing if path == "/zato/ping" => Err(Refusal::ping(&parts.method)),
        Found::Nothing if path == "*" && parts.method == Method::OPTIONS => Err(Refusal::options_of_all()),
        Found::Nothing => Err(refused(Refusal::nothing_here())),
    }
}

/// Answers a browser that asks what a page may do, for the channel that would answer the page, and whether or not another
/// is there for `OPTIONS`. Nobody has credentials yet at this point (Fetch §4.8).
fn preflight(table: &Table, path: &str, headers: &HeaderMap) -> Option<Refusal> {
    let (origin, method) = cors::asked(headers)?;
    let Found::Route(route, _) = table.find(path, &method) else { return None };
    route.content.cors.as_ref().map(|cors| Refusal::preflight(cors.preflight(origin)))
}
