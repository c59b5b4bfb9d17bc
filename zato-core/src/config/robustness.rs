//! No text and no bytes make this room panic.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use crate::config::{
    ByteSize, ConfigFaults, Document, Duration, Node, Secret, SectionName, Sections, UserConfig, from_node,
    from_tagged_node, substitute, yaml,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only reading it matters")]
struct Sample {
    a: u8,
    b: Option<Vec<String>>,
    c: Choice,
    d: BTreeMap<i32, (f64, char)>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only reading it matters")]
enum Choice {
    A,
    B(Duration),
    C { a: Box<Self> },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "a", rename_all = "snake_case")]
#[expect(dead_code, reason = "only reading it matters")]
enum Tagged {
    B { b: Secret, c: bool },
    C(Flat),
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only reading it matters")]
struct Flat {
    b: ByteSize,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

/// Makes texts that come near to YAML, which arbitrary characters hardly ever do.
fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\n  ".to_owned()),
        Just(": ".to_owned()),
        Just("- ".to_owned()),
        Just("<<: ".to_owned()),
        Just("${A".to_owned()),
        Just("include: ".to_owned()),
        "[\\[\\]{}&*!|>'\"%@`#,?~:$\\\\ \t-]",
        "[a-d]",
        "[&*][ab] ",
        "[a-d]: ",
        "-?[0-9.]{1,4}",
        "\\$\\{[A-C](:-[a-z]?)?\\}",
        "\\PC",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn read_everything(node: &Node) {
    let _ = (from_node::<Sample>(node), from_node::<Choice>(node), from_node::<Tagged>(node), from_node::<Flat>(node));
    let _ = (from_node::<serde_json::Value>(node), from_tagged_node::<Choice>(node, "a"));
    let _ = (from_node::<Duration>(node), from_node::<ByteSize>(node), from_node::<String>(node));
    let _ = (node.to_json(), format!("{node:?}"), node.at_path("a.b.0"));
    assert!(node == &node.clone());
}

fn check(text: &str) {
    let environment = BTreeMap::from([("A".to_owned(), "${A}".to_owned()), ("B".to_owned(), String::new())]);
    if let Ok(mut node) = yaml::parse("a.yaml", text) {
        read_everything(&node);
        substitute(&mut node, &environment, &mut ConfigFaults::new());
        read_everything(&node);
        for (_, child) in node.entries() {
            read_everything(child);
        }
    }
    let sections = Sections::new(["a", "b"].map(|name| SectionName { name, aliases: &["c", "d"] }));
    if let Err(faults) = Document::parse("a.yaml", text, &sections, &environment) {
        assert!(!faults.is_empty() && !faults.to_string().is_empty());
    }
    let _ = UserConfig::from_yaml(text).map(|config| config.keys("a").count());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_like_yaml_never_panics(text in yaml_like()) {
        check(&text);
    }

    #[test]
    fn arbitrary_text_never_panics(text: String) {
        check(&text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = yaml::parse_bytes("a.yaml", &bytes).map(|node| read_everything(&node));
    }

    #[test]
    fn a_quoted_text_comes_back_as_it_was(text: String) {
        let written = serde_json::to_string(&text).unwrap();
        if let Ok(node) = yaml::parse("a.yaml", &written) {
            prop_assert_eq!(node.as_str(), Some(text.as_str()));
        }
    }
}
