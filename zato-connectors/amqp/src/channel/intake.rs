//! From what a broker delivers to what a service is called with.

use std::sync::Arc;

use lapin::types::FieldTable;
use zato_core::{
    ambient::Ambient,
    bytes::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    message::{ChannelInfo, Cid, Message, Payload, TraceParent},
};

use crate::{
    headers::{CID, TRACEPARENT},
    received::{Received, header_text, value_text},
};

/// Makes the message of what was received: nothing of the payload is copied.
pub(super) fn message(received: &Arc<Received>, body: Bytes, info: &Arc<ChannelInfo>, cid: Cid) -> Message {
    let mut message = Message::new(cid, Arc::clone(info), Payload::from(body));
    message.head.trace =
        header_text(received.headers(), TRACEPARENT).and_then(|text| TraceParent::parse(text.as_bytes()));
    message.head.headers = headers(received.headers(), received.content_type());
    message.head.extensions.insert(Arc::clone(received));
    message
}

/// Finds the correlation id that a message came with, or makes one.
pub(super) fn cid(received: &Received, ambient: &Ambient) -> Cid {
    let sent = header_text(received.headers(), CID).and_then(|text| text.parse().ok());
    sent.unwrap_or_else(|| ambient.cid())
}

/// Takes over the headers that are texts and that could stand in HTTP, where services look for them; the others are in
/// [`Received`].
fn headers(table: Option<&FieldTable>, content_type: Option<&str>) -> HeaderMap {
    let texts = table.into_iter().flat_map(FieldTable::inner).filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value_text(value)?).ok()?))
    });
    let mut headers: HeaderMap = texts.collect();
    if let Some(Ok(content_type)) = content_type.map(HeaderValue::from_str) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers
}

#[cfg(test)]
mod tests {
    use lapin::{BasicProperties, types::AMQPValue};
    use zato_core::testing::{SequentialIds, TestClock};

    use super::*;
    use crate::wire::Delivered;

    fn received(headers: &[(&str, AMQPValue)], content_type: &str) -> Arc<Received> {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        let delivered = Delivered {
            tag: 1,
            exchange: "shop".to_owned(),
            routing_key: "orders".to_owned(),
            is_redelivered: false,
            properties: BasicProperties::default().with_headers(table).with_content_type(content_type.into()),
            body: Bytes::new(),
        };
        Arc::new(Received::new(delivered, &"orders".into(), &"tag".into()))
    }

    fn text(text: &str) -> AMQPValue {
        AMQPValue::LongString(text.into())
    }

    #[test]
    fn headers_that_are_texts_come_with_the_content_type_and_the_others_do_not() {
        let came = received(
            &[
                ("Tenant", text("bank")),
                ("note", AMQPValue::ShortString("short".into())),
                ("two words", text("no name of HTTP")),
                ("broken", text("a\nb")),
                ("count", AMQPValue::LongInt(7)),
                ("content-type", text("text/html")),
            ],
            "application/json",
        );
        let headers = headers(came.headers(), came.content_type());
        let mut names: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        names.sort_unstable();
        assert_eq!(names, [("content-type", "application/json"), ("note", "short"), ("tenant", "bank")]);
    }

    #[test]
    fn a_correlation_id_is_kept_if_it_is_one_and_a_trace_goes_on() {
        let ambient = Ambient::new(TestClock::default(), SequentialIds::default());
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let came = received(&[(CID, text("c1")), (TRACEPARENT, text(parent))], "");
        assert_eq!(cid(&came, &ambient).as_str(), "c1");
        let info = Arc::new(ChannelInfo::new("amqp", "orders", "order.take"));
        let message = message(&came, Bytes::new(), &info, cid(&came, &ambient));
        assert_eq!(message.head.trace.unwrap().to_string(), parent);
        assert!(message.head.extensions.get::<Arc<Received>>().is_some());
        let came = received(&[(CID, text("two words")), (TRACEPARENT, text("?"))], "");
        assert_eq!(cid(&came, &ambient).as_str(), "000000000000000000000001");
    }
}
