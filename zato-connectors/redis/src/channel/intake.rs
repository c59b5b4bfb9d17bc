//! From an entry of a stream to what a service is called with.

use std::sync::Arc;

use serde_json::{Map, Value};
use zato_core::{
    ambient::Ambient,
    bytes::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue},
    message::{ChannelInfo, Cid, Message, Payload, TraceParent},
};

use crate::{
    headers::{CID, OF_DEAD, TRACEPARENT},
    received::Received,
    stream::{PAYLOAD, StreamEntry},
};

/// Where a payload is looked for, unless a channel says otherwise.
const FIELDS: [&str; 2] = [PAYLOAD, "body"];

/// Returns what the service is given: the field that has it, or all of them.
pub(super) fn body(entry: &StreamEntry, field: Option<&str>) -> Bytes {
    let found = match field {
        Some(field) => entry.field(field),
        None => FIELDS.into_iter().find_map(|field| entry.field(field)),
    };
    found.cloned().unwrap_or_else(|| all(entry))
}

/// Makes an object of JSON of all fields but ours.
fn all(entry: &StreamEntry) -> Bytes {
    let is_theirs = |name: &str| name != CID && name != TRACEPARENT && !OF_DEAD.contains(&name);
    let fields = entry.fields.iter().filter(|(name, _)| is_theirs(name));
    let object: Map<_, _> = fields
        .map(|(name, value)| (name.clone(), Value::String(String::from_utf8_lossy(value).into_owned())))
        .collect();
    Bytes::from(Value::Object(object).to_string())
}

/// Makes the message of what was received: nothing of the payload is copied.
pub(super) fn message(received: &Arc<Received>, body: Bytes, info: &Arc<ChannelInfo>, cid: Cid) -> Message {
    let mut message = Message::new(cid, Arc::clone(info), Payload::from(body));
    message.head.trace = received.field(TRACEPARENT).and_then(|text| TraceParent::parse(text));
    message.head.headers = headers(&received.entry);
    message.head.extensions.insert(Arc::clone(received));
    message
}

/// Finds the correlation id that an entry came with, or makes one.
pub(super) fn cid(entry: &StreamEntry, ambient: &Ambient) -> Cid {
    let sent = entry.field(CID).and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| text.parse().ok());
    sent.unwrap_or_else(|| ambient.cid())
}

/// Takes over the fields that could stand in HTTP, where services look for them, but no payload; all of them are in
/// [`Received`].
fn headers(entry: &StreamEntry) -> HeaderMap {
    let fields = entry.fields.iter().filter(|(name, _)| !FIELDS.contains(&name.as_str()));
    let texts = fields.filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = std::str::from_utf8(value).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use zato_core::testing::{SequentialIds, TestClock};

    use super::*;

    fn entry(fields: &[(&str, &'static [u8])]) -> StreamEntry {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), Bytes::from_static(value)));
        StreamEntry { id: "1-0".to_owned(), fields: fields.collect() }
    }

    #[test]
    fn the_payload_is_in_its_field_and_without_one_the_fields_are_it() {
        let usual = entry(&[("tenant", b"bank"), ("payload", b"{}"), ("body", b"x")]);
        assert_eq!(body(&usual, None), "{}");
        assert_eq!(body(&usual, Some("tenant")), "bank");
        assert_eq!(body(&entry(&[("body", b"x")]), None), "x");
        let plain = entry(&[("id", b"7"), ("note", b"a \"b\" \xff"), ("x-zato-cid", b"c1"), ("x-zato-error", b"x")]);
        assert_eq!(body(&plain, None), "{\"id\":\"7\",\"note\":\"a \\\"b\\\" \u{fffd}\"}");
        assert_eq!(body(&plain, Some("payload")), body(&plain, None));
    }

    #[test]
    fn fields_are_headers_where_they_could_stand_in_http() {
        let came = entry(&[
            ("Tenant", b"bank"),
            ("two words", b"x"),
            ("broken", b"a\nb"),
            ("bytes", b"\xff"),
            ("payload", b"{}"),
            ("content-type", b"application/json"),
        ]);
        let headers = headers(&came);
        let mut names: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        names.sort_unstable();
        assert_eq!(names, [("content-type", "application/json"), ("tenant", "bank")]);
    }

    #[test]
    fn a_correlation_id_is_kept_if_it_is_one() {
        let ambient = Ambient::new(TestClock::default(), SequentialIds::default());
        assert_eq!(cid(&entry(&[(CID, b"c1")]), &ambient).as_str(), "c1");
        assert_eq!(cid(&entry(&[(CID, b"two words")]), &ambient).as_str(), "000000000000000000000001");
    }
}
