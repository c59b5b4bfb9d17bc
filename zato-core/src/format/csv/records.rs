//! From bytes to rows of texts, whole or piece by piece.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::spaces::Spaces;
use crate::{
    error::Fault,
    message::{CsvOptions, CsvQuoting, OnExtra, OnMissing},
};

/// How many columns there may be: as many as a spreadsheet has.
const MAX_COLUMNS: usize = 16_384;

/// How long a row of a stream may be. What is longer is a quote that is never closed, rather than data.
pub(crate) const MAX_ROW: usize = 1024 * 1024;

/// Reads rows, one after the other, from input that is there or still to come.
pub(crate) struct Records {
    reader: Reader,
    spaces: Option<Spaces>,
    /// The values of a row, one after the other, and where each of them ends; room for more behind both.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How much of that room the row has taken.
    filled: (usize, usize),
    /// Whether that is the whole row.
    is_whole: bool,
    max_row: usize,
    header: Option<Vec<String>>,
    /// How many columns there are, once that is known.
    columns: Option<usize>,
    /// How many rows have come, the header among them.
    number: u64,
    /// Whether a byte was read.
    is_begun: bool,
    /// The last byte that was read.
    last: u8,
    has_header: bool,
    is_strict: bool,
    on_missing: OnMissing,
    on_extra: OnExtra,
    /// Whether nothing more can be read.
    is_over: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A row, which [`Records::row`] gives.
    Row,
    /// More input has to come first.
    Wait,
    End,
}

impl Records {
    /// Makes a reader of rows that are no longer than so many bytes.
    pub(crate) fn new(options: &CsvOptions, max_row: usize) -> Self {
        let mut builder = ReaderBuilder::new();
        builder
            .delimiter(byte(options.delimiter()))
            .quote(byte(options.quote_char))
            .escape(options.escape_char.map(byte))
            .double_quote(options.needs_double_quote)
            .quoting(options.quoting() != CsvQuoting::None);
        Self {
            reader: builder.build(),
            spaces: options.should_skip_initial_space.then(|| Spaces::new(options)),
            text: vec![0; 512],
            ends: vec![0; 32],
            filled: (0, 0),
            is_whole: false,
            max_row,
            header: None,
            columns: None,
            number: 0,
            is_begun: false,
            last: 0,
            has_header: options.has_header,
            is_strict: options.is_strict,
            on_missing: options.on_missing,
            on_extra: options.on_extra,
            is_over: false,
        }
    }

    /// Prepares a piece of input, each of which goes through here once before it is read. The first has at least three
    /// bytes, if there are so many: that is how long a byte order mark is, which Excel writes.
    pub(crate) fn prepared<'i>(&mut self, input: &'i [u8]) -> Cow<'i, [u8]> {
        match &mut self.spaces {
            Some(spaces) => Cow::Owned(spaces.without(input)),
            None => Cow::Borrowed(input),
        }
    }

    /// Reads nothing more.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// Says how many columns there are, where no header does.
    pub(crate) fn expect_columns(&mut self, columns: usize) {
        if !self.has_header && columns > 0 {
            self.columns = Some(columns);
        }
    }

    /// Returns what the columns are called, if they have names and a row was read.
    pub(crate) fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// Looks for the next row, and reads the header before it. `is_last` is whether nothing follows the input.
    ///
    /// # Errors
    ///
    /// What is wrong with the input as a whole, which ends there.
    pub(crate) fn next(&mut self, input: &mut &[u8], is_last: bool) -> Result<Next, Fault> {
        while !self.is_over {
            match self.read(input, is_last) {
                Ok(Next::Row) => {}
                Ok(Next::Wait) => return Ok(Next::Wait),
                Ok(Next::End) => break,
                Err(fault) => {
                    self.is_over = true;
                    return Err(fault);
                }
            }
            self.number += 1;
            if !self.has_header || self.header.is_some() {
                return Ok(Next::Row);
            }
            let header = self.row().map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>());
            self.is_over = header.is_err();
            self.header = Some(header?);
            self.columns = self.header.as_ref().map(Vec::len);
        }
        self.is_over = true;
        Ok(Next::End)
    }

    /// Reads as much of a row as the input has.
    fn read(&mut self, input: &mut &[u8], is_last: bool) -> Result<Next, Fault> {
        if std::mem::take(&mut self.is_whole) {
            self.filled = (0, 0);
        }
        // The reader would leave it out as well, and take what is left for the end if that is nothing.
        if !self.is_begun && !input.is_empty() {
            self.is_begun = true;
            *input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        }
        loop {
            let is_end = input.is_empty();
            if is_end && !is_last {
                return Ok(Next::Wait);
            }
            // The end of a line that isn't there ends the last row, unless it stands in a quote.
            let given: &[u8] = if is_end && self.is_strict { b"\n" } else { input };
            let (text, ends) = self.filled;
            let free = (self.text.get_mut(text..).unwrap_or_default(), self.ends.get_mut(ends..).unwrap_or_default());
            let (result, read, written, ended) = self.reader.read_record(given, free.0, free.1);
            if let Some(last) = read.checked_sub(1).and_then(|last| given.get(last)) {
                self.last = *last;
            }
            *input = input.get(read..).unwrap_or_default();
            self.filled = (text + written, ends + ended);
            match result {
                ReadRecordResult::Record => {
                    self.is_whole = true;
                    return Ok(Next::Row);
                }
                ReadRecordResult::End => return Ok(Next::End),
                ReadRecordResult::InputEmpty if is_end && self.filled == (0, 0) => return Ok(Next::End),
                ReadRecordResult::InputEmpty if is_end && self.is_strict => {
                    let place = format!("line {}", self.line());
                    return Err(Fault::new(place, "malformed CSV: a quote is opened and never closed"));
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.grow_text()?,
                ReadRecordResult::OutputEndsFull => self.grow_ends()?,
            }
        }
    }

    fn grow_text(&mut self) -> Result<(), Fault> {
        if self.text.len() >= self.max_row {
            let detail = format!("the row is longer than {} bytes; a quote may never be closed", self.max_row);
            return Err(Fault::new(format!("line {}", self.line()), detail));
        }
        self.text.resize(self.text.len().saturating_mul(2).min(self.max_row), 0);
        Ok(())
    }

    fn grow_ends(&mut self) -> Result<(), Fault> {
        if self.ends.len() >= MAX_COLUMNS {
            let detail = format!("the row has more than {MAX_COLUMNS} values");
            return Err(Fault::new(format!("line {}", self.line()), detail));
        }
        self.ends.resize(self.ends.len() * 2, 0);
        Ok(())
    }

    /// Returns the row that was read last.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the next one can be read all the same.
    pub(crate) fn row(&self) -> Result<Row<'_>, Fault> {
        let (text, ends) = self.filled;
        let text = std::str::from_utf8(self.text.get(..text).unwrap_or_default()).ok();
        let ends = self.ends.get(..ends).unwrap_or_default();
        // Of two values that are none, both together may well be UTF-8.
        let text = text.filter(|text| text.is_ascii() || ends.iter().all(|end| text.is_char_boundary(*end)));
        let Some(text) = text else {
            return Err(Fault::new(self.place(), "the text is not UTF-8; save the file as UTF-8"));
        };
        let columns = self.columns.unwrap_or(ends.len());
        let is_wrong = (ends.len() < columns && self.on_missing == OnMissing::Error)
            || (ends.len() > columns && self.on_extra == OnExtra::Error);
        if is_wrong {
            let detail = format!("the row has {} values, and there are {columns} columns", ends.len());
            return Err(Fault::new(self.place(), detail));
        }
        Ok(Row { text, ends, columns })
    }

    /// Says where the row stands that was read last: counted as spreadsheets do, where the header is row 1, and with the
    /// line if that is another number.
    pub(crate) fn place(&self) -> String {
        let (row, line) = (self.number, self.line());
        if row == line { format!("row {row}") } else { format!("row {row} (line {line})") }
    }

    /// Returns the line that the row begins at, as far as it was read.
    fn line(&self) -> u64 {
        let text = self.text.get(..self.filled.0).unwrap_or_default();
        let within = text.iter().filter(|byte| **byte == b'\n').count();
        let within = u64::try_from(within).unwrap_or(u64::MAX);
        let is_ended = self.is_whole && self.last == b'\n';
        self.reader.line().saturating_sub(within).saturating_sub(u64::from(is_ended))
    }
}

/// A character that was checked to be ASCII when the configuration was applied; any other is nothing that is ever read.
pub(super) fn byte(character: char) -> u8 {
    u8::try_from(character).unwrap_or(0)
}

/// The values of one row.
#[derive(Clone, Copy)]
pub(crate) struct Row<'r> {
    text: &'r str,
    ends: &'r [usize],
    /// How many values it has to have: those that aren't there are empty.
    columns: usize,
}

impl<'r> Row<'r> {
    /// Returns the values.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'r str> {
        let mut start = 0;
        (0..self.columns).map(move |column| {
            let Some(end) = self.ends.get(column) else { return "" };
            let value = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            value
        })
    }
}
