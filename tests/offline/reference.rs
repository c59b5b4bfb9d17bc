//! Documentation that can't rot: `reference.yaml` is used as a configuration and compared with the schema, what the
//! README and the manual show of configurations is used, too, and the tests that `ARCHITECTURE.md` names are there.

#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it doesn't have")]

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use zato::{
    Result,
    config::{ConfigFaults, substitute, yaml},
    service, services, testing,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/reference.yaml");

#[service(name = "client.get")]
async fn get_client() -> Result<()> {
    Ok(())
}

/// For a page of the manual.
#[service(name = "report.create")]
async fn report() -> Result<()> {
    Ok(())
}

/// For the formats that the README shows.
#[service(name = "rates.get")]
async fn rates() -> Result<()> {
    Ok(())
}

/// For the channel of the file that the reference includes.
#[service(name = "account.balance")]
async fn balance() -> Result<()> {
    Ok(())
}

fn environment() -> BTreeMap<String, String> {
    let set = |name: &str| (name.to_owned(), "not-a-secret".to_owned());
    BTreeMap::from(["BACK_OFFICE_PASSWORD", "CRM_PASSWORD", "PARTNER_KEY", "PAYMENTS_SECRET", "REPORTS_TOKEN"].map(set))
}

#[tokio::test]
async fn the_reference_can_be_used() -> Result<()> {
    let app = testing::app("reference").services(services![get_client, balance]);
    let running = app.config_file(FILE).environment(environment()).start().await?;
    assert_eq!(running.connections().len(), 19);
    Ok(())
}

#[tokio::test]
async fn what_the_manual_shows_can_be_used() -> Result<()> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut pages = vec![format!("{root}/README.md")];
    for page in std::fs::read_dir(format!("{root}/src/docs"))? {
        pages.push(page?.path().display().to_string());
    }
    let mut count = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page)?;
        let shown = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for yaml in shown {
            count += 1;
            let app = testing::app("manual").services(services![get_client, report, rates]).config_yaml(yaml);
            let used = app.start().await;
            assert!(used.is_ok(), "{page} shows what can't be used: {}\n{yaml}", used.unwrap_err());
        }
    }
    assert!(count > 5, "only {count} configurations were found");
    Ok(())
}

#[test]
fn the_reference_has_every_key() -> Result<()> {
    let schema = zato::app("reference").config_schema();
    let findings = Comparison::of(&schema, &document()?);
    assert_eq!(findings.missing, [""; 0], "these keys of the schema are not in reference.yaml");
    assert!(findings.checked > 40, "only {} keys were compared", findings.checked);
    Ok(())
}

#[test]
fn the_reference_has_no_default() -> Result<()> {
    let schema = zato::app("reference").config_schema();
    let findings = Comparison::of(&schema, &document()?);
    assert_eq!(findings.defaults, [""; 0], "these keys of reference.yaml have the value that they have anyway");
    assert!(findings.with_default > 20, "the schema knows {} defaults only", findings.with_default);
    Ok(())
}

#[test]
fn the_architecture_names_tests_that_exist() -> Result<()> {
    let root = env!("CARGO_MANIFEST_DIR");
    let text = std::fs::read_to_string(format!("{root}/ARCHITECTURE.md"))?;
    let quoted = text.split('`').skip(1).step_by(2);
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    // A test of a folder is named with it, as in `tls::mtls::...`.
    let named = quoted.filter_map(|code| code.rsplit_once("::"));
    let named = named.filter(|(module, test)| module.split("::").all(is_name) && is_name(test));
    let (mut count, mut missing) = (0, Vec::new());
    for (module, test) in named {
        count += 1;
        let file = module.replace("::", "/");
        let source = std::fs::read_to_string(format!("{root}/tests/offline/{file}.rs"));
        let source = source.or_else(|_| std::fs::read_to_string(format!("{root}/tests/offline/{file}/mod.rs")));
        let source = source.unwrap_or_default();
        if !source.contains(&format!("fn {test}()")) {
            missing.push(format!("{module}::{test}"));
        }
    }
    assert_eq!(missing, [""; 0], "ARCHITECTURE.md names tests that are not there");
    assert!(count > 20, "only {count} names of tests were found");
    Ok(())
}

/// The file as one JSON value, with its variables put in.
fn document() -> Result<Value> {
    let mut root = yaml::parse("reference.yaml", &std::fs::read_to_string(FILE)?)?;
    let mut faults = ConfigFaults::new();
    substitute(&mut root, &environment(), &mut faults);
    Ok(faults.into_result(root.to_json())?)
}

/// What a walk over the schema, and the file along with it, has found.
#[derive(Default)]
struct Comparison<'a> {
    definitions: Option<&'a Map<String, Value>>,
    missing: Vec<String>,
    defaults: Vec<String>,
    with_default: usize,
    checked: usize,
}

impl<'a> Comparison<'a> {
    fn of(schema: &'a Value, document: &Value) -> Self {
        let mut comparison = Self { definitions: schema["$defs"].as_object(), ..Self::default() };
        let sections = schema["properties"].as_object().expect("the schema has sections");
        for (name, section) in sections {
            // A section stands in the schema under its aliases as well, and in the file under one of its names.
            let names = sections.iter().filter(|(_, other)| *other == section).map(|(name, _)| name);
            let found: Vec<&Value> = names.filter_map(|name| document.get(name)).collect();
            comparison.compare(section, &found, name);
        }
        comparison
    }

    /// Compares what a schema describes with every value that the file has at that place.
    fn compare(&mut self, schema: &'a Value, found: &[&Value], path: &str) {
        self.checked += 1;
        if found.is_empty() {
            self.missing.push(path.to_owned());
            return;
        }
        self.check_default(schema, found, path);
        let schema = self.resolved(schema);
        let items: Vec<&Value> = found.iter().filter_map(|value| value.as_array()).flatten().collect();
        if let Some(item) = schema.get("items").filter(|_| !items.is_empty()) {
            self.compare(item, &items, &format!("{path}[]"));
        }
        for variant in schema["oneOf"].as_array().into_iter().flatten() {
            self.compare_variant(variant, found, path);
        }
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let values: Vec<&Value> = found.iter().filter_map(|value| value.get(key)).collect();
            self.compare(property, &values, &format!("{path}.{key}"));
        }
    }

    /// Compares one of several forms that a value may have, told apart by a constant `type`.
    fn compare_variant(&mut self, variant: &'a Value, found: &[&Value], path: &str) {
        let tag = &variant["properties"]["type"]["const"];
        let Some(name) = tag.as_str() else { return };
        let of_variant: Vec<&Value> = found.iter().copied().filter(|value| value["type"] == *tag).collect();
        self.compare(variant, &of_variant, &format!("{path}({name})"));
        // What schemars puts beside the tag is what the variant holds.
        if let Some(content) = variant.get("$ref") {
            self.compare(self.definition(content), &of_variant, &format!("{path}({name})"));
        }
    }

    fn check_default(&mut self, schema: &Value, found: &[&Value], path: &str) {
        let Some(default) = schema.get("default").filter(|default| !default.is_null()) else { return };
        self.with_default += 1;
        if found.contains(&default) {
            self.defaults.push(path.to_owned());
        }
    }

    /// Follows a reference, and looks through `null` as the alternative of what is optional.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        if schema.get("properties").is_none() && schema.get("oneOf").is_none() {
            if let Some(reference) = schema.get("$ref") {
                return self.resolved(self.definition(reference));
            }
            let mut options = schema["anyOf"].as_array().into_iter().flatten();
            if let Some(option) = options.find(|option| option["type"] != "null" && option["type"] != "string") {
                return self.resolved(option);
            }
        }
        schema
    }

    fn definition(&self, reference: &Value) -> &'a Value {
        let name = reference.as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
        let definition = name.and_then(|name| self.definitions?.get(name));
        definition.unwrap_or_else(|| panic!("the schema has no definition for {reference}"))
    }
}
