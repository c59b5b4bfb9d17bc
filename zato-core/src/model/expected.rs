//! How it is said what was expected, in words that a caller of any language understands.

use std::borrow::Cow;

use serde::de::{Expected, Unexpected};

/// Says what a serde visitor expects, without the names of Rust's types.
pub(crate) fn of(expected: &dyn Expected) -> Cow<'static, str> {
    wording(&expected.to_string())
}

/// Whether a visitor is serde's own, which sets a value aside before its type is known.
pub(super) fn is_set_aside(expected: &dyn Expected) -> bool {
    expected.to_string() == "any value"
}

/// Puts one of serde's or Rust's names into plain words; one that is not known stays as it is.
pub(super) fn wording(name: &str) -> Cow<'static, str> {
    Cow::Borrowed(match name {
        "i8" => "an integer from -128 to 127",
        "i16" => "an integer from -32768 to 32767",
        "i32" => "an integer from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "an integer",
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "u128" | "usize" => "an integer of 0 or more",
        "f32" | "f64" => "a number",
        "a formatted date and time string" | "an RFC 3339 formatted date and time string" => {
            "a date and time such as 2026-01-31T12:30:00Z"
        }
        "a formatted time string" => "a time such as 12:30:00",
        "IP address" => "an IP address such as 192.0.2.1 or 2001:db8::1",
        "IPv4 address" => "an IPv4 address such as 192.0.2.1",
        "IPv6 address" => "an IPv6 address such as 2001:db8::1",
        "a formatted date string" => "a date such as 2026-01-31",
        "a UUID string" => "a UUID such as 67e55044-10b1-426f-9247-bb680e5fe0c8",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        "a character" => "a single character",
        other if other.starts_with("a formatted UUID string") => "a UUID such as 67e55044-10b1-426f-9247-bb680e5fe0c8",
        other if other.starts_with("struct ") || other.starts_with("internally tagged enum ") => "an object",
        other if other.starts_with("enum ") => "the name of a variant, or an object with one as its only key",
        other => return Cow::Owned(other.to_owned()),
    })
}

/// Says what kind of thing was found, never what it says.
pub(super) fn kind_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map | Unexpected::NewtypeStruct => "an object",
        _ => "something else",
    }
}

/// Says of which words one was expected.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing is allowed here".to_owned(),
        [one] => format!("expected {one}"),
        many => format!("expected one of {}", many.join(", ")),
    }
}
