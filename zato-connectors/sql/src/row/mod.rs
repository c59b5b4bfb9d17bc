//! Rows: into models, or as they come.

mod cell;
mod cell_de;
mod cell_ser;
mod columns;
mod fault;
#[cfg(feature = "mysql")]
mod mysql;
mod native;
#[cfg(feature = "postgres")]
pub(crate) mod pg_binary;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod row_de;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};
use zato_core::{Error, Result};

pub(crate) use self::{
    cell::Cell,
    columns::{Column, Columns, Kind},
    fault::RowFault,
    native::NativeRow,
};

/// A row as it comes, for statements whose columns nobody knows beforehand.
///
/// It serialises as an object of its columns, in their order: decimal numbers as texts, so that no reader rounds them, bytes
/// in Base64, dates and times as ISO 8601, JSON as what is in it. If two columns have one name, it is refused.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// use zato_sql::{Row, Sql};
///
/// let crm = Sql::sqlite_in_memory();
/// let row: Row = crm.one("SELECT 7 AS id, 'Ann' AS name, NULL AS phone", ()).await?;
/// assert_eq!(row.get::<i64>("id")?, 7);
/// assert_eq!(row.columns().collect::<Vec<_>>(), ["id", "name", "phone"]);
/// assert_eq!(serde_json::to_string(&row).unwrap(), r#"{"id":7,"name":"Ann","phone":null}"#);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub struct Row {
    native: NativeRow,
    columns: Arc<Columns>,
}

impl Row {
    /// Reads a column by its name; of several with the same name the first.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal), naming the column, if there is no such one or what is in it doesn't fit.
    pub fn get<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let index = self.columns.position(column).ok_or_else(|| {
            Error::internal(format!("the result has no column \"{column}\"; it has {}", self.columns.listed()))
        })?;
        self.get_at(index)
    }

    /// Reads a column by its place, which is counted from 0.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_at<T: DeserializeOwned>(&self, index: usize) -> Result<T> {
        row_de::read_cell(&self.native, &self.columns, index).map_err(RowFault::into_error)
    }

    /// Reads the whole row into a model.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        row_de::read(&self.native, &self.columns).map_err(RowFault::into_error)
    }

    /// Returns the names of the columns, in their order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(|column| &*column.name)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", self.columns.listed())
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(column) = self.columns.twice() {
            return Err(serde::ser::Error::custom(namesakes(column)));
        }
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (index, column) in self.columns.iter().enumerate() {
            let about = |words: &dyn fmt::Display| {
                serde::ser::Error::custom(format!("the column {} ({}): {words}", column.name, column.type_name))
            };
            let cell = self.native.cell(index, &column.kind).map_err(|misfit| about(&misfit))?;
            map.serialize_entry(&*column.name, &cell.written_as(&column.kind))?;
        }
        map.end()
    }
}

/// Says that two columns have one name.
fn namesakes(column: &Column) -> String {
    format!(
        "two columns of the result are called {}, and readers would find one of them; name one with AS",
        column.name
    )
}

/// What a row can be read into: any model, a tuple of its columns, a single value, or a [`Row`].
///
/// Columns go to the fields of their names, as serde knows them, and those that the model doesn't have are left out.
///
/// # Examples
///
/// ```
/// fn is_readable<T: zato_sql::FromRow>() {}
///
/// is_readable::<(i64, Option<String>)>();
/// is_readable::<zato_sql::Row>();
/// ```
#[diagnostic::on_unimplemented(
    message = "a row can't be read into `{Self}`",
    note = "put `#[model]` on it, or derive `serde::Deserialize`"
)]
pub trait FromRow: Sized + Send + 'static {
    #[doc(hidden)]
    fn from_native(row: NativeRowOf) -> Result<Self>;
}

/// A row with its columns, on its way to whatever it is read into.
#[doc(hidden)]
pub struct NativeRowOf {
    pub(crate) native: NativeRow,
    pub(crate) columns: Arc<Columns>,
}

impl fmt::Debug for NativeRowOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeRowOf").finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + 'static> FromRow for T {
    fn from_native(row: NativeRowOf) -> Result<Self> {
        row_de::read(&row.native, &row.columns).map_err(RowFault::into_error)
    }
}

/// What is in the only column, whatever it is.
pub(crate) struct Only<T>(pub(crate) T);

impl<T: DeserializeOwned + Send + 'static> FromRow for Only<T> {
    fn from_native(row: NativeRowOf) -> Result<Self> {
        row_de::read_only(&row.native, &row.columns).map(Self).map_err(RowFault::into_error)
    }
}

impl FromRow for Row {
    fn from_native(row: NativeRowOf) -> Result<Self> {
        Ok(Self { native: row.native, columns: row.columns })
    }
}
