//! What is wrong with a configuration, and where.

use std::error::Error;
use std::fmt;

use crate::config::Origin;

/// Says what is wrong with one value and where that value is.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, Origin};
///
/// let fault = ConfigFault::at(&Origin::new("zato.yaml", 12, 7), "missing key \"service\"");
/// assert_eq!(fault.to_string(), "zato.yaml:12:7: missing key \"service\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConfigFault {
    /// The place of the value; `None` when there is none, as for a file that could not be opened.
    pub origin: Option<Origin>,
    /// The fault and its remedy on one line, in lower case and with no full stop.
    pub message: String,
}

impl ConfigFault {
    /// Makes a fault that is at a known place.
    #[must_use]
    pub fn at(origin: &Origin, message: impl Into<String>) -> Self {
        Self { origin: Some(origin.clone()), message: message.into() }
    }

    /// Makes a fault that is at no place of any file.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { origin: None, message: message.into() }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for ConfigFault {}

/// Collects every fault of a configuration, so that one attempt tells all of them.
///
/// Prints one fault per line.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, ConfigFaults};
///
/// let mut faults = ConfigFaults::default();
/// faults.push(ConfigFault::new("no service named \"ping\""));
/// assert!(faults.into_result(()).is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFaults(Vec<ConfigFault>);

impl ConfigFaults {
    /// Starts with no fault.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one fault.
    pub fn push(&mut self, fault: ConfigFault) {
        self.0.push(fault);
    }

    /// Adds all of `faults`, which can be another collection of this type.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = ConfigFault>) {
        self.0.extend(faults);
    }

    /// Adds the fault of a failed `result`, or gives its value back.
    pub fn keep<T>(&mut self, result: Result<T, ConfigFault>) -> Option<T> {
        result.map_err(|fault| self.push(fault)).ok()
    }

    /// Tells whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts the faults.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Walks over the faults in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigFault> {
        self.0.iter()
    }

    /// Gives `value` if nothing is wrong.
    ///
    /// # Errors
    ///
    /// These faults, when there is at least one.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(fault, f)?;
        }
        Ok(())
    }
}

impl Error for ConfigFaults {}

impl From<ConfigFault> for ConfigFaults {
    fn from(fault: ConfigFault) -> Self {
        Self(vec![fault])
    }
}

impl FromIterator<ConfigFault> for ConfigFaults {
    fn from_iter<I: IntoIterator<Item = ConfigFault>>(faults: I) -> Self {
        Self(faults.into_iter().collect())
    }
}

impl IntoIterator for ConfigFaults {
    type Item = ConfigFault;
    type IntoIter = std::vec::IntoIter<ConfigFault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a ConfigFaults {
    type Item = &'a ConfigFault;
    type IntoIter = std::slice::Iter<'a, ConfigFault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_print_one_per_line() {
        let mut faults = ConfigFaults::new();
        faults.push(ConfigFault::at(&Origin::new("zato.yaml", 12, 7), "first"));
        faults.extend([ConfigFault::new("second")]);
        assert_eq!(faults.to_string(), "zato.yaml:12:7: first\nsecond");
    }

    #[test]
    fn no_fault_gives_the_value() {
        let mut faults = ConfigFaults::new();
        assert_eq!(faults.keep(Ok(7)), Some(7));
        assert_eq!(faults.clone().into_result(1), Ok(1));
        assert_eq!(faults.keep::<()>(Err(ConfigFault::new("no"))), None);
        assert_eq!(faults.into_result(1), Err(ConfigFaults::from(ConfigFault::new("no"))));
    }
}
