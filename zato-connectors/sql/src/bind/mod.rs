//! Values on their way into the database: exactly what was given, or an error that names the parameter.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::borrow::Cow;

#[cfg(any(feature = "mysql", feature = "postgres"))]
use zato_core::chrono::Timelike;
use zato_core::{Error, Result};

#[cfg(feature = "mysql")]
pub(crate) use self::mysql::arguments as mysql;
#[cfg(feature = "postgres")]
pub(crate) use self::postgres::arguments as postgres;
#[cfg(feature = "sqlite")]
pub(crate) use self::sqlite::arguments as sqlite;
use crate::statement::Statement;

/// Why a value can't be a parameter, without repeating it.
type Refusal = Cow<'static, str>;

/// Names the parameter that is refused.
fn refused(statement: &Statement, place: usize, refusal: &Refusal) -> Error {
    Error::internal(format!("the parameter {} can't be given to the database: {refusal}", statement.parameter(place)))
}

/// Goes through the values of a statement.
fn bind_all<T>(
    statement: &Statement,
    values: &[T],
    mut bind: impl FnMut(usize, &T) -> Result<(), Refusal>,
) -> Result<()> {
    for (place, value) in values.iter().enumerate() {
        bind(place, value).map_err(|refusal| refused(statement, place, &refusal))?;
    }
    Ok(())
}

/// Refuses a time that would be cut: both keep microseconds.
#[cfg(any(feature = "mysql", feature = "postgres"))]
fn in_microseconds<T: Timelike>(time: T) -> Result<T, Refusal> {
    if time.nanosecond().is_multiple_of(1_000) {
        Ok(time)
    } else {
        Err("it has nanoseconds, and the database keeps microseconds; round it".into())
    }
}
