//! What may be written as one value or as a list of them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What a list that may be a single value asks a node for, which answers with a list in any case.
pub(super) const SEVERAL: &str = "$zato::several";

/// Reads one value, or a list of them, for `#[serde(deserialize_with = "...")]`. Each keeps its place, as that of a file.
///
/// # Errors
///
/// What is wrong with a value.
///
/// # Examples
///
/// ```
/// use serde::Deserialize;
/// use zato_core::config::{ConfigFault, FilePath, from_node, several, yaml};
///
/// #[derive(Deserialize)]
/// struct Tls {
///     #[serde(default, deserialize_with = "several")]
///     ca: Vec<FilePath>,
/// }
///
/// let tls: Tls = from_node(&yaml::parse("zato.yaml", "ca: bank.pem")?)?;
/// assert_eq!(tls.ca.len(), 1);
/// # Ok::<(), ConfigFault>(())
/// ```
pub fn several<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Several<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Several<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("one value, or a list of them")
        }

        /// From anything but a node: a list.
        fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
            Vec::deserialize(deserializer)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut several = Vec::new();
            while let Some(item) = items.next_element()? {
                several.push(item);
            }
            Ok(several)
        }
    }
    deserializer.deserialize_newtype_struct(SEVERAL, Several(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FilePath, from_node, yaml};

    #[derive(Debug, Deserialize)]
    struct Authorities {
        #[serde(default, deserialize_with = "several")]
        ca: Vec<FilePath>,
    }

    #[test]
    fn one_is_a_list_of_one_and_has_its_place() {
        for (text, expected) in [
            ("ca: a.pem", &["a.yaml:1:5: the file \"a.pem\" !"][..]),
            ("ca: [a.pem, b.pem]", &["a.yaml:1:6: the file \"a.pem\" !", "a.yaml:1:13: the file \"b.pem\" !"]),
            ("ca: ", &[]),
            ("{}", &[]),
        ] {
            let read: Authorities = from_node(&yaml::parse("a.yaml", text).unwrap()).unwrap();
            let said: Vec<_> = read.ca.iter().map(|file| file.fault("!").to_string()).collect();
            assert_eq!(said, expected, "{text}");
        }
        let fault = from_node::<Authorities>(&yaml::parse("a.yaml", "ca: {a: b}").unwrap()).unwrap_err();
        assert_eq!(fault.to_string(), "a.yaml:1:5: expected a string, found a map");
    }
}
