//! What a JSON Schema says of one value, as far as XML has a word for it.

use serde_json::{Map, Value};

/// The definitions that schemas refer to.
pub(super) type Definitions = Map<String, Value>;

/// A schema without what is said of `null`, and whether that may stand in its place.
#[derive(Clone, Copy)]
pub(super) struct Nullable<'a> {
    pub(super) schema: &'a Value,
    pub(super) is_nullable: bool,
}

/// Takes the `null` out of the alternatives of a schema.
pub(super) fn not_null(schema: &Value) -> Nullable<'_> {
    for word in ["anyOf", "oneOf"] {
        let Some([first, second]) = schema.get(word).and_then(Value::as_array).map(Vec::as_slice) else { continue };
        for (schema, other) in [(first, second), (second, first)] {
            if is_null(other) {
                return Nullable { schema: not_null(schema).schema, is_nullable: true };
            }
        }
    }
    if let Some([only]) = schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        return not_null(only);
    }
    Nullable { schema, is_nullable: types(schema).any(|name| name == "null") }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// Returns the names of the types that a schema allows.
pub(super) fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let (one, several) = match schema.get("type") {
        Some(Value::Array(several)) => (None, several.as_slice()),
        Some(one) => (one.as_str(), &[][..]),
        None => (None, &[][..]),
    };
    one.into_iter().chain(several.iter().filter_map(Value::as_str))
}

/// Returns the type that a schema allows beside `null`, if it is one alone.
pub(super) fn only_type(schema: &Value) -> Option<&str> {
    let mut types = types(schema).filter(|name| *name != "null");
    types.next().filter(|_| types.next().is_none())
}

/// Returns the name of the definition that a schema refers to.
pub(super) fn reference(schema: &Value) -> Option<String> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    // As a JSON Pointer writes it (RFC 6901 §3).
    Some(name.replace("~1", "/").replace("~0", "~"))
}

/// Follows references to what has no name of its own in XML, such as a list; `None` if they lead round in a circle.
pub(super) fn resolved<'a>(mut schema: &'a Value, definitions: &'a Definitions) -> Option<&'a Value> {
    for _ in 0..32 {
        schema = not_null(schema).schema;
        match reference(schema) {
            Some(name) => schema = definitions.get(&name)?,
            None => return Some(schema),
        }
    }
    None
}

/// Returns what a schema says in `xml`, as OpenAPI has it.
pub(super) fn xml<'a>(schema: &'a Value, word: &str) -> Option<&'a Value> {
    schema.get("xml").and_then(|xml| xml.get(word))
}

/// Returns a text of `xml`.
pub(super) fn xml_text<'a>(schema: &'a Value, word: &str) -> Option<&'a str> {
    xml(schema, word).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Returns whether a word of `xml` is set.
pub(super) fn xml_is(schema: &Value, word: &str) -> bool {
    xml(schema, word) == Some(&Value::Bool(true))
}

/// Returns what a schema says that it is about.
pub(super) fn description(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// Returns the properties of an object in their order, and whether that is known to be the order of the model: JSON has
/// none, so that the model says it in a word of its own.
pub(super) fn properties(schema: &Value) -> (Vec<(&str, &Value)>, bool) {
    let Some(all) = schema.get("properties").and_then(Value::as_object) else { return (Vec::new(), true) };
    let order: Vec<&str> =
        schema.get(ORDER).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(usize::MAX);
    let mut properties: Vec<_> = all.iter().map(|(name, schema)| (name.as_str(), schema)).collect();
    properties.sort_by_key(|(name, _)| place(name));
    let is_known = properties.len() < 2 || properties.iter().all(|(name, _)| order.contains(name));
    (properties, is_known)
}

/// The word in which a model says the order of its fields.
pub(super) const ORDER: &str = "x-order";

/// Returns whether an object has to have a property.
pub(super) fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|known| known.as_str() == Some(name)))
}

/// Returns whether an object may have properties of any name.
pub(super) fn is_open(schema: &Value) -> bool {
    let says = |word| schema.get(word).is_some_and(|value| *value != Value::Bool(false));
    says("additionalProperties") || says("unevaluatedProperties") || says("patternProperties")
}
