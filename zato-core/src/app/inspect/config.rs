//! A configuration with its secrets masked.
//!
//! What a secret is, the types of the entries say: the JSON Schema that they give marks a [`Secret`](crate::config::Secret)
//! as one that is only written. Beside that, nothing is shown that the reader of the configuration hides, which is what
//! came from the environment or stands under a key such as `token`, nor the value of a key that the schema doesn't know:
//! another name for a key that it does know might be one for a secret.

use serde_json::{Map, Value};

use crate::config::{Document, HIDDEN, Node, NodeKind};

/// Writes every section, masked by the schema of the whole configuration.
pub(super) fn masked(document: &Document, schema: &Value) -> Value {
    let mask = Mask { definitions: schema.get("$defs") };
    let sections = document.sections().iter().map(|section| {
        let of_section = schema.pointer(&format!("/properties/{}", section.name));
        (section.name.to_owned(), mask.value(&section.value, &of_section.into_iter().collect::<Vec<_>>()))
    });
    Value::Object(sections.collect())
}

struct Mask<'a> {
    definitions: Option<&'a Value>,
}

impl<'a> Mask<'a> {
    /// Writes a value that may be any of what the schemas describe.
    fn value(&self, node: &Node, schemas: &[&'a Value]) -> Value {
        let mut forms = Vec::new();
        for schema in schemas {
            self.collect(schema, &mut forms, 0);
        }
        match &node.kind {
            _ if node.hidden => HIDDEN.into(),
            NodeKind::List(items) => {
                let schemas: Vec<_> = forms.iter().filter_map(|form| form.get("items")).collect();
                items.iter().map(|item| self.value(item, &schemas)).collect()
            }
            NodeKind::Map(entries) => {
                let entries = entries.iter();
                let written =
                    entries.map(|(key, value)| (key.name.clone(), self.value(value, &of_key(&forms, &key.name))));
                Value::Object(written.collect::<Map<_, _>>())
            }
            NodeKind::Null | NodeKind::Scalar { .. } => {
                let is_secret = |form: &&Value| form.get("writeOnly") == Some(&Value::Bool(true));
                if forms.is_empty() || forms.iter().any(is_secret) { HIDDEN.into() } else { node.to_json() }
            }
        }
    }

    /// Collects a schema with everything that it refers to, and all the alternatives in it.
    fn collect(&self, schema: &'a Value, forms: &mut Vec<&'a Value>, depth: usize) {
        // A reference that leads to itself would go on forever; no type of ours is nested so deeply.
        if depth > 16 {
            return;
        }
        forms.push(schema);
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
        if let Some(referred) = name.and_then(|name| self.definitions?.get(name)) {
            self.collect(referred, forms, depth + 1);
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            for alternative in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.collect(alternative, forms, depth + 1);
            }
        }
    }
}

/// Returns the schemas of a key, whatever form its map has.
fn of_key<'a>(forms: &[&'a Value], key: &str) -> Vec<&'a Value> {
    let named = forms.iter().filter_map(|form| form.get("properties")?.get(key));
    let others = forms.iter().filter_map(|form| form.get("additionalProperties")).filter(|schema| schema.is_object());
    named.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::{JsonSchema, schema_for};
    use serde_json::json;

    use super::*;
    use crate::config::{Secret, SectionName, Sections};

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "stands for its schema only")]
    struct Entry {
        name: String,
        pin: Option<Secret>,
        nested: Option<Nested>,
        list: Vec<Secret>,
        any: BTreeMap<String, Kind>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "stands for its schema only")]
    struct Nested {
        number: u8,
        code: Secret,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "stands for its schema only")]
    #[serde(tag = "type")]
    enum Kind {
        A(Nested),
        B { phrase: Secret, shown: bool },
    }

    #[test]
    fn what_a_type_calls_secret_is_masked_whatever_its_key() {
        let sections = Sections::new([SectionName { name: "things", aliases: &[] }]);
        let text = "
things:
  - {name: one, pin: 1234, nested: {number: 7, code: c}, list: [x, y]}
  - {name: two, any: {p: {type: A, number: 1, code: c}, q: {type: B, phrase: p, shown: true}}, alias: z, token: t}
  - {name: '${NAME:-three}', pin: null}
";
        let document = Document::parse("a.yaml", text, &sections, &BTreeMap::new()).unwrap();
        let schema = schema_for!(Vec<Entry>).to_value();
        let whole = json!({"properties": {"things": schema}, "$defs": schema.get("$defs")});
        let expected = json!({"things": [
            {"name": "one", "pin": "******", "nested": {"number": 7, "code": "******"}, "list": ["******", "******"]},
            {"name": "two", "any": {"p": {"type": "A", "number": 1, "code": "******"}, "q": {"type": "B", "phrase": "******", "shown": true}},
             "alias": "******", "token": "******"},
            {"name": "three", "pin": "******"},
        ]});
        assert_eq!(masked(&document, &whole), expected);
        let mut unknown = masked(&document, &json!({}));
        assert!(!unknown.take().to_string().contains("one"), "without a schema nothing is shown");
    }
}
