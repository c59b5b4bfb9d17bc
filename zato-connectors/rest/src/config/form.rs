use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Deserialize;
use zato_core::{config::ByteSize, message::FormOptions};

/// How large the forms of a channel may be that have files in them: its key `form`.
///
/// ```
/// use zato_rest::FormConfig;
///
/// let config: FormConfig = serde_json::from_str(r#"{"max_part_size": "10MiB"}"#).unwrap();
/// assert_eq!((config.max_parts, config.max_part_size.unwrap().bytes()), (None, 10 << 20));
/// ```
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FormConfig {
    /// How many parts a form may have; 1000 unless given.
    pub max_parts: Option<NonZeroUsize>,
    /// How large a part may be, such as a file; as large as the body unless given.
    pub max_part_size: Option<ByteSize>,
}

impl FormConfig {
    /// Returns it as formats take it.
    pub(crate) fn options(&self) -> FormOptions {
        let mut options = FormOptions::default();
        options.max_parts = self.max_parts.map_or(options.max_parts, NonZeroUsize::get);
        options.max_part_size = self.max_part_size.map(ByteSize::as_usize);
        options
    }
}
