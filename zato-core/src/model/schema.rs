//! The JSON Schema of a model, which says what is really read and written.
//!
//! What schemars gives is made to say more where a reader would refuse what it allows: the ranges of wide integers, and the
//! formats of texts that only schemars has a name for. The macro's constraints are in it already.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Which way a model goes. The two differ: a field with a default is optional on the way in only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    Out,
}

/// Returns the schema of a model as a document of its own (JSON Schema 2020-12).
pub(crate) fn document(root: fn(SchemaGenerator) -> Schema, direction: Direction, is_lenient: bool) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let settings = match direction {
        Direction::In => settings.for_deserialize(),
        Direction::Out => settings.for_serialize(),
    };
    let mut schema = root(settings.into_generator()).to_value();
    let is_lenient = is_lenient && direction == Direction::In;
    within(&mut schema, &mut |schema| {
        ranges(schema);
        formats(schema);
        if direction == Direction::In {
            // A set is read from a list with duplicates as well.
            schema.remove("uniqueItems");
        }
        if is_lenient {
            lenient(schema);
        }
    });
    schema
}

/// Changes every schema in a schema, the inner ones first.
fn within(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    const OF_MANY: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
    const BY_NAME: [&str; 4] = ["$defs", "dependentSchemas", "patternProperties", "properties"];
    const OF_ONE: [&str; 6] =
        ["additionalProperties", "contains", "items", "not", "propertyNames", "unevaluatedProperties"];
    let Value::Object(object) = schema else { return };
    for (keyword, inner) in object.iter_mut() {
        match inner {
            Value::Array(schemas) if OF_MANY.contains(&keyword.as_str()) => {
                schemas.iter_mut().for_each(|schema| within(schema, change));
            }
            Value::Object(schemas) if BY_NAME.contains(&keyword.as_str()) => {
                schemas.values_mut().for_each(|schema| within(schema, change));
            }
            schema if OF_ONE.contains(&keyword.as_str()) => within(schema, change),
            _ => {}
        }
    }
    change(object);
}

/// Says how large the integers may be that schemars gives no range.
fn ranges(schema: &mut Map<String, Value>) {
    let (least, most) = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => (json!(i32::MIN), json!(i32::MAX)),
        Some("int64" | "int") => (json!(i64::MIN), json!(i64::MAX)),
        Some("uint32") => (json!(0), json!(u32::MAX)),
        Some("uint64" | "uint") => (json!(0), json!(u64::MAX)),
        _ => return,
    };
    schema.entry("minimum").or_insert(least);
    schema.entry("maximum").or_insert(most);
}

/// Says of texts what a format doesn't that is no standard one.
fn formats(schema: &mut Map<String, Value>) {
    const DATE: &str = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
    const TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]+)?)?";
    let pattern = match schema.get("format").and_then(Value::as_str) {
        Some("partial-time") => format!("^{TIME}$"),
        Some("partial-date-time") => format!("^{DATE}T{TIME}$"),
        Some("ip") => {
            schema.remove("format");
            schema.insert("anyOf".to_owned(), json!([{"format": "ipv4"}, {"format": "ipv6"}]));
            return;
        }
        _ => return,
    };
    schema.entry("pattern").or_insert(Value::String(pattern));
}

/// Says what else is taken under `#[model(coerce)]`. Other spellings of dates and times are not: there are too many.
fn lenient(schema: &mut Map<String, Value>) {
    let types = match schema.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return,
    };
    let is = |name: &str| types.iter().any(|known| known == name);
    let is_closed = ["const", "enum"].iter().any(|keyword| schema.contains_key(*keyword));
    if is("array") {
        return list(schema);
    }
    if is("object") || is_closed {
        return;
    }
    let is_unsigned = schema.get("minimum").and_then(Value::as_f64).is_some_and(|least| least >= 0.0);
    let (more, text) = if is("boolean") {
        schema.extend([("minimum".to_owned(), json!(0)), ("maximum".to_owned(), json!(1))]);
        (["integer", "string"].as_slice(), BOOLEAN)
    } else if is("integer") {
        (["string"].as_slice(), if is_unsigned { "[+]?[0-9]+" } else { "[+-]?[0-9]+" })
    } else if is("number") && !is("string") {
        (["string"].as_slice(), "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")
    } else if is("string") && !["format", "pattern", "contentEncoding"].iter().any(|word| schema.contains_key(*word)) {
        (["number", "boolean"].as_slice(), "")
    } else {
        return;
    };
    let all = types.iter().map(String::as_str).chain(more.iter().copied()).map(Value::from).collect();
    schema.insert("type".to_owned(), Value::Array(all));
    if !text.is_empty() {
        // An empty text stands for nothing, where nothing may stand.
        let text = if is("null") { format!("({text})?") } else { format!("({text})") };
        schema.insert("pattern".to_owned(), Value::String(format!("^[ \\t\\r\\n]*{text}[ \\t\\r\\n]*$")));
    }
}

/// The words for true and false in any case, for which JSON Schema's patterns have no flag.
const BOOLEAN: &str = "[tT]([rR][uU][eE])?|[yY]([eE][sS])?|[oO][nN]|1|[fF]([aA][lL][sS][eE])?|[nN][oO]?|[oO][fF][fF]|0";

/// Says that a single item is taken for a list of one, and `null` for an empty one.
fn list(schema: &mut Map<String, Value>) {
    let Some(items) = schema.get("items").cloned() else { return };
    let annotations = ["title", "description", "default"];
    let array: Map<_, _> = std::mem::take(schema);
    let (outside, array): (Map<_, _>, Map<_, _>) =
        array.into_iter().partition(|(keyword, _)| annotations.contains(&keyword.as_str()));
    schema.extend(outside);
    schema.insert("anyOf".to_owned(), json!([array, items, {"type": "null"}]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: schemars::JsonSchema>(is_lenient: bool) -> Value {
        document(|generator| generator.into_root_schema_for::<T>(), Direction::In, is_lenient)
    }

    #[test]
    fn wide_integers_have_their_range() {
        let schema = of::<u64>(false);
        assert_eq!((&schema["minimum"], &schema["maximum"]), (&json!(0), &json!(u64::MAX)));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(of::<i32>(false)["minimum"], json!(i32::MIN));
    }

    #[test]
    fn what_is_read_leniently_says_so() {
        assert_eq!(of::<u8>(true)["type"], json!(["integer", "string"]));
        assert_eq!(of::<Option<u8>>(true)["type"], json!(["integer", "null", "string"]));
        assert_eq!(of::<String>(true)["type"], json!(["string", "number", "boolean"]));
        assert_eq!(of::<chrono::NaiveDate>(true)["type"], json!("string"));
        assert_eq!(of::<Vec<bool>>(true)["anyOf"][1]["type"], json!(["boolean", "integer", "string"]));
        assert_eq!(of::<u8>(false)["type"], json!("integer"));
    }
}
