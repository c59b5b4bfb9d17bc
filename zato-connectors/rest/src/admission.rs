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
    body,
    content::cors,
    edge::{Edge, Via},
    form,
    marks::Marks,
    negotiate::Negotiated,
    path,
    rate::{Asking, Scope},
    refusal::Refusal,
    soap::{Endpoint, Exchange},
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
    /// What is known of a request to channels that speak SOAP.
    pub(crate) soap: Option<Box<Exchange>>,
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
            soap: None,
            refusal: None,
        };
        admission.refusal = if !via.is_listener() && self.is_closed.load(Ordering::Acquire) {
            Some(Refusal::of(Error::unavailable("stopping").with_retry_after(Duration::from_secs(1))))
        } else {
            admission.decide(&table, parts, length, via).err()
        };
        if admission.refusal.is_some() && admission.soap.is_none() && table.has_soap {
            admission.soap = exchange_of(&table, parts);
        }
        admission
    }

    /// Opens the envelope of a request, if it has one: only that may tell which channel it is for, and who sends it.
    ///
    /// Returns the channel, if it is another one than was thought.
    pub(crate) fn open(
        &self,
        admission: &mut Admission,
        payload: &Payload,
        route: &Arc<Route>,
    ) -> Result<Option<Arc<Route>>, Refusal> {
        let Some(soap) = &mut admission.soap else { return Ok(None) };
        let table = self.table.load();
        let opened = soap.open(payload, route, &mut admission.path, &table.ambient).map_err(Refusal::of)?;
        let Admission { marks, .. } = &*admission;
        let asking = Asking { address: marks.client_address, cid: &marks.cid, ambient: &table.ambient };
        if let Some(route) = &opened.route {
            asking.pass(route.rate_limiter.as_deref(), Scope::Channel(&route.info.name))?;
            if payload.bytes().is_some_and(|bytes| bytes.len() > route.max_body_size) {
                return Err(Refusal::of(body::too_large(route.max_body_size)));
            }
        }
        if let Some(caller) = opened.caller {
            let limiter = opened.route.as_ref().unwrap_or(route).caller_rate_limiter.as_deref();
            admission.quota = asking.pass(limiter, Scope::Security(&caller.security))?.map(Box::new);
            admission.caller = Some(caller);
        }
        Ok(opened.route)
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
        let described = described(table, parts);
        let (route, path) = match &described {
            Some(endpoint) => (Arc::clone(endpoint.first()), PathParams::new()),
            None => find(table, parts, self.marks.cid, &mut self.soap)?,
        };
        self.path = path;
        let route = self.route.insert(route);
        asking.pass(route.rate_limiter.as_deref(), Scope::Channel(&route.info.name))?;
        self.caller = verify(route, parts, via, &self.marks)?;
        // Who proves to be somebody in an envelope is counted when that is open.
        if let Some(caller) = &self.caller {
            let limiter = route.caller_rate_limiter.as_deref();
            self.quota = asking.pass(limiter, Scope::Security(&caller.security))?.map(Box::new);
        }
        if let Some(negotiation) = route.negotiation {
            let settled = negotiation.settle(&parts.headers, &parts.method, length == Some(0));
            self.negotiated = Some(settled.map_err(|(refusal, output)| {
                self.negotiated = Some(Negotiated { input: Format::default(), output });
                refusal
            })?);
        }
        if let Some(endpoint) = described {
            return Err(Exchange::description(&endpoint, table, parts, via).unwrap_or_else(Refusal::nothing_here));
        }
        self.soap.as_ref().map_or(Ok(()), |soap| soap.check())
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
        if let Some(soap) = &self.soap {
            soap.attach(head);
        }
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
    if verifier.definition().is_in_message() {
        return Ok(None);
    }
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
fn find(
    table: &Table,
    parts: &Parts,
    cid: Cid,
    soap: &mut Option<Box<Exchange>>,
) -> Result<(Arc<Route>, PathParams), Refusal> {
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
        Found::Soap(endpoint, values) => Ok(soap.insert(Exchange::begin(&endpoint, &parts.headers)).route(values)),
        Found::Options(allow) => Err(Refusal::options(allow)),
        Found::Methods(allow) => Err(refused(Refusal::method_not_allowed(allow))),
        Found::Nothing if path == "/zato/ping" => Err(Refusal::ping(&parts.method)),
        Found::Nothing if path == "*" && parts.method == Method::OPTIONS => Err(Refusal::options_of_all()),
        Found::Nothing => Err(refused(Refusal::nothing_here())),
    }
}

/// Finds the channels that a request asks to describe themselves.
fn described(table: &Table, parts: &Parts) -> Option<Arc<Endpoint>> {
    if !Endpoint::is_asked_for_description(parts) || !matches!(parts.method, Method::GET | Method::HEAD) {
        return None;
    }
    table.soap_at(&path::decode(parts.uri.path()).ok()?).cloned()
}

/// Finds out whether a request that was refused before anybody looked for its channel is one to channels that speak SOAP,
/// whose callers read faults.
fn exchange_of(table: &Table, parts: &Parts) -> Option<Box<Exchange>> {
    let endpoint = table.soap_at(&path::decode(parts.uri.path()).ok()?)?;
    Some(Exchange::begin(endpoint, &parts.headers))
}

/// Answers a browser that asks what a page may do, for the channel that would answer the page, and whether or not another
/// is there for `OPTIONS`. Nobody has credentials yet at this point (Fetch §4.8).
fn preflight(table: &Table, path: &str, headers: &HeaderMap) -> Option<Refusal> {
    let (origin, method) = cors::asked(headers)?;
    let Found::Route(route, _) = table.find(path, &method) else { return None };
    route.content.cors.as_ref().map(|cors| Refusal::preflight(cors.preflight(origin)))
}
