//! Rows of PostgreSQL, in its binary format.

use sqlx::{
    Column as _, Row as _, TypeInfo, ValueRef,
    postgres::{PgRow, PgTypeInfo, PgTypeKind, PgValueFormat},
};

use super::{
    Column, Columns,
    cell::{Cell, Misfit},
    columns::Kind,
    pg_binary as binary,
};

pub(super) fn columns(row: &PgRow) -> Columns {
    Columns::new(row.columns().iter().map(|column| {
        let type_info = column.type_info();
        Column { name: column.name().into(), kind: kind(type_info), type_name: type_info.name().into() }
    }))
}

/// Tells how values of a type are read, by the number that PostgreSQL gives it (`pg_type.dat`).
pub(crate) fn kind(type_info: &PgTypeInfo) -> Kind {
    match type_info.kind() {
        PgTypeKind::Array(element) => return Kind::Array(Box::new(kind(element))),
        PgTypeKind::Domain(base) => return kind(base),
        PgTypeKind::Enum(_) => return Kind::Text,
        PgTypeKind::Composite(_) | PgTypeKind::Range(_) => return Kind::Unreadable,
        PgTypeKind::Simple | PgTypeKind::Pseudo => {}
    }
    match type_info.oid().map_or(0, |oid| oid.0) {
        16 => Kind::Bool,
        17 => Kind::Bytes,
        20 | 21 | 23 => Kind::Int,
        26 => Kind::UInt,
        // text, name, character, character varying, xml, and what a text is before anybody says so.
        19 | 25 | 142 | 705 | 1042 | 1043 => Kind::Text,
        114 => Kind::Json,
        700 => Kind::Float4,
        701 => Kind::Float8,
        650 | 869 => Kind::Network,
        1082 => Kind::Date,
        1083 => Kind::Time,
        1114 => Kind::DateTime,
        1184 => Kind::Instant,
        1186 => Kind::Interval,
        1700 => Kind::Decimal,
        2278 => Kind::Void,
        2950 => Kind::Uuid,
        3802 => Kind::Jsonb,
        // Types of extensions have no number of their own.
        _ if matches!(type_info.name().to_ascii_lowercase().as_str(), "citext") => Kind::Text,
        _ => Kind::Unreadable,
    }
}

pub(super) fn cell<'r>(row: &'r PgRow, index: usize, kind: &Kind) -> Result<Cell<'r>, Misfit> {
    let value = row.try_get_raw(index).map_err(|_| "there is no such column")?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let bytes = value.as_bytes().map_err(|_| "it can't be read")?;
    if value.format() == PgValueFormat::Text {
        return std::str::from_utf8(bytes).map(Cell::text).map_err(|_| "it is no text in UTF-8".into());
    }
    binary::cell(bytes, kind)
}
