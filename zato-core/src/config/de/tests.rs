use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::*;
use crate::config::{ConfigFaults, Duration, Node, Secret, substitute, yaml};

fn node(text: &str) -> Node {
    yaml::parse("zato.yaml", text).unwrap()
}

/// Reads with `SECRET=abc`, `NUMBER=70000`, `PORT=8080` and `EMPTY=` set.
fn from_env<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let variables = [("SECRET", "abc"), ("NUMBER", "70000"), ("PORT", "8080"), ("EMPTY", "")];
    let environment: BTreeMap<String, String> = variables.map(|(name, value)| (name.into(), value.into())).into();
    let mut node = node(text);
    substitute(&mut node, &environment, &mut ConfigFaults::new());
    from_node(&node).map_err(|fault| fault.to_string())
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    from_node(&node(text)).map_err(|fault| fault.to_string())
}

fn fault<T: DeserializeOwned>(text: &str) -> String {
    from_env::<T>(text).err().unwrap()
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    name: String,
    #[serde(alias = "path")]
    url_path: String,
    #[serde(default)]
    is_active: Option<bool>,
    #[serde(default)]
    method: Option<Method>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    timeout: Option<Duration>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    Get,
    Post,
    Other(String),
    Limited { per_minute: u32 },
}

#[test]
fn a_struct_reads_what_was_written() {
    let text = "name: 0123\nurl_path: true\nis_active: Yes\nmethod: post\ntags: [a, 1]\nport: 8080\ntimeout: 10";
    let channel: Channel = read(text).unwrap();
    assert_eq!(
        channel,
        Channel {
            name: "0123".to_owned(),
            url_path: "true".to_owned(),
            is_active: Some(true),
            method: Some(Method::Post),
            tags: vec!["a".to_owned(), "1".to_owned()],
            port: 8080,
            timeout: Some(Duration::from_secs(10)),
        }
    );
}

#[test]
fn faults_name_the_place_and_the_remedy() {
    for (text, expected) in [
        (
            "name: a\nurlpath: /",
            "zato.yaml:2:1: unknown key \"urlpath\"; did you mean \"url_path\"? \
             (is_active, method, name, path, port, tags, timeout, url_path)",
        ),
        ("\n  name: a\n", "zato.yaml:2:3: missing key \"url_path\""),
        (
            "name: a\nurl_path: /\npath: /",
            "zato.yaml:2:1: key \"url_path\" is given twice, under its name and another name for it",
        ),
        ("name: a\nurl_path:\n", "zato.yaml:2:1: expected a string, found nothing"),
        ("name: [a]\nurl_path: /", "zato.yaml:1:7: expected a string, found a list"),
        ("name: a\nurl_path: /\nis_active: maybe", "zato.yaml:3:12: expected a boolean, found \"maybe\""),
        (
            "name: a\nurl_path: /\nis_active: 'yes'",
            "zato.yaml:3:12: expected a boolean, found \"yes\" in quotes; remove them",
        ),
        ("name: a\nurl_path: /\nport: 70000", "zato.yaml:3:7: expected an integer from 0 to 65535, found \"70000\""),
        ("name: a\nurl_path: /\nport: -1", "zato.yaml:3:7: expected an integer from 0 to 65535, found \"-1\""),
        (
            "name: a\nurl_path: /\ntags: CRM",
            "zato.yaml:3:7: expected a list, found the single value \"CRM\"; write [\"CRM\"]",
        ),
        ("name: a\nurl_path: /\ntags: [a, {b: c}]", "zato.yaml:3:11: expected a string, found a map"),
        (
            "name: a\nurl_path: /\ntimeout: 10 parsecs",
            "zato.yaml:3:10: expected a duration such as 10s, 500ms or 2m, found \"10 parsecs\"",
        ),
        (
            "name: a\nurl_path: /\nmethod: pots",
            "zato.yaml:3:9: unknown value \"pots\"; did you mean \"post\"? (get, limited, other, post)",
        ),
        (
            "name: a\nurl_path: /\nmethod: other",
            "zato.yaml:3:9: \"other\" takes a value; write it as a map, other: ...",
        ),
        ("name: a\nurl_path: /\nmethod: {get: 1}", "zato.yaml:3:15: expected nothing, found a value"),
        (
            "name: a\nurl_path: /\nmethod: {limited: {per_minute: x}}",
            "zato.yaml:3:32: expected an integer from 0 to 4294967295, found \"x\"",
        ),
        (
            "name: a\nurl_path: /\nmethod: [get]",
            "zato.yaml:3:9: expected a name, or a map with one as its only key, found a list; \
             known: get, limited, other, post",
        ),
        ("- a", "zato.yaml:1:1: expected a map, found a list"),
    ] {
        assert_eq!(fault::<Channel>(text), expected);
    }
}

#[test]
fn long_values_are_cut() {
    let expected = format!("zato.yaml:1:1: expected a boolean, found \"{}...\"", "x".repeat(60));
    assert_eq!(fault::<bool>(&"x".repeat(1000)), expected);
}

#[test]
fn options_are_none_for_nothing() {
    for text in ["a:", "a: ~", "a: null", "a: ${EMPTY}"] {
        assert_eq!(from_env::<BTreeMap<String, Option<String>>>(text), Ok(BTreeMap::from([("a".to_owned(), None)])));
    }
    for text in ["a: ''", "a: '${EMPTY}'"] {
        let some = BTreeMap::from([("a".to_owned(), Some(String::new()))]);
        assert_eq!(from_env::<BTreeMap<String, Option<String>>>(text), Ok(some));
    }
}

#[test]
fn enums_are_names_or_maps_of_one_key() {
    assert_eq!(read("get"), Ok(Method::Get));
    assert_eq!(read("{get: }"), Ok(Method::Get));
    assert_eq!(read("{other: 12}"), Ok(Method::Other("12".to_owned())));
    assert_eq!(read("{limited: {per_minute: 0x10}}"), Ok(Method::Limited { per_minute: 16 }));
}

#[test]
fn numbers_tuples_and_keys_are_typed() {
    assert_eq!(read("[1, -2, 1.5]"), Ok((1_u8, -2_i64, 1.5_f32)));
    assert_eq!(read("{1: a, 0x2: b}"), Ok(BTreeMap::from([(1_u16, 'a'), (2, 'b')])));
    assert_eq!(read("{get: 1}"), Ok(vec![("get".to_owned(), 1)].into_iter().collect::<BTreeMap<_, _>>()));
    assert_eq!(fault::<(u8, u8)>("[1]"), "zato.yaml:1:1: expected a list of 2, found a list of 1");
    assert_eq!(
        fault::<(u8, u8)>("1"),
        "zato.yaml:1:1: expected a list of 2, found the single value \"1\"; write [\"1\"]"
    );
    assert_eq!(fault::<char>("ab"), "zato.yaml:1:1: expected a single character, found \"ab\"");
    assert_eq!(fault::<f64>("x"), "zato.yaml:1:1: expected a number, found \"x\"");
    assert_eq!(fault::<u64>("x"), "zato.yaml:1:1: expected an integer that is not negative, found \"x\"");
    assert_eq!(
        fault::<BTreeMap<u16, u8>>("{80: 1, http: 1}"),
        "zato.yaml:1:9: expected an integer from 0 to 65535, found \"http\""
    );
}

#[test]
fn dynamic_values_are_resolved() {
    let text = "{a: 1, b: true, c: 0123, d: yes, e: [~, 1.5], f: -9, g: 18446744073709551616}";
    let expected = json!({
        "a": 1, "b": true, "c": "0123", "d": "yes", "e": [null, 1.5], "f": -9, "g": "18446744073709551616"
    });
    assert_eq!(read::<Value>(text), Ok(expected));
}

/// A type that composes its own messages, after its text was read.
#[derive(Debug)]
struct Picky;

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(D::Error::custom(format!("`{text}` is not picked, {text} is not, nor is {text:?}")))
    }
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "reading it fails")]
struct Picked {
    first: Option<Picky>,
    rest: Vec<Picky>,
}

#[test]
fn custom_errors_get_the_place_of_their_value() {
    assert_eq!(fault::<Picked>("rest: []\nfirst: a"), "zato.yaml:2:8: `a` is not picked, a is not, nor is \"a\"");
    assert_eq!(fault::<Picked>("rest: [b]"), "zato.yaml:1:8: `b` is not picked, b is not, nor is \"b\"");
}

#[test]
fn hidden_text_is_in_no_error() {
    let hidden = "found ****** (hidden)";
    assert_eq!(fault::<u16>("${NUMBER}"), format!("zato.yaml:1:1: expected an integer from 0 to 65535, {hidden}"));
    assert_eq!(fault::<bool>("${SECRET}"), format!("zato.yaml:1:1: expected a boolean, {hidden}"));
    assert_eq!(fault::<Vec<u8>>("${SECRET}"), format!("zato.yaml:1:1: expected a list, {hidden}"));
    let duration = "zato.yaml:1:1: expected a duration such as 10s, 500ms or 2m, ";
    assert_eq!(fault::<Duration>("${SECRET}"), format!("{duration}{hidden}"));
    assert_eq!(fault::<Method>("${SECRET}"), "zato.yaml:1:1: unknown value ******; known: get, limited, other, post");
    assert_eq!(
        fault::<Picked>("rest: ['${SECRET}']"),
        "zato.yaml:1:8: ****** is not picked, ****** is not, nor is ******"
    );
    assert_eq!(
        fault::<BTreeMap<String, bool>>("api_token: a-b-c"),
        format!("zato.yaml:1:12: expected a boolean, {hidden}")
    );
    assert_eq!(fault::<Tagged>("{type: '${SECRET}'}"), "zato.yaml:1:8: unknown value ******; known: basic, bearer");
    assert_eq!(
        fault::<Tagged>("type: basic\nusername: a\npassword: b\nport: ${NUMBER}"),
        format!("zato.yaml:4:7: expected an integer from 0 to 65535, {hidden}")
    );
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Tagged {
    Basic {
        username: String,
        password: Secret,
        #[serde(default)]
        port: u16,
        #[serde(default)]
        active: bool,
        #[serde(default)]
        timeout: Duration,
    },
    Bearer {
        key: Secret,
        #[serde(default)]
        nested: Option<Box<Self>>,
    },
}

fn basic(username: &str, password: &str) -> Tagged {
    let (port, active, timeout) = (8080, true, Duration::from_secs(8080));
    Tagged::Basic { username: username.to_owned(), password: password.into(), port, active, timeout }
}

#[test]
fn tagged_enums_take_any_scalar_for_text() {
    for (written, text) in
        [("12345", "12345"), ("0123", "0123"), ("True", "True"), ("1.50", "1.50"), ("-0x1", "-0x1"), ("8080", "8080")]
    {
        let text_of = |field| format!("{{type: basic, port: 8080, active: true, timeout: 8080, {field}}}");
        let entry = text_of(format!("username: {written}, password: a"));
        assert_eq!(read(&entry), Ok(basic(text, "a")), "{written}");
        let entry = text_of(format!("username: a, password: {written}"));
        assert_eq!(read(&entry), Ok(basic("a", text)), "{written}");
        let entry = text_of(format!("username: {written}, password: {written}"));
        assert_eq!(read(&entry), Ok(basic(text, text)), "{written}");
        let entry = format!("{{type: bearer, key: {written}}}");
        assert_eq!(read(&entry), Ok(Tagged::Bearer { key: text.into(), nested: None }), "{written}");
    }
    let entry = "type: basic\nusername: a\npassword: b\nport: ${PORT}\nactive: true\ntimeout: ${PORT}";
    assert_eq!(from_env(entry), Ok(basic("a", "b")));
}

#[test]
fn tagged_enums_have_places_in_their_faults() {
    for (text, expected) in [
        (
            "type: basic\nusername: 5\npasword: b",
            "zato.yaml:3:1: unknown key \"pasword\"; did you mean \"password\"? \
             (active, password, port, timeout, username)",
        ),
        ("type: basic\nusername: 5", "zato.yaml:1:1: missing key \"password\""),
        ("type: basik", "zato.yaml:1:7: unknown value \"basik\"; did you mean \"basic\"? (basic, bearer)"),
        ("name: a", "zato.yaml:1:1: missing key \"type\""),
        (
            "type: basic\nusername: 5\npassword: b\nport: 70000",
            "zato.yaml:4:7: expected an integer from 0 to 65535, found 70000",
        ),
        (
            "type: bearer\nkey: 1\nnested:\n  type: basic\n  username: 7\n  password: 0123\n  port: true",
            "zato.yaml:7:9: expected an integer from 0 to 65535, found true",
        ),
        (
            "type: basic\nusername: 5\npassword: b\ntimeout: soon",
            "zato.yaml:4:10: expected a duration such as 10s, 500ms or 2m, found \"soon\"",
        ),
    ] {
        assert_eq!(fault::<Tagged>(text), expected);
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    port: u16,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Rest {
    username: String,
}

#[test]
fn flattened_structs_take_any_scalar_for_text() {
    let expected = Flat { port: 8080, rest: Rest { username: "8080".to_owned() } };
    assert_eq!(read("{username: 8080, port: 8080}"), Ok(expected));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ByTag {
    None,
    Basic { username: String, active: bool },
}

#[test]
fn from_tagged_node_reads_each_field_as_what_it_is() {
    let read = |text| from_tagged_node::<ByTag>(&node(text), "type").map_err(|fault| fault.to_string());
    assert_eq!(
        read("{type: basic, username: 0123, active: yes}"),
        Ok(ByTag::Basic { username: "0123".to_owned(), active: true })
    );
    assert_eq!(read("type: none"), Ok(ByTag::None));
    for (text, expected) in [
        ("type: none\nb: 1", "zato.yaml:2:1: unknown key \"b\"; none is defined"),
        ("type: basik", "zato.yaml:1:7: unknown value \"basik\"; did you mean \"basic\"? (basic, none)"),
        ("username: a", "zato.yaml:1:1: missing key \"type\""),
        ("type: [basic]", "zato.yaml:1:7: key \"type\" takes a name that is written out"),
        ("[basic]", "zato.yaml:1:1: expected a map with the key \"type\""),
        ("type: basic\nusername: a", "zato.yaml:1:1: missing key \"active\""),
        ("type: basic\nusername: a\nactive: 1", "zato.yaml:3:9: expected a boolean, found \"1\""),
    ] {
        assert_eq!(read(text), Err(expected.to_owned()));
    }
}
