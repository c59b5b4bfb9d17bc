//! Rows of SQLite, whose values have types, and whose columns have not (SQLite, Datatypes).

use sqlx::{Column as _, Decode, Row as _, Sqlite, TypeInfo, ValueRef, sqlite::SqliteRow};

use super::{
    Column, Columns,
    cell::{Cell, Misfit},
    columns::{Declared, Kind},
};

pub(super) fn columns(row: &SqliteRow) -> Columns {
    Columns::new(row.columns().iter().map(|column| {
        let type_name = column.type_info().name();
        let declared = match type_name {
            "BOOLEAN" => Declared::Bool,
            "DATETIME" => Declared::DateTime,
            _ => Declared::Other,
        };
        Column { name: column.name().into(), kind: Kind::Dynamic(declared), type_name: type_name.into() }
    }))
}

pub(super) fn cell<'r>(row: &'r SqliteRow, index: usize, kind: &Kind) -> Result<Cell<'r>, Misfit> {
    let value = row.try_get_raw(index).map_err(|_| "there is no such column")?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let unreadable = |_| "it can't be read";
    let type_info = value.type_info().into_owned();
    Ok(match type_info.name() {
        "INTEGER" => match (<i64 as Decode<Sqlite>>::decode(value).map_err(unreadable)?, kind) {
            (number @ (0 | 1), Kind::Dynamic(Declared::Bool)) => Cell::Bool(number == 1),
            (number, _) => Cell::I64(number),
        },
        "REAL" => Cell::F64(<f64 as Decode<Sqlite>>::decode(value).map_err(unreadable)?),
        "TEXT" => Cell::text(<&str as Decode<Sqlite>>::decode(value).map_err(|_| "it is no text in UTF-8")?),
        "BLOB" => Cell::Bytes(<&[u8] as Decode<Sqlite>>::decode(value).map_err(unreadable)?),
        _ => return Err("it is of no type that SQLite has".into()),
    })
}
