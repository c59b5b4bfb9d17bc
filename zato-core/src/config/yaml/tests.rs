use serde_json::json;

use super::*;
use crate::config::Style;

fn fault(text: &str) -> String {
    parse("a.yaml", text).unwrap_err().to_string()
}

fn json_of(text: &str) -> serde_json::Value {
    parse("a.yaml", text).unwrap().to_json()
}

#[test]
fn every_value_and_key_has_its_place() {
    let node = parse("a.yaml", "# comment\nłódź: {b: [1, 'x']}\nempty:\n\ntext: |\n  long\n").unwrap();
    let place = |path: &str| node.at_path(path).unwrap().origin.to_string();
    assert_eq!(node.origin.to_string(), "a.yaml:2:1");
    assert_eq!(place("łódź"), "a.yaml:2:7");
    assert_eq!(place("łódź.b.1"), "a.yaml:2:15");
    assert_eq!(place("empty"), "a.yaml:3:1");
    let keys: Vec<String> = node.entries().iter().map(|(key, _)| key.origin.to_string()).collect();
    assert_eq!(keys, ["a.yaml:2:1", "a.yaml:3:1", "a.yaml:5:1"]);
}

#[test]
fn scalars_keep_their_text_and_whether_they_were_quoted() {
    let node = parse("a.yaml", "[0123, '0123', \"a\\tb\", !!str 1, !!int '1', ! 1]").unwrap();
    let scalars: Vec<(&str, bool)> = node
        .items()
        .iter()
        .map(|item| (item.as_str().unwrap(), matches!(item.kind, NodeKind::Scalar { style: Style::Plain, .. })))
        .collect();
    assert_eq!(scalars, [("0123", true), ("0123", false), ("a\tb", false), ("1", false), ("1", true), ("1", false)]);
}

#[test]
fn an_empty_text_is_an_empty_map() {
    for text in ["", " \n", "# only a comment\n", "---\n", "~", "\u{feff}", "---\n...\n"] {
        assert_eq!(json_of(text), json!({}), "{text:?}");
    }
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    let node = parse_bytes("a.yaml", b"\xef\xbb\xbfa: b").unwrap();
    assert_eq!(node.get("a").unwrap().origin.to_string(), "a.yaml:1:4");
}

#[test]
fn anchors_aliases_and_merges_work() {
    let text = "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\n\
                one: {<<: *base, b: 9}\nmany:\n  <<: [*base, *more]\n  d: 5\nsame: *base\nquoted: {'<<': x}";
    let node = parse("a.yaml", text).unwrap();
    let part = |path: &str| node.at_path(path).unwrap().to_json();
    assert_eq!(part("one"), json!({"a": 1, "b": 9}));
    assert_eq!(part("many"), json!({"a": 1, "b": 2, "c": 4, "d": 5}));
    assert_eq!(part("same"), json!({"a": 1, "b": 2}));
    assert_eq!(part("quoted"), json!({"<<": "x"}));
    assert_eq!(node.at_path("many.c").unwrap().origin.to_string(), "a.yaml:2:23");
    assert_eq!(json_of("&key a: 1\nb: *key"), json!({"a": 1, "b": "a"}));
}

#[test]
fn what_is_wrong_has_its_place() {
    for (text, expected) in [
        ("a: 1\nb: 2\na: 3", "a.yaml:3:1: key \"a\" is already set at a.yaml:1:1"),
        ("{a: 1, a: 2}", "a.yaml:1:8: key \"a\" is already set at a.yaml:1:2"),
        ("a: 1\n---\nb: 2", "a.yaml:2:1: a second document starts here; keep one document per file"),
        ("a: *none", "a.yaml:1:4: no anchor of this alias's name stands before it; quote a text that begins with *"),
        ("a: &a [*a]", "a.yaml:1:8: this alias stands inside of the value that it is an alias of"),
        ("a: !vault x", "a.yaml:1:4: a tag has no meaning here; remove it, or quote a text that begins with !"),
        ("a: !!set {x}", "a.yaml:1:4: a tag has no meaning here; remove it, or quote a text that begins with !"),
        ("? [a]\n: b", "a.yaml:1:3: a key is a text; this is a list"),
        ("{a: 1}: b", "a.yaml:1:1: a key is a text; this is a map"),
        ("a: &a [x]\n*a : b", "a.yaml:2:1: a key is a text; this is an alias of a list or map"),
        ("~: b", "a.yaml:1:1: a key is missing or null here; quote it if it is a text"),
        ("&a a: 1\n*a : 2", "a.yaml:2:1: key \"a\" is already set at a.yaml:1:4"),
        ("<<: x", "a.yaml:1:5: only a map or a list of maps can be merged with <<"),
        ("a: [1", "a.yaml:1:4: this is not valid YAML: unclosed bracket '['"),
        (
            "a: {b: ${C}}",
            "a.yaml:1:9: this is not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'; \
             inside of [] and {}, write \"${NAME}\" with quotes",
        ),
        ("a:\n\tb: 1", "a.yaml:2:2: this is not valid YAML: tabs disallowed within this context (block indentation)"),
    ] {
        assert_eq!(fault(text), expected, "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf8_have_their_place() {
    let fault = parse_bytes(
        "a.yaml",
        "a: 1\nż: \u{7f}".as_bytes().iter().copied().chain([0xff]).collect::<Vec<_>>().as_slice(),
    );
    assert_eq!(fault.unwrap_err().to_string(), "a.yaml:2:5: this is not UTF-8; save the file with that encoding");
}

#[test]
fn bombs_are_refused() {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(fault(&laughs).ends_with(": the document needs more than 64 MiB here; use fewer aliases"));
    let large = format!("a: &a {}\nb: [{}]", "x".repeat(1_000_000), "*a, ".repeat(100));
    assert!(fault(&large).ends_with(": the document needs more than 64 MiB here; use fewer aliases"));
    assert_eq!(
        fault(&" ".repeat(MAX_BYTES + 1)),
        "a.yaml:1:1: the file is larger than 8 MiB; split it and use include"
    );
}

#[test]
fn depth_is_limited_in_every_way_to_get_deep() {
    let block: String = (0..1000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), block, "- ".repeat(100_000)] {
        assert!(fault(&text).contains("a.yaml:"), "{}", fault(&text));
    }
    // Each level by itself is shallow.
    let mut nested = "a0: &a0 [x]\n".to_owned();
    for level in 1..=MAX_DEPTH {
        nested.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert_eq!(fault(&nested), "a.yaml:64:12: lists and maps are nested deeper than 64 levels here");
    assert!(parse("a.yaml", &format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).is_ok());
}
