//! Values without elements in them: types of XML Schema (Part 2) and what restricts them.

use serde_json::Value;

use super::{json_schema as json, markup::Markup, pattern::translated};

/// The type of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Simple {
    /// A type of XML Schema itself.
    pub(super) base: &'static str,
    facets: Vec<Markup>,
}

/// What a universally unique identifier looks like.
const UUID: &str = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";

impl Simple {
    /// Reads a schema; `None` if what it describes is no text.
    pub(super) fn of(schema: &Value) -> Option<Self> {
        if let Some(values) = enumeration(schema) {
            return Some(Self { base: "xs:string", facets: values });
        }
        if schema.get("format").and_then(Value::as_str) == Some("decimal") {
            return Some(Self::numeric("xs:decimal", schema));
        }
        match json::only_type(schema) {
            Some("string") => Some(Self::text(schema)),
            Some("boolean") => Some(Self::plain("xs:boolean")),
            Some("integer") => Some(Self::numeric(integer(schema), schema)),
            Some("number") if schema.get("format").and_then(Value::as_str) == Some("float") => {
                Some(Self::numeric("xs:float", schema))
            }
            Some("number") => Some(Self::numeric("xs:double", schema)),
            // Several, all of which are written as a text.
            None if is_of_texts(schema) => Some(Self::plain("xs:string")),
            None => {
                let alternatives = schema.get("anyOf").and_then(Value::as_array).filter(|all| !all.is_empty())?;
                alternatives.iter().all(|one| Self::of(one).is_some()).then(|| Self::plain("xs:string"))
            }
            _ => None,
        }
    }

    fn plain(base: &'static str) -> Self {
        Self { base, facets: Vec::new() }
    }

    fn text(schema: &Value) -> Self {
        let encoding = schema.get("contentEncoding").and_then(Value::as_str);
        if encoding == Some("base64") {
            return Self::plain("xs:base64Binary");
        }
        // What JSON has no format for, or one that takes less.
        if json::xml_text(schema, "x-type") == Some("duration") {
            return Self::plain("xs:duration");
        }
        match schema.get("format").and_then(Value::as_str) {
            Some("date") => Self::plain("xs:date"),
            Some("date-time" | "partial-date-time") => Self::plain("xs:dateTime"),
            Some("time" | "partial-time") => Self::plain("xs:time"),
            Some("duration") => Self::plain("xs:duration"),
            Some("byte") => Self::plain("xs:base64Binary"),
            Some("uri" | "iri" | "uri-reference" | "url") => Self { base: "xs:anyURI", facets: lengths(schema) },
            Some("uuid") => Self { base: "xs:string", facets: vec![facet("xs:pattern", UUID)] },
            _ => Self { base: "xs:string", facets: lengths(schema) },
        }
    }

    fn numeric(base: &'static str, schema: &Value) -> Self {
        let (least, most) = natural_range(base);
        let bounds = [
            ("minimum", "xs:minInclusive", least),
            ("exclusiveMinimum", "xs:minExclusive", None),
            ("maximum", "xs:maxInclusive", most),
            ("exclusiveMaximum", "xs:maxExclusive", None),
        ];
        let facets = bounds.into_iter().filter_map(|(word, name, natural)| {
            let value = number(schema.get(word)?)?;
            // What the type says itself needs no facet; neither does the range of our decimals, which is wider than anything
            // that a model asks for, and can't be written in XML Schema as JSON has it.
            let is_own = Some(value.as_str()) == natural || (base == "xs:decimal" && value.contains(['e', 'E']));
            (!is_own).then(|| facet(name, &value))
        });
        Self { base, facets: facets.collect() }
    }

    /// Returns whether it is a type of XML Schema as it stands.
    pub(super) fn is_built_in(&self) -> bool {
        self.facets.is_empty()
    }

    /// Writes the type.
    pub(super) fn markup(&self) -> Markup {
        let restriction = Markup::new("xs:restriction").with("base", self.base).of(self.facets.iter().cloned());
        Markup::new("xs:simpleType").of([restriction])
    }
}

fn facet(name: &'static str, value: &str) -> Markup {
    Markup::new(name).with("value", value)
}

fn is_of_texts(schema: &Value) -> bool {
    let mut types = json::types(schema).filter(|name| *name != "null").peekable();
    types.peek().is_some() && types.all(|name| matches!(name, "string" | "number" | "integer" | "boolean"))
}

/// Returns the texts that a schema enumerates, each with what is said of it.
fn enumeration(schema: &Value) -> Option<Vec<Markup>> {
    let one = |value: &Value| value.as_str().map(|text| facet("xs:enumeration", text));
    if let Some(value) = schema.get("const") {
        return Some(vec![one(value)?]);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().filter(|value| !value.is_null()).map(one).collect();
    }
    let alternatives = schema.get("oneOf").and_then(Value::as_array).filter(|all| !all.is_empty())?;
    let mut all = Vec::new();
    for alternative in alternatives {
        let values = enumeration(alternative)?;
        match json::description(alternative) {
            Some(words) if values.len() == 1 => {
                all.extend(values.into_iter().map(|value| value.of([super::types::annotation(words)])));
            }
            _ => all.extend(values),
        }
    }
    Some(all)
}

fn lengths(schema: &Value) -> Vec<Markup> {
    let length = |word| schema.get(word).and_then(Value::as_u64);
    let mut facets = match (length("minLength"), length("maxLength")) {
        (Some(least), Some(most)) if least == most => vec![Markup::new("xs:length").with("value", least)],
        (least, most) => {
            let least = least.map(|least| Markup::new("xs:minLength").with("value", least));
            least.into_iter().chain(most.map(|most| Markup::new("xs:maxLength").with("value", most))).collect()
        }
    };
    let pattern = schema.get("pattern").and_then(Value::as_str).and_then(translated);
    facets.extend(pattern.map(|pattern| facet("xs:pattern", &pattern)));
    facets
}

/// Writes a number without a fraction that says nothing: schemas have `0.0` where a constraint was given as a float.
fn number(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    Some(text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned))
}

/// Finds the integer of XML Schema that is as wide as ours.
fn integer(schema: &Value) -> &'static str {
    match schema.get("format").and_then(Value::as_str) {
        Some("int8") => "xs:byte",
        Some("uint8") => "xs:unsignedByte",
        Some("int16") => "xs:short",
        Some("uint16") => "xs:unsignedShort",
        Some("int32") => "xs:int",
        Some("uint32") => "xs:unsignedInt",
        Some("int64" | "int") => "xs:long",
        Some("uint64" | "uint") => "xs:unsignedLong",
        Some("uint128") => "xs:nonNegativeInteger",
        _ => "xs:integer",
    }
}

fn natural_range(base: &str) -> (Option<&'static str>, Option<&'static str>) {
    match base {
        "xs:byte" => (Some("-128"), Some("127")),
        "xs:unsignedByte" => (Some("0"), Some("255")),
        "xs:short" => (Some("-32768"), Some("32767")),
        "xs:unsignedShort" => (Some("0"), Some("65535")),
        "xs:int" => (Some("-2147483648"), Some("2147483647")),
        "xs:unsignedInt" => (Some("0"), Some("4294967295")),
        "xs:long" => (Some("-9223372036854775808"), Some("9223372036854775807")),
        "xs:unsignedLong" => (Some("0"), Some("18446744073709551615")),
        "xs:nonNegativeInteger" => (Some("0"), None),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(schema: &Value) -> Option<String> {
        Simple::of(schema).map(|simple| {
            if simple.is_built_in() {
                simple.base.to_owned()
            } else {
                simple.markup().to_string().replace(['\n', ' '], "")
            }
        })
    }

    #[test]
    fn texts_and_numbers_have_their_types() {
        for (schema, expected) in [
            (json!({"type": "string"}), "xs:string"),
            (json!({"type": "boolean"}), "xs:boolean"),
            (json!({"type": "integer", "format": "int32"}), "xs:int"),
            (json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255}), "xs:unsignedByte"),
            (json!({"type": "integer", "format": "uint64", "minimum": 0}), "xs:unsignedLong"),
            (json!({"type": "integer"}), "xs:integer"),
            (json!({"type": "number", "format": "double"}), "xs:double"),
            (json!({"type": ["string", "number"], "format": "decimal", "maximum": 7.9e28}), "xs:decimal"),
            (json!({"type": ["string", "null"], "format": "date"}), "xs:date"),
            (json!({"type": "string", "format": "date-time"}), "xs:dateTime"),
            (json!({"type": "string", "format": "partial-time"}), "xs:time"),
            (json!({"type": "string", "format": "duration"}), "xs:duration"),
            (json!({"type": "string", "contentEncoding": "base64", "pattern": "^A*$"}), "xs:base64Binary"),
            (json!({"type": "string", "xml": {"x-type": "duration"}, "pattern": "^P$"}), "xs:duration"),
            (json!({"type": "string", "format": "uri"}), "xs:anyURI"),
            (json!({"type": ["integer", "string"]}), "xs:string"),
        ] {
            assert_eq!(written(&schema).as_deref(), Some(expected), "{schema}");
        }
        for schema in [json!({"type": "object"}), json!({"type": "array"}), json!(true), json!({})] {
            assert_eq!(written(&schema), None);
        }
    }

    #[test]
    fn constraints_are_facets() {
        let restriction = |base, facets| {
            Some(format!("<xs:simpleType><xs:restrictionbase=\"xs:{base}\">{facets}</xs:restriction></xs:simpleType>"))
        };
        assert_eq!(
            written(&json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[a-z]+$"})),
            restriction("string", "<xs:minLengthvalue=\"1\"/><xs:maxLengthvalue=\"64\"/><xs:patternvalue=\"[a-z]+\"/>")
        );
        assert_eq!(
            written(&json!({"type": "integer", "format": "uint8", "minimum": 1, "maximum": 255})),
            restriction("unsignedByte", "<xs:minInclusivevalue=\"1\"/>")
        );
        assert_eq!(
            written(&json!({"type": "number", "exclusiveMaximum": 1.5, "minimum": 0.0})),
            restriction("double", "<xs:minInclusivevalue=\"0\"/><xs:maxExclusivevalue=\"1.5\"/>")
        );
        assert_eq!(
            written(&json!({"oneOf": [{"const": "a", "description": "First."}, {"enum": ["b"]}]})),
            restriction(
                "string",
                "<xs:enumerationvalue=\"a\"><xs:annotation><xs:documentation>First.</xs:documentation></xs:annotation>\
                 </xs:enumeration><xs:enumerationvalue=\"b\"/>"
            )
        );
    }
}
