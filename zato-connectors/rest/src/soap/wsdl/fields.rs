//! The fields of an object, wherever in its schema they are said.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::json_schema::{self as json, Definitions};

/// What an object can have in it.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) all: Vec<Field<'a>>,
    /// Whether the order is that of the model.
    pub(super) is_ordered: bool,
    /// Whether there may be others of any name.
    pub(super) is_open: bool,
}

/// One of them.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) schema: Cow<'a, Value>,
    pub(super) is_required: bool,
}

/// How deep schemas are looked into that are put together of others.
const DEEPEST: usize = 16;

/// Collects the fields of a schema and of those that it is put together of; `None` if it may be something else than an
/// object. Of alternatives, such as those of a tagged enum, each field can be there that one of them has.
pub(super) fn fields<'a>(schema: &'a Value, definitions: &'a Definitions) -> Option<Fields<'a>> {
    collected(schema, definitions, DEEPEST)
}

fn collected<'a>(schema: &'a Value, definitions: &'a Definitions, depth: usize) -> Option<Fields<'a>> {
    let depth = depth.checked_sub(1)?;
    let is_object = match json::only_type(schema) {
        Some("object") => true,
        Some(_) => return None,
        None => false,
    };
    let (properties, is_ordered) = json::properties(schema);
    let own = properties.into_iter().map(|(name, value)| Field {
        name,
        schema: Cow::Borrowed(value),
        is_required: json::is_required(schema, name),
    });
    let mut fields = Fields { all: own.collect(), is_ordered, is_open: json::is_open(schema) };
    let mut has_said = is_object || !fields.all.is_empty();
    if let Some(name) = json::reference(schema) {
        fields.join(collected(definitions.get(&name)?, definitions, depth)?);
        has_said = true;
    }
    for part in parts(schema, "allOf") {
        fields.join(collected(part, definitions, depth)?);
        has_said = true;
    }
    for word in ["oneOf", "anyOf"] {
        let mut joint: Option<Fields<'a>> = None;
        for part in parts(schema, word) {
            let one = collected(part, definitions, depth)?;
            joint = Some(match joint {
                None => one,
                Some(joint) => joint.or(one),
            });
            has_said = true;
        }
        if let Some(joint) = joint {
            fields.join(joint);
        }
    }
    has_said.then_some(fields)
}

fn parts<'a>(schema: &'a Value, word: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(word).and_then(Value::as_array).into_iter().flatten()
}

impl<'a> Fields<'a> {
    /// Adds the fields of what is there as well.
    fn join(&mut self, other: Self) {
        // Which of them come first is not known.
        self.is_ordered &= other.all.is_empty() || (self.all.is_empty() && other.is_ordered);
        self.is_open |= other.is_open;
        for field in other.all {
            match self.all.iter_mut().find(|known| known.name == field.name) {
                Some(known) => known.is_required |= field.is_required,
                None => self.all.push(field),
            }
        }
    }

    /// Adds the fields of what may be there instead: none has to be there that another has not.
    fn or(mut self, other: Self) -> Self {
        for known in &mut self.all {
            known.is_required &= other.all.iter().any(|field| field.name == known.name && field.is_required);
        }
        for mut field in other.all {
            match self.all.iter_mut().find(|known| known.name == field.name) {
                Some(known) => known.schema = either(&known.schema, field.schema),
                None => {
                    field.is_required = false;
                    self.all.push(field);
                }
            }
        }
        Self { is_ordered: false, is_open: self.is_open || other.is_open, ..self }
    }
}

/// Returns a schema of what fits one of two: the tags of both, or anything if they are no tags.
fn either<'a>(first: &Value, second: Cow<'a, Value>) -> Cow<'a, Value> {
    if *first == *second {
        return second;
    }
    let texts = |schema: &Value| -> Option<Vec<Value>> {
        match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
            (Some(one), _) => Some(vec![one.clone()]),
            (None, several) => several.cloned(),
        }
    };
    match (texts(first), texts(&second)) {
        (Some(first), Some(second)) => {
            Cow::Owned(json!({"type": "string", "enum": first.into_iter().chain(second).collect::<Vec<_>>()}))
        }
        _ => Cow::Owned(Value::Bool(true)),
    }
}
