//! What the headers of a request say about it as a whole.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};
use zato_core::{
    ambient::Ambient,
    message::{Cid, TraceParent},
};

use crate::{error, host::Hosts};

/// What a caller says in headers about the request as a whole.
pub(crate) struct Marks {
    /// The caller's own correlation id if it is well formed, or a new one.
    pub(crate) cid: Cid,
    pub(crate) trace: Option<TraceParent>,
    pub(crate) hosts: Hosts,
    /// Who asks: what services, limits and logs go by.
    pub(crate) client_address: Option<IpAddr>,
    /// Whether it asks something of its reply: see [`Content::asked`](crate::content::Content::asked).
    pub(crate) is_asking: bool,
    /// Whether it says that its body is compressed.
    pub(crate) is_encoded: bool,
}

impl Marks {
    /// Looks once through the headers, of which a request has few: cheaper than a look-up for each name.
    pub(crate) fn of(headers: &HeaderMap, ambient: &Ambient) -> Self {
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
