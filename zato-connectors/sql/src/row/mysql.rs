//! Rows of MariaDB and MySQL.

use sqlx::{
    Column as _, Decode, MySql, Row as _, Type, TypeInfo, ValueRef,
    mysql::{MySqlRow, MySqlValueRef, types::MySqlTime},
};
use zato_core::{
    chrono::{NaiveDate, NaiveDateTime, NaiveTime},
    model::Decimal,
};

use super::{
    Column, Columns,
    cell::{Cell, Misfit},
    columns::Kind,
};

pub(super) fn columns(row: &MySqlRow) -> Columns {
    Columns::new(row.columns().iter().map(|column| {
        let type_name = column.type_info().name();
        let kind = match kind(type_name) {
            // The name is that of bytes also for texts that are compared by their bytes, such as JSON of MariaDB's.
            Kind::Bytes if <str as Type<MySql>>::compatible(column.type_info()) => Kind::Text,
            kind => kind,
        };
        Column { name: column.name().into(), kind, type_name: type_name.into() }
    }))
}

fn kind(type_name: &str) -> Kind {
    match type_name {
        "BOOLEAN" => Kind::Bool,
        "TINYINT" | "SMALLINT" | "INT" | "MEDIUMINT" | "BIGINT" => Kind::Int,
        "YEAR" | "BIT" => Kind::UInt,
        unsigned if unsigned.ends_with(" UNSIGNED") => Kind::UInt,
        "FLOAT" => Kind::Float4,
        "DOUBLE" => Kind::Float8,
        "DECIMAL" => Kind::Decimal,
        "TIMESTAMP" => Kind::Instant,
        "DATETIME" => Kind::DateTime,
        "DATE" => Kind::Date,
        "TIME" => Kind::Time,
        "ENUM" | "SET" | "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" => Kind::Text,
        "JSON" => Kind::Json,
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => Kind::Bytes,
        "NULL" => Kind::Void,
        _ => Kind::Unreadable,
    }
}

pub(super) fn cell<'r>(row: &'r MySqlRow, index: usize, kind: &Kind) -> Result<Cell<'r>, Misfit> {
    let value = row.try_get_raw(index).map_err(|_| "there is no such column")?;
    if value.is_null() {
        // The library takes a day that is all zeros for NULL.
        let is_there = <&[u8] as Decode<MySql>>::decode(value).is_ok();
        return if is_there { Err("it is a date of zeros, which is no date".into()) } else { Ok(Cell::Null) };
    }
    Ok(match kind {
        Kind::Bool => match read(value)? {
            number @ (0 | 1) => Cell::Bool(number == 1),
            number => Cell::I64(number),
        },
        Kind::Int => Cell::I64(read(value)?),
        Kind::UInt => Cell::U64(read(value)?),
        Kind::Float4 => Cell::F32(read(value)?),
        Kind::Float8 => Cell::F64(read(value)?),
        Kind::Decimal => {
            let text: &str = read(value)?;
            let number: Result<Decimal, _> = text.parse();
            Cell::Decimal(number.map_err(|_| "it is a decimal number of more than 28 digits; cast it to CHAR")?)
        }
        Kind::Text => Cell::text(<&str as Decode<MySql>>::decode(value).map_err(|_| "it is no text in UTF-8")?),
        Kind::Json => Cell::Json(read(value)?),
        Kind::Bytes => Cell::Bytes(read(value)?),
        Kind::Date => Cell::Date(read::<NaiveDate>(value)?),
        Kind::Time => {
            // The library drops the sign of one when it is made a time of day.
            let time: MySqlTime = read(value)?;
            let time = if time.is_valid_time_of_day() { NaiveTime::try_from(time).ok() } else { None };
            Cell::Time(time.ok_or("it is no time of day; cast it to CHAR")?)
        }
        Kind::DateTime => Cell::DateTime(read::<NaiveDateTime>(value)?),
        // The library has the server tell times in UTC.
        Kind::Instant => Cell::Instant(read::<NaiveDateTime>(value)?.and_utc()),
        Kind::Void => Cell::Null,
        _ => return Err("it is of a type that can't be read; cast it to CHAR in the statement".into()),
    })
}

fn read<'r, T: Decode<'r, MySql>>(value: MySqlValueRef<'r>) -> Result<T, Misfit> {
    T::decode(value).map_err(|_| "it can't be read".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_in_its_own_way() {
        assert_eq!(kind("BIGINT UNSIGNED"), Kind::UInt);
        assert_eq!(kind("GEOMETRY"), Kind::Unreadable);
    }
}
