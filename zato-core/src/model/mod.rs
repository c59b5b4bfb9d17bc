//! Models: what services take and give, whatever format it travels in.
//!
//! A [`Model`] is read in one pass, straight into the struct, with path and query parameters chained in front of the
//! payload's own keys (`layered`). Only when that fails is the input read again, into a `tree`, to find every
//! fault with its place (`faults`).

mod base64;
mod buffered;
mod buffered_key;
#[doc(hidden)]
pub mod constraints;
mod decimal;
mod described;
mod expected;
mod faults;
mod filler;
#[cfg(feature = "multipart")]
mod form_file;
#[cfg_attr(
    not(feature = "xml"),
    cfg_attr(not(test), expect(dead_code, reason = "read by the formats that have a use for hints"))
)]
mod hints;
mod iso_duration;
#[cfg(any(feature = "csv", feature = "json"))]
mod layered;
mod object;
mod schema;
mod secrets;
mod spelling;
mod text;
mod tree;
mod tree_access;
mod tree_de;
mod tree_error;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

#[doc(hidden)]
pub use self::buffered::{buffered, buffered_option};
#[cfg(any(feature = "csv", feature = "xml"))]
pub(crate) use self::faults::MAX_FAULTS;
#[cfg(feature = "csv")]
pub(crate) use self::faults::decode_cells;
#[cfg(feature = "multipart")]
pub use self::form_file::FormFile;
#[cfg(any(feature = "csv", feature = "json"))]
pub(crate) use self::layered::Layered;
#[cfg(feature = "json")]
pub(crate) use self::layered::from_params;
#[cfg(any(feature = "csv", feature = "xml"))]
pub(crate) use self::text::TextValues;
pub use self::{
    base64::{Base64, InvalidBase64},
    constraints::validate,
    decimal::{Decimal, InvalidDecimal},
    described::{Described, OfMap},
    hints::Hinted,
    iso_duration::{InvalidIsoDuration, IsoDuration, NegativeDuration},
    object::ObjectOnly,
};
pub(crate) use self::{
    constraints::is_valid,
    faults::decode_tree,
    schema::{Direction, document},
    tree::{Overlay, Tree},
};
#[cfg(feature = "xml")]
pub(crate) use self::{
    constraints::{Found, Mended, violations},
    expected::of as expected,
    faults::all_faults_of,
    hints::{Hint, Hints},
    secrets::is_secret as is_secret_name,
    tree_de::{Place as TreePlace, Reading},
    tree_error::{Path, TreeError},
};

/// A typed input or output of a service.
///
/// Implemented by the `#[model]` attribute only: it adds the derives with the right paths, so that whoever writes a
/// service depends on `zato` alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no model",
    label = "not a model",
    note = "put `#[model]` on the type; for bytes as they come take or return `Raw`, for any JSON `zato::Value`"
)]
pub trait Model: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// The type's own name, for schemas and messages.
    const NAME: &'static str;

    /// Whether JSON is read leniently: `"222"` for an integer, `yes` for a boolean, `7` for a text.
    const COERCE: bool = false;

    /// What the model says of itself and its fields beside their names and types, as formats are told it: in place of the
    /// struct's name.
    #[doc(hidden)]
    const HINTS: &'static str = Self::NAME;

    /// Goes through the constraints of the model and of every model in it.
    #[doc(hidden)]
    #[inline]
    fn __check(&self, checks: &mut constraints::Checks<'_>) {
        let _ = checks;
    }

    #[doc(hidden)]
    fn __made_by_the_macro();
}

/// Any JSON, where a service takes what nobody described.
impl Model for Value {
    const NAME: &'static str = "Value";

    fn __made_by_the_macro() {}
}

/// A list of models, read from and written as an array at the top level.
impl<M: Model> Model for Vec<M> {
    const NAME: &'static str = M::NAME;
    const COERCE: bool = M::COERCE;
    const HINTS: &'static str = M::HINTS;

    #[inline]
    fn __check(&self, checks: &mut constraints::Checks<'_>) {
        for (index, item) in self.iter().enumerate() {
            item.__check(&mut checks.at_item(index));
        }
    }

    fn __made_by_the_macro() {}
}

/// A model in a box, as one that holds itself needs.
impl<M: Model> Model for Box<M> {
    const NAME: &'static str = M::NAME;
    const COERCE: bool = M::COERCE;
    const HINTS: &'static str = M::HINTS;

    #[inline]
    fn __check(&self, checks: &mut constraints::Checks<'_>) {
        (**self).__check(checks);
    }

    fn __made_by_the_macro() {}
}
