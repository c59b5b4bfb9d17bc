use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a channel reads and writes CSV (RFC 4180): its key `csv`.
///
/// ```
/// use zato_core::message::{CsvDialect, CsvOptions};
///
/// let mut options = CsvOptions::default();
/// assert_eq!((options.delimiter(), options.fault()), (',', None));
/// options.dialect = CsvDialect::ExcelTab;
/// assert_eq!(options.delimiter(), '\t');
/// options.delimiter = Some('"');
/// assert_eq!(options.fault().unwrap(), "delimiter and quote_char are the same");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CsvOptions {
    /// What `delimiter`, `line_terminator` and `quoting` are unless given: as Excel writes it, `excel`, `excel-tab` with
    /// tabs for commas, or `unix`, with all values in quotes and lines that end with a line feed alone.
    pub dialect: CsvDialect,
    /// What stands between two values of a row; as the dialect says unless given.
    pub delimiter: Option<char>,
    /// What a value stands in that has a delimiter, a quote or the end of a line in it.
    pub quote_char: char,
    /// What stands before a quote that is a part of its value; nothing unless given.
    pub escape_char: Option<char>,
    /// Whether a quote that is a part of its value is written twice; otherwise `escape_char` stands before it.
    pub needs_double_quote: bool,
    /// Which values stand in quotes in the output; as the dialect says unless given. With `none`, quotes of the input are
    /// characters like any other.
    pub quoting: Option<CsvQuoting>,
    /// What rows of the output end with, `crlf` or `lf`; as the dialect says unless given. Rows of the input end with
    /// either.
    pub line_terminator: Option<LineTerminator>,
    /// Whether spaces after a delimiter are left out of the input.
    pub should_skip_initial_space: bool,
    /// Whether a quote that is opened and never closed is a fault; otherwise its value goes on to the end of the input.
    pub is_strict: bool,
    /// Whether the first row of the input names the columns; otherwise they come in the order of the model's fields.
    pub has_header: bool,
    /// Whether the output begins with a row that names the columns.
    pub should_write_header: bool,
    /// What a row is that has fewer values than there are columns: an `error`, or as if the others were `empty`.
    pub on_missing: OnMissing,
    /// What a row is that has more values than there are columns: an `error`, or one whose further values are left out,
    /// `ignore`.
    pub on_extra: OnExtra,
}

/// What CSV is like unless other keys say otherwise; the names are those of Python's and Zato's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CsvDialect {
    /// Commas, lines that end with carriage return and line feed, quotes where they are needed.
    #[default]
    Excel,
    /// As `excel`, with tabs for commas.
    ExcelTab,
    /// Commas, lines that end with a line feed, quotes around everything.
    Unix,
}

/// Which values stand in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CsvQuoting {
    /// Those that need it.
    Minimal,
    /// All of them.
    All,
    /// All but numbers.
    NonNumeric,
    /// None; a value that needs it can't be written.
    None,
}

/// What a row of the output ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LineTerminator {
    /// Carriage return and line feed (RFC 4180 §2).
    #[serde(alias = "\r\n")]
    Crlf,
    /// Line feed.
    #[serde(alias = "\n")]
    Lf,
}

/// What a row is that has fewer values than there are columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnMissing {
    /// A fault.
    #[default]
    Error,
    /// As good as one whose other values are empty.
    Empty,
}

/// What a row is that has more values than there are columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnExtra {
    /// A fault.
    #[default]
    Error,
    /// As good as one without them.
    Ignore,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            dialect: CsvDialect::default(),
            delimiter: None,
            quote_char: '"',
            escape_char: None,
            needs_double_quote: true,
            quoting: None,
            line_terminator: None,
            should_skip_initial_space: false,
            is_strict: true,
            has_header: true,
            should_write_header: true,
            on_missing: OnMissing::default(),
            on_extra: OnExtra::default(),
        }
    }
}

impl CsvOptions {
    /// Returns what stands between two values.
    #[must_use]
    pub fn delimiter(&self) -> char {
        self.delimiter.unwrap_or(if self.dialect == CsvDialect::ExcelTab { '\t' } else { ',' })
    }

    /// Returns which values stand in quotes.
    #[must_use]
    pub fn quoting(&self) -> CsvQuoting {
        let of_dialect = if self.dialect == CsvDialect::Unix { CsvQuoting::All } else { CsvQuoting::Minimal };
        self.quoting.unwrap_or(of_dialect)
    }

    /// Returns what rows of the output end with.
    #[must_use]
    pub fn line_terminator(&self) -> LineTerminator {
        let of_dialect = if self.dialect == CsvDialect::Unix { LineTerminator::Lf } else { LineTerminator::Crlf };
        self.line_terminator.unwrap_or(of_dialect)
    }

    /// Says what can't be meant, as the end of a sentence that begins with `csv.`; `None` if all of it can.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let named = [
            ("delimiter", Some(self.delimiter())),
            ("quote_char", Some(self.quote_char)),
            ("escape_char", self.escape_char),
        ];
        let named: Vec<_> = named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        for (position, (name, value)) in named.iter().enumerate() {
            if !value.is_ascii() || matches!(value, '\r' | '\n' | '\0') {
                return Some(format!("{name} has to be one ASCII character and no end of a line"));
            }
            if let Some((other, _)) = named.iter().take(position).find(|(_, before)| before == value) {
                return Some(format!("{other} and {name} are the same"));
            }
        }
        let is_unescaped = !self.needs_double_quote && self.escape_char.is_none();
        is_unescaped.then(|| "needs_double_quote is false, which takes an escape_char".to_owned())
    }
}
