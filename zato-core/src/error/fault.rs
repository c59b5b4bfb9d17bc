use std::{borrow::Cow, fmt};

/// One thing that is wrong with an input, and where.
///
/// An [`Error`](crate::Error) of kind [`InvalidInput`](crate::Kind::InvalidInput) carries one for every place that
/// can't be used, so that a caller mends them all in one go. Neither field ever repeats a value that was sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// Where, as a JSON Pointer (RFC 6901): `/phone_list/2/name`; empty for the payload as a whole.
    pub path: String,
    /// What was expected there: `expected an integer, got a string`.
    pub detail: Cow<'static, str>,
}

impl Fault {
    /// Makes a fault out of a place and what is wrong there.
    ///
    /// ```
    /// use zato_core::Fault;
    ///
    /// let fault = Fault::new("/iban", "the check digits don't match");
    /// assert_eq!(fault.to_string(), "/iban: the check digits don't match");
    /// ```
    pub fn new(path: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.into(), detail: detail.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.detail) } else { write!(f, "{}: {}", self.path, self.detail) }
    }
}
