//! A call as the layers hand it on.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Url;
use tokio::time::Instant;
use zato_core::{
    bytes::Bytes,
    message::{Cid, TraceParent},
    resilience::{Deadline, Verdict},
};

use super::body::CallBody;

static CID: HeaderName = HeaderName::from_static("x-zato-cid");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// One call, ready to be sent; a clone is the same call once more.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) parts: Arc<Parts>,
    /// What the layer of credentials found; it may differ from one attempt to the next.
    pub(super) credentials: Option<(HeaderName, HeaderValue)>,
}

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: CallBody,
    /// Whether doing it twice comes to the same as doing it once.
    pub(super) is_idempotent: bool,
    /// Whether an error may be about another request than the one that was sent first.
    pub(super) follows_redirects: bool,
    pub(super) begun: Instant,
    /// When the caller stops waiting.
    pub(super) deadline: Deadline,
    pub(super) max_response_size: usize,
    /// How long each piece of a streamed answer may take; `None` if the answer is read as a whole.
    pub(super) streamed: Option<Duration>,
    /// What knows better than the status what an answer tells of the partner.
    pub(super) judge: Option<Judge>,
}

/// Judges a whole answer; `None` leaves it to the status.
pub(super) type Judge = fn(StatusCode, &HeaderMap, &Bytes) -> Option<Verdict>;

impl Call {
    /// Takes a call as it is to be sent; who asks for it, and in which trace, is added to its headers.
    pub(super) fn new(mut parts: Parts, cid: Cid, trace: &TraceParent) -> Self {
        mark(&mut parts.headers, cid, trace);
        Self { parts: Arc::new(parts), credentials: None }
    }

    /// Returns whether what is sent is still there to be sent a second time.
    pub(super) fn can_be_sent_again(&self) -> bool {
        self.parts.body.is_repeatable()
    }
}

/// Says in headers who asks, and in which trace.
pub(super) fn mark(headers: &mut HeaderMap, cid: Cid, trace: &TraceParent) {
    let (cid, trace) = (HeaderValue::from_bytes(cid.as_bytes()), HeaderValue::from_bytes(&trace.to_bytes()));
    headers.insert(&CID, cid.expect("a correlation id is made of letters, digits, '-', '_' and '.'"));
    headers.insert(&TRACEPARENT, trace.expect("a traceparent is made of hexadecimal digits and '-'"));
}
