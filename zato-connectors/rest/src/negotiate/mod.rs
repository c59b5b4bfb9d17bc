//! What a caller sends and takes, on channels that leave that to it: `data_format: negotiate`.

mod accept;
mod media;
#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderValue, Method, header};
use zato_core::{Error, Kind, channel::Inlet, message::Format};

use self::{accept::Accept, media::MediaType};
use crate::refusal::Refusal;

/// How the payload of one request is read, and how its reply is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Negotiated {
    pub(crate) input: Format,
    pub(crate) output: Format,
}

/// What is on offer: each format and what it is called, in the order in which they are preferred among those that a caller
/// likes equally.
const WRITTEN: [(Format, &[&str]); 3] = [
    (Format::Json, &["application/json"]),
    (Format::Xml, &["application/xml", "text/xml"]),
    (Format::Csv, &["text/csv"]),
];

/// What a channel that negotiates asks of its service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Negotiation {
    /// Whether the service takes what is read as a format says; any payload will do if not.
    pub(crate) takes_model: bool,
    /// Whether it gives what is written as a format says; whatever is accepted will do if not.
    pub(crate) gives_model: bool,
}

impl Negotiation {
    /// Works out what there is to negotiate with a service.
    pub(crate) fn of(inlet: &Inlet) -> Self {
        Self { takes_model: inlet.takes_model(), gives_model: inlet.gives_model() }
    }

    /// Reads what a request says of its payload and its reply. `is_empty` is whether there is no payload.
    ///
    /// # Errors
    ///
    /// 415 or 406, each with what is on offer; and what that is written in, if the caller takes anything that we have.
    pub(crate) fn settle(
        self,
        headers: &HeaderMap,
        method: &Method,
        is_empty: bool,
    ) -> Result<Negotiated, (Refusal, Format)> {
        let accept = Accept::of(headers);
        let input = if is_empty || !self.takes_model { Ok(Format::Json) } else { input(headers) };
        let output = output(&accept, input.ok().unwrap_or_default());
        let Ok(input) = input else {
            return Err((unsupported(method), output.unwrap_or_default()));
        };
        match output {
            Some(output) => Ok(Negotiated { input, output }),
            None if self.gives_model => Err((Refusal::not_acceptable(&written()), Format::Json)),
            None => Ok(Negotiated { input, output: Format::Json }),
        }
    }
}

/// Nothing that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unsupported;

/// Finds how a payload is read. One that nobody has named is JSON, which most send who forget to say so.
fn input(headers: &HeaderMap) -> Result<Format, Unsupported> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return Ok(Format::Json) };
    // Of two that differ, whoever looked at the request before us may have read the other.
    if values.any(|other| other != value) {
        return Err(Unsupported);
    }
    let media = value.to_str().ok().and_then(MediaType::parse).ok_or(Unsupported)?;
    let is_suffixed = |suffix: &str| media.subtype.strip_suffix(suffix).is_some_and(|rest| !rest.is_empty());
    let format = match (media.kind.as_str(), media.subtype.as_str()) {
        // An envelope is for channels that speak SOAP.
        ("application", "soap+xml") => return Err(Unsupported),
        ("application", "json") => Format::Json,
        ("application" | "text", "xml") => Format::Xml,
        ("text" | "application", "csv") => Format::Csv,
        ("application", "x-www-form-urlencoded") => Format::Form,
        ("multipart", "form-data") if Format::is_multipart_built_in() => Format::Form,
        _ if is_suffixed("+json") => Format::Json,
        _ if is_suffixed("+xml") => Format::Xml,
        _ => return Err(Unsupported),
    };
    // XML says itself in which encoding it is (RFC 7303 §3); the others are UTF-8 or nothing.
    let is_known = format == Format::Xml || media.charset().is_none_or(is_utf8);
    if format.is_built_in() && is_known { Ok(format) } else { Err(Unsupported) }
}

fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known))
}

/// Finds what the caller likes best of what we write; among equals the format that it speaks itself, then the order of
/// the offer.
fn output(accept: &Accept, input: Format) -> Option<Format> {
    let mut best: Option<(Format, u16)> = None;
    for (format, names) in WRITTEN.iter().filter(|(format, _)| format.is_built_in()) {
        let weight = names.iter().map(|name| accept.weight(name)).max().unwrap_or(0);
        let most = best.map_or(0, |(_, most)| most);
        if weight > most || (weight == most && weight > 0 && *format == input) {
            best = Some((*format, weight));
        }
    }
    best.map(|(format, _)| format)
}

/// Lists what we write.
fn written() -> String {
    let formats = WRITTEN.iter().filter(|(format, _)| format.is_built_in());
    formats.filter_map(|(_, names)| names.first().copied()).collect::<Vec<_>>().join(", ")
}

/// Lists what we read.
fn read() -> String {
    let form = ["application/x-www-form-urlencoded", "multipart/form-data"];
    let forms = if Format::is_multipart_built_in() { &form[..] } else { &form[..1] };
    format!("{}, {}", written(), forms.join(", "))
}

/// A payload of a type, or in an encoding, that isn't read here. Which are, stands in `Accept` (RFC 9110 §15.5.16), and for
/// `POST` in `Accept-Post` (LDP 1.0 §7.1).
fn unsupported(method: &Method) -> Refusal {
    let offer = read();
    let error = Error::new(Kind::UnsupportedMediaType, format!("the Content-Type is none of {offer}, in UTF-8"));
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&offer).expect("names of media types can stand in a header");
    if *method == Method::POST {
        headers.insert(header::HeaderName::from_static("accept-post"), value.clone());
    }
    headers.insert(header::ACCEPT, value);
    Refusal::of(error).with_headers(headers)
}
