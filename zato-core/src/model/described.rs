//! What a model says beside names and types, in its schema.

use schemars::{Schema, transform::Transform};
use serde_json::{Map, Value};

use super::hints::hint;

/// Puts the words of a hint into a schema.
///
/// What is said of XML goes where `OpenAPI` has it (`OpenAPI` 3.1 §4.8.26): an object `xml` with `name`, `namespace`,
/// `attribute` and `wrapped`; the items of a wrapped list have their name in their own. The text of an element has no
/// word there, and is `x-text`. What is secret is a password that is only ever sent to us.
#[derive(Clone, Copy, Debug)]
pub struct Described(pub &'static str);

impl Transform for Described {
    fn transform(&mut self, schema: &mut Schema) {
        let hint = hint(self.0);
        let mut xml = Map::new();
        for (key, text) in [("name", hint.name), ("namespace", hint.namespace)] {
            xml.extend(text.map(|text| (key.to_owned(), Value::from(text))));
        }
        let flags = [("attribute", hint.is_attribute), ("x-text", hint.is_text), ("wrapped", hint.item.is_some())];
        xml.extend(flags.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| (key.to_owned(), Value::from(true))));
        if !xml.is_empty() {
            schema.insert("xml".to_owned(), Value::Object(xml));
        }
        if let Some(item) = hint.item
            && let Some(Value::Object(items)) = schema.get_mut("items")
        {
            items.insert("xml".to_owned(), serde_json::json!({ "name": item }));
        }
        if hint.is_secret {
            schema.insert("writeOnly".to_owned(), Value::from(true));
            schema.insert("format".to_owned(), Value::from("password"));
        }
    }
}

/// Puts the length of a map into its schema.
#[derive(Clone, Copy, Debug)]
pub struct OfMap {
    /// How many keys it has at least.
    pub min: Option<usize>,
    /// How many keys it has at most.
    pub max: Option<usize>,
}

impl Transform for OfMap {
    fn transform(&mut self, schema: &mut Schema) {
        for (word, count) in [("minProperties", self.min), ("maxProperties", self.max)] {
            if let Some(count) = count {
                schema.insert(word.to_owned(), Value::from(count));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::json_schema;

    use super::*;

    #[test]
    fn words_of_xml_go_where_openapi_has_them() {
        let mut list = json_schema!({"type": "array", "items": {"$ref": "#/$defs/Rate"}});
        Described("item=rate\u{1e}name=Rates\u{1e}namespace=urn:x").transform(&mut list);
        assert_eq!(
            list,
            json_schema!({
                "type": "array",
                "items": {"$ref": "#/$defs/Rate", "xml": {"name": "rate"}},
                "xml": {"name": "Rates", "namespace": "urn:x", "wrapped": true}
            })
        );
        let mut text = json_schema!({"type": "string"});
        Described("secret\u{1e}text").transform(&mut text);
        assert_eq!(
            text,
            json_schema!({"type": "string", "xml": {"x-text": true}, "writeOnly": true, "format": "password"})
        );
    }
}
