use std::{borrow::Cow, fmt};

/// How many characters of a value are repeated: enough to recognise it, and little in a log.
const MAX_VALUE: usize = 40;

/// One thing that is wrong with an input, and where.
///
/// An [`Error`](crate::Error) of kind [`InvalidInput`](crate::Kind::InvalidInput) carries one for every place that
/// can't be used, so that a caller mends them all in one go. The value that was sent is repeated to whoever sent it,
/// shortened, and never where the model, the type or the name says that it is a secret; no other field repeats one, and
/// `Display` leaves it out, so that no log has what was sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// Where, as a JSON Pointer (RFC 6901): `/phone_list/2/name`; empty for the payload as a whole.
    pub path: String,
    /// What was expected there: `expected an integer, got a string`.
    pub detail: Cow<'static, str>,
    /// What was there instead, shortened; none for what is missing, for lists and objects, and for secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
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
        Self { path: path.into(), detail: detail.into(), value: None }
    }

    /// Adds the value that is wrong: its first 40 characters, with control characters escaped. Never give it a secret.
    ///
    /// ```
    /// use zato_core::Fault;
    ///
    /// let fault = Fault::new("/iban", "the check digits don't match").with_value("DE00 1234\n");
    /// assert_eq!(fault.value.as_deref(), Some("DE00 1234\\n"));
    /// ```
    #[must_use]
    pub fn with_value(mut self, value: &str) -> Self {
        let mut shortened = String::new();
        let mut characters = value.chars();
        for character in characters.by_ref().take(MAX_VALUE) {
            match character {
                control if control.is_control() => shortened.extend(control.escape_default()),
                other => shortened.push(other),
            }
        }
        if characters.next().is_some() {
            shortened.push('…');
        }
        self.value = Some(shortened);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shortened_between_characters_and_stays_on_its_line() {
        let of = |value: &str| Fault::new("", "x").with_value(value).value.unwrap_or_default();
        assert_eq!(of("€".repeat(40).as_str()), "€".repeat(40));
        assert_eq!(of("€".repeat(41).as_str()), format!("{}…", "€".repeat(40)));
        assert_eq!(of("a\r\n\0\u{9b}\u{1b}[31m"), "a\\r\\n\\u{0}\\u{9b}\\u{1b}[31m");
    }
}
