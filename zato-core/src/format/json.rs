use std::{
    cell::Cell,
    io::{self, Write},
};

use bytes::Bytes;
use http::HeaderValue;
use serde_json::ser::Formatter;

use super::{Codec, finite};
use crate::{
    error::{Error, Fault, Result},
    model::{Layered, Model, Overlay, Tree, from_params},
};

/// JSON (RFC 8259), at most 128 levels deep.
pub(super) struct Json;

impl Codec for Json {
    /// RFC 8259 §11.
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static("application/json")
    }

    fn decode<T: Model>(&self, payload: &[u8], overlay: Overlay<'_>) -> Option<T> {
        let payload = without_mark(payload);
        if overlay.params.is_empty() && !payload.is_empty() {
            return serde_json::from_slice(payload).ok();
        }
        if payload.is_empty() {
            return from_params::<T, serde_json::Error>(overlay).ok();
        }
        let mut json = serde_json::Deserializer::from_slice(payload);
        let value = T::deserialize(Layered::new(&mut json, overlay)).ok()?;
        json.end().ok()?;
        Some(value)
    }

    fn with_tree<R>(&self, payload: &[u8], look: impl FnOnce(Tree<'_>) -> R) -> Result<R, Fault> {
        let tree = serde_json::from_slice(without_mark(payload));
        tree.map(look).map_err(|error| Fault::new("", format!("malformed JSON: {error}")))
    }

    fn encode<T: Model>(&self, value: &T) -> Result<Bytes> {
        let mut text = Vec::with_capacity(128);
        write(value, &mut text)?;
        Ok(Bytes::from(text))
    }
}

/// Writes a model behind what there is.
pub(super) fn write<T: Model>(value: &T, output: &mut Vec<u8>) -> Result<()> {
    let has_null = Cell::new(false);
    value
        .serialize(&mut serde_json::Serializer::with_formatter(output, Watching(&has_null)))
        .map_err(|error| Error::internal("the reply can't be written as JSON").with_source(error))?;
    // A null may be what became of a number: `serde_json` doesn't tell. `None` is left out, so that nulls are rare.
    if has_null.get() && finite::has_infinite(value) {
        return Err(Error::internal("the reply has a number that is NaN or infinite, which JSON can't say"));
    }
    Ok(())
}

/// Writes JSON without any space, and notes whether there is a null in it.
struct Watching<'a>(&'a Cell<bool>);

impl Formatter for Watching<'_> {
    fn write_null<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.set(true);
        writer.write_all(b"null")
    }
}

/// Leaves out a byte order mark, which RFC 8259 §8.1 lets a reader ignore and some clients send.
fn without_mark(payload: &[u8]) -> &[u8] {
    payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{
        format::decode,
        message::{ChannelInfo, Cid, Head, Message, Params, ParamsPriority, Payload},
    };

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Order {
        id: u32,
        target: Vec<String>,
        #[serde(default)]
        note: Option<String>,
    }

    impl Model for Order {
        const NAME: &'static str = "Order";

        fn __made_by_the_macro() {}
    }

    fn head(path: &[(&str, &str)], query: &str, priority: ParamsPriority) -> Box<Head> {
        let mut channel = ChannelInfo::new("rest", "orders", "order.create");
        channel.params = Some(priority);
        let mut message = Message::new(Cid::from_bits(1), Arc::new(channel), Payload::empty());
        let path = path.iter().map(|(name, value)| (Arc::from(*name), (*value).to_owned())).collect();
        message.head.params = Params::new(path, format!("/x?{query}").parse().unwrap());
        message.head
    }

    fn read(json: &str, path: &[(&str, &str)], query: &str, priority: ParamsPriority) -> Result<Order, String> {
        decode(json.as_bytes(), &head(path, query, priority)).map_err(|error: Error| error.to_string())
    }

    #[test]
    fn a_number_that_json_cannot_say_is_no_null() {
        let said =
            |value: Vec<Option<f64>>| Json.encode(&Measured { values: value }).map_err(|error| error.to_string());
        assert_eq!(said(vec![Some(1.5), None]), Ok(Bytes::from_static(br#"{"values":[1.5,null]}"#)));
        let refused = "the reply has a number that is NaN or infinite, which JSON can't say";
        assert_eq!(said(vec![Some(f64::NAN)]), Err(refused.to_owned()));
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Measured {
        values: Vec<Option<f64>>,
    }

    impl Model for Measured {
        const NAME: &'static str = "Measured";

        fn __made_by_the_macro() {}
    }

    fn order(id: u32, target: &[&str]) -> Order {
        Order { id, target: target.iter().map(ToString::to_string).collect(), note: None }
    }

    #[test]
    fn parameters_and_payload_meet_in_one_model() {
        let first = ParamsPriority::ChannelParamsOverMsg;
        assert_eq!(read(r#"{"target": ["A"]}"#, &[("id", "7")], "", first), Ok(order(7, &["A"])));
        assert_eq!(read("", &[("id", "7")], "target=A&target=B", first), Ok(order(7, &["A", "B"])));
        assert_eq!(read("null", &[("id", "7")], "target=A", first), Ok(order(7, &["A"])));
        assert_eq!(read(r#"{"id":1,"target":["X"]}"#, &[], "target=A", first), Ok(order(1, &["A"])));
        assert_eq!(read(r#"{"id":1,"target":["X"]}"#, &[("id", "2")], "id=3", first), Ok(order(2, &["X"])));
        assert_eq!(read(r#"{"\u0069d":1,"target":["X"]}"#, &[("id", "2")], "", first), Ok(order(2, &["X"])));
    }

    #[test]
    fn the_payload_wins_where_the_channel_says_so() {
        let last = ParamsPriority::MsgOverChannelParams;
        assert_eq!(read(r#"{"id":1,"target":["X"]}"#, &[("id", "2")], "target=A", last), Ok(order(1, &["X"])));
        assert_eq!(read(r#"{"id":1}"#, &[("id", "2")], "target=A", last), Ok(order(1, &["A"])));
    }

    #[test]
    fn faults_of_parameters_and_payload_are_told_together() {
        assert_eq!(
            read(r#"{"target": 5}"#, &[("id", "x")], "", ParamsPriority::default()),
            Err("the input can't be used: /target: expected a list, got an integer; \
                 /id: expected an integer from 0 to 4294967295, which the text is not"
                .to_owned())
        );
    }

    #[test]
    fn malformed_payloads_are_told_with_their_place() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (json, said) in [
            ("{", "malformed JSON: EOF while parsing an object at line 1 column 1"),
            (r#"{"id": 1} x"#, "malformed JSON: trailing characters at line 1 column 11"),
            ("{'id': 1}", "malformed JSON: key must be a string at line 1 column 2"),
            (deep.as_str(), "malformed JSON: recursion limit exceeded at line 1 column 128"),
            (r#"[1]"#, "expected an object, got a list"),
        ] {
            let expected = Err(format!("the input can't be used: {said}"));
            assert_eq!(read(json, &[], "", ParamsPriority::default()), expected);
        }
        let not_utf8: Result<Order> = decode(b"{\"id\": \"\xff\"}", &head(&[], "", ParamsPriority::default()));
        assert_eq!(
            not_utf8.unwrap_err().to_string(),
            "the input can't be used: malformed JSON: invalid unicode code point at line 1 column 9"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(payload in any::<Vec<u8>>(), query in "[a-z=&%+0-9]{0,30}") {
            let head = head(&[("id", "1")], &query, ParamsPriority::default());
            let _ = decode::<Order>(&payload, &head);
            let _ = decode::<serde_json::Value>(&payload, &head);
        }

        #[test]
        fn no_json_makes_it_panic_and_a_failure_names_a_place(value in any_json()) {
            let head = head(&[], "", ParamsPriority::default());
            if let Err(error) = decode::<Vec<Order>>(value.to_string().as_bytes(), &head) {
                prop_assert!(!error.input_faults().is_empty());
            }
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec(("id|target|note|x", inner), 0..6)
                    .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
            ]
        })
    }
}
