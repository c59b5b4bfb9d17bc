//! From an object to what a service is called with.

use std::sync::Arc;

use zato_core::{
    ambient::Ambient,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    message::{ChannelInfo, Cid, Message, Payload, TraceParent},
};

use crate::{Metadata, name, received::Received};

/// The metadata of an object that has a correlation id.
pub(super) const CID: &str = "zato-cid";

/// The metadata that says where in a trace whoever put the object stood (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// Makes the message of what was received.
pub(super) fn message(received: &Arc<Received>, payload: Payload, info: &Arc<ChannelInfo>, cid: Cid) -> Message {
    let mut message = Message::new(cid, Arc::clone(info), payload);
    let trace = received.metadata().get(TRACEPARENT);
    message.head.trace = trace.and_then(|text| TraceParent::parse(text.as_bytes()));
    message.head.headers = headers(received);
    message.head.extensions.insert(Arc::clone(received));
    message
}

/// Finds the correlation id that an object was put with, or makes one.
pub(super) fn cid(metadata: &Metadata, ambient: &Ambient) -> Cid {
    metadata.get(CID).and_then(|text| text.parse().ok()).unwrap_or_else(|| ambient.cid())
}

/// Returns what services find among the headers; all of it is in [`Received`], too, where nothing is encoded.
fn headers(received: &Received) -> HeaderMap {
    let details = received.details();
    let modified = details.last_modified.map(|at| at.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    let mut texts = vec![
        (HeaderName::from_static("x-zato-container"), name::segment(received.container())),
        (HeaderName::from_static("x-zato-object"), name::path_of_object(received.name())),
        (HeaderName::from_static("x-zato-attempt"), received.attempt().to_string()),
        (HeaderName::from_static("x-zato-bytes"), details.bytes.to_string()),
        (header::ETAG, format!("\"{}\"", details.etag)),
    ];
    texts.extend(details.content_type.clone().map(|kind| (header::CONTENT_TYPE, kind)));
    texts.extend(details.content_encoding.clone().map(|encoding| (header::CONTENT_ENCODING, encoding)));
    texts.extend(modified.map(|modified| (header::LAST_MODIFIED, modified)));
    let metadata = details.metadata.iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(format!("x-object-meta-{name}")).ok()?, value.to_owned()))
    });
    let all = texts.into_iter().chain(metadata);
    all.filter_map(|(name, text)| Some((name, HeaderValue::from_bytes(text.as_bytes()).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use zato_core::testing::{SequentialIds, TestClock};

    use super::*;
    use crate::Swift;

    #[tokio::test]
    async fn what_is_known_of_an_object_is_among_the_headers() {
        let fake = Swift::fake().await;
        let (swift, metadata) = (fake.swift(), Metadata::new().with("by", "CRM").with("zato-cid", "c1"));
        swift.container("a b").create().await.unwrap();
        let object = swift.object("a b", "2026/ż 1");
        object.put("{}").content_type("application/json").metadata(metadata).await.unwrap();
        let details = object.head().await.unwrap();
        let received = Received { container: "a b".into(), name: "2026/ż 1".to_owned(), details, attempt: 2 };
        let headers = headers(&received);
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!((text("x-zato-container"), text("x-zato-object")), (Some("a%20b"), Some("2026/%C5%BC%201")));
        assert_eq!((text("x-zato-attempt"), text("x-zato-bytes")), (Some("2"), Some("2")));
        assert_eq!(text("etag"), Some("\"99914b932bd37a50b983c5e7c90ae93b\""));
        assert_eq!((text("content-type"), text("x-object-meta-by")), (Some("application/json"), Some("CRM")));
        assert!(text("last-modified").is_some_and(|text| text.ends_with(" GMT")));
    }

    #[test]
    fn a_correlation_id_is_kept_if_it_is_one() {
        let ambient = Ambient::new(TestClock::default(), SequentialIds::default());
        assert_eq!(cid(&Metadata::new().with("zato-cid", "c1"), &ambient).as_str(), "c1");
        assert_eq!(cid(&Metadata::new().with("zato-cid", "two words"), &ambient).as_str(), "000000000000000000000001");
    }
}
