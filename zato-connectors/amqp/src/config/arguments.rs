use std::{borrow::Cow, collections::BTreeMap, fmt};

use lapin::types::{AMQPValue, FieldArray, FieldTable, ShortString};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};
use zato_core::Value;

/// A table of AMQP as it is written in YAML: arguments of a queue, or headers of a message.
///
/// A text becomes a long string, a whole number a 64-bit integer, any other number a double; lists and maps may be in each
/// other.
///
/// # Examples
///
/// ```
/// use zato_amqp::Arguments;
/// use zato_core::config::{ConfigFault, from_node, yaml};
///
/// let arguments: Arguments = from_node(&yaml::parse("zato.yaml", "{x-max-length: 1000, x-overflow: reject-publish}")?)?;
/// assert_eq!(arguments.table().inner().len(), 2);
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Arguments(FieldTable);

impl Arguments {
    /// Returns the table as the library has it.
    #[must_use]
    pub fn table(&self) -> &FieldTable {
        &self.0
    }

    /// Adds an argument, unless there is one of that name.
    pub(crate) fn or_insert(&mut self, name: &str, value: AMQPValue) {
        if self.0.inner().get(name).is_none() {
            self.0.insert(name.into(), value);
        }
    }
}

/// Names what there is and says nothing of the values, which may be secret.
impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.inner().keys().map(ShortString::as_str)).finish()
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
        table(values).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for Arguments {
    fn schema_name() -> Cow<'static, str> {
        "Arguments".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<BTreeMap<String, Value>>()
    }
}

fn table(values: impl IntoIterator<Item = (String, Value)>) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for (name, value) in values {
        let name = ShortString::try_new(name).map_err(|_| "AMQP has no more than 255 bytes for a name".to_owned())?;
        table.insert(name, argument(value)?);
    }
    Ok(table)
}

/// Turns a value of configuration into one of AMQP.
pub(crate) fn argument(value: Value) -> Result<AMQPValue, String> {
    Ok(match value {
        Value::Null => AMQPValue::Void,
        Value::Bool(value) => AMQPValue::Boolean(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => AMQPValue::LongLongInt(whole),
            (None, Some(number)) => AMQPValue::Double(number),
            (None, None) => return Err(format!("AMQP has no number as large as {number}")),
        },
        Value::String(text) => AMQPValue::LongString(text.into()),
        Value::Array(items) => {
            let items = items.into_iter().map(argument).collect::<Result<Vec<_>, _>>()?;
            AMQPValue::FieldArray(FieldArray::from(items))
        }
        Value::Object(members) => AMQPValue::FieldTable(table(members)?),
    })
}
