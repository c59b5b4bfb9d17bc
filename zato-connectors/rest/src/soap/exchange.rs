//! What is known of one SOAP request.

use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode, header, request::Parts};
use zato_core::{
    Error, Kind,
    ambient::Ambient,
    format::soap::{self, Envelope, FaultCode, Version},
    message::{Caller, Cid, Head, Payload, Reply},
};

use super::{Endpoint, Operation, action::Said, description::address_of, fault};
use crate::{
    body::Body,
    edge::Via,
    refusal::Refusal,
    table::{PathParams, Route, Table},
};

/// What is known of one SOAP request.
pub(crate) struct Exchange {
    endpoint: Arc<Endpoint>,
    said: Said,
    /// Whether the headers have told which channel is asked.
    is_decided: bool,
    /// What a fault is told in: as the headers say, until the envelope is there.
    version: Version,
    envelope: Option<Arc<Envelope>>,
}

/// An envelope that is as it should be.
pub(crate) struct Opened {
    /// The channel that it asks for, if that was not known before.
    pub(crate) route: Option<Arc<Route>>,
    /// Who sends it, if that stands in it.
    pub(crate) caller: Option<Arc<Caller>>,
}

impl Exchange {
    /// Begins with a request whose headers are there.
    pub(crate) fn begin(endpoint: &Arc<Endpoint>, headers: &HeaderMap) -> Box<Self> {
        let said = Said::of(headers);
        let version = said.version.unwrap_or(Version::V11);
        Box::new(Self { endpoint: Arc::clone(endpoint), said, is_decided: false, version, envelope: None })
    }

    /// Finds the channel that is asked, as far as the headers tell; if they don't, one that stands for all of the path.
    pub(crate) fn route(&mut self, values: Vec<String>) -> (Arc<Route>, PathParams) {
        let decided = self.endpoint.by_action(self.said.action.as_deref());
        self.is_decided = decided.is_some();
        let route = Arc::clone(decided.unwrap_or_else(|| self.endpoint.first()));
        let path = route.names.iter().cloned().zip(values).collect();
        (route, path)
    }

    /// Finds what can be told to be wrong before there is a body.
    ///
    /// # Errors
    ///
    /// The refusal of a body that is no XML (RFC 9110 §15.5.16, WS-I Basic Profile 1.1 R1115), or of whom nobody knows
    /// which channel they ask.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.said.is_foreign {
            let known = Version::ALL.map(Version::media_type).join(" or ");
            let message = format!("the body has to be a SOAP envelope, of the type {known}");
            return Err(Refusal::of(Error::new(Kind::UnsupportedMediaType, message)));
        }
        if !self.is_decided && self.endpoint.is_mixed() {
            return Err(Refusal::of(self.endpoint.unknown()));
        }
        Ok(())
    }

    /// Whether who calls isn't known before the body is there.
    fn is_in_message(route: &Route) -> bool {
        route.verifier.as_ref().is_some_and(|verifier| verifier.definition().is_in_message())
    }

    /// Opens the envelope: finds the channel that is asked, and who asks.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the envelope or its header.
    pub(crate) fn open(
        &mut self,
        payload: &Payload,
        route: &Arc<Route>,
        path: &mut PathParams,
        ambient: &Ambient,
    ) -> Result<Opened, Error> {
        let bytes = payload.bytes().cloned().unwrap_or_default();
        let envelope = Envelope::parse_in(bytes, self.said.charset.as_deref())?;
        self.check_version(&envelope)?;
        let asked = envelope.operation();
        let chosen = if self.is_decided {
            Arc::clone(route)
        } else {
            Arc::clone(self.endpoint.by_element(asked, self.said.action.as_deref())?)
        };
        let Some(operation) = chosen.operation.as_deref() else { return Err(self.endpoint.unknown()) };
        if !operation.is_asked_by(&envelope) {
            return Err(self.endpoint.unknown());
        }
        if !operation.versions.contains(&envelope.version()) {
            let known = operation.versions.iter().map(|version| version.as_str()).collect::<Vec<_>>().join(" or ");
            return Err(mismatch(format!("SOAP {known} is spoken here")));
        }
        let caller = understood(&chosen, operation, &envelope, ambient)?;
        self.envelope = Some(Arc::new(envelope));
        let is_other = !Arc::ptr_eq(&chosen, route);
        if is_other {
            // The path is the same, and each channel may name its parameters as it likes.
            for ((name, _), own) in path.iter_mut().zip(&chosen.names) {
                name.clone_from(own);
            }
        }
        Ok(Opened { route: is_other.then_some(chosen), caller })
    }

    /// Compares the version of the envelope with what the headers say (SOAP 1.1 §4.1.2, SOAP 1.2 part 1 §2.8).
    fn check_version(&mut self, envelope: &Envelope) -> Result<(), Error> {
        let version = envelope.version();
        match self.said.version {
            Some(said) if said != version => {
                let (media_type, is) = (said.media_type(), version.as_str());
                Err(mismatch(format!("the request is of the type {media_type}, and its envelope of SOAP {is}")))
            }
            _ => {
                self.version = version;
                Ok(())
            }
        }
    }

    /// Hands the envelope over to whoever reads the message.
    pub(crate) fn attach(&self, head: &mut Head) {
        if let Some(envelope) = &self.envelope {
            head.extensions.insert(Arc::clone(envelope));
        }
    }

    /// Makes an envelope of a reply that says nothing; who has something to say has written one.
    pub(crate) fn replied(&self, reply: Reply, route: &Route) -> Reply {
        let is_nothing =
            reply.status() == StatusCode::NO_CONTENT && reply.payload().bytes().is_some_and(|bytes| bytes.is_empty());
        let Some(envelope) = self.envelope.as_ref().filter(|_| is_nothing) else { return reply };
        let (_, mut headers, _) = reply.into_parts();
        headers.insert(header::CONTENT_TYPE, self.version.content_type());
        let body = soap::empty_reply(envelope, route.info.options.xml.namespace.as_deref());
        Reply::new(body.into()).with_headers(headers)
    }

    /// Makes a fault of a refusal.
    pub(crate) fn fault(&self, status: StatusCode, error: &Error, cid: Cid) -> Response<Body> {
        let mut known: Vec<Version> =
            self.endpoint.operations().flat_map(|(_, operation)| operation.versions.iter().copied()).collect();
        known.sort_unstable();
        known.dedup();
        fault::response(self.version, &known, status, error, cid)
    }

    /// Returns the description of the endpoint, for a request that may ask for it.
    pub(crate) fn description(endpoint: &Endpoint, table: &Table, parts: &Parts, via: Via<'_>) -> Option<Refusal> {
        endpoint
            .description(&address_of(table, parts, via))
            .map(|(bytes, content_type)| Refusal::document(bytes, content_type))
    }
}

impl Operation {
    /// Whether an envelope has in it what the channel answers, if that was configured.
    fn is_asked_by(&self, envelope: &Envelope) -> bool {
        let asked = envelope.operation();
        let is_named = !self.is_strict || asked.name() == self.name;
        is_named && (self.namespace.is_none() || asked.namespace() == self.namespace.as_deref())
    }
}

/// Sees to the header of an envelope: what it demands to be understood, who sends it, and where its reply goes.
fn understood(
    route: &Route,
    operation: &Operation,
    envelope: &Envelope,
    ambient: &Ambient,
) -> Result<Option<Arc<Caller>>, Error> {
    let is_secured = Exchange::is_in_message(route);
    let strange = envelope.not_understood(|block| operation.is_understood(block, is_secured));
    if !strange.is_empty() {
        let message = "the envelope has header blocks that have to be understood, and are not";
        return Err(Error::invalid_input(message).with_source(FaultCode::MustUnderstand(strange)));
    }
    if envelope.addressing().is_some_and(|addressing| !addressing.is_anonymous()) {
        let message = "the reply goes back the way the request came; ReplyTo and FaultTo can't name another address";
        return Err(Error::invalid_input(message));
    }
    let Some(verifier) = route.verifier.as_ref().filter(|_| is_secured) else { return Ok(None) };
    verifier.verify_envelope(envelope, ambient.now(), &operation.nonces).map(Some)
}

fn mismatch(message: String) -> Error {
    Error::invalid_input(message).with_source(FaultCode::VersionMismatch)
}
