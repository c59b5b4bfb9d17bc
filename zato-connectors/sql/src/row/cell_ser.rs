//! A value of a row on its way out, as the formats of models write it.

use std::any::type_name;

use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;
use zato_core::model::Base64;

use super::cell::{Cell, date_time, instant};

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::I64(number) => serializer.serialize_i64(*number),
            Self::U64(number) => serializer.serialize_u64(*number),
            Self::F32(number) if number.is_finite() => serializer.serialize_f32(*number),
            Self::F64(number) if number.is_finite() => serializer.serialize_f64(*number),
            // JSON has no word for them and would say null.
            Self::F32(number) => serializer.serialize_str(infinite(f64::from(*number))),
            Self::F64(number) => serializer.serialize_str(infinite(*number)),
            Self::Decimal(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => Base64::from(*bytes).serialize(serializer),
            Self::Date(date) => serializer.collect_str(date),
            Self::Time(time) => serializer.collect_str(time),
            Self::DateTime(at) => serializer.serialize_str(&date_time(*at)),
            Self::Instant(moment) => serializer.serialize_str(&instant(*moment)),
            Self::Uuid(uuid) => serializer.collect_str(uuid),
            Self::Json(document) => json(document, serializer),
            Self::Array(cells) => serializer.collect_seq(cells),
        }
    }
}

/// Writes a document into JSON as it is: no digit is rounded, and its keys keep their order. Other formats get what it means.
fn json<S: Serializer>(document: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let wrong = |_| Error::custom("a column of JSON has something else in it");
    if !is_json::<S>() {
        let value: serde_json::Value = serde_json::from_slice(document).map_err(wrong)?;
        return value.serialize(serializer);
    }
    if document.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        let text = String::from_utf8(in_one_line(document)).map_err(|_| Error::custom("it is no text in UTF-8"))?;
        return RawValue::from_string(text).map_err(wrong)?.serialize(serializer);
    }
    let raw: &RawValue = serde_json::from_slice(document).map_err(wrong)?;
    raw.serialize(serializer)
}

/// Raw documents are a word of the library that writes JSON, which no other serializer knows.
fn is_json<S>() -> bool {
    type_name::<S>().trim_start_matches("&mut ").starts_with("serde_json::")
}

/// Leaves out the ends of lines between values, since what has a document per line would take one for several. In texts of
/// JSON they don't stand as they are.
fn in_one_line(document: &[u8]) -> Vec<u8> {
    document.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}

/// As PostgreSQL's own functions for JSON write them.
fn infinite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_stay_as_they_are() {
        let document = br#"{"b": 12345678901234567.89, "a": [1e400, "\u0041"]}"#;
        let cell = Cell::Json(document);
        assert_eq!(serde_json::to_vec(&[&cell]).unwrap(), [&b"["[..], document, b"]"].concat());
        assert_eq!(serde_json::to_string(&Cell::Json(b"[1,\r\n 2]")).unwrap(), "[1,   2]");
        assert!(serde_json::to_string(&Cell::Json(b"[1,")).is_err());
        assert!(serde_json::to_string(&Cell::Json(b"1] , [2")).is_err());
        assert_eq!(serde_json::to_value(Cell::Json(b"{\"a\": 1}")).unwrap(), serde_json::json!({"a": 1}));
    }
}
