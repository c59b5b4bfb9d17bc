//! One file of user configuration as a type of the program's own.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::UserConfig;
use crate::config::ConfigFault;

/// Holds a file of user configuration that was read into a type.
///
/// A service that takes one needs the file: without it, or if it does not fit, an app does not start. While the app runs,
/// a file that no longer fits, or is gone, keeps its last good content. A clone is cheap and shows the same value.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, Typed, UserConfig};
///
/// #[derive(serde::Deserialize)]
/// struct Limits {
///     daily: u32,
/// }
///
/// // As a service receives it, and as its unit test makes it.
/// let limits = Typed::<Limits>::from_config(&UserConfig::from_yaml("daily: 10")?)?;
/// assert_eq!(limits.daily, Typed::new(Limits { daily: 10 }).daily);
/// # Ok::<(), ConfigFault>(())
/// ```
pub struct Typed<T>(Arc<T>);

impl<T> Typed<T> {
    /// Holds `value`, for unit tests of services.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T: DeserializeOwned> Typed<T> {
    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// The file does not exist, or does not fit the type.
    pub fn from_config(config: &UserConfig) -> Result<Self, ConfigFault> {
        config.require("").map(Self::new)
    }
}

// Derived, this would ask for `T: Clone`.
impl<T> Clone for Typed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Typed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Typed<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Limits {
        daily: u32,
    }

    #[test]
    fn typed_reads_the_whole_file() {
        let config = UserConfig::from_yaml("daily: 10").unwrap();
        let limits = Typed::<Limits>::from_config(&config).unwrap();
        let same = limits.clone();
        assert_eq!((limits.daily, format!("{same:?}").as_str()), (10, "Limits { daily: 10 }"));
    }

    #[test]
    fn typed_says_what_does_not_fit() {
        let fault = |config| Typed::<Limits>::from_config(&config).unwrap_err().to_string();
        assert_eq!(
            fault(UserConfig::from_yaml("dayly: 10").unwrap()),
            "test.yaml:1:1: unknown key \"dayly\"; did you mean \"daily\"? (daily)"
        );
        assert_eq!(
            fault(UserConfig::absent("limits")),
            "there is no user configuration named \"limits\"; write \"limits.yaml\""
        );
    }
}
