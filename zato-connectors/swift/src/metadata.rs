use std::{collections::BTreeMap, fmt};

use http::{HeaderMap, HeaderName, HeaderValue};
use zato_core::{Error, Result};

/// What is kept with an account, a container or an object beside what is in it: names and values.
///
/// Names are in lower case, whatever they were written in: HTTP does not tell them apart; and have no underscore, of which Swift
/// makes a hyphen. Values are UTF-8.
///
/// # Examples
///
/// ```
/// use zato_swift::Metadata;
///
/// let metadata = Metadata::new().with("Sent-By", "CRM").with("year", "2026");
/// assert_eq!(metadata.get("sent-by"), Some("CRM"));
/// assert_eq!(metadata.iter().collect::<Vec<_>>(), [("sent-by", "CRM"), ("year", "2026")]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// Begins without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, in the place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.insert(name, value);
        self
    }

    /// Adds a value, in the place of one of the same name.
    pub fn insert(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_ascii_lowercase(), value.into());
    }

    /// Returns a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// Returns all of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads those of headers that begin with something such as `x-object-meta-`.
    pub(crate) fn of(headers: &HeaderMap, prefix: &str) -> Self {
        let named = headers.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix(prefix)?, value)));
        // What is not UTF-8 was written by somebody else, who may read it.
        Self(named.map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into())).collect())
    }

    /// Writes them as headers that begin with something such as `x-object-meta-`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if one can't stand in a header.
    pub(crate) fn headers(&self, prefix: &str) -> Result<HeaderMap> {
        let mut headers = HeaderMap::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            if name.contains('_') {
                return Err(refused(name, "the name of metadata has an underscore, of which Swift makes a hyphen"));
            }
            let header = HeaderName::try_from(format!("{prefix}{name}")).ok().filter(|_| !name.is_empty());
            let header = header.ok_or_else(|| {
                refused(name, "the name of metadata is empty or has other characters than a header may have")
            })?;
            let is_whole = value.trim() == value;
            let value = HeaderValue::from_bytes(value.as_bytes()).ok().filter(|_| is_whole);
            let value = value.ok_or_else(|| {
                refused(name, "the value of metadata has a line break, another control character, or spaces around it")
            })?;
            headers.insert(header, value);
        }
        Ok(headers)
    }
}

#[cold]
fn refused(name: &str, words: &'static str) -> Error {
    Error::invalid_input(words).with("metadata", name.escape_debug())
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut metadata = Self::new();
        pairs.into_iter().for_each(|(name, value)| metadata.insert(name.as_ref(), value));
        metadata
    }
}

/// The names alone: keys of temporary URLs are among the values.
impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_through_headers_whole() {
        let metadata = Metadata::new().with("Sent-By", "Żółw sp. z o.o.").with("empty", "");
        let headers = metadata.headers("x-object-meta-").unwrap();
        assert_eq!(Metadata::of(&headers, "x-object-meta-"), metadata);
        assert!(!format!("{metadata:?}").contains("sp. z"));
        for (name, value) in [("", "a"), ("a b", "c"), ("a_b", "c"), ("a", "b\nc"), ("a", " b")] {
            assert!(Metadata::new().with(name, value).headers("x-object-meta-").is_err(), "{name:?} {value:?}");
        }
    }
}
