//! From rows of texts to bytes.

use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;

use super::{
    asked::Asked,
    records::byte,
    row_ser::{RowSer, Unwritable},
};
use crate::{
    error::{Error, Result},
    message::{CsvOptions, CsvQuoting, LineTerminator},
    model::Model,
};

/// Writes a list of models, or one.
pub(super) fn write<T: Model>(options: &CsvOptions, value: &T) -> Result<Bytes> {
    let (mut writer, mut output) = (RowWriter::new(options), Vec::with_capacity(256));
    value.serialize(RowSer::of_table(&mut writer, &mut output)).map_err(|error| internal(&error))?;
    writer.finish::<T>(&mut output)?;
    Ok(Bytes::from(output))
}

fn internal(error: &Unwritable) -> Error {
    Error::internal(format!("the reply can't be written as CSV: {error}"))
}

/// Writes rows, one after the other; the first says what the columns are.
pub(crate) struct RowWriter {
    delimiter: u8,
    quote: u8,
    escape: Option<u8>,
    is_doubling: bool,
    quoting: CsvQuoting,
    line_end: &'static [u8],
    should_write_header: bool,
    /// What the columns are called.
    header: Vec<String>,
    /// Whether the first row was begun to be written, whose columns are those of all.
    is_begun: bool,
    /// The values of a row as they are written, in the order in which they were given, and where that of each column is.
    values: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl RowWriter {
    pub(crate) fn new(options: &CsvOptions) -> Self {
        let line_end: &[u8] = match options.line_terminator() {
            LineTerminator::Crlf => b"\r\n",
            LineTerminator::Lf => b"\n",
        };
        Self {
            delimiter: byte(options.delimiter()),
            quote: byte(options.quote_char),
            escape: options.escape_char.map(byte),
            is_doubling: options.needs_double_quote,
            quoting: options.quoting(),
            line_end,
            should_write_header: options.should_write_header,
            header: Vec::new(),
            is_begun: false,
            values: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Writes one model as a row, behind the header if it is the first.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) if the model is no row.
    pub(crate) fn row<T: Serialize>(&mut self, value: &T, output: &mut Vec<u8>) -> Result<()> {
        value.serialize(RowSer::new(self, output)).map_err(|error| internal(&error))
    }

    /// Writes the header, if there was no row that it could stand before.
    ///
    /// # Errors
    ///
    /// As [`RowWriter::row`].
    pub(crate) fn finish<T: Model>(&mut self, output: &mut Vec<u8>) -> Result<()> {
        if !self.is_begun {
            self.header = Asked::of::<T>().fields.iter().map(ToString::to_string).collect();
            self.write_header(output).map_err(|error| internal(&error))?;
        }
        Ok(())
    }

    /// Begins a row.
    pub(super) fn begin(&mut self) {
        self.values.clear();
        self.places.clear();
        self.places.resize(self.header.len(), 0..0);
    }

    /// Writes the row whose values were taken.
    pub(super) fn end(&mut self, output: &mut Vec<u8>) -> Result<(), Unwritable> {
        if !self.is_begun {
            self.is_begun = true;
            self.write_header(output)?;
        }
        for (column, place) in self.places.iter().enumerate() {
            if column > 0 {
                output.push(self.delimiter);
            }
            match self.values.get(place.clone()) {
                Some(value) if !value.is_empty() => output.extend_from_slice(value),
                // A row of one value that is empty would be an empty line, which nobody reads as a row.
                _ if self.quoting == CsvQuoting::All || self.places.len() == 1 => {
                    output.extend_from_slice(&[self.quote, self.quote]);
                }
                _ => {}
            }
        }
        output.extend_from_slice(self.line_end);
        Ok(())
    }

    fn write_header(&mut self, output: &mut Vec<u8>) -> Result<(), Unwritable> {
        if !self.should_write_header || self.header.is_empty() {
            return Ok(());
        }
        for (column, name) in self.header.iter().enumerate() {
            if column > 0 {
                output.push(self.delimiter);
            }
            self.push(name, false, output).map_err(|error| error.of(name))?;
        }
        output.extend_from_slice(self.line_end);
        Ok(())
    }

    /// Finds the column of a name: the first row has them in the order in which they come, others mostly as well.
    pub(super) fn column(&mut self, guess: usize, name: &str) -> Result<usize, Unwritable> {
        if self.header.get(guess).is_some_and(|known| known == name) {
            return Ok(guess);
        }
        if let Some(column) = self.header.iter().position(|known| known == name) {
            return Ok(column);
        }
        if self.is_begun {
            return Err(Unwritable::new(format_args!("a row has a field that the first has not, \"{name}\"")));
        }
        self.header.push(name.to_owned());
        self.places.push(0..0);
        Ok(self.header.len() - 1)
    }

    /// Takes the value of a column.
    pub(super) fn value(&mut self, column: usize, text: &str, is_number: bool) -> Result<(), Unwritable> {
        let mut values = std::mem::take(&mut self.values);
        let start = values.len();
        let pushed = self.push(text, is_number, &mut values);
        if let Some(place) = self.places.get_mut(column) {
            *place = start..values.len();
        }
        self.values = values;
        pushed
    }

    /// Writes a value, in quotes if it has to be.
    fn push(&self, text: &str, is_number: bool, output: &mut Vec<u8>) -> Result<(), Unwritable> {
        let is_special = |byte: u8| {
            byte == self.delimiter || byte == self.quote || byte == b'\n' || byte == b'\r' || Some(byte) == self.escape
        };
        let needs_quotes = text.bytes().any(is_special);
        let is_quoted = match self.quoting {
            CsvQuoting::All => true,
            CsvQuoting::NonNumeric => !is_number,
            CsvQuoting::None if needs_quotes => {
                return Err(Unwritable::new("a value needs quotes, and the channel has none"));
            }
            CsvQuoting::Minimal | CsvQuoting::None => needs_quotes,
        };
        if !is_quoted {
            output.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        output.push(self.quote);
        for byte in text.bytes() {
            if byte == self.quote && self.is_doubling {
                output.push(self.quote);
            } else if (byte == self.quote || Some(byte) == self.escape)
                && let Some(escape) = self.escape
            {
                output.push(escape);
            }
            output.push(byte);
        }
        output.push(self.quote);
        Ok(())
    }
}
