//! What the text of an unquoted scalar means, by the core schema of YAML 1.2 (chapter 10.3).

use crate::config::Style;

/// What a plain scalar means where its reader takes anything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text,
}

/// Gives a plain scalar its meaning where nobody says which type is wanted.
///
/// Two departures from the core schema, both because what is lost cannot be brought back: digits after a leading zero
/// (`0123`, an account number) and after a plus sign (`+48123456789`, a telephone) remain text.
pub(crate) fn meaning(text: &str) -> Meaning {
    match text {
        _ if is_null(text) => return Meaning::Null,
        "true" | "True" | "TRUE" => return Meaning::Bool(true),
        "false" | "False" | "FALSE" => return Meaning::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let padded = digits.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if padded || text.starts_with('+') {
        return Meaning::Text;
    }
    if let Some(number) = integer(text) {
        return Meaning::Integer(number);
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than any integer holds: a float would round them.
        return Meaning::Text;
    }
    float(text).map_or(Meaning::Text, Meaning::Float)
}

/// Gives a scalar its meaning where nobody says which type is wanted.
pub(crate) fn meaning_of(text: &str, style: Style) -> Meaning {
    match (style, meaning(text)) {
        (Style::Plain, meaning) | (Style::Untyped, meaning @ Meaning::Bool(_)) => meaning,
        _ => Meaning::Text,
    }
}

/// Tells whether a plain scalar is YAML's null.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads a boolean: the words of the core schema, and those that Zato's own files use.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match () {
        () if is(["true", "yes", "on"]) => Some(true),
        () if is(["false", "no", "off"]) => Some(false),
        () => None,
    }
}

/// Reads an integer: decimal, `0o17` or `0x1f`.
pub(crate) fn integer(text: &str) -> Option<i128> {
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return digits(hexadecimal, 16);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn digits(text: &str, radix: u32) -> Option<i128> {
    // `from_str_radix` also takes a sign, which the core schema does not have here.
    if text.starts_with(['-', '+']) { None } else { i128::from_str_radix(text, radix).ok() }
}

/// Reads a number with or without a fraction, an infinity or "not a number".
pub(crate) fn float(text: &str) -> Option<f64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some(f64::NAN),
        _ => {}
    }
    // Rust's own parser also takes `inf`, `nan` and `infinity`, which are words in YAML.
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
    if numeric { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meaning_follows_the_core_schema() {
        for (text, expected) in [
            ("", Meaning::Null),
            ("~", Meaning::Null),
            ("null", Meaning::Null),
            ("nul", Meaning::Text),
            ("true", Meaning::Bool(true)),
            ("False", Meaning::Bool(false)),
            ("yes", Meaning::Text),
            ("NO", Meaning::Text),
            ("0", Meaning::Integer(0)),
            ("-12", Meaning::Integer(-12)),
            ("0x1f", Meaning::Integer(31)),
            ("0o17", Meaning::Integer(15)),
            ("0x-1", Meaning::Text),
            ("0123", Meaning::Text),
            ("-0123", Meaning::Text),
            ("+48123", Meaning::Text),
            ("1.5", Meaning::Float(1.5)),
            ("0.5", Meaning::Float(0.5)),
            (".5", Meaning::Float(0.5)),
            ("1e3", Meaning::Float(1000.0)),
            ("-.inf", Meaning::Float(f64::NEG_INFINITY)),
            ("inf", Meaning::Text),
            ("nan", Meaning::Text),
            (".", Meaning::Text),
            ("-", Meaning::Text),
            ("1.2.3", Meaning::Text),
            ("10:30", Meaning::Text),
            ("170141183460469231731687303715884105728", Meaning::Text),
        ] {
            assert_eq!(meaning(text), expected, "{text}");
        }
    }

    #[test]
    fn typed_readers_are_wider_than_the_meaning() {
        assert_eq!(integer("0123"), Some(123));
        assert_eq!(integer("+5"), Some(5));
        assert_eq!(integer(""), None);
        assert_eq!(boolean("Yes"), Some(true));
        assert_eq!(boolean("off"), Some(false));
        assert_eq!(boolean("maybe"), None);
        assert!(float(".nan").is_some_and(f64::is_nan));
        assert_eq!(float("+1."), Some(1.0));
    }
}
