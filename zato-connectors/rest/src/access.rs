//! The access log: one line for each request, if the configuration asks for it.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    time::Duration,
};

use http::{HeaderValue, Method, StatusCode, Uri, Version, header, request::Parts};
use tracing::{Level, enabled, field, info};
use zato_core::{config::AccessLogConfig, message::Cid};

/// Which requests have a line.
pub(crate) struct AccessLog {
    /// A request whose correlation id has a smaller hash than this has a line.
    below: u64,
    ignore: Vec<String>,
    /// Of this process alone, so that nobody can choose ids that are left out.
    hasher: RandomState,
}

/// What a line says of a request, kept until it has ended.
pub(crate) struct Noted {
    cid: Cid,
    method: Method,
    uri: Uri,
    version: Version,
    client: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
    /// Whether it has a line also if it doesn't fail.
    is_chosen: bool,
}

/// How a request ended.
pub(crate) struct Outcome<'a> {
    pub(crate) status: StatusCode,
    pub(crate) channel: Option<&'a str>,
    pub(crate) took: Duration,
    pub(crate) received: u64,
    /// `None` if the reply is a stream, whose length nobody knows.
    pub(crate) sent: Option<u64>,
}

impl AccessLog {
    /// Makes what a configuration asks for, if it asks for anything.
    pub(crate) fn of(config: &AccessLogConfig) -> Option<Self> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the part is from 0 to 1, and the cast of all of it saturates"
        )]
        let below = (config.sample * u64::MAX as f64) as u64;
        config.is_active.then(|| Self { below, ignore: config.ignore.clone(), hasher: RandomState::new() })
    }

    /// Notes a request. What is noted are shares of what is there already, no copies.
    pub(crate) fn note(&self, parts: &Parts, client: Option<IpAddr>, cid: Cid) -> Option<Box<Noted>> {
        if !enabled!(target: "zato::access", Level::INFO) {
            return None;
        }
        let is_ignored = self.ignore.iter().any(|path| path == parts.uri.path());
        let is_sampled = || self.below == u64::MAX || self.hasher.hash_one(cid.as_bytes()) < self.below;
        Some(Box::new(Noted {
            cid,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            client,
            user_agent: parts.headers.get(header::USER_AGENT).cloned(),
            is_chosen: !is_ignored && is_sampled(),
        }))
    }
}

impl Noted {
    /// Writes the line. The query string is not part of it: it may hold credentials.
    pub(crate) fn write(&self, outcome: &Outcome<'_>) {
        if !self.is_chosen && !outcome.status.is_server_error() {
            return;
        }
        let user_agent = self.user_agent.as_ref().map(|value| String::from_utf8_lossy(value.as_bytes()));
        info!(
            target: "zato::access",
            {
            client.address = self.client.map(field::display),
            http.request.method = self.method.as_str(),
            url.path = self.uri.path(),
            network.protocol.version = version(self.version),
            http.response.status_code = outcome.status.as_u16(),
            http.request.body.size = outcome.received,
            http.response.body.size = outcome.sent,
            zato.duration_us = u64::try_from(outcome.took.as_micros()).unwrap_or(u64::MAX),
            zato.channel = outcome.channel,
            user_agent.original = user_agent.as_deref(),
            zato.cid = self.cid.as_str(),
            },
            "request"
        );
    }
}

/// Returns a version as OpenTelemetry writes it in `network.protocol.version`.
fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        _ => "3",
    }
}
