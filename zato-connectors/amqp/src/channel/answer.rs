//! Replies to those who ask for them, by the property `reply_to`.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use zato_core::{
    Error, Result,
    bytes::Bytes,
    http::header,
    message::{Cid, Problem, Reply},
};

use crate::{headers::CID, message, received::Received, reply::KIND_OF_ERROR, wire::Publication};

/// Makes the message that tells what the service gave; `None` if nobody asks.
///
/// # Errors
///
/// What a streamed reply fails with; [`TooLarge`](zato_core::Kind::TooLarge) if that is larger than `max` bytes.
pub(super) async fn reply(
    received: &Received,
    reply: Reply,
    cid: Cid,
    random: u128,
    max: usize,
) -> Result<Option<Publication>> {
    let (_, headers, payload) = reply.into_parts();
    let body = match payload.into_bytes_or_stream() {
        Ok(bytes) => bytes,
        Err(stream) => stream.bytes_within(max).await?,
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(publication(received, body, content_type, cid, random))
}

/// Makes the message that tells that there will be no reply, and why; `None` if nobody asks.
pub(super) fn failure(received: &Received, error: &Error, cid: Cid, random: u128) -> Option<Publication> {
    let body = Problem::of(error, cid).to_json();
    let mut publication = publication(received, body, Some(Problem::CONTENT_TYPE), cid, random)?;
    publication.properties = std::mem::take(&mut publication.properties).with_type(KIND_OF_ERROR.into());
    Some(publication)
}

/// Whoever asks waits, and has gone if its queue has: such a reply is dropped by the broker.
fn publication(
    received: &Received,
    body: Bytes,
    content_type: Option<&str>,
    cid: Cid,
    random: u128,
) -> Option<Publication> {
    let asked = received.raw();
    let routing_key = received.reply_to()?.to_owned();
    let mut headers = FieldTable::default();
    headers.insert(CID.into(), AMQPValue::LongString(cid.as_str().into()));
    let mode = asked.delivery_mode().unwrap_or(1);
    let mut properties =
        BasicProperties::default().with_headers(headers).with_message_id(message::id(random)).with_delivery_mode(mode);
    // By custom the message id where there is nothing else (JMS 2.0 §3.5.2).
    if let Some(id) = asked.correlation_id().as_ref().or(asked.message_id().as_ref()) {
        properties = properties.with_correlation_id(id.clone());
    }
    if let Some(Ok(content_type)) = content_type.map(ShortString::try_new) {
        properties = properties.with_content_type(content_type);
    }
    Some(Publication { exchange: String::new(), routing_key, is_mandatory: false, properties, body })
}

#[cfg(test)]
mod tests {
    use zato_core::{http::HeaderMap, message::Payload};

    use super::*;
    use crate::wire::Delivered;

    fn asked(properties: BasicProperties) -> Received {
        let delivered = Delivered {
            tag: 1,
            exchange: String::new(),
            routing_key: "orders".to_owned(),
            is_redelivered: false,
            properties,
            body: Bytes::new(),
        };
        Received::new(delivered, &"orders".into(), &"tag".into())
    }

    fn text(property: &Option<ShortString>) -> &str {
        property.as_ref().map_or("", ShortString::as_str)
    }

    #[tokio::test]
    async fn a_reply_goes_where_it_is_asked_for_and_is_told_by_the_correlation_id() {
        let cid = "c1".parse().unwrap();
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json".parse().unwrap())]);
        let given = || Reply::new(Payload::from("{}")).with_headers(headers.clone());
        let properties = BasicProperties::default().with_reply_to("r".into()).with_message_id("m".into());
        let by_id = reply(&asked(properties.clone()), given(), cid, 1, 10).await.unwrap().unwrap();
        assert_eq!((by_id.exchange.as_str(), by_id.routing_key.as_str(), by_id.is_mandatory), ("", "r", false));
        assert_eq!(text(by_id.properties.correlation_id()), "m");
        assert_eq!(text(by_id.properties.content_type()), "application/json");
        let asked_for = asked(properties.with_correlation_id("k".into()));
        let by_correlation = reply(&asked_for, given(), cid, 1, 10).await.unwrap().unwrap();
        assert_eq!(text(by_correlation.properties.correlation_id()), "k");
        assert!(reply(&asked(BasicProperties::default()), given(), cid, 1, 10).await.unwrap().is_none());
    }

    #[test]
    fn a_failure_is_told_as_problem_details() {
        let asked = asked(BasicProperties::default().with_reply_to("r".into()));
        let told = failure(&asked, &Error::internal("password=hunter2"), "c1".parse().unwrap(), 1).unwrap();
        assert_eq!(text(told.properties.kind()), KIND_OF_ERROR);
        assert_eq!(
            std::str::from_utf8(&told.body).unwrap(),
            r#"{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"an error has occurred","cid":"c1"}"#
        );
    }
}
