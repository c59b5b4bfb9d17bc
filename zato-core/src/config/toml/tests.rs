use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::from_node;

fn fault(text: &str) -> String {
    parse("a.toml", text).unwrap_err().to_string()
}

#[test]
fn every_value_and_key_has_its_place() {
    let node = parse("a.toml", "'łódź' = {b = [1, 'x']}\n\n[c.d]\ne.f = 1\n[[g]]\nh = 1\n[[g]]\n").unwrap();
    let place = |path: &str| node.at_path(path).unwrap().origin.to_string();
    let key = |path: &str, key: &str| node.at_path(path).unwrap().entry(key).unwrap().0.origin.to_string();
    assert_eq!(place("łódź.b"), "a.toml:1:15");
    assert_eq!(place("łódź.b.1"), "a.toml:1:19");
    assert_eq!(
        (key("", "c"), key("c", "d"), key("c.d", "e")),
        ("a.toml:3:2".into(), "a.toml:3:4".into(), "a.toml:4:1".into())
    );
    assert_eq!(place("c.d.e.f"), "a.toml:4:7");
    assert_eq!(place("g.0.h"), "a.toml:6:5");
    assert_eq!(node.entries().iter().map(|(key, _)| key.name.as_str()).collect::<Vec<_>>(), ["łódź", "c", "g"]);
}

#[test]
fn values_mean_what_they_mean_elsewhere() {
    let text = "a = 1_000\nb = 0xFF\nc = 0b101\nd = +1\ne = -1.5e3\nf = inf\ng = true\nh = '1'\n\
                i = 1979-05-27T07:32:00Z\nj = 07:32:00\nk = \"\"\"\nx\ny\"\"\"\nl = []\n";
    let node = parse("a.toml", text).unwrap();
    let expected = json!({"a": 1000, "b": 255, "c": 5, "d": 1, "e": -1500.0, "f": ".inf", "g": true, "h": "1",
        "i": "1979-05-27T07:32:00Z", "j": "07:32:00", "k": "x\ny", "l": []});
    assert_eq!(node.to_json(), expected);
    assert_eq!(from_node::<f64>(node.get("f").unwrap()), Ok(f64::INFINITY));
    let fault = from_node::<u8>(node.get("h").unwrap()).unwrap_err().to_string();
    assert_eq!(fault, "a.toml:8:5: expected an integer from 0 to 255, found \"1\" in quotes; remove them");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    assert_eq!(
        fault("a = 1\nb = "),
        "a.toml:2:5: this is not valid TOML: string values must be quoted, expected literal string"
    );
    assert_eq!(fault("a = 1\na = 2"), "a.toml:2:1: this is not valid TOML: duplicate key");
    assert_eq!(fault(&" ".repeat(MAX_BYTES + 1)), "a.toml:1:1: the file is larger than 1 MiB; split it");
    let deep = format!("a = {}1{}", "[".repeat(70), "]".repeat(70));
    assert!(fault(&deep).ends_with("tables and arrays are nested deeper than 64 levels here"), "{}", fault(&deep));
}

#[test]
fn nothing_is_so_deep_that_the_stack_ends() {
    for text in [
        format!("{}a = 1", "a.".repeat(300_000)),
        format!("[{}a]", "a.".repeat(300_000)),
        "[".repeat(1_000_000),
        format!("x = {}", "{a = ".repeat(100_000)),
        {
            let keys = "a.".repeat(78);
            format!("{}1{}", format!("{keys}a = {{").repeat(78), "}".repeat(78))
        },
        {
            let keys = "a.".repeat(78);
            format!("{}a = 1{}", format!("{keys}a = {{").repeat(78), "}".repeat(78))
        },
    ] {
        assert!(parse("a.toml", &text).is_err());
    }
}

#[test]
fn secrets_are_hidden() {
    assert_eq!(
        format!("{:?}", parse("a.toml", "password = 'abc'\n[token]\na = 1").unwrap()),
        "{password: ******, token: {a: ******}}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_like_toml_never_panics(text in "([\\[\\]{}=.,#\"'\n a-c0-9+_-]|\"\"\"|''')*|\\PC*") {
        if let Ok(node) = parse("a.toml", &text) {
            let _ = node.to_json();
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = parse_bytes("a.toml", &bytes);
    }
}
