//! MariaDB and MySQL take any type and convert it to what they want, or refuse it themselves.

use sqlx::{Arguments as _, mysql::MySqlArguments};
use zato_core::Result;

use super::{Refusal, bind_all, in_microseconds};
use crate::{statement::Statement, value::SqlValue};

pub(crate) fn arguments(statement: &Statement, values: &[&SqlValue]) -> Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    bind_all(statement, values, |_, value| add(&mut arguments, value))?;
    Ok(arguments)
}

fn add(arguments: &mut MySqlArguments, value: &SqlValue) -> Result<(), Refusal> {
    let added = match value {
        SqlValue::Null => arguments.add(None::<String>),
        SqlValue::Bool(value) => arguments.add(*value),
        SqlValue::I64(number) => arguments.add(*number),
        SqlValue::U64(number) => arguments.add(*number),
        SqlValue::F64(number) if !number.is_finite() => {
            return Err("MariaDB and MySQL have neither NaN nor infinity".into());
        }
        SqlValue::F64(number) => arguments.add(*number),
        SqlValue::Decimal(number) => arguments.add(number.0),
        SqlValue::Text(text) => arguments.add(text.as_str()),
        SqlValue::Bytes(bytes) => arguments.add(&**bytes),
        SqlValue::Date(date) => arguments.add(*date),
        SqlValue::Time(time) => arguments.add(in_microseconds(*time)?),
        SqlValue::DateTime(at) => arguments.add(in_microseconds(*at)?),
        SqlValue::Instant(moment) => arguments.add(in_microseconds(*moment)?),
        SqlValue::Uuid(uuid) => arguments.add(uuid.to_string()),
        SqlValue::Json(document) => arguments.add(document.to_string()),
        SqlValue::Array(_) => {
            return Err("MariaDB and MySQL have no arrays; give it as JSON with SqlValue::json".into());
        }
    };
    added.map_err(|_| "it can't be written".into())
}
