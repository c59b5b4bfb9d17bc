//! The second reading: every fault of an input, each with its place.

use serde::Deserialize;

use super::{
    tree::Tree,
    tree_de::{Place, Reading},
    tree_error::{Mend, Path, TreeError},
};
use crate::error::Fault;

/// The most faults that are told at once.
pub(crate) const MAX_FAULTS: usize = 32;

/// How many values a search may look at altogether, since each fault costs another reading of the whole input.
const MAX_WORK: usize = 400_000;

/// Reads a type from a tree.
///
/// # Errors
///
/// Every fault of the input, at least one.
pub(crate) fn decode_tree<T: for<'de> Deserialize<'de>>(tree: &Tree<'_>, is_lenient: bool) -> Result<T, Vec<Fault>> {
    all_faults_of(tree.size(), Reading::of(is_lenient), |reading| {
        T::deserialize(Place { tree, path: Path::Root, reading })
    })
}

/// Reads a type from a tree of texts, of which an empty one is as good as none: what stands in the cells of a table.
///
/// # Errors
///
/// As [`decode_tree`].
#[cfg(feature = "csv")]
pub(crate) fn decode_cells<T: for<'de> Deserialize<'de>>(tree: &Tree<'_>, is_lenient: bool) -> Result<T, Vec<Fault>> {
    let reading = Reading { is_blank_nothing: true, ..Reading::of(is_lenient) };
    all_faults_of(tree.size(), reading, |reading| T::deserialize(Place { tree, path: Path::Root, reading }))
}

/// Reads a type in whatever way, and finds what is wrong with the input, which has so many values.
///
/// A derived `Deserialize` stops at its first fault and nobody else knows what it wants, so it is asked again and again,
/// each time with something plausible in the place of the fault before, until nothing more is found. An empty text that
/// can't be read is no fault where it may stand for nothing, which is known once it has been left out.
///
/// # Errors
///
/// Every fault of the input, at least one.
pub(crate) fn all_faults_of<T>(
    size: usize,
    mut reading: Reading,
    read: impl Fn(&Reading) -> Result<T, TreeError>,
) -> Result<T, Vec<Fault>> {
    let mut next = match read(&reading) {
        Ok(value) => return Ok(value),
        Err(first) => Some(first),
    };
    let rounds = (MAX_WORK / size.max(1)).clamp(1, MAX_FAULTS);
    let mut faults: Vec<Fault> = Vec::new();
    while let Some(error) = next.take() {
        let path = error.path.unwrap_or_default();
        if error.is_of_empty && reading.empty.len() < rounds && reading.empty.insert(path.clone()) {
            match read(&reading) {
                Ok(value) if faults.is_empty() => return Ok(value),
                again => next = again.err(),
            }
            continue;
        }
        let (mended, is_new) = match error.mend {
            Mend::Fill => (true, reading.mended.insert(path.clone())),
            Mend::PassOver => (true, reading.unknown.insert(path.clone())),
            Mend::TakeFirst => (true, reading.doubled.insert(path.clone())),
            Mend::Impossible => (false, false),
        };
        if !mended || !is_new {
            break;
        }
        faults.push(Fault::new(path, error.detail));
        if faults.len() < rounds {
            next = read(&reading).err();
        }
    }
    Err(faults)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{DateTime, NaiveDate, Utc};
    use uuid::Uuid;

    use super::{super::Decimal, *};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Phone {
        name: String,
        number: u16,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Segment {
        Retail,
        Corporate,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Everything {
        id: Uuid,
        born: NaiveDate,
        at: DateTime<Utc>,
        balance: Decimal,
        segment: Segment,
        phone_list: Vec<Phone>,
        limits: BTreeMap<String, i8>,
        note: Option<String>,
        is_active: bool,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    enum Endless {
        Negated(Box<Self>),
        Number(i64),
    }

    fn faults<T: for<'de> Deserialize<'de>>(json: &str) -> Vec<String> {
        let tree: Tree<'_> = serde_json::from_str(json).unwrap();
        decode_tree::<T>(&tree, false).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_empty_object_names_every_key_that_is_missing() {
        assert_eq!(
            faults::<Everything>("{}"),
            [
                "/id: missing",
                "/born: missing",
                "/at: missing",
                "/balance: missing",
                "/segment: missing",
                "/phone_list: missing",
                "/limits: missing",
                "/is_active: missing",
            ]
        );
    }

    #[test]
    fn wrong_types_and_missing_keys_are_told_together_with_their_places() {
        let json = r#"{
            "id": "x", "born": "31-12-1999", "at": 7, "balance": [], "segment": "vip",
            "phone_list": [{"name": "a", "number": 1}, {"number": 70000}, {"name": null, "number": "canary"}, 5],
            "limits": {"a/b": 1, "c~d": 400}, "is_active": "yes"
        }"#;
        let mut found = faults::<Everything>(json);
        found.sort();
        assert_eq!(
            found,
            [
                "/at: expected a date and time such as 2026-01-31T12:30:00Z, got an integer",
                "/balance: expected a decimal number of at most 28 digits, got a list",
                "/born: expected a date such as 2026-01-31, which the text is not",
                "/id: expected a UUID such as 67e55044-10b1-426f-9247-bb680e5fe0c8, which the text is not",
                "/is_active: expected a boolean, got a string",
                "/limits/c~0d: expected an integer from -128 to 127, got an integer that does not fit",
                "/phone_list/1/name: missing",
                "/phone_list/1/number: expected an integer from 0 to 65535, got an integer that does not fit",
                "/phone_list/2/name: expected a string, got null",
                "/phone_list/2/number: expected an integer from 0 to 65535, got a string",
                "/phone_list/3: expected an object, got an integer",
                "/segment: expected one of retail, corporate",
            ]
        );
    }

    #[test]
    fn a_doubled_key_and_an_unknown_one_are_told() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only read")]
        struct Strict {
            a: u8,
            b: u8,
        }
        assert_eq!(
            faults::<Strict>(r#"{"a": 1, "c": 2, "a": 3, "d": 4, "b": "x"}"#),
            [
                "/c: unknown key, expected one of a, b",
                "/a: given more than once",
                "/d: unknown key, expected one of a, b",
                "/b: expected an integer from 0 to 255, got a string",
            ]
        );
    }

    #[test]
    fn a_type_that_holds_itself_ends_the_search_and_nothing_else() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Holder {
            formula: Endless,
            number: u8,
        }
        assert_eq!(faults::<Holder>(r#"{"formula": 5}"#).len(), 1);
    }

    #[test]
    fn a_long_list_of_faults_is_cut() {
        let json = format!("[{}]", vec!["\"x\""; 1000].join(","));
        assert_eq!(faults::<Vec<u8>>(&json).len(), MAX_FAULTS);
    }

    #[test]
    fn a_lenient_reading_takes_text_for_anything() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Lenient {
            number: i64,
            flag: bool,
            text: String,
            list: Vec<u8>,
        }
        let tree: Tree<'_> =
            serde_json::from_str(r#"{"number": "222", "flag": "on", "text": 123, "list": ["1", 2]}"#).unwrap();
        assert_eq!(
            decode_tree::<Lenient>(&tree, true),
            Ok(Lenient { number: 222, flag: true, text: "123".to_owned(), list: vec![1, 2] })
        );
    }
}
