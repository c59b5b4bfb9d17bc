//! A value in a row, as any of the databases has it.

use std::borrow::Cow;

use zato_core::{
    chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc},
    model::Decimal,
    uuid::Uuid,
};

use super::{
    cell_de::spaced,
    columns::{Declared, Kind},
};

/// What a value is, borrowed from its row where it is long.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'r> {
    Null,
    Bool(bool),
    I64(i64),
    U64(u64),
    F32(f32),
    F64(f64),
    Decimal(Decimal),
    Text(Cow<'r, str>),
    Bytes(&'r [u8]),
    Date(NaiveDate),
    Time(NaiveTime),
    DateTime(NaiveDateTime),
    Instant(DateTime<Utc>),
    Uuid(Uuid),
    /// A document as the database has it.
    Json(&'r [u8]),
    Array(Vec<Self>),
}

impl<'r> Cell<'r> {
    pub(crate) fn text(text: &'r str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Makes a date and time of one that SQLite has as a text, in the form of its own functions. Its column doesn't tell moments
    /// from what has no time zone, so that none is added. For readers of a text it stays as it is, so that it compares with
    /// what stands there.
    pub(super) fn written_as(self, kind: &Kind) -> Self {
        match &self {
            Self::Text(text) if matches!(kind, Kind::Dynamic(Declared::DateTime)) => {
                spaced(text).map_or(self, Self::DateTime)
            }
            _ => self,
        }
    }

    /// Names the kind of value, for messages, which never repeat the value itself.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "a boolean",
            Self::I64(_) | Self::U64(_) => "an integer",
            Self::F32(_) | Self::F64(_) => "a floating-point number",
            Self::Decimal(_) => "a decimal number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::DateTime(_) => "a date and time with no time zone",
            Self::Instant(_) => "a date and time",
            Self::Uuid(_) => "a UUID",
            Self::Json(_) => "JSON",
            Self::Array(_) => "an array",
        }
    }
}

/// Writes a moment as serde does for a model.
pub(super) fn instant(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Writes a date and time as serde does for a model.
pub(super) fn date_time(at: NaiveDateTime) -> String {
    format!("{at:?}")
}

/// Says why a value can't be read at all, without repeating it.
pub(crate) type Misfit = Cow<'static, str>;
