//! What a request has to look like, before it matters what it asks for.
//!
//! hyper refuses what can't be read at all. What is here can be read in more than one way, and a proxy in front of us
//! may have read it in another: that is how one request is smuggled inside another.

use http::{HeaderMap, Version, header, request::Parts};
use zato_core::Error;

use crate::{
    host::{self, Hosts},
    refusal::Refusal,
};

/// Says why a request can't be trusted to mean what it seems to mean; `None` for nearly all.
pub(crate) fn refusal(parts: &Parts, hosts: &Hosts, has_length: bool, max_headers: usize) -> Option<Refusal> {
    if parts.headers.len() > max_headers {
        return Some(Refusal::too_many_headers(max_headers));
    }
    match parts.version {
        // Not there before 1.1. Of two, or of one with a comma in it, others may choose the other (RFC 9112 §3.2).
        Version::HTTP_11 if !hosts.is_one() => {
            return Some(Refusal::of(Error::invalid_input("exactly one Host header is needed")));
        }
        Version::HTTP_2 if !host::is_named_once(&parts.uri, &parts.headers) => {
            return Some(Refusal::of(Error::invalid_input("exactly one host is needed")));
        }
        // Only with the absolute form is there one in HTTP/1, and what it may hold was never the server's business.
        _ if parts.uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            return Some(Refusal::of(Error::invalid_input("the target of a request has no user in it")));
        }
        _ if !hosts.are_well_formed() => {
            return Some(Refusal::of(Error::invalid_input("the Host header has no form that a host may have")));
        }
        _ => {}
    }
    // Only a body in chunks has no length in HTTP/1, so that others need not be looked at.
    if !has_length && parts.version == Version::HTTP_11 && !is_chunked_alone(&parts.headers) {
        return Some(Refusal::unknown_coding());
    }
    None
}

/// Whether the body is in chunks and nothing else. hyper takes any list that ends with `chunked`, and hands over the
/// body with the other codings still applied, or reads chunks inside of chunks as part of it (RFC 9112 §6.1, §7).
fn is_chunked_alone(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_chunked =
        codings.next().is_none_or(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    is_chunked && codings.next().is_none()
}
