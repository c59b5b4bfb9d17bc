//! The cases of Zato's own tests, each with its number in the table of the manual (`src/docs/zato_cases.md`), which also says
//! which of them are left out, and why ours differs where it does.

use std::collections::BTreeMap;

use serde_json::json;
use zato::{
    Context, Decimal, Invoke, Raw, Result, Value,
    chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime},
    http::Method,
    model, service, services, testing,
    uuid::Uuid,
};

/// The declaration of most cases: `'aaa', Int('bbb'), Opaque('ccc'), '-ddd', '-eee'`.
#[model(coerce)]
struct Main {
    aaa: String,
    bbb: i64,
    ccc: Value,
    ddd: Option<String>,
    eee: Option<String>,
}

#[model(coerce)]
struct Defaults {
    #[serde(default = "of_class")]
    ddd: String,
    #[serde(default = "of_element")]
    fff: String,
    ggg: Option<String>,
}

fn of_class() -> String {
    "X".to_owned()
}

fn of_element() -> String {
    "Y".to_owned()
}

/// One of each type of SimpleIO.
#[model(coerce)]
struct Types {
    flag: Option<bool>,
    date: Option<NaiveDate>,
    naive: Option<NaiveDateTime>,
    at: Option<DateTime<FixedOffset>>,
    decimal: Option<Decimal>,
    float: Option<f64>,
    int: Option<i128>,
    text: Option<String>,
    list: Option<Vec<String>>,
    uuid: Option<Uuid>,
}

#[model]
struct Keys {
    mykey: Mykey,
}

/// `Dict('mykey', 'aaa', 'bbb', 'ccc', '-ddd', '-eee')`.
#[model]
struct Mykey {
    aaa: String,
    bbb: String,
    ccc: String,
    ddd: Option<String>,
    eee: Option<String>,
}

/// `Dict('d', 'a', Dict('e', 'f', Dict('g', '-h')))`.
#[model]
struct Nested {
    d: D,
}

#[model]
struct D {
    a: String,
    e: E,
}

#[model]
struct E {
    f: String,
    g: G,
}

#[model]
struct G {
    #[serde(default = "of_class")]
    h: String,
}

#[model]
struct CreateUser {
    request_id: u64,
    user: User,
    #[serde(default)]
    role_list: Vec<Role>,
    #[serde(default)]
    phone: Phone,
}

#[model]
struct User {
    user_name: String,
    address: String,
}

#[model]
struct Role {
    name: String,
    attr_list: Vec<Attr>,
}

#[model]
struct Attr {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[model]
struct Phone {
    attr: String,
}

impl Default for Phone {
    fn default() -> Self {
        Self { attr: "MyDefaultValue".to_owned() }
    }
}

#[model]
struct Abc {
    a: String,
    b: String,
    c: String,
    d: Option<String>,
    e: Option<String>,
    f: Option<String>,
    g: Option<String>,
    #[serde(flatten)]
    undeclared: BTreeMap<String, Value>,
}

#[model(coerce)]
struct Item {
    item: i64,
}

#[model]
struct Keyed {
    url_key1: String,
    url_key2: String,
    url_key3: Vec<String>,
}

/// The declaration of most cases, in the order of its columns.
#[model]
struct Row {
    aaa: String,
    bbb: i64,
    ccc: String,
    ddd: Option<String>,
    eee: Option<String>,
}

#[model(xml(name = "response"))]
struct Person {
    first_name: String,
    #[model(xml(item = "item"))]
    emails: Vec<String>,
}

macro_rules! echoes {
    ($($name:ident $model:ty;)*) => {
        $(
            #[service]
            async fn $name(input: $model) -> Result<$model> {
                Ok(input)
            }
        )*

        /// An app that gives back what it was sent, at the path of each model.
        async fn started() -> (zato::Running, testing::Client) {
            let mut yaml = "channel_rest:\n".to_owned();
            for name in [$(stringify!($name)),*] {
                yaml += &format!("  - {{name: {name}, url_path: /{name}, service: zato-cases.{name}}}\n");
            }
            yaml += CHANNELS;
            let services = services![$($name,)* channel, copied];
            let app = testing::app("zato-cases").services(services).config_yaml(yaml).start().await;
            let app = app.expect("the app starts");
            let client = testing::client(&app);
            (app, client)
        }
    };
}

echoes! {
    main Main;
    many Vec<Main>;
    defaults Defaults;
    types Types;
    keys Keys;
    nested Nested;
    user CreateUser;
    abc Abc;
    item Item;
    keyed Keyed;
    anything Value;
    rows Vec<Row>;
    person Person;
}

/// Says through which channel it was reached, and with which path parameters.
#[service(name = "channel")]
async fn channel(ctx: &Context) -> Result<Raw> {
    let params: Vec<String> = ctx.params().path_iter().map(|(name, value)| format!(" {name}={value}")).collect();
    Ok(Raw::new(format!("{}{}", ctx.channel().name, params.concat())))
}

/// Hands a model to another service.
#[service(name = "copied")]
async fn copied(ctx: &Context, #[invoke] item: Invoke<item>) -> Result<Item> {
    item.call(ctx, Item { item: 7 }).await
}

const CHANNELS: &str = "
  - {name: main-csv, url_path: /main-csv, service: zato-cases.rows, data_format: csv, csv: {has_header: false, delimiter: ';'}}
  - {name: person-xml, url_path: /person-xml, service: zato-cases.person, data_format: xml}
  - {name: msg-first, url_path: /msg-first, service: zato-cases.abc, params_pri: msg-over-channel-params}
  - {name: anything-msg, url_path: /anything-msg, service: zato-cases.anything, params_pri: msg-over-channel-params}
  - {name: anything-apart, url_path: /anything-apart, service: zato-cases.anything, merge_url_params_req: false}
  - {name: keyed-form, url_path: /keyed-form, service: zato-cases.keyed, data_format: form}
  - {name: copied, url_path: /copied, service: copied}
  - {name: customer, url_path: '/customer/{cid}/order/{oid}', service: channel}
  - {name: plain-customer, url_path: '/customer/abc{cid}def', service: channel}
  - {name: invoice, url_path: '/api/invoice/{invoice_id}', service: channel}
  - {name: literal, url_path: /api/invoice/open, service: channel}
  - {name: deep, url_path: '/api/invoice/{invoice_id}/history', service: channel}
  - {name: deep-literal, url_path: /api/invoice/open/history, service: channel}
";

/// Sends JSON to the service of a model, and gives what it read, as it writes it.
async fn read(client: &testing::Client, path: &str, body: &Value) -> Value {
    let reply = client.post(path, body.to_string()).await;
    assert_eq!(reply.status, 200, "{path} {body}: {}", reply.text());
    reply.json()
}

/// Sends JSON that can't be read, and gives what is said about it.
async fn refused(client: &testing::Client, path: &str, body: &Value) -> Vec<(String, String)> {
    let reply = client.post(path, body.to_string()).await;
    assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text());
    let told = |fault: &Value, key: &str| fault[key].as_str().expect("a text").to_owned();
    let problem = reply.json();
    let faults = problem.get("errors").and_then(Value::as_array).expect("faults");
    faults.iter().map(|fault| (told(fault, "path"), told(fault, "detail"))).collect()
}

fn faults(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(path, detail)| ((*path).to_owned(), (*detail).to_owned())).collect()
}

#[tokio::test]
async fn case_01_json_becomes_what_is_declared() {
    let (_app, client) = started().await;
    let sent = json!({"aaa": "aaa-111", "bbb": "222", "ccc": {"any": ["thing"]}, "eee": "eee-111"});
    let got = json!({"aaa": "aaa-111", "bbb": 222, "ccc": {"any": ["thing"]}, "eee": "eee-111"});
    assert_eq!(read(&client, "/main", &sent).await, got);
}

#[tokio::test]
async fn case_03_and_37_a_list_of_them_goes_in_and_out() {
    let (_app, client) = started().await;
    let one = |number: &Value| json!({"aaa": "a", "bbb": number, "ccc": null});
    let sent = json!([one(&json!("1")), one(&json!("2"))]);
    let got = read(&client, "/many", &sent).await;
    assert_eq!(got, json!([one(&json!(1)), one(&json!(2))]));
}

#[tokio::test]
async fn case_05_and_07_what_is_absent_has_its_default_or_is_absent() {
    let (_app, client) = started().await;
    assert_eq!(read(&client, "/defaults", &json!({})).await, json!({"ddd": "X", "fff": "Y"}));
    assert_eq!(read(&client, "/defaults", &json!({"ddd": ""})).await, json!({"ddd": "", "fff": "Y"}));
}

#[tokio::test]
async fn case_09_and_45_the_words_for_true_and_false() {
    let (_app, client) = started().await;
    for word in [json!("true"), json!("YES"), json!("on"), json!("Y"), json!("t"), json!("1"), json!(true), json!(1)] {
        assert_eq!(read(&client, "/types", &json!({"flag": word})).await, json!({"flag": true}), "{word}");
    }
    for word in [json!("false"), json!("No"), json!("off"), json!("n"), json!("F"), json!("0"), json!(false), json!(0)]
    {
        assert_eq!(read(&client, "/types", &json!({"flag": word})).await, json!({"flag": false}), "{word}");
    }
    for nothing in [json!(""), json!(null)] {
        assert_eq!(read(&client, "/types", &json!({"flag": nothing})).await, json!({}), "{nothing}");
    }
}

#[tokio::test]
async fn case_11_any_other_word_is_refused() {
    let (_app, client) = started().await;
    let expected = faults(&[("/flag", "expected a boolean, which the text is not")]);
    assert_eq!(refused(&client, "/types", &json!({"flag": "maybe"})).await, expected);
}

#[tokio::test]
async fn case_13_and_15_dates_and_times_are_read_as_people_write_them() {
    let (_app, client) = started().await;
    let sent = json!({"date": "31-12-1999", "naive": "31-12-1999T11:22:33.000Z", "at": "31-12-1999T11:22:33.000Z"});
    let got = json!({"date": "1999-12-31", "naive": "1999-12-31T11:22:33", "at": "1999-12-31T11:22:33Z"});
    assert_eq!(read(&client, "/types", &sent).await, got);
    let expected = faults(&[("/date", "expected a date such as 2026-01-31, which the text is not")]);
    assert_eq!(refused(&client, "/types", &json!({"date": "31-77-1999"})).await, expected);
}

#[tokio::test]
async fn case_17_25_and_27_numbers_are_exact_and_texts_texts() {
    let (_app, client) = started().await;
    let long = "1234567890.123456789012345678";
    assert_eq!(read(&client, "/types", &json!({"decimal": long})).await, json!({"decimal": long}));
    let sent = json!({"float": "1.23", "int": "12345678901234567890", "text": 123});
    let got = json!({"float": 1.23, "int": 12_345_678_901_234_567_890_u64, "text": "123"});
    assert_eq!(read(&client, "/types", &sent).await, got);
}

#[tokio::test]
async fn case_19_21_and_61_a_dictionary_has_the_keys_that_are_declared() {
    let (_app, client) = started().await;
    let sent = json!({"mykey": {"aaa": "1", "bbb": "2", "ccc": "3", "ddd": "4", "fff": "5"}});
    let got = json!({"mykey": {"aaa": "1", "bbb": "2", "ccc": "3", "ddd": "4"}});
    assert_eq!(read(&client, "/keys", &sent).await, got);
    let expected = faults(&[("/mykey", "expected an object, got an integer")]);
    assert_eq!(refused(&client, "/keys", &json!({"mykey": 123})).await, expected);
    let expected = faults(&[("/mykey/bbb", "missing"), ("/mykey/ccc", "missing")]);
    assert_eq!(refused(&client, "/keys", &json!({"mykey": {"aaa": "1"}})).await, expected);
}

#[tokio::test]
async fn case_23_defaults_reach_any_depth() {
    let (_app, client) = started().await;
    let sent = json!({"d": {"a": "1", "e": {"f": "2", "g": {}}}});
    let got = json!({"d": {"a": "1", "e": {"f": "2", "g": {"h": "X"}}}});
    assert_eq!(read(&client, "/nested", &sent).await, got);
}

#[tokio::test]
async fn case_29_31_and_33_rows_go_in_and_out() {
    let (_app, client) = started().await;
    let rows = "aaa-111;222;ccc-ccc-ccc;;eee-444\r\nb;333;c;d;\r\n";
    let reply = client.post("/main-csv", rows).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, &*format!("aaa;bbb;ccc;ddd;eee\r\n{rows}")));
}

#[tokio::test]
async fn case_67_a_list_is_wrapped_in_xml_and_plain_in_json() {
    let (_app, client) = started().await;
    let xml = "<response><first_name>A</first_name><emails><item>a</item><item>b</item></emails></response>";
    let reply = client.post("/person-xml", xml).await;
    assert!(reply.text().ends_with(xml), "{}", reply.text());
    let json = json!({"first_name": "A", "emails": ["a", "b"]});
    assert_eq!(read(&client, "/person", &json).await, json);
}

#[tokio::test]
async fn case_35_types_as_they_go_out() {
    let (_app, client) = started().await;
    let sent = r#"{"date":"1999-12-31","at":"1988-01-29T11:22:33+00:00","decimal":"123.456","float":"111.222","int":"9090","uuid":"67E5504410B1426F9247BB680E5FE0C8"}"#;
    let got = r#"{"date":"1999-12-31","at":"1988-01-29T11:22:33Z","decimal":"123.456","float":111.222,"int":9090,"uuid":"67e55044-10b1-426f-9247-bb680e5fe0c8"}"#;
    assert_eq!(client.post("/types", sent).await.text(), got);
}

#[tokio::test]
async fn case_47_49_and_51_every_missing_element_is_told_with_its_place() {
    let (_app, client) = started().await;
    let expected = faults(&[("/request_id", "missing"), ("/user", "missing")]);
    assert_eq!(refused(&client, "/user", &json!({})).await, expected);
    let sent = json!({"request_id": 1, "user": {"user_name": "a"}});
    assert_eq!(refused(&client, "/user", &sent).await, faults(&[("/user/address", "missing")]));
    let with = |attrs: Value| {
        let user = json!({"user_name": "a", "address": "b"});
        json!({"request_id": 1, "user": user, "role_list": [{"name": "c", "attr_list": attrs}]})
    };
    let ok = json!({"name": "x"});
    for (attrs, place) in [
        (json!([{}]), "/role_list/0/attr_list/0/name"),
        (json!([ok, {"type": "t"}]), "/role_list/0/attr_list/1/name"),
        (json!([ok, ok, ok, ok, ok, {}]), "/role_list/0/attr_list/5/name"),
    ] {
        assert_eq!(refused(&client, "/user", &with(attrs)).await, faults(&[(place, "missing")]));
    }
}

#[tokio::test]
async fn case_53_55_and_57_lists_and_defaults_of_models() {
    let (_app, client) = started().await;
    let user = json!({"user_name": "a", "address": "b"});
    let sent = json!({"request_id": 1, "user": user, "role_list": [{"name": "c", "attr_list": []}]});
    let got = read(&client, "/user", &sent).await;
    assert_eq!((&got["role_list"][0]["attr_list"], &got["phone"]["attr"]), (&json!([]), &json!("MyDefaultValue")));
    let got = read(&client, "/user", &json!({"request_id": 1, "user": user})).await;
    assert_eq!(got["role_list"], json!([]));
    let expected = faults(&[("/role_list", "expected a list, got an integer")]);
    assert_eq!(refused(&client, "/user", &json!({"request_id": 1, "user": user, "role_list": 123})).await, expected);
}

#[tokio::test]
async fn case_59_a_model_is_handed_over_as_it_is() {
    let (_app, client) = started().await;
    assert_eq!(client.get("/copied").await.json(), json!({"item": 7}));
}

#[tokio::test]
async fn case_63_an_integer_comes_as_text_as_number_and_in_the_query_string() {
    let (_app, client) = started().await;
    assert_eq!(read(&client, "/item", &json!({"item": "1"})).await, json!({"item": 1}));
    assert_eq!(read(&client, "/item", &json!({"item": 1})).await, json!({"item": 1}));
    assert_eq!(client.get("/item?item=1").await.json(), json!({"item": 1}));
}

#[tokio::test]
async fn case_65_parameters_and_payload_are_merged() {
    let (_app, client) = started().await;
    let msg = json!({"a": "m", "b": "m", "c": "m", "d": "m", "e": "m", "f": "m", "g": "m"});
    let query = "?a=p&b=p&c=p&d=p&e=p&f=p&h=p";
    let got = read(&client, &format!("/abc{query}"), &msg).await;
    assert_eq!(got, json!({"a": "p", "b": "p", "c": "p", "d": "p", "e": "p", "f": "p", "g": "m", "h": "p"}));
    let got = read(&client, &format!("/msg-first{query}"), &msg).await;
    assert_eq!(got, json!({"a": "m", "b": "m", "c": "m", "d": "m", "e": "m", "f": "m", "g": "m", "h": "p"}));
}

#[tokio::test]
async fn case_69_and_71_parameters_of_a_path() {
    let (_app, client) = started().await;
    assert_eq!(client.get("/customer/123/order/456").await.text(), "customer cid=123 oid=456");
    assert_eq!(client.get("/foo/bar").await.status, 404);
    for character in ["_", "$", ".", "-", "|", "=", "~", "^", "z"] {
        let sent = character.replace('|', "%7C").replace('^', "%5E");
        let reply = client.get(&format!("/customer/abc{sent}def")).await;
        assert_eq!(reply.text(), format!("plain-customer cid={character}"));
    }
}

#[tokio::test]
async fn case_75_repeated_keys_of_a_query_string_and_of_a_form() {
    let (_app, client) = started().await;
    let got = json!({"url_key1": "a", "url_key2": "b", "url_key3": ["x", "y"]});
    let query = "url_key1=a&url_key2=b&url_key3=x&url_key3=y";
    assert_eq!(client.get(&format!("/keyed?{query}")).await.json(), got);
    assert_eq!(client.post("/keyed-form", query).await.json(), got);
}

#[tokio::test]
async fn case_77_and_79_what_a_path_parameter_keeps() {
    let (_app, client) = started().await;
    let got = client.get("/api/invoice/a+b,c;d!e(f)@g").await;
    assert_eq!(got.text(), "invoice invoice_id=a+b,c;d!e(f)@g");
    assert_eq!(client.get("/api/invoice/INV%2F0001").await.text(), "invoice invoice_id=INV%2F0001");
    assert_eq!(client.get("/anything:::/api/invoice").await.status, 404);
}

#[tokio::test]
async fn case_81_a_literal_comes_before_a_parameter() {
    let (_app, client) = started().await;
    for (path, channel) in [
        ("/api/invoice/open", "literal"),
        ("/api/invoice/123", "invoice invoice_id=123"),
        ("/api/invoice/123/history", "deep invoice_id=123"),
        ("/api/invoice/open/history", "deep-literal"),
    ] {
        assert_eq!(client.get(path).await.text(), channel);
    }
}

#[tokio::test]
async fn case_85_ping() {
    let (_app, client) = started().await;
    let pong = client.get("/zato/ping").await.json();
    assert_eq!((&pong["pong"], &pong["zato_env"]["result"]), (&json!("zato"), &json!("ZATO_OK")));
    assert!(pong["zato_env"]["cid"].as_str().is_some_and(|cid| cid.len() >= 23));
}

#[tokio::test]
async fn case_87_a_service_that_declares_nothing_takes_anything() {
    let (_app, client) = started().await;
    let sent = json!({"a": 1});
    assert_eq!(read(&client, "/anything-msg?a=2&b=3", &sent).await, json!({"a": 1, "b": "3"}));
    assert_eq!(read(&client, "/anything?a=2&b=3", &sent).await, json!({"a": "2", "b": "3"}));
    assert_eq!(read(&client, "/anything-apart?a=2&b=3", &sent).await, json!({"a": 1}));
    assert_eq!(read(&client, "/anything?a=2", &json!([1, 2])).await, json!([1, 2]));
    assert_eq!(read(&client, "/anything?a=2", &json!("text")).await, json!("text"));
    let reply = client.send(Method::POST, "/anything?a=2&b=3", &[], "").await;
    assert_eq!(reply.json(), json!({"a": "2", "b": "3"}));
}
