//! What values have to be beyond their types, and how it is told that they are not.

use std::collections::BTreeMap;

use zato::{
    __private::schemars,
    Decimal, Fault, Result, Secret, Value,
    chrono::{DateTime, NaiveDate, Utc},
    model, service, services, testing,
};

use crate::support::{Answer, assert_answer, cid};

/// One of every constraint.
#[model(custom(in_order))]
#[serde(rename_all = "camelCase")]
struct Transfer {
    #[model(length(min = 2, max = 4), pattern("^[A-Z]+$"))]
    iban: String,
    #[model(range(min = 0.01, max = 1000))]
    amount: Decimal,
    #[model(range(min = 1))]
    copies: Option<u8>,
    #[model(range(max = 0.5))]
    share: Option<f64>,
    #[model(range(min = "2000-01-01", max = "2099-12-31"))]
    from_day: NaiveDate,
    to_day: Option<NaiveDate>,
    #[model(range(min = "2000-01-01T00:00:00Z"))]
    at: Option<DateTime<Utc>>,
    #[model(email)]
    mail: Option<String>,
    #[model(url)]
    callback: Option<String>,
    #[model(custom(no_slash))]
    note: Option<String>,
    #[model(length(max = 2), inner(length(min = 1)))]
    #[serde(default)]
    tags: Vec<String>,
    #[model(length(min = 1))]
    #[serde(default = "one_limit")]
    limits: BTreeMap<String, Limit>,
    #[serde(default)]
    phones: Vec<Phone>,
    contact: Option<Contact>,
    parent: Option<Box<Self>>,
    #[model(length(equal = 4))]
    pin: Option<Secret>,
    #[model(secret, length(equal = 4))]
    code: Option<String>,
    #[serde(flatten)]
    more: More,
}

fn one_limit() -> BTreeMap<String, Limit> {
    BTreeMap::from([("day".to_owned(), Limit { most: 1 })])
}

fn in_order(transfer: &Transfer) -> Result<(), Fault> {
    match transfer.to_day {
        Some(to_day) if to_day < transfer.from_day => Err(Fault::new("/toDay", "expected no day before /fromDay")),
        _ => Ok(()),
    }
}

fn no_slash(note: &str) -> Result<(), &'static str> {
    if note.contains('/') { Err("expected no slash") } else { Ok(()) }
}

#[model]
struct Limit {
    #[model(range(min = 1, max = 10))]
    most: i64,
}

#[model]
struct Phone(#[model(pattern("^\\d+$"))] String);

#[model]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Contact {
    ByMail {
        #[model(length(min = 3))]
        address: String,
    },
    Limited(Limit),
}

#[model]
struct More {
    #[model(length(max = 1))]
    extra: Option<String>,
}

#[service(name = "transfer")]
async fn transfer(input: Transfer) -> Result<Transfer> {
    Ok(input)
}

#[service(name = "lenient")]
async fn lenient(input: Lenient) -> Result<Lenient> {
    Ok(input)
}

#[model(coerce)]
struct Lenient {
    #[model(range(min = 1))]
    number: i64,
}

/// A list of a generic model, in what is no model itself.
#[model]
struct Page<T> {
    items: Vec<T>,
    #[serde(default)]
    maybe: Vec<Option<T>>,
}

#[service(name = "page")]
async fn page(input: Page<Limit>) -> Result<Page<Limit>> {
    Ok(input)
}

#[cfg(feature = "xml")]
mod in_xml {
    use super::*;

    /// The faults of a reply as a place, what was expected, and the value if there is one.
    fn faults(reply: &str) -> Vec<String> {
        let inner = |text: &str, name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.to_owned())
        };
        let told = |fault: &str| {
            let value = if fault.contains("<value/>") { Some(String::new()) } else { inner(fault, "value") };
            let value = value.map(|value| format!(" (value: {value})")).unwrap_or_default();
            format!("{}: {}{value}", inner(fault, "path").expect("a path"), inner(fault, "detail").expect("a detail"))
        };
        reply.split("<i>").skip(1).map(told).collect()
    }

    #[tokio::test]
    async fn violations_are_told_with_their_xpaths_and_values() {
        let (_app, client) = started().await;
        let body = "<transfer><iban>d</iban><amount>1000.5</amount><copies>0</copies><share>0.6</share>\
            <fromDay>1999-12-31</fromDay><toDay>1999-12-30</toDay><note>a/b</note><tags/><tags>b</tags><tags>c</tags>\
            <limits><day><most>11</most></day></limits><phones>49</phones><phones>4x</phones>\
            <contact><kind>by_mail</kind><address>a</address></contact>\
            <parent><iban>TOO LONG</iban><amount>1</amount><fromDay>2000-01-01</fromDay></parent>\
            <pin>123</pin><code>12345</code><extra>xy</extra></transfer>";
        let reply = client.post("/xml", body).await;
        assert_eq!(
            faults(reply.text()),
            [
                "/transfer/iban: expected 2 to 4 characters, got 1 (value: d)",
                "/transfer/iban: expected a text that matches ^[A-Z]+$ (value: d)",
                "/transfer/amount: expected 0.01 to 1000 (value: 1000.5)",
                "/transfer/copies: expected at least 1 (value: 0)",
                "/transfer/share: expected at most 0.5 (value: 0.6)",
                "/transfer/fromDay: expected 2000-01-01 to 2099-12-31 (value: 1999-12-31)",
                "/transfer/note: expected no slash (value: a/b)",
                "/transfer/tags: expected at most 2 items, got 3",
                "/transfer/tags[1]: expected at least 1 character, got 0 (value: )",
                "/transfer/limits/day/most: expected 1 to 10 (value: 11)",
                "/transfer/phones[2]: expected a text that matches ^\\d+$ (value: 4x)",
                "/transfer/contact/address: expected at least 3 characters, got 1 (value: a)",
                "/transfer/parent/iban: expected 2 to 4 characters, got 8 (value: TOO LONG)",
                "/transfer/parent/iban: expected a text that matches ^[A-Z]+$ (value: TOO LONG)",
                "/transfer/pin: expected 4 characters, got 3",
                "/transfer/code: expected 4 characters, got 5",
                "/transfer/extra: expected at most 1 character, got 2 (value: xy)",
                "/transfer/toDay: expected no day before /fromDay",
            ],
            "{}",
            reply.text()
        );
    }

    #[tokio::test]
    async fn violations_are_told_with_the_faults_of_types() {
        let (_app, client) = started().await;
        let body = "<transfer><amount>0</amount><fromDay>x</fromDay><toDay>1000-01-01</toDay><tags/><tags><a/></tags>\
            <contact><kind>x</kind></contact></transfer>";
        let reply = client.post("/xml", body).await;
        let mut found = faults(reply.text());
        found.sort();
        assert_eq!(
            found,
            [
                "/transfer/amount: expected 0.01 to 1000 (value: 0)",
                "/transfer/contact/address: missing",
                "/transfer/contact/kind: expected one of by_mail, limited (value: x)",
                "/transfer/fromDay: expected a date such as 2026-01-31, which the text is not (value: x)",
                "/transfer/iban: missing",
                "/transfer/tags[1]: expected at least 1 character, got 0 (value: )",
                "/transfer/tags[2]: expected text, got elements",
            ],
            "{}",
            reply.text()
        );
    }
}

const CONFIG: &str = "
channel_rest:
  - {name: transfer, url_path: /transfer, service: transfer}
  - {name: form, url_path: /form, service: lenient, data_format: form}
  - {name: lenient, url_path: /lenient, service: lenient}
  - {name: page, url_path: /page, service: page}
  - {name: xml, url_path: /xml, service: transfer, data_format: xml}
";

async fn started() -> (zato::Running, testing::Client) {
    let services = services![transfer, lenient, page];
    let app = testing::app("constraints").services(services).config_yaml(CONFIG).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

#[tokio::test]
async fn what_fits_comes_through() {
    let (_app, client) = started().await;
    let body = r#"{"iban":"DE","amount":"0.01","copies":1,"share":0.5,"fromDay":"2000-01-01","toDay":"2000-01-01","at":"2000-01-01T00:00:00Z","mail":"a@b.example","callback":"https://example.com/x","note":"","tags":["a","b"],"limits":{"a":{"most":10}},"phones":["49"],"contact":{"kind":"limited","most":1},"extra":"x"}"#;
    assert_answer(client.post("/transfer", body).await, &Answer::json(200, &cid(1), body));
    // What is read as a secret is not written.
    let with_secrets = body.replace(r#","extra""#, r#","pin":"1234","code":"1234","extra""#);
    let without = body.replace(r#","extra""#, r#","code":"1234","extra""#);
    assert_answer(client.post("/transfer", with_secrets).await, &Answer::json(200, &cid(2), &without));
}

#[tokio::test]
async fn every_violation_is_told_with_its_place() {
    let (_app, client) = started().await;
    let body = r#"{"iban":"d","amount":1000.5,"copies":0,"share":0.6,"fromDay":"1999-12-31","toDay":"1999-12-30","at":"1999-12-31T23:59:59Z","mail":"a","callback":"/x","note":"a/b","tags":["","b","c"],"limits":{"a/b":{"most":11}},"phones":["4x"],"contact":{"kind":"by_mail","address":"a"},"parent":{"iban":"TOO LONG","amount":1,"fromDay":"2000-01-01"},"pin":"123","code":"12345","extra":"xy"}"#;
    let faults = [
        ("/iban", "expected 2 to 4 characters, got 1 (value: d)"),
        ("/iban", "expected a text that matches ^[A-Z]+$ (value: d)"),
        ("/amount", "expected 0.01 to 1000 (value: 1000.5)"),
        ("/copies", "expected at least 1 (value: 0)"),
        ("/share", "expected at most 0.5 (value: 0.6)"),
        ("/fromDay", "expected 2000-01-01 to 2099-12-31 (value: 1999-12-31)"),
        ("/at", "expected at least 2000-01-01T00:00:00Z (value: 1999-12-31T23:59:59Z)"),
        ("/mail", "expected an email address such as name@example.com (value: a)"),
        ("/callback", "expected a URL such as https://example.com/path (value: /x)"),
        ("/note", "expected no slash (value: a/b)"),
        ("/tags", "expected at most 2 items, got 3"),
        ("/tags/0", "expected at least 1 character, got 0 (value: )"),
        ("/limits/a~1b/most", "expected 1 to 10 (value: 11)"),
        ("/phones/0", "expected a text that matches ^\\d+$ (value: 4x)"),
        ("/contact/address", "expected at least 3 characters, got 1 (value: a)"),
        ("/parent/iban", "expected 2 to 4 characters, got 8 (value: TOO LONG)"),
        ("/parent/iban", "expected a text that matches ^[A-Z]+$ (value: TOO LONG)"),
        ("/pin", "expected 4 characters, got 3"),
        ("/code", "expected 4 characters, got 5"),
        ("/extra", "expected at most 1 character, got 2 (value: xy)"),
        ("/toDay", "expected no day before /fromDay"),
    ];
    let expected = Answer::faults(&cid(1), &faults).header("vary", "accept-encoding");
    assert_answer(client.post("/transfer", body).await, &expected);
}

#[tokio::test]
async fn violations_are_told_with_the_faults_of_types() {
    let (_app, client) = started().await;
    // Whether the days are in order can't be known while one is none, nor how many characters a number has.
    let body = r#"{"iban":7,"amount":0,"fromDay":"x","toDay":"1000-01-01","tags":["",5],"contact":{"kind":"x"}}"#;
    let faults = [
        ("/iban", "expected a string, got an integer (value: 7)"),
        ("/fromDay", "expected a date such as 2026-01-31, which the text is not (value: x)"),
        ("/tags/1", "expected a string, got an integer (value: 5)"),
        ("/contact/kind", "expected one of by_mail, limited (value: x)"),
        ("/contact/address", "missing"),
        ("/amount", "expected 0.01 to 1000 (value: 0)"),
        ("/tags/0", "expected at least 1 character, got 0 (value: )"),
    ];
    assert_answer(client.post("/transfer", body).await, &Answer::faults(&cid(1), &faults));
}

#[tokio::test]
async fn every_way_in_is_checked() {
    let (app, client) = started().await;
    let fault = [("/number", "expected at least 1 (value: 0)")];
    assert_answer(client.post("/form", "number=0").await, &Answer::faults(&cid(1), &fault));
    assert_answer(client.post("/lenient", r#"{"number":"0"}"#).await, &Answer::faults(&cid(2), &fault));
    assert_answer(client.post("/lenient?number=0", "").await, &Answer::faults(&cid(3), &fault));
    let error = app.invoke_by_name("lenient", serde_json::json!({"number": 0})).await.unwrap_err();
    assert_eq!(error.to_string(), "the input can't be used: /number: expected at least 1");
    let page = client.post("/page", r#"{"items":[{"most":1},{"most":0}],"maybe":[null,{"most":11}]}"#).await;
    let faults = [("/items/1/most", "expected 1 to 10 (value: 0)"), ("/maybe/1/most", "expected 1 to 10 (value: 11)")];
    assert_answer(page, &Answer::faults(&cid(5), &faults));
}

#[test]
fn a_value_made_by_hand_is_checked_by_hand() {
    assert!(zato::validate(&Limit { most: 1 }).is_ok());
    let error = zato::validate(&vec![Limit { most: 1 }, Limit { most: 0 }]).unwrap_err();
    assert_eq!(error.to_string(), "the input can't be used: /1/most: expected 1 to 10");
}

#[test]
fn the_schema_has_the_same_constraints() {
    let schema = serde_json::to_value(schemars::schema_for!(Transfer)).unwrap();
    let property = |name: &str| schema["properties"][name].clone();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (name, expected) in [
        ("iban", r#"{"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[A-Z]+$"}"#),
        ("copies", r#"{"type": ["integer", "null"], "format": "uint8", "minimum": 1, "maximum": 255}"#),
        ("share", r#"{"type": ["number", "null"], "format": "double", "maximum": 0.5}"#),
        ("mail", r#"{"type": ["string", "null"], "format": "email"}"#),
        ("callback", r#"{"type": ["string", "null"], "format": "uri"}"#),
        ("tags", r#"{"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 2, "default": []}"#),
        (
            "pin",
            r#"{"type": ["string", "null"], "writeOnly": true, "format": "password", "minLength": 4, "maxLength": 4}"#,
        ),
    ] {
        assert_eq!(property(name), json(expected), "{name}");
    }
    assert_eq!(property("limits")["minProperties"], 1);
    assert_eq!(schema["$defs"]["Phone"], json(r#"{"type": "string", "pattern": "^\\d+$"}"#));
    assert_eq!(schema["$defs"]["Limit"]["properties"]["most"]["maximum"], 10);
}
