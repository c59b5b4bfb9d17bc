use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a channel reads and writes CSV: its key `csv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CsvOptions {
    /// What stands between two values of a row.
    pub delimiter: char,
    /// Whether the first row of the input names the columns; otherwise they come in the order of the model's fields.
    pub has_header: bool,
    /// Whether the output begins with a row that names the columns.
    pub should_write_header: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: ',', has_header: true, should_write_header: true }
    }
}
