//! From an HTTP request to a message, and from a reply to an HTTP response.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use http::{Method, Request, Response, Version, header, request::Parts};
use http_body::Body as HttpBody;
use tokio::time::Instant;
use tracing::info;
#[cfg(feature = "soap")]
use zato_core::security::Nonces;
use zato_core::{
    BoxError, Result,
    message::{ClientCertificate, Reply},
};

#[cfg(feature = "cache")]
use crate::response_cache::OwnReplies;
use crate::{
    admission::Admission,
    body::Body,
    content::{self, Asker},
    crowd::Crowd,
    intake::{self, Taken},
    meter::{ConnectionCounts, Meters},
    peer::Peer,
    rate::{self, Scope},
    refusal::Refusal,
    reply,
    seen::{Seen, Tally},
    table::{Route, Table},
    upload::Progress,
};

/// Serves HTTP requests by the table that is in force.
pub(crate) struct Edge {
    pub(crate) table: ArcSwap<Table>,
    /// Who is there, over all listeners.
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) meters: Meters,
    pub(crate) connections: ConnectionCounts,
    pub(crate) is_closed: AtomicBool,
    /// Where replies are kept of channels that name no cache, over all configurations.
    #[cfg(feature = "cache")]
    pub(crate) replies: OwnReplies,
    /// The tokens of envelopes that were taken, over all configurations.
    #[cfg(feature = "soap")]
    pub(crate) nonces: Arc<Nonces>,
}

impl Edge {
    pub(crate) fn new() -> Self {
        Self {
            table: ArcSwap::from_pointee(Table::empty()),
            crowd: Arc::default(),
            meters: Meters::default(),
            connections: ConnectionCounts::default(),
            is_closed: AtomicBool::new(false),
            #[cfg(feature = "cache")]
            replies: OwnReplies::default(),
            #[cfg(feature = "soap")]
            nonces: Arc::default(),
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
        self.meters.forget();
    }

    /// Serves one request. Whatever goes wrong becomes a response: the result is one in any case.
    pub(crate) async fn serve<B>(&self, request: Request<B>, via: Via<'_>) -> Response<Body>
    where
        B: HttpBody<Error: Into<BoxError>> + Send + 'static,
    {
        let begun = Instant::now();
        let (mut parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let is_get = is_head || parts.method == Method::GET;
        // HTTP/2 has no header that ends a connection (RFC 9113 §8.2.2), and of one that isn't ours others decide.
        let is_ours = via.is_listener() && parts.version < Version::HTTP_2;
        let mut admission = self.admit(&parts, body.size_hint().exact(), via);
        let (cid, error_format, output) = (admission.marks.cid, admission.error_format, admission.output());
        let (route, noted) = (admission.route.take(), admission.noted.take());
        let seen = Seen::begin(begun, &parts.method, route, noted, &self.meters.unrouted);
        let mut tally = Tally::default();
        let mut response = match (seen.route(), admission.refusal.take()) {
            (None, refusal) => {
                let refusal = refusal.unwrap_or_else(Refusal::nothing_here);
                refusal.into_response(cid, error_format, output, admission.soap.as_deref())
            }
            (Some(route), refusal) => {
                let asked = route.content.asked(&parts.headers, admission.marks.is_asking);
                let taken = match refusal {
                    Some(refusal) => Err(refusal),
                    None => {
                        let taken = if admission.marks.is_encoded {
                            Box::pin(intake::encoded(body, &mut parts.headers, route)).await
                        } else {
                            intake::plain(body, route).await
                        };
                        taken.map_err(|refusal| unread(refusal, route, &admission, is_ours))
                    }
                };
                let answered = match taken {
                    Err(refusal) => Err(refusal),
                    Ok(taken) => {
                        tally.received = taken.length();
                        let received = Received { parts, taken, begun };
                        self.ask((&mut admission, &seen, &mut tally), received, (via, is_ours)).await
                    }
                };
                let soap = admission.soap.as_deref();
                let refused = |refusal: Refusal| refusal.into_response(cid, error_format, output, soap);
                let mut response = answered.unwrap_or_else(refused);
                let asker = Asker { cid, channel: &route.info, error_format, output, is_get };
                route.content.finish(asked, asker, &mut response);
                if route.negotiation.is_some() {
                    content::vary(response.headers_mut(), header::ACCEPT);
                }
                // Last, since a condition that fails puts another reply in the place of the service's.
                if let Some(quota) = admission.quota.take() {
                    rate::tell(&quota, Scope::Security(""), response.headers_mut());
                }
                response
            }
        };
        if is_head || reply::is_bodiless(response.status()) {
            reply::leave_body_out(&mut response);
        }
        seen.answered(&response, &tally);
        response
    }

    /// Has the service of a channel answer, now that there is a body.
    async fn ask(
        &self,
        (admission, seen, tally): (&mut Admission, &Seen<'_>, &mut Tally),
        Received { parts, taken, begun }: Received,
        (via, is_ours): (Via<'_>, bool),
    ) -> Result<Response<Body>, Refusal> {
        let Some(route) = seen.route() else { return Err(Refusal::nothing_here()) };
        let Taken { payload, progress, has_waited } = taken;
        // A body that was there with its headers took no time, and another look at the clock would only tell that.
        let received = if has_waited { Instant::now() } else { begun };
        let opened = self.open(admission, &payload, route);
        let opened = opened.map_err(|refusal| unread(refusal, route, admission, false))?;
        let route = match &opened {
            None => route,
            Some(route) => {
                seen.reroute(route);
                route
            }
        };
        let message = admission.message(route, parts, payload, (begun, received), via);
        let answered = match &route.response_cache {
            None => route.inlet.call(message).await,
            Some(cache) => Box::pin(cache.answer(route, message)).await,
        };
        tally.ended = answered.as_ref().ok().and_then(Reply::ended);
        let answered = match &admission.soap {
            None => answered,
            Some(soap) => answered.map(|reply| soap.replied(reply, route)),
        };
        conclude(answered, progress.as_deref(), route, admission, is_ours)
    }
}

/// A request with its body.
struct Received {
    parts: Parts,
    taken: Taken,
    begun: Instant,
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
    pub(crate) fn is_listener(self) -> bool {
        matches!(self, Self::Listener(_))
    }

    /// Returns who is at the other end, as far as that is known.
    pub(crate) fn peer(self, parts: &'a Parts) -> Option<&'a Peer> {
        match self {
            Self::Listener(peer) => Some(peer),
            Self::Service => parts.extensions.get(),
        }
    }

    /// Returns the certificate that the client presented; a server around us hands it over as an extension.
    pub(crate) fn certificate<'p>(&'p self, parts: &'p Parts) -> Option<&'p Arc<ClientCertificate>> {
        match self {
            Self::Listener(peer) => peer.certificate.as_ref(),
            Self::Service => parts.extensions.get(),
        }
    }
}

/// Says why a body could not be read, and ends the connection, on which the rest of it is left.
fn unread(refusal: Refusal, route: &Route, admission: &Admission, is_ours: bool) -> Refusal {
    let (cid, channel) = (admission.marks.cid.as_str(), &route.info.name);
    info!(zato.cid = cid, zato.channel = channel, error = %refusal.error.report(), "request refused");
    if is_ours { refusal.with_close() } else { refusal }
}

/// Makes the answer out of what the service returned.
fn conclude(
    answered: Result<Reply>,
    progress: Option<&Progress>,
    route: &Arc<Route>,
    admission: &Admission,
    is_ours: bool,
) -> Result<Response<Body>, Refusal> {
    let cid = admission.marks.cid;
    let answered = answered.map_err(|error| match progress {
        Some(progress) => progress.refusal(error),
        None => Refusal::of(error),
    });
    let answered = answered.and_then(|answer| reply::written(answer, route, cid));
    // Whoever reads no further leaves the rest on the connection; what goes on in the reply is still to be read.
    let is_left = is_ours && progress.is_some_and(Progress::is_left);
    if is_left { answered.map(reply::with_close).map_err(Refusal::with_close) } else { answered }
}
