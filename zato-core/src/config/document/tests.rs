use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::*;

const NAMES: [SectionName; 4] = [
    SectionName { name: "server", aliases: &[] },
    SectionName { name: "channel_rest", aliases: &[] },
    SectionName { name: "outgoing_amqp", aliases: &["outconn_amqp"] },
    SectionName { name: "scheduler", aliases: &[] },
];

fn sections() -> Sections {
    Sections::new(NAMES)
}

fn parse(text: &str) -> Result<Document, String> {
    Document::parse("zato.yaml", text, &sections(), &BTreeMap::new()).map_err(|faults| faults.to_string())
}

/// Writes files into a new folder and loads the first of them. The folder's name is taken out of the faults.
fn load(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Document, String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let result = Document::load(&folder.path().join(files[0].0), &sections(), &BTreeMap::new());
    let prefix = format!("{}/", folder.path().display());
    let result = result.map_err(|faults| faults.to_string().replace(&prefix, ""));
    (folder, result)
}

fn json_of(document: &Document, section: &str) -> Value {
    document.section(section).unwrap().value.to_json()
}

#[test]
fn sections_are_found_by_name_and_alias() {
    let text = "server: {port: 1}\noutconn_amqp: [a]\noutgoing_amqp: [b]\nscheduler:\nchannel_rest: []";
    let document = parse(text).unwrap();
    assert_eq!(json_of(&document, "outgoing_amqp"), json!(["a", "b"]));
    assert_eq!(document.entries("outgoing_amqp").len(), 2);
    assert_eq!(document.map("server").unwrap().to_json(), json!({"port": 1}));
    assert!(document.entries("server").is_empty() && document.map("outgoing_amqp").is_none());
    assert!(document.section("scheduler").is_none() && document.section("outconn_amqp").is_none());
    assert!(document.files().is_empty());
    let names: Vec<&str> = document.sections().iter().map(|section| section.name).collect();
    assert_eq!(names, ["server", "outgoing_amqp", "channel_rest"]);
}

#[test]
fn a_section_that_was_left_out_names_its_feature() {
    let sql = SectionName { name: "sql", aliases: &["outconn_sql"] };
    let sections = Sections::new([]).left_out([(sql, "sql")]);
    let refused = Document::parse("zato.yaml", "outconn_sql: []", &sections, &BTreeMap::new()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "zato.yaml:1:1: this program was built without \"outconn_sql\"; enable the feature \"sql\" of zato"
    );
}

#[test]
fn what_is_wrong_in_a_text_is_told_at_once() {
    let text = "chanel_rest: []\nserver: ${PORT}\ninclude: a.yaml\nftp: []";
    assert_eq!(
        parse(text).unwrap_err(),
        "zato.yaml:2:9: environment variable \"PORT\" is not set; set it, or write ${PORT:-default}\n\
         zato.yaml:3:10: a text has no folder to include files from; read it from a file\n\
         zato.yaml:1:1: unknown section \"chanel_rest\"; did you mean \"channel_rest\"? \
         (channel_rest, include, outgoing_amqp, scheduler, server)\n\
         zato.yaml:4:1: unknown section \"ftp\"; known: \
         channel_rest, include, outgoing_amqp, scheduler, server"
    );
    for (text, expected) in [
        ("- a", "zato.yaml:1:1: a configuration is a map of sections, such as channel_rest"),
        ("a: [", "zato.yaml:1:4: this is not valid YAML: unclosed bracket '['"),
        (
            "outgoing_amqp: [a]\noutconn_amqp: {b: 1}",
            "zato.yaml:2:1: section \"outgoing_amqp\" is a map here and a list at zato.yaml:1:1",
        ),
    ] {
        assert_eq!(parse(text), Err(expected.to_owned()));
    }
}

#[test]
fn included_files_come_first() {
    let (folder, document) = load(&[
        ("zato.yaml", "scheduler: [main]\nserver: {port: 1}\ninclude: [conf/a.yaml, 'file://b.yaml']"),
        ("conf/a.yaml", "scheduler: [a]\ninclude: ../conf/deep/c.yaml"),
        ("conf/deep/c.yaml", "scheduler: [c]\nserver: {host: x}"),
        ("b.yaml", "scheduler: [b]"),
    ]);
    let document = document.unwrap();
    assert_eq!(json_of(&document, "scheduler"), json!(["c", "a", "b", "main"]));
    assert_eq!(json_of(&document, "server"), json!({"host": "x", "port": 1}));
    let files: Vec<_> = document.files().iter().map(|file| file.strip_prefix(folder.path()).unwrap()).collect();
    assert_eq!(files, ["zato.yaml", "conf/a.yaml", "conf/../conf/deep/c.yaml", "b.yaml"].map(Path::new));
}

#[test]
fn a_file_that_is_reached_twice_is_read_once() {
    let (_folder, document) = load(&[
        ("zato.yaml", "include: [a.yaml, b.yaml, ./c.yaml]"),
        ("a.yaml", "include: c.yaml"),
        ("b.yaml", "include: c.yaml"),
        ("c.yaml", "scheduler: [c]"),
    ]);
    assert_eq!(json_of(&document.unwrap(), "scheduler"), json!(["c"]));
}

#[test]
fn an_absolute_include_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    fs::write(&path, "scheduler: [a]").unwrap();
    let text = format!("include: file://{}", path.display());
    let document =
        Document::parse_in(Path::new("elsewhere"), "zato.yaml", &text, &sections(), &BTreeMap::new()).unwrap();
    assert_eq!(json_of(&document, "scheduler"), json!(["a"]));
    assert_eq!(document.files(), [path]);
}

#[test]
fn what_is_wrong_with_files_is_told_at_the_include() {
    for (files, expected) in [
        (
            vec![("zato.yaml", "include: a.yaml"), ("a.yaml", "include: [b.yaml]"), ("b.yaml", "include: a.yaml")],
            "b.yaml:1:10: files include one another in a circle: a.yaml -> b.yaml -> a.yaml",
        ),
        (
            vec![("zato.yaml", "include: zato.yaml")],
            "zato.yaml:1:10: files include one another in a circle: zato.yaml -> zato.yaml",
        ),
        (
            vec![("zato.yaml", "include:\n  - none.yaml\n  - conf\n  - ''\n  - [a]"), ("conf/a.yaml", "")],
            "zato.yaml:2:5: file \"none.yaml\" does not exist\n\
             zato.yaml:3:5: \"conf\" is a folder; name a file\n\
             zato.yaml:4:5: include takes the name of a file, or a list of names\n\
             zato.yaml:5:5: include takes the name of a file, or a list of names",
        ),
        (
            vec![("zato.yaml", "include: a.yaml\nserver: {port: 1}"), ("a.yaml", "server: {port: 2}")],
            "zato.yaml:2:10: key \"port\" of section \"server\" is already set at a.yaml:1:10",
        ),
    ] {
        assert_eq!(load(&files).1, Err(expected.to_owned()));
    }
}

#[test]
fn a_file_that_does_not_exist_is_told_without_a_place() {
    let faults = Document::load(Path::new("none.yaml"), &sections(), &BTreeMap::new()).unwrap_err();
    assert_eq!(faults.to_string(), "file \"none.yaml\" does not exist");
}

#[test]
fn a_chain_without_end_is_refused() {
    let names: Vec<(String, String)> =
        (0..40).map(|number| (format!("f{number}.yaml"), format!("include: f{}.yaml", number + 1))).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let expected = "f31.yaml:1:10: files include one another more than 32 levels deep";
    assert_eq!(load(&files).1, Err(expected.to_owned()));
}

#[test]
fn documents_are_equal_if_they_mean_the_same() {
    assert_eq!(parse("server: {a: 1, b: 2}"), parse("\n\nserver:\n  b: 2\n  a: 1"));
    assert_ne!(parse("server: {a: 1}"), parse("server: {a: 2}"));
}
