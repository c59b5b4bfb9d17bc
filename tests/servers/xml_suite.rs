//! XML as the W3C's conformance suite has it: what is not well-formed is refused, and what is, is read.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use zato::xml::{Document, Element};

/// Says where the suite is; set by `cargo xtask test`, and then it has to be there.
const VARIABLE: &str = "ZATO_TEST_XML_SUITE";

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// A case of the suite.
struct Case {
    id: String,
    /// `valid`, `invalid` (well-formed nevertheless), `not-wf` or `error`.
    kind: String,
    path: PathBuf,
    /// Whether it is about XML 1.0 in its fifth edition.
    is_ours: bool,
    /// Whether it is well-formed with namespaces, if it is without.
    has_namespaces: bool,
}

#[test]
fn the_w3c_suite_is_told_apart() {
    let Some(root) = env::var_os(VARIABLE).map(PathBuf::from) else {
        // Past the test harness, which keeps what a test that passes prints to itself.
        let _ = writeln!(io::stderr(), "LEFT OUT: the_w3c_suite_is_told_apart: `cargo xtask test` fetches the suite");
        return;
    };
    let mut cases = Vec::new();
    let index = fs::read_to_string(root.join("cleaned/xmlconf-flattened.xml")).expect("the suite has an index");
    // The index has a DOCTYPE itself, which is not taken.
    let (_, index) = index.split_once("<TESTSUITE").expect("the index is one");
    let index = Document::parse(format!("<TESTSUITE{index}")).expect("the index is well-formed");
    collect(index.root(), &root.join("xmlconf"), &mut cases);
    let (mut wrong, mut refused, mut read) = (Vec::new(), 0, 0);
    for case in cases.iter().filter(|case| case.is_ours) {
        let bytes = fs::read(&case.path).expect("the suite is whole");
        let said = Document::parse(bytes).err().map(|error| error.to_string());
        let has_doctype = said.as_deref().is_some_and(|said| said.contains("a DOCTYPE"));
        match (case.kind.as_str(), &said) {
            ("not-wf", Some(_)) => refused += usize::from(!has_doctype),
            ("valid" | "invalid", None) => read += 1,
            ("valid" | "invalid", Some(_)) if has_doctype || !case.has_namespaces => {}
            ("error", _) => {}
            (kind, said) => wrong.push(format!("{} ({kind}): {said:?}", case.id)),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(refused > 300 && read > 50, "the suite is not what it was: {refused} refused, {read} read");
}

fn collect(element: Element<'_>, base: &Path, cases: &mut Vec<Case>) {
    let base = base.join(element.attribute_in(XML_NAMESPACE, "base").unwrap_or_default());
    for child in element.children() {
        if child.name() != "TEST" {
            collect(child, &base, cases);
            continue;
        }
        let said = |name| child.attribute(name).unwrap_or_default();
        let edition = said("EDITION");
        let is_fifth = edition.is_empty() || edition.split(' ').any(|edition| edition == "5");
        cases.push(Case {
            id: said("ID").to_owned(),
            kind: said("TYPE").to_owned(),
            path: base.join(said("URI")),
            is_ours: is_fifth && !said("RECOMMENDATION").contains("1.1") && said("VERSION") != "1.1",
            has_namespaces: said("NAMESPACE") != "no",
        });
    }
}
