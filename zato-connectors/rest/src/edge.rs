//! From an HTTP request to a message, and from a reply to an HTTP response.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts,
};
use http_body::Body as HttpBody;
use tokio::time::Instant;
use tracing::{debug, info};
use zato_core::{
    BoxError, Error, Result,
    ambient::Ambient,
    config::ErrorFormat,
    message::{Caller, Cid, ClientCertificate, Head, Message, Params, Reply, TraceParent},
    rate::Standing,
    security::Credentials,
};

use crate::{
    access::Noted,
    body::Body,
    content::{Asker, cors},
    crowd::Crowd,
    download::Download,
    error, form,
    host::Hosts,
    intake::{self, Taken},
    meter::{ConnectionCounts, Meters},
    path,
    peer::Peer,
    rate::{self, Asking, Scope},
    refusal::Refusal,
    seen::{Seen, Tally},
    table::{Found, PathParams, Route, Table},
};

/// Serves HTTP requests by the table that is in force.
pub(crate) struct Edge {
    pub(crate) table: ArcSwap<Table>,
    /// Who is there, over all listeners.
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) meters: Meters,
    pub(crate) connections: ConnectionCounts,
    is_closed: AtomicBool,
}

impl Edge {
    pub(crate) fn new() -> Self {
        Self {
            table: ArcSwap::from_pointee(Table::empty()),
            crowd: Arc::default(),
            meters: Meters::default(),
            connections: ConnectionCounts::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Answers 503 from now on, but for connections of our own listener: those are let go one by one, and a request that
    /// is on its way meanwhile is served. Requests that were begun go on.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    /// Takes a new table; requests that were begun keep the one they began with.
    pub(crate) fn switch(&self, table: Arc<Table>) {
        self.table.store(table);
    }

    /// Serves one request. Whatever goes wrong becomes a response: the result is one in any case.
    pub(crate) async fn serve<B>(&self, request: Request<B>, via: Via<'_>) -> Response<Body>
    where
        B: HttpBody<Error: Into<BoxError>> + Send + 'static,
    {
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let is_get = is_head || parts.method == Method::GET;
        let has_length = body.size_hint().exact().is_some();
        let Admission { marks, error_format, noted, route, admitted } = self.admit(&parts, has_length, via);
        let cid = marks.cid;
        let seen = Seen::begin(begun, &parts.method, route, noted, &self.meters.unrouted);
        let mut tally = Tally::default();
        let mut response = match (admitted, seen.route()) {
            (Ok(Admitted { path, caller, quota }), Some(route)) => {
                let asked = route.content.asked(&parts.headers, marks.is_asking);
                let answered = match caller {
                    Ok(caller) => {
                        let incoming = Incoming { marks, parts, body, begun, path, caller };
                        answer(route, incoming, via, &mut tally).await
                    }
                    Err(refusal) => Err(refusal),
                };
                let mut response = answered.unwrap_or_else(|refusal| refusal.into_response(cid, error_format));
                if let Some(quota) = quota {
                    rate::tell(&quota, Scope::Security(""), response.headers_mut());
                }
                let asker = Asker { cid, channel: &route.info, error_format, is_get };
                route.content.finish(asked, asker, &mut response);
                response
            }
            (Ok(_), None) => Refusal::nothing_here().into_response(cid, error_format),
            (Err(refusal), _) => refusal.into_response(cid, error_format),
        };
        if is_head || is_bodiless(response.status()) {
            leave_body_out(&mut response);
        }
        seen.answered(&response, &tally);
        response
    }

    /// Decides, before the body is read, whether a request may go on and where to.
    fn admit(&self, parts: &Parts, has_length: bool, via: Via<'_>) -> Admission {
        let table = self.table.load();
        let mut marks = Marks::of(&parts.headers, &table.ambient);
        marks.client_address = client_address(&table, parts, via);
        let noted = table.access_log.as_ref().and_then(|log| log.note(parts, marks.client_address, marks.cid));
        let admitted = if !via.is_listener() && self.is_closed.load(Ordering::Acquire) {
            Err(Refusal::of(Error::unavailable("stopping").with_retry_after(Duration::from_secs(1))))
        } else {
            admitted(&table, parts, has_length, &marks, via)
        };
        let (route, admitted) = match admitted {
            Ok((route, admitted)) => (Some(route), Ok(admitted)),
            Err(refusal) => (None, Err(refusal)),
        };
        Admission { marks, error_format: table.error_format, noted, route, admitted }
    }
}

/// Finds what answers a request, and whether it may: what costs least to find out comes first, and nothing that could
/// be guessed is looked at faster than the limits allow.
fn admitted(
    table: &Table,
    parts: &Parts,
    has_length: bool,
    marks: &Marks,
    via: Via<'_>,
) -> Result<(Arc<Route>, Admitted), Refusal> {
    let asking = Asking { address: marks.client_address, cid: &marks.cid, ambient: &table.ambient };
    asking.pass(table.rate_limiter.as_deref(), Scope::Server)?;
    // Of what comes through a server around us, that server has decided.
    if via.is_listener()
        && let Some(refusal) = form::refusal(parts, &marks.hosts, has_length, table.limits.max_headers)
    {
        return Err(refusal);
    }
    let (route, path) = find(table, parts, marks.cid)?;
    let mut quota = None;
    let mut caller = || {
        asking.pass(route.rate_limiter.as_deref(), Scope::Channel(&route.info.name))?;
        let caller = verify(&route, parts, via, marks.cid)?;
        let definition = caller.as_ref().map_or("", |caller| &caller.security);
        quota = asking.pass(route.caller_rate_limiter.as_deref(), Scope::Security(definition))?.map(Box::new);
        Ok(caller)
    };
    // What is refused from here on is a reply of the channel all the same, with whatever that says of its replies.
    let caller = caller();
    Ok((route, Admitted { path, caller, quota }))
}

/// Whose connection a request came over.
#[derive(Clone, Copy)]
pub(crate) enum Via<'a> {
    /// One of our own listener, where nobody has looked at the request before.
    Listener(&'a Peer),
    /// One of a server around us, or none at all.
    Service,
}

impl<'a> Via<'a> {
    fn is_listener(self) -> bool {
        matches!(self, Self::Listener(_))
    }

    /// Returns who is at the other end, as far as that is known.
    fn peer(self, parts: &'a Parts) -> Option<&'a Peer> {
        match self {
            Self::Listener(peer) => Some(peer),
            Self::Service => parts.extensions.get(),
        }
    }

    /// Returns the certificate that the client presented; a server around us hands it over as an extension.
    fn certificate<'p>(&'p self, parts: &'p Parts) -> Option<&'p Arc<ClientCertificate>> {
        match self {
            Self::Listener(peer) => peer.certificate.as_ref(),
            Self::Service => parts.extensions.get(),
        }
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

/// Reads the body of a request that was admitted, and has its service answer.
async fn answer<B>(
    route: &Arc<Route>,
    Incoming { marks, mut parts, body, begun, path, caller }: Incoming<B>,
    via: Via<'_>,
    tally: &mut Tally,
) -> Result<Response<Body>, Refusal>
where
    B: HttpBody<Error: Into<BoxError>> + Send + 'static,
{
    // HTTP/2 has no header that ends a connection (RFC 9113 §8.2.2), and of one that isn't ours others decide.
    let is_ours = via.is_listener() && parts.version < Version::HTTP_2;
    let taken = if marks.is_encoded {
        Box::pin(intake::encoded(body, &mut parts.headers, route)).await
    } else {
        intake::plain(body, route).await
    };
    let Taken { payload, progress, has_waited } = match taken {
        Ok(taken) => taken,
        Err(refusal) => {
            let refusal = unread(refusal, route, &marks);
            return Err(if is_ours { refusal.with_close() } else { refusal });
        }
    };
    tally.received = payload.bytes().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    // A body that was there with its headers took no time, and another look at the clock would only tell that.
    let received = if has_waited { Instant::now() } else { begun };
    let mut message = Message::received_at(received, marks.cid, Arc::clone(&route.info), payload);
    message.head.body_wait = received.duration_since(begun);
    message.head.certificate = via.certificate(&parts).cloned();
    fill(&mut message.head, parts, path, caller, &marks);
    let answered = route.inlet.call(message).await;
    tally.ended = answered.as_ref().ok().and_then(Reply::ended);
    let Some(progress) = progress else {
        return answered.map_err(Refusal::of).and_then(|reply| written(reply, route, marks.cid));
    };
    let answered = answered.map_err(|error| progress.refusal(error));
    let answered = answered.and_then(|reply| written(reply, route, marks.cid));
    // Whoever reads no further leaves the rest on the connection; what goes on in the reply is still to be read.
    if is_ours && progress.is_left() { answered.map(with_close).map_err(Refusal::with_close) } else { answered }
}

/// Says that the connection ends with this response.
fn with_close(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What is known of a request once its headers are there.
struct Admission {
    marks: Marks,
    error_format: ErrorFormat,
    /// What the access log will say.
    noted: Option<Box<Noted>>,
    /// The channel, also if it doesn't let the caller in.
    route: Option<Arc<Route>>,
    admitted: Result<Admitted, Refusal>,
}

/// A request that has the right to call its channel and is not read whole yet.
struct Incoming<B> {
    marks: Marks,
    parts: Parts,
    body: B,
    begun: Instant,
    path: PathParams,
    caller: Option<Arc<Caller>>,
}

/// A request that has a channel.
struct Admitted {
    path: PathParams,
    /// Who calls, if they may.
    caller: Result<Option<Arc<Caller>>, Refusal>,
    /// What the caller has left of its definition's limit, which it is told with whatever answer it gets.
    quota: Option<Box<Standing>>,
}

/// What a caller says in headers about the request as a whole.
struct Marks {
    /// The caller's own correlation id if it is well formed, or a new one.
    cid: Cid,
    trace: Option<TraceParent>,
    hosts: Hosts,
    /// Who asks: what services, limits and logs go by.
    client_address: Option<IpAddr>,
    /// Whether it asks something of its reply: see [`Content::asked`](crate::content::Content::asked).
    is_asking: bool,
    /// Whether it says that its body is compressed.
    is_encoded: bool,
}

impl Marks {
    /// Looks once through the headers, of which a request has few: cheaper than a look-up for each name.
    fn of(headers: &HeaderMap, ambient: &Ambient) -> Self {
        let (mut cid, mut trace, mut hosts) = (None, None, Hosts::default());
        let (mut is_asking, mut is_encoded) = (false, false);
        for (name, value) in headers {
            if *name == header::HOST {
                hosts.add(value);
            } else if *name == error::CID {
                cid = cid.or_else(|| Cid::from_bytes(value.as_bytes()).ok());
            } else if *name == TRACEPARENT {
                trace = trace.or_else(|| TraceParent::parse(value.as_bytes()));
            } else if is_asking_for_more(name) {
                is_asking = true;
            } else if *name == header::CONTENT_ENCODING {
                is_encoded = true;
            }
        }
        let (client_address, cid) = (None, cid.unwrap_or_else(|| ambient.cid()));
        Self { cid, trace, hosts, client_address, is_asking, is_encoded }
    }
}

/// Whether a header asks something of the reply beside an answer.
fn is_asking_for_more(name: &HeaderName) -> bool {
    *name == header::ACCEPT_ENCODING
        || *name == header::IF_NONE_MATCH
        || *name == header::IF_MODIFIED_SINCE
        || *name == header::IF_MATCH
        || *name == header::IF_UNMODIFIED_SINCE
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Verifies the caller, where the channel asks for that.
fn verify(route: &Route, parts: &Parts, via: Via<'_>, cid: Cid) -> Result<Option<Arc<Caller>>, Refusal> {
    let Some(verifier) = &route.verifier else { return Ok(None) };
    let certificate = via.certificate(parts).map(|certificate| &**certificate);
    let credentials = Credentials { headers: &parts.headers, certificate };
    verifier.verify(credentials).map(Some).map_err(|denied| {
        info!(
            zato.cid = cid.as_str(),
            zato.channel = route.info.name,
            reason = denied.reason,
            // Written as a definition takes it, so that whoever is to be let in can be added to one.
            certificate.subject = certificate.map(|certificate| certificate.subject.as_str()),
            certificate.fingerprint = certificate.map(|certificate| tracing::field::display(certificate.fingerprint)),
            "caller refused"
        );
        Refusal::unauthenticated(denied.challenge)
    })
}

/// Says why a body could not be read.
fn unread(refusal: Refusal, route: &Route, marks: &Marks) -> Refusal {
    let (cid, channel) = (marks.cid.as_str(), &route.info.name);
    info!(zato.cid = cid, zato.channel = channel, error = %refusal.error.report(), "request refused");
    refusal
}

/// Hands over what HTTP says beside the body.
fn fill(head: &mut Head, parts: Parts, path: PathParams, caller: Option<Arc<Caller>>, marks: &Marks) {
    if !path.is_empty() || parts.uri.query().is_some() {
        head.params = Params::new(path, parts.uri.clone());
    }
    head.trace = marks.trace;
    head.client_address = marks.client_address;
    head.headers = parts.headers;
    head.method = Some(parts.method);
    head.uri = Some(parts.uri);
    head.caller = caller;
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

/// What a connection has headers for, which is our business and no service's: copied from the reply of another
/// system, they would say where a body ends that isn't there (RFC 9112 §6, RFC 9110 §7.6.1).
static OF_THE_CONNECTION: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

/// Writes what a service answered.
fn written(reply: Reply, route: &Route, cid: Cid) -> Result<Response<Body>, Refusal> {
    let (status, mut headers, payload) = reply.into_parts();
    if status.is_informational() {
        let error = Error::internal(format!("the service answered with the status {status}, which is no answer"));
        tracing::error!(zato.cid = cid.as_str(), zato.channel = route.info.name, error = %error, "the reply can't be sent");
        return Err(Refusal::of(error));
    }
    // Nearly all replies have a content type and nothing else.
    if headers.keys().any(|name| *name != header::CONTENT_TYPE && OF_THE_CONNECTION.contains(name)) {
        for name in &OF_THE_CONNECTION {
            headers.remove(name);
        }
    }
    error::with_cid(&mut headers, cid);
    let body = match payload.into_bytes_or_stream() {
        Ok(bytes) => Body::from(bytes),
        Err(stream) => Body::stream(Download::new(stream, cid, Arc::clone(&route.info))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Whether replies of a status never have a body (RFC 9110 §6.4.1).
fn is_bodiless(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Leaves the body out of a reply that must not have one, which hyper does for HTTP/1 only. A reply to `HEAD` says how
/// long it would have been (RFC 9110 §8.6).
fn leave_body_out(response: &mut Response<Body>) {
    let body = std::mem::take(response.body_mut());
    if response.status() == StatusCode::NO_CONTENT {
        response.headers_mut().remove(header::CONTENT_TYPE);
    } else if let (false, Some(length)) = (is_bodiless(response.status()), body.size_hint().exact()) {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}
