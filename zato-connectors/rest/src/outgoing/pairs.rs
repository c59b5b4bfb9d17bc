//! A struct as names and texts, for what has no other types: query strings, forms, placeholders of a path.

use serde::Serialize;
use zato_core::{Error, Result};

/// Writes the fields of a struct or map as a form does. A list is one pair for each item; what is `None` is left out.
pub(super) fn encoded<T: Serialize + ?Sized>(fields: &T) -> Result<String> {
    serde_html_form::to_string(fields).map_err(|error| {
        let what = "parameters and forms are structs or maps of texts, numbers, booleans and lists of those";
        Error::internal(what).with_source(error)
    })
}

/// Reads the fields of a struct or map, as [`encoded`] writes them.
pub(super) fn of<T: Serialize + ?Sized>(fields: &T) -> Result<Vec<(String, String)>> {
    Ok(form_urlencoded::parse(encoded(fields)?.as_bytes()).into_owned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_repeated_and_nothing_is_left_out() {
        #[derive(Serialize)]
        struct Fields {
            a: u8,
            b: Vec<&'static str>,
            c: Option<u8>,
            d: f64,
            e: Vec<u8>,
        }
        let pairs = of(&Fields { a: 1, b: vec!["true", "x y&"], c: None, d: 1.5, e: Vec::new() }).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["a=1", "b=true", "b=x y&", "d=1.5"]);
        for bad in [json!({"a": {"b": 1}}), json!({"a": [[1]]}), json!(1)] {
            assert!(of(&bad).is_err(), "{bad}");
        }
    }
}
