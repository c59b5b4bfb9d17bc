//! CSV (RFC 4180): rows to models and back.

mod asked;
mod cell_ser;
mod faults;
mod records;
mod row_de;
mod row_ser;
mod spaces;
mod table_de;
#[cfg(test)]
mod tests;
mod writer;

use bytes::Bytes;
use http::HeaderValue;
use serde::de::value::Error as Unread;

use self::{
    asked::Asked,
    faults::Found,
    table_de::{TableDe, read_row},
};
pub(crate) use self::{
    records::{MAX_ROW, Next, Records},
    writer::RowWriter,
};
use super::Codec;
use crate::{
    error::{Error, Fault, Result},
    message::CsvOptions,
    model::{Model, Overlay, Tree, is_valid},
};

/// CSV as a channel says that it is.
pub(super) struct Csv<'o> {
    options: &'o CsvOptions,
}

impl<'o> Csv<'o> {
    pub(super) fn new(options: &'o CsvOptions) -> Self {
        Self { options }
    }

    /// Reads a row from a whole input, of any length: the input is no longer.
    fn records<T: Model>(&self) -> Records {
        records_of::<T>(self.options, usize::MAX)
    }
}

impl Codec for Csv<'_> {
    /// RFC 4180 §3, RFC 7111 §5.1.
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(if self.options.should_write_header {
            "text/csv; charset=utf-8; header=present"
        } else {
            "text/csv; charset=utf-8; header=absent"
        })
    }

    fn decode<T: Model>(&self, payload: &[u8], overlay: Overlay<'_>) -> Option<T> {
        let mut records = self.records::<T>();
        let input = records.prepared(payload);
        T::deserialize(TableDe::<Unread>::new(records, &input, overlay)).ok()
    }

    /// Never asked for: faults are found row by row.
    fn with_tree<R>(&self, _: &[u8], _: impl FnOnce(Tree<'_>) -> R) -> Result<R, Fault> {
        Err(Fault::new("", "CSV is read row by row"))
    }

    fn read_again<T: Model>(&self, payload: &[u8], overlay: Overlay<'_>) -> Result<T> {
        let mut records = self.records::<T>();
        let input = records.prepared(payload);
        let found = faults::of_table::<T>(records, &input, overlay);
        if !found.is_empty() {
            return Err(Error::faults(found));
        }
        // What serde sets aside before it knows the type is read from a tree alone.
        let mut records = self.records::<T>();
        let input = records.prepared(payload);
        faults::whole(records, &input, overlay, T::COERCE).map_err(Error::faults)
    }

    fn encode<T: Model>(&self, value: &T) -> Result<Bytes> {
        writer::write(self.options, value)
    }
}

/// Makes a reader of rows that are read as a type, or as a list of it.
pub(crate) fn records_of<T: Model>(options: &CsvOptions, max_row: usize) -> Records {
    let mut records = Records::new(options, max_row);
    if !options.has_header {
        records.expect_columns(Asked::of::<T>().fields.len());
    }
    records
}

/// Reads the row that was found last, with parameters laid over it.
///
/// # Errors
///
/// [`InvalidInput`](crate::Kind::InvalidInput) with every fault of the row.
pub(crate) fn read_one<T: Model>(records: &Records, overlay: Overlay<'_>) -> Result<T> {
    if let Ok(value) = read_row::<_, Unread>(std::marker::PhantomData::<T>, records, overlay)
        && is_valid(&value)
    {
        return Ok(value);
    }
    let mut found = Found::default();
    faults::of_row::<T>(records, Asked::of::<T>(), overlay, &mut found);
    let faults = found.into_faults();
    if faults.is_empty() {
        return faults::whole_row(records, overlay, T::COERCE).map_err(Error::faults);
    }
    Err(Error::faults(faults))
}
