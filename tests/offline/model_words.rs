//! What `#[model(...)]` says of a model beside names and types.

use zato::{__private::schemars, Model, Value, model, xml};

/// The rates of a day.
#[model(xml(name = "LT_RATES", namespace = "urn:rates"))]
#[serde(rename_all = "camelCase")]
struct Rates {
    #[model(xml(attribute))]
    base_currency: String,
    #[model(xml(item = "rate"))]
    rate_list: Vec<Rate>,
    #[model(secret)]
    pin_code: Option<String>,
}

#[model]
struct Rate {
    #[model(xml(attribute, name = "cur"))]
    currency: String,
    #[model(xml(text))]
    value: String,
}

/// A struct that serde reads as a map.
#[model]
struct Flattened {
    #[model(secret)]
    token: String,
    #[serde(flatten)]
    rate: Plain,
}

#[model]
struct Plain {
    currency: String,
}

#[test]
fn formats_are_told_it_under_the_names_of_serde() {
    assert_eq!(
        Rates::HINTS.replace('\u{1f}', "|").replace('\u{1e}', "&"),
        "Rates||name=LT_RATES&namespace=urn:rates|baseCurrency|attribute|rateList|list&item=rate|pinCode|secret"
    );
    assert_eq!(<Vec<Rates>>::HINTS, Rates::HINTS);
    assert_eq!(Plain::HINTS, "Plain");
}

/// Lists that are repeated elements, and what may be missing beside them.
#[model]
#[derive(Debug, PartialEq)]
struct Basket {
    line: Vec<String>,
    #[model(xml(item = "tag"))]
    tags: Vec<u8>,
    #[serde(default = "one")]
    copies: Vec<u8>,
}

fn one() -> Vec<u8> {
    vec![1]
}

#[test]
fn a_list_without_items_is_nothing_in_xml_and_has_to_be_said_in_json() {
    let empty = Basket { line: Vec::new(), tags: Vec::new(), copies: vec![1] };
    let read = |xml: &'static str| xml::Document::parse(xml).and_then(|document| document.read::<Basket>(None));
    assert_eq!(read("<basket/>").unwrap(), empty);
    assert_eq!(read("<basket><tags/></basket>").unwrap(), empty);
    assert_eq!(read("<basket><line>a</line></basket>").unwrap().line, ["a"]);
    assert!(serde_json::from_str::<Basket>("{}").is_err());
}

#[test]
fn other_formats_do_not_notice() {
    let json = r#"{"baseCurrency":"EUR","rateList":[{"currency":"USD","value":"1.1"}],"pinCode":"1"}"#;
    let rates: Rates = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&rates).unwrap(), json);
    let json = r#"{"token":"a","currency":"USD"}"#;
    let flattened: Flattened = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&flattened).unwrap(), json);
    assert!(serde_json::from_str::<Flattened>(r#"["a", "USD"]"#).is_err());
}

#[test]
fn the_schema_has_it_as_openapi_does() {
    let schema = serde_json::to_value(schemars::schema_for!(Rates)).unwrap();
    let expected: Value = serde_json::from_str(
        r##"{
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {
                "Rate": {
                    "properties": {
                        "currency": {"type": "string", "xml": {"attribute": true, "name": "cur"}},
                        "value": {"type": "string", "xml": {"x-text": true}}
                    },
                    "required": ["currency", "value"],
                    "type": "object",
                    "x-order": ["currency", "value"]
                }
            },
            "title": "Rates",
            "description": "The rates of a day.",
            "type": "object",
            "xml": {"name": "LT_RATES", "namespace": "urn:rates"},
            "properties": {
                "baseCurrency": {"type": "string", "xml": {"attribute": true}},
                "rateList": {
                    "type": "array",
                    "items": {"$ref": "#/$defs/Rate", "xml": {"name": "rate"}},
                    "xml": {"wrapped": true}
                },
                "pinCode": {"type": ["string", "null"], "format": "password", "writeOnly": true}
            },
            "required": ["baseCurrency", "rateList"],
            "x-order": ["baseCurrency", "rateList", "pinCode"]
        }"##,
    )
    .unwrap();
    assert_eq!(schema, expected);
}
