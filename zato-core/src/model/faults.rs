//! The second reading: every fault of an input, each with its place.

use serde::Deserialize;

use super::{
    Model,
    constraints::{Check, Found, violations},
    filler::Filler,
    secrets,
    tree::Tree,
    tree_de::{Place, Reading},
    tree_error::{Mend, Path, TreeError},
};
use crate::error::Fault;

/// The most faults that are told at once.
pub(crate) const MAX_FAULTS: usize = 100;

/// How often an input is read again at most: once for each fault, and now and then to find what a type can be read from.
const MAX_READINGS: usize = MAX_FAULTS + 50;

/// How many values a search may look at altogether, since each fault costs another reading of the whole input.
const MAX_WORK: usize = 400_000;

/// Reads a model from a tree.
///
/// # Errors
///
/// Every fault of the input, at least one.
pub(crate) fn decode_tree<M: Model>(tree: &Tree<'_>, is_lenient: bool) -> Result<M, Vec<Fault>> {
    read_and_check(tree, Reading::of(is_lenient), M::__check)
}

/// Reads a model from a tree of texts, of which an empty one is as good as none: what stands in the cells of a table.
///
/// # Errors
///
/// As [`decode_tree`].
#[cfg(feature = "csv")]
pub(crate) fn decode_cells<M: Model>(tree: &Tree<'_>, is_lenient: bool) -> Result<M, Vec<Fault>> {
    read_and_check(tree, Reading { is_blank_nothing: true, ..Reading::of(is_lenient) }, M::__check)
}

fn read_and_check<T: for<'de> Deserialize<'de>>(
    tree: &Tree<'_>,
    reading: Reading,
    check: Check<T>,
) -> Result<T, Vec<Fault>> {
    let read = |reading: &Reading| T::deserialize(Place { tree, path: Path::Root, reading });
    let found = search(tree.size(), reading, read, |value, reading, found| {
        let room = MAX_FAULTS.saturating_sub(found.len());
        found.extend(value.map(|value| violations(value, &reading.mended, check)).into_iter().flatten().take(room));
    });
    found.map_err(|found| found.into_iter().map(|found| told(tree, found)).collect())
}

/// Reads a type in whatever way, and finds what is wrong with the input, which has so many values; whoever completes what
/// was found has what could be read, and the reading that did it.
///
/// # Errors
///
/// Every fault of the input, at least one.
#[cfg(feature = "xml")]
pub(crate) fn all_faults_of<T>(
    size: usize,
    reading: Reading,
    read: impl Fn(&Reading) -> Result<T, TreeError>,
    complete: impl FnOnce(Option<&T>, &Reading, &mut Vec<Found>),
) -> Result<T, Vec<Fault>> {
    search(size, reading, read, complete).map_err(|found| found.into_iter().map(|found| found.fault).collect())
}

/// Adds the value that was sent to a fault, unless it is a secret.
fn told(tree: &Tree<'_>, Found { fault, is_secret }: Found) -> Fault {
    if is_secret || secrets::are_in(&fault.path) {
        return fault;
    }
    match tree.scalar_at(&fault.path) {
        Some(value) => fault.with_value(&value),
        None => fault,
    }
}

/// Reads again and again, each time with the fault before mended, until nothing more is found; then what was read is
/// looked at for more.
///
/// A derived `Deserialize` stops at its first fault and nobody else knows what it wants, so it is asked again with
/// something plausible in that place. An empty text that can't be read is no fault where it may stand for nothing, which is
/// known once it has been left out.
fn search<T>(
    size: usize,
    mut reading: Reading,
    read: impl Fn(&Reading) -> Result<T, TreeError>,
    complete: impl FnOnce(Option<&T>, &Reading, &mut Vec<Found>),
) -> Result<T, Vec<Found>> {
    let readings = (MAX_WORK / size.max(1)).clamp(1, MAX_READINGS);
    let mut found: Vec<Found> = Vec::new();
    let mut value = None;
    for _ in 0..=readings {
        let error = match read(&reading) {
            Ok(read) => {
                value = Some(read);
                break;
            }
            Err(error) => error,
        };
        let path = error.path.unwrap_or_default();
        if error.is_of_empty && reading.empty.insert(path.clone()) {
            continue;
        }
        // What was read in place of a fault may be refused by the type itself, which does not know that.
        let is_known = error.mend == Mend::Fill && reading.mended.contains_key(&path);
        if is_known || error.mend == Mend::Impossible {
            if !try_another(&mut reading, &path) {
                break;
            }
        } else if is_new(&mut reading, error.mend, &path) {
            found.push(Found { fault: Fault::new(path, error.detail), is_secret: error.is_secret });
            if found.len() >= MAX_FAULTS {
                break;
            }
        } else {
            break;
        }
    }
    complete(value.as_ref(), &reading, &mut found);
    match value {
        Some(value) if found.is_empty() => Ok(value),
        _ => Err(found),
    }
}

/// Mends a place, and says whether that had not been done yet.
fn is_new(reading: &mut Reading, mend: Mend, path: &str) -> bool {
    match mend {
        Mend::Fill => reading.mended.insert(path.to_owned(), 0).is_none(),
        Mend::PassOver => reading.unknown.insert(path.to_owned()),
        Mend::TakeFirst => reading.doubled.insert(path.to_owned()),
        Mend::Impossible => false,
    }
}

/// Has something else read in a place where what was tried could not be used.
///
/// Once nothing is left to try there, the list or the object around it is given up: it may do without items.
fn try_another(reading: &mut Reading, path: &str) -> bool {
    match reading.mended.get_mut(path) {
        Some(tried) if *tried < Filler::TRIES => {
            *tried += 1;
            true
        }
        _ => match path.rsplit_once('/') {
            Some((outer, _)) => match reading.mended.contains_key(outer) {
                true => try_another(reading, outer),
                false => reading.mended.insert(outer.to_owned(), 0).is_none(),
            },
            None => false,
        },
    }
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
        let found = read_and_check::<T>(&tree, Reading::of(false), |_, _| {}).err().unwrap_or_default();
        let value = |fault: &Fault| fault.value.as_ref().map(|value| format!(" (value: {value})")).unwrap_or_default();
        found.iter().map(|fault| format!("{fault}{}", value(fault))).collect()
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
                "/at: expected a date and time such as 2026-01-31T12:30:00Z, got an integer (value: 7)",
                "/balance: expected a decimal number of at most 28 digits, got a list",
                "/born: expected a date such as 2026-01-31, which the text is not (value: 31-12-1999)",
                "/id: expected a UUID such as 67e55044-10b1-426f-9247-bb680e5fe0c8, which the text is not (value: x)",
                "/is_active: expected a boolean, got a string (value: yes)",
                "/limits/c~0d: expected an integer from -128 to 127, got an integer that does not fit (value: 400)",
                "/phone_list/1/name: missing",
                "/phone_list/1/number: expected an integer from 0 to 65535, got an integer that does not fit (value: 70000)",
                "/phone_list/2/name: expected a string, got null",
                "/phone_list/2/number: expected an integer from 0 to 65535, got a string (value: canary)",
                "/phone_list/3: expected an object, got an integer (value: 5)",
                "/segment: expected one of retail, corporate (value: vip)",
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
                "/b: expected an integer from 0 to 255, got a string (value: x)",
            ]
        );
    }

    #[test]
    fn the_search_goes_on_past_types_that_say_nothing_of_themselves() {
        /// Read from a text that nobody can guess, and from a number but zero.
        #[derive(Debug, Deserialize)]
        #[serde(try_from = "String")]
        #[expect(dead_code, reason = "only read")]
        struct Unguessable(String);

        impl TryFrom<String> for Unguessable {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, &'static str> {
                if text == "the one" { Ok(Self(text)) } else { Err("expected the one") }
            }
        }

        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Holder {
            formula: Endless,
            port: std::num::NonZeroU16,
            address: std::net::IpAddr,
            local: chrono::NaiveDateTime,
            items: Vec<Item>,
            number: u8,
        }

        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Item {
            word: Unguessable,
        }

        assert_eq!(
            faults::<Holder>(
                r#"{"formula": 5, "port": 0, "address": "x", "local": "y", "items": [{"word": "z"}, 7], "number": "n"}"#
            ),
            [
                "/formula: expected the name of a variant, or an object with one as its only key, got an integer (value: 5)",
                "/port: expected a nonzero u16, got an integer that does not fit (value: 0)",
                "/address: expected an IP address such as 192.0.2.1 or 2001:db8::1, which the text is not (value: x)",
                "/local: expected a date and time such as 2026-01-31T12:30:00Z, which the text is not (value: y)",
                "/items/0/word: expected the one (value: z)",
                "/number: expected an integer from 0 to 255, got a string (value: n)",
            ]
        );
    }

    #[test]
    fn secrets_are_not_repeated() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Login {
            user: u8,
            #[serde(rename = "newPassword")]
            password: u8,
            tokens: Vec<u8>,
            pin: u8,
        }

        /// As the macro has a struct read that says something of its fields.
        #[derive(Debug)]
        #[expect(dead_code, reason = "only read")]
        struct Hinted(Login);

        impl<'de> Deserialize<'de> for Hinted {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let hints = "Login\u{1f}pin\u{1f}secret";
                Login::deserialize(super::super::ObjectOnly::new(deserializer, hints)).map(Self)
            }
        }

        assert_eq!(
            faults::<Hinted>(r#"{"user": "u", "newPassword": "canary", "tokens": ["canary"], "pin": "canary"}"#),
            [
                "/user: expected an integer from 0 to 255, got a string (value: u)",
                "/newPassword: expected an integer from 0 to 255, got a string",
                "/tokens/0: expected an integer from 0 to 255, got a string",
                "/pin: expected an integer from 0 to 255, got a string",
            ]
        );
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
            read_and_check::<Lenient>(&tree, Reading::of(true), |_, _| {}),
            Ok(Lenient { number: 222, flag: true, text: "123".to_owned(), list: vec![1, 2] })
        );
    }
}
