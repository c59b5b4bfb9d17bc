//! What HTTP does to a reply on its way out: headers by configuration, conditions, compression, what browsers demand.
//!
//! All of it is worked out when a configuration is applied. A request that asks for nothing of it pays for a look at the
//! length of its reply.

pub(crate) mod compression;
pub(crate) mod conditional;
pub(crate) mod cors;
mod lasting;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response::Parts};
use tracing::debug;
use zato_core::{
    Error, Kind,
    config::{ErrorFormat, ServerConfig},
    message::{ChannelInfo, Cid, Format},
};

use self::{
    compression::{Accepted, Compression, Decoding},
    conditional::{Conditions, Verdict},
    cors::Cors,
    lasting::Lasting,
};
use crate::{body::Body, config::RestChannelConfig, error};

/// What a channel does to its replies.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) cors: Option<Cors>,
    /// How compressed bodies of requests are read; `None` if they are refused.
    pub(crate) decoding: Option<Decoding>,
    compression: Option<Compression>,
    lasting: Option<Lasting>,
    has_etag: bool,
    /// Whether every reply is touched, whatever its request asks for.
    is_always: bool,
}

/// What a request asks of its reply beside an answer: nothing, as nearly all do.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    accepted: Accepted,
    more: Option<Box<More>>,
}

#[derive(Debug)]
struct More {
    origin: Option<HeaderValue>,
    conditions: Option<Conditions>,
}

/// What a reply belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) cid: Cid,
    pub(crate) channel: &'a ChannelInfo,
    pub(crate) error_format: ErrorFormat,
    /// What an error is written in.
    pub(crate) output: Format,
    /// Whether it was `GET` or `HEAD`, to which alone conditions are ours to judge: what changes something does so before
    /// we see the reply.
    pub(crate) is_get: bool,
}

impl Content {
    /// Works out what a channel does.
    ///
    /// # Errors
    ///
    /// What is wrong with its keys, as the end of a sentence that begins with its name.
    pub(crate) fn of(config: &RestChannelConfig, server: &ServerConfig) -> Result<Self, String> {
        let cors = config.cors.as_ref().map(|cors| Cors::of(cors, &config.method)).transpose()?;
        let lasting = Lasting::of(config)?;
        let of_cache = config.response_cache.as_ref().filter(|cache| cache.is_enabled);
        let has_etag = config.etag || of_cache.is_some_and(|cache| cache.needs_etag);
        let is_decoding = compression::IS_BUILT_IN && server.compression.is_active;
        Ok(Self {
            decoding: is_decoding.then(|| Decoding { max_ratio: server.compression.max_ratio.get() }),
            compression: Compression::of(&server.compression, config)?,
            has_etag,
            is_always: has_etag || cors.is_some() || lasting.is_some(),
            cors,
            lasting,
        })
    }

    /// Reads what a request asks of its reply. `is_asking` is whether it has one of the headers that say so.
    #[inline]
    pub(crate) fn asked(&self, headers: &HeaderMap, is_asking: bool) -> Asked {
        if is_asking || self.cors.is_some() { self.read(headers) } else { Asked::default() }
    }

    fn read(&self, headers: &HeaderMap) -> Asked {
        let origin = self.cors.as_ref().and_then(|_| headers.get(header::ORIGIN)).cloned();
        let conditions = Conditions::of(headers);
        let is_more = origin.is_some() || conditions.is_some();
        Asked {
            accepted: self.compression.as_ref().map(|one| one.accepted(headers)).unwrap_or_default(),
            more: is_more.then(|| Box::new(More { origin, conditions })),
        }
    }

    /// Makes a reply what its request asked for and the channel says.
    #[inline]
    pub(crate) fn finish(&self, asked: Asked, asker: Asker<'_>, response: &mut Response<Body>) {
        let is_large = || self.compression.as_ref().is_some_and(|compression| compression.is_large(response.body()));
        if self.is_always || asked.more.is_some() || asked.accepted != Accepted::default() || is_large() {
            self.dress(asked, asker, response);
        }
    }

    fn dress(&self, asked: Asked, asker: Asker<'_>, response: &mut Response<Body>) {
        let More { origin, conditions } = asked.more.map_or(More { origin: None, conditions: None }, |more| *more);
        let (mut parts, mut body) = std::mem::take(response).into_parts();
        self.tag(asker, &mut parts, &body);
        // Before the conditions: a 304 has the validator of what would have been sent (RFC 9110 §15.4.5).
        let coding = self.compression.as_ref().and_then(|one| {
            one.choose(asked.accepted, parts.status, &mut parts.headers, &body).map(|coding| (one, coding))
        });
        if let Some((_, coding)) = coding {
            compression::mark(&mut parts.headers, coding);
        }
        let conditions = conditions.filter(|_| asker.is_get && parts.status.is_success());
        match conditions.map_or(Verdict::Send, |conditions| conditions.judge(&parts.headers)) {
            Verdict::Send => {
                if let Some((compression, coding)) = coding
                    && compression.encode(coding, &mut body).is_none()
                {
                    parts.headers.remove(header::CONTENT_ENCODING);
                }
            }
            Verdict::NotModified => {
                leave_content_out(&mut parts);
                body = Body::default();
            }
            Verdict::Failed => {
                let end = parts.headers.remove(header::CONNECTION);
                (parts, body) = failed(asker).into_parts();
                // Whether the connection ends is settled by what the service has left unread.
                parts.headers.extend(end.map(|end| (header::CONNECTION, end)));
            }
        }
        if let Some(lasting) = &self.lasting {
            lasting.add(parts.status, &mut parts.headers);
            if lasting.is_deprecated() {
                debug!(zato.cid = asker.cid.as_str(), zato.channel = asker.channel.name, "deprecated channel called");
            }
        }
        if let Some(cors) = &self.cors {
            cors.mark(origin.as_ref(), &mut parts.headers);
        }
        *response = Response::from_parts(parts, body);
    }

    /// Adds a validator, where the channel says so and the service gave none.
    fn tag(&self, asker: Asker<'_>, parts: &mut Parts, body: &Body) {
        if !self.has_etag || !asker.is_get || parts.status != StatusCode::OK {
            return;
        }
        if let Some(bytes) = body.bytes() {
            parts.headers.entry(header::ETAG).or_insert_with(|| conditional::tag_for(bytes));
        }
    }
}

/// Makes a reply one that says that the caller has what would be sent. What describes that goes, and what says how to keep
/// it stays (RFC 9110 §15.4.5).
fn leave_content_out(parts: &mut Parts) {
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_DISPOSITION]
    {
        parts.headers.remove(name);
    }
}

/// Says that what is there is not what the caller wants to read.
fn failed(asker: Asker<'_>) -> Response<Body> {
    let error = Error::new(Kind::Conflict, "the condition of the request is not met");
    error::of_status(StatusCode::PRECONDITION_FAILED, &error, asker.cid, asker.error_format, asker.output)
}

/// Says that a reply depends on a header of its request, unless it does already (RFC 9110 §12.5.5).
pub(crate) fn vary(headers: &mut HeaderMap, on: HeaderName) {
    let names = |value: &HeaderValue| {
        let mut names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.any(|name| name == b"*" || name.eq_ignore_ascii_case(on.as_str().as_bytes()))
    };
    if !headers.get_all(header::VARY).iter().any(names) {
        headers.append(header::VARY, HeaderValue::from(on));
    }
}
