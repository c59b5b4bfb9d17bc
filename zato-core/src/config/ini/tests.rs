use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::from_node;

fn json_of(text: &str) -> Value {
    parse("a.conf", text).unwrap().to_json()
}

fn fault(text: &str) -> String {
    parse("a.conf", text).unwrap_err().to_string()
}

#[test]
fn sections_stand_in_one_another() {
    let text = "a = 1\n[s]\nb = 2\n [[t]]\n c = 3\n  [[[ 'u v' ]]]  # deep\n  d=4\n [[w]]\n[x.y]\n\"a = b\" = z\n";
    let expected = json!({
        "a": "1",
        "s": {"b": "2", "t": {"c": "3", "u v": {"d": "4"}}, "w": {}},
        "x.y": {"a = b": "z"},
    });
    assert_eq!(json_of(text), expected);
}

#[test]
fn values_are_texts_lists_and_two_booleans() {
    for (written, expected) in [
        ("", json!("")),
        ("# a comment", json!("")),
        ("a b  # a comment", json!("a b")),
        ("a#b", json!("a")),
        ("\"a#b, c\"", json!("a#b, c")),
        ("'say \"a\"'  # a comment", json!("say \"a\"")),
        ("it's", json!("it's")),
        ("''", json!("")),
        ("a, b", json!(["a", "b"])),
        ("a,", json!(["a"])),
        ("'a, b', c,", json!(["a, b", "c"])),
        (",", json!([])),
        (", # nothing", json!([])),
        ("'',", json!([""])),
        ("True", json!(true)),
        ("'False'", json!(false)),
        ("False, 1", json!([false, "1"])),
        ("null", json!("null")),
        ("~", json!("~")),
        ("10", json!("10")),
        ("a = b", json!("a = b")),
        ("'''it's \"it\"'''", json!("it's \"it\"")),
        ("\"\"\"\na\n  # b\n\"\"\" # a comment", json!("\na\n  # b\n")),
    ] {
        assert_eq!(json_of(&format!("k = {written}\nz=1")), json!({"k": expected, "z": "1"}), "{written}");
    }
}

#[test]
fn every_value_and_key_has_its_place() {
    let node = parse("a.conf", "\u{feff}k = v\r\n# łódź\r\n[ó]\r\n  ł = 'x', y\r\nempty =\r\n[[t]]\r\n").unwrap();
    let place = |path: &str| node.at_path(path).unwrap().origin.to_string();
    let key = |path: &str, key: &str| node.at_path(path).unwrap().entry(key).unwrap().0.origin.to_string();
    assert_eq!((place("k"), key("", "k")), ("a.conf:1:5".to_owned(), "a.conf:1:1".to_owned()));
    assert_eq!((place("ó"), key("ó", "ł")), ("a.conf:3:2".to_owned(), "a.conf:4:3".to_owned()));
    assert_eq!((place("ó.ł"), place("ó.ł.1")), ("a.conf:4:7".to_owned(), "a.conf:4:12".to_owned()));
    assert_eq!((place("ó.empty"), place("ó.t")), ("a.conf:5:1".to_owned(), "a.conf:6:3".to_owned()));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let several = "close it, or write \"\"\" before and after a text of several lines";
    for (text, expected) in [
        ("a = 1\na = 2", "2:1: \"a\" is already there in this section, at a.conf:1:1".to_owned()),
        ("[s]\n[t]\n[s]", "3:2: \"s\" is already there in this section, at a.conf:1:2".to_owned()),
        ("s = 1\n[s]", "2:2: \"s\" is already there in this section, at a.conf:1:1".to_owned()),
        ("a = 1\nb", "2:1: this line has no \"=\"; write key = value, or [name] for a section".to_owned()),
        ("= 1", "1:1: a key is missing before \"=\"; write key = value".to_owned()),
        ("a = \"b", format!("1:5: this quote is not closed on its line; {several}")),
        ("\"a = b", format!("1:1: this quote is not closed on its line; {several}")),
        ("a = 1\nb = '''\nc", "2:5: this text is not closed; write ''' after it".to_owned()),
        ("a = 'b' c", "1:9: something stands after the closing quote; quote all of the value, or write # before a comment".to_owned()),
        ("a = '''b''' c", "1:13: something stands after the closing quotes; give it a line of its own, or write # before a comment".to_owned()),
        ("a = b,,c", "1:7: an item is missing between two commas; write \"\" for an empty one".to_owned()),
        ("a = ,b", "1:6: something stands after a comma without an item before it; quote an empty item, or write # before a comment".to_owned()),
        ("[s", "1:1: \"[\" stands 1 times before this section's name and \"]\" 0 times after it; write both as often".to_owned()),
        ("[[s]", "1:1: \"[\" stands 2 times before this section's name and \"]\" 1 times after it; write both as often".to_owned()),
        ("[]", "1:2: this section has no name; write [name]".to_owned()),
        ("[s] a = 1", "1:5: something stands after the section's name; give it a line of its own, or write # before a comment".to_owned()),
        ("[s]\n[[[t]]]", "2:4: this section is 3 levels deep, and the one before it 1; write [[t]], or the section that it is in before it".to_owned()),
        ("[[s]]", "1:3: this section is 2 levels deep, and the one before it 0; write [s], or the section that it is in before it".to_owned()),
    ] {
        assert_eq!(fault(text), format!("a.conf:{expected}"), "{text}");
    }
    assert_eq!(
        parse_bytes("a.conf", b"a = \xff").unwrap_err().to_string(),
        "a.conf:1:5: this is not UTF-8; save the file with that encoding"
    );
}

#[test]
fn what_would_cost_too_much_is_refused() {
    let deep: String = (1..70).map(|depth| format!("{}s{}\n", "[".repeat(depth), "]".repeat(depth))).collect();
    assert_eq!(fault(&deep), "a.conf:64:65: sections are nested deeper than 64 levels here");
    assert!(fault(&" ".repeat(9 << 20)).ends_with("the file is larger than 8 MiB; split it and use include"));
    assert!(
        fault(&format!("a = {}", "a,".repeat(1 << 20))).ends_with("needs more than 64 MiB of memory here; split it")
    );
}

#[test]
fn secrets_are_hidden() {
    let node = parse("a.conf", "password = abc\n[tokens]\na = 1\n[secret]\nb = 2").unwrap();
    assert_eq!(format!("{node:?}"), "{password: ******, tokens: {a: \"1\"}, secret: {b: ******}}");
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    daily: u32,
    factor: f64,
    is_active: bool,
    name: String,
    targets: Vec<u8>,
    #[serde(flatten)]
    more: More,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct More {
    weekly: u32,
    zip: String,
    is_new: bool,
    is_word: String,
}

#[test]
fn types_are_read_out_of_texts() {
    let text = "daily = '10'\nfactor = 1.5\nis_active = yes\nname = 0123\ntargets = 1, '2'\nweekly = 10\nzip = 10\n\
                is_new = True\nis_word = True";
    let limits: Limits = from_node(&parse("a.conf", text).unwrap()).unwrap();
    let more = More { weekly: 10, zip: "10".into(), is_new: true, is_word: "True".into() };
    let expected = Limits { daily: 10, factor: 1.5, is_active: true, name: "0123".into(), targets: vec![1, 2], more };
    assert_eq!(limits, expected);
    for (text, expected) in [
        (text.replace("'10'", "ten"), "1:9: expected an integer from 0 to 4294967295, found \"ten\""),
        (text.replace("weekly = 10", "weekly = ten"), "6:10: expected an integer from 0 to 4294967295, found \"ten\""),
        (text.replace("1, '2'", "1"), "5:11: expected a list, found the single value \"1\"; put a comma after it"),
        (text.replace("is_new = True", "is_new = 11"), "8:10: expected a boolean, found \"11\""),
    ] {
        let fault = from_node::<Limits>(&parse("a.conf", &text).unwrap()).unwrap_err();
        assert_eq!(fault.to_string(), format!("a.conf:{expected}"));
    }
}

/// What a file can say: texts, lists of them, and sections.
#[derive(Debug, Clone)]
enum Written {
    Text(String),
    List(Vec<String>),
    Section(BTreeMap<String, Self>),
}

impl Written {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.clone().into(),
            Self::Section(entries) => entries.iter().map(|(key, value)| (key.clone(), value.json())).collect(),
        }
    }

    /// Writes the entries of a section, values first, since what follows a section belongs to it.
    fn write(entries: &BTreeMap<String, Self>, depth: usize, text: &mut String) {
        for (key, value) in entries {
            match value {
                Self::Text(value) => text.push_str(&format!("{} = {}\n", quoted(key), quoted(value))),
                Self::List(items) if items.is_empty() => text.push_str(&format!("{} = ,\n", quoted(key))),
                Self::List(items) => {
                    let items: String = items.iter().map(|item| format!("{}, ", quoted(item))).collect();
                    text.push_str(&format!("{} = {items}\n", quoted(key)));
                }
                Self::Section(_) => {}
            }
        }
        for (key, value) in entries {
            if let Self::Section(entries) = value {
                text.push_str(&format!("{}{}{}\n", "[".repeat(depth), quoted(key), "]".repeat(depth)));
                Self::write(entries, depth + 1, text);
            }
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains('"') { format!("'{text}'") } else { format!("\"{text}\"") }
}

fn written() -> impl Strategy<Value = BTreeMap<String, Written>> {
    let text = "[a-zA-Z0-9 ,#=\\[\\]ł~.-]{0,12}|[\"a-z]{1,5}x";
    let leaf = prop_oneof![text.prop_map(Written::Text), prop::collection::vec(text, 0..4).prop_map(Written::List)];
    let value = leaf.prop_recursive(4, 40, 5, |inner| {
        prop::collection::btree_map("[a-z.# ]{1,6}", inner, 0..5).prop_map(Written::Section)
    });
    prop::collection::btree_map("[a-z.#=]{1,6}", value, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(entries in written()) {
        let mut text = String::new();
        Written::write(&entries, 1, &mut text);
        prop_assume!(!text.contains("True") && !text.contains("TRUE") && !text.contains("true") && !text.to_lowercase().contains("false"));
        prop_assert_eq!(parse("a.conf", &text).unwrap().to_json(), Written::Section(entries).json());
    }

    #[test]
    fn text_like_ini_never_panics(text in "([\\[\\]=,#\"'\n a-c0-9]|\"\"\"|''')*|\\PC*") {
        if let Ok(node) = parse("a.conf", &text) {
            let _ = (node.to_json(), from_node::<Limits>(&node), from_node::<BTreeMap<String, String>>(&node));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = parse_bytes("a.conf", &bytes);
    }
}
