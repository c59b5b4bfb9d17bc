use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How large the forms of a channel may be that have files in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FormOptions {
    /// How many parts a form may have.
    pub max_parts: usize,
    /// How many bytes a part may have; as many as the body unless given.
    pub max_part_size: Option<usize>,
}

impl Default for FormOptions {
    /// As many parts as there are fields in a form of Django or of Werkzeug, far more than anybody fills in.
    fn default() -> Self {
        Self { max_parts: 1000, max_part_size: None }
    }
}
