//! Where a value was written.

use std::fmt;
use std::sync::Arc;

/// Names the place of a value or a key: file, line and column.
///
/// Prints as `zato.yaml:12:7`, which terminals and editors turn into a link.
///
/// # Examples
///
/// ```
/// use zato_core::config::Origin;
///
/// assert_eq!(Origin::new("zato.yaml", 12, 7).to_string(), "zato.yaml:12:7");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file as its user named it: a relative name stays relative, so that messages are short and tests are stable.
    /// Shared, because every value of a file carries it.
    pub file: Arc<str>,
    /// Counts from 1.
    pub line: u32,
    /// Counts characters, not bytes, from 1.
    pub column: u32,
}

impl Origin {
    /// Names a line and a column, both counted from 1, of `file`.
    #[must_use]
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Self { file: file.into(), line, column }
    }

    /// Names the first character of `file`.
    #[must_use]
    pub fn start_of(file: impl Into<Arc<str>>) -> Self {
        Self::new(file, 1, 1)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_prints_as_editors_read_it() {
        assert_eq!(Origin::new("conf/zato.yaml", 12, 7).to_string(), "conf/zato.yaml:12:7");
        assert_eq!(format!("{:?}", Origin::start_of("a.yaml")), "a.yaml:1:1");
    }
}
