use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CsvOptions, FormOptions, XmlOptions};

/// What a channel says about the formats it speaks, beside their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FormatOptions {
    /// How XML is written, and what is asked of it.
    pub xml: XmlOptions,
    /// How CSV is read and written.
    pub csv: CsvOptions,
    /// How large forms may be that have files in them.
    pub form: FormOptions,
}
