//! Variables of the environment in values.
//!
//! `${NAME}` and `${NAME:-default}` may stand anywhere in a value, `$$` is one dollar, and Zato's own
//! `Zato_Enmasse_Env.NAME` may be all of a value. Keys are left alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::config::suggest::quoted;
use crate::config::{ConfigFault, ConfigFaults, Node, NodeKind, Origin, Style};

/// How Zato's enmasse files name a variable.
const ENMASSE: [&str; 2] = ["Zato_Enmasse_Env.", "ZatoEnmasseEnv."];

/// Answers what a variable of the environment is set to.
///
/// A trait, so that a test brings its own variables: those of the process are shared by all of its threads.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use zato_core::config::Environment;
///
/// let environment = BTreeMap::from([("PORT".to_owned(), "8080".to_owned())]);
/// assert_eq!(environment.var("PORT").as_deref(), Some("8080"));
/// ```
pub trait Environment: Send + Sync {
    /// Gives the value of `name`; `None` if it is not set.
    fn var(&self, name: &str) -> Option<String>;

    /// Gives the names of all variables that are set, in any order, so that one which fits nothing can be told; none
    /// where nobody knows them.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Reads the environment of this process.
///
/// A variable that is not valid Unicode counts as not set.
///
/// # Examples
///
/// ```
/// use zato_core::config::{Environment, ProcessEnvironment};
///
/// assert_eq!(ProcessEnvironment.var("ZATO_SURELY_NOT_SET"), None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn names(&self) -> Vec<String> {
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
    }
}

impl Environment for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}

/// Replaces every variable in the values of `node`, and adds what is missing or malformed to `faults`.
///
/// A value that a variable went into becomes hidden. It stays as plain as it was, so that `port: ${PORT}` can be an
/// integer. As in a shell, a default counts for a variable that is empty as well.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use zato_core::config::{ConfigFaults, substitute, yaml};
///
/// let mut node = yaml::parse("zato.yaml", "host: ${HOST:-localhost}\nport: ${PORT}")?;
/// let mut faults = ConfigFaults::new();
/// substitute(&mut node, &BTreeMap::new(), &mut faults);
/// assert_eq!(node.get("host").and_then(|host| host.as_str()), Some("localhost"));
/// assert_eq!(
///     faults.to_string(),
///     "zato.yaml:2:7: environment variable \"PORT\" is not set; set it, or write ${PORT:-default}"
/// );
/// # Ok::<(), zato_core::config::ConfigFault>(())
/// ```
pub fn substitute(node: &mut Node, environment: &dyn Environment, faults: &mut ConfigFaults) {
    walk_telling(node, &mut Rules { environment, overrides: None }, None, faults);
}

/// How the variables begin that replace values of user configuration.
pub(in crate::config) const OVERRIDES: &str = "Zato_Config_";

/// Replaces variables in a file of user configuration of a name: `$NAME` counts, too, if it is all of a value, and a value
/// is replaced as a whole by `Zato_Config_<file>_<section>_<key>` if that is set. Adds those that did so to `used`.
pub(in crate::config) fn substitute_user(
    node: &mut Node,
    file: &str,
    environment: &dyn Environment,
    used: &mut BTreeSet<String>,
    faults: &mut ConfigFaults,
) {
    let path = joined(OVERRIDES, file);
    walk_telling(node, &mut Rules { environment, overrides: Some(used) }, Some(&path), faults);
}

/// Tells whether a variable looks as if it replaced a value of a file.
pub(in crate::config) fn is_for(variable: &str, file: &str) -> bool {
    variable.starts_with(&joined(&joined(OVERRIDES, file), "_"))
}

/// Continues the name of a variable; what can't be in one becomes an underscore.
fn joined(start: &str, name: &str) -> String {
    start.chars().chain(name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })).collect()
}

/// What replaces a value.
struct Rules<'a> {
    environment: &'a dyn Environment,
    /// Where user configuration is read, the variables that have replaced a value as a whole.
    overrides: Option<&'a mut BTreeSet<String>>,
}

impl Rules<'_> {
    /// Gives what replaces the value that a variable of this name is for.
    fn instead(&mut self, variable: Option<&str>) -> Option<String> {
        let value = self.environment.var(variable?)?;
        self.overrides.as_mut()?.insert(variable?.to_owned());
        Some(value)
    }
}

fn walk_telling(node: &mut Node, rules: &mut Rules<'_>, path: Option<&str>, faults: &mut ConfigFaults) {
    // An anchor's value is in the tree once per alias: each of its faults is told once.
    let mut told = HashSet::new();
    let mut tell = |fault: ConfigFault| {
        if told.insert(fault.clone()) {
            faults.push(fault);
        }
    };
    walk(node, rules, path, &mut tell);
}

/// Walks over a value; `path` is the variable that would replace it, where there are any.
fn walk(node: &mut Node, rules: &mut Rules<'_>, path: Option<&str>, tell: &mut impl FnMut(ConfigFault)) {
    let below = |name: &str| path.map(|path| joined(&format!("{path}_"), name));
    match &mut node.kind {
        NodeKind::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, rules, below(&index.to_string()).as_deref(), tell);
            }
        }
        NodeKind::Map(entries) => {
            for (key, value) in entries {
                walk(value, rules, below(&key.name).as_deref(), tell);
            }
        }
        NodeKind::Null => {
            if let Some(text) = rules.instead(path) {
                node.kind = NodeKind::Scalar { text, style: Style::Plain };
                node.hidden = true;
            }
        }
        NodeKind::Scalar { text, .. } => {
            let instead = rules.instead(path).map(|text| Expanded { text, from_environment: true });
            let Some(expanded) = instead.or_else(|| expand(text, &node.origin, rules, tell)) else { return };
            *text = expanded.text;
            node.hidden |= expanded.from_environment;
        }
    }
}

struct Expanded {
    text: String,
    from_environment: bool,
}

/// Gives the new text of a scalar; `None` if it stays as it is, also because of a fault.
fn expand(text: &str, origin: &Origin, rules: &Rules<'_>, tell: &mut impl FnMut(ConfigFault)) -> Option<Expanded> {
    let environment = rules.environment;
    let mut kept = |found: Result<Expanded, String>| match found {
        Ok(expanded) => Some(expanded),
        Err(message) => {
            tell(ConfigFault::at(origin, message));
            None
        }
    };
    if let Some(name) = ENMASSE.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        return kept(lookup(name, None, environment));
    }
    if let Some(name) = text.strip_prefix('$').filter(|name| rules.overrides.is_some() && is_name(name)) {
        let dollar = |message| format!("{message}, or $${name} for that text");
        return kept(lookup(name, None, environment).map_err(dollar));
    }
    let (before, from_first_dollar) = text.split_at_checked(text.find('$')?)?;
    let mut expanded = Expanded { text: before.to_owned(), from_environment: false };
    let mut rest = from_first_dollar;
    while !rest.is_empty() {
        rest = match step(rest, environment, &mut expanded) {
            Ok(rest) => rest,
            Err((message, rest)) => {
                tell(ConfigFault::at(origin, message));
                rest
            }
        };
    }
    Some(expanded)
}

/// Takes what `rest` starts with, and gives what is left of it, after a fault as well: all are told at once.
fn step<'a>(
    rest: &'a str,
    environment: &dyn Environment,
    expanded: &mut Expanded,
) -> Result<&'a str, (String, &'a str)> {
    if let Some(rest) = rest.strip_prefix("$$") {
        expanded.text.push('$');
        return Ok(rest);
    }
    if let Some(inside) = rest.strip_prefix("${") {
        let Some((variable, rest)) = inside.split_once('}') else {
            return Err(("\"${\" has no closing \"}\"; write $$ for a dollar sign".to_owned(), ""));
        };
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (variable, None),
        };
        let value = lookup(name, default, environment).map_err(|message| (message, rest))?;
        expanded.text.push_str(&value.text);
        expanded.from_environment |= value.from_environment;
        return Ok(rest);
    }
    // A dollar that starts nothing (`^a+$`), or text up to the next dollar.
    let after = rest.strip_prefix('$');
    let text = after.unwrap_or(rest);
    let end = text.find('$').unwrap_or(text.len());
    let (taken, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    expanded.text.push_str(if after.is_some() { "$" } else { "" });
    expanded.text.push_str(taken);
    Ok(rest)
}

/// Tells whether a text can name a variable.
fn is_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn lookup(name: &str, default: Option<&str>, environment: &dyn Environment) -> Result<Expanded, String> {
    if !is_name(name) {
        let name = quoted(name);
        return Err(format!("{name} cannot name an environment variable; use letters, digits and underscores"));
    }
    match (environment.var(name), default) {
        (Some(value), None) => Ok(Expanded { text: value, from_environment: true }),
        (Some(value), Some(_)) if !value.is_empty() => Ok(Expanded { text: value, from_environment: true }),
        (_, Some(default)) => Ok(Expanded { text: default.to_owned(), from_environment: false }),
        (None, None) => {
            Err(format!("environment variable {} is not set; set it, or write ${{{name}:-default}}", quoted(name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::parse;

    fn environment() -> BTreeMap<String, String> {
        let pairs = [("HOST", "crm.example"), ("PORT", "8080"), ("EMPTY", ""), ("DOLLAR", "${HOST}")];
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn substituted(text: &str) -> (Node, String) {
        let mut node = parse("zato.yaml", text).unwrap();
        let mut faults = ConfigFaults::new();
        substitute(&mut node, &environment(), &mut faults);
        (node, faults.to_string())
    }

    #[test]
    fn variables_are_put_in() {
        for (written, expected, hidden) in [
            ("${HOST}", "crm.example", true),
            ("http://${HOST}:${PORT}/", "http://crm.example:8080/", true),
            ("${NONE:-a:-b{}", "a:-b{", false),
            ("x${NONE:-}y", "xy", false),
            ("${EMPTY:-full}", "full", false),
            ("${HOST:-other}", "crm.example", true),
            ("${DOLLAR}", "${HOST}", true),
            ("$$", "$", false),
            ("a$$b$$$$c", "a$b$$c", false),
            ("$${HOST}", "${HOST}", false),
            ("^a+$", "^a+$", false),
            ("$5 $HOST", "$5 $HOST", false),
            ("Zato_Enmasse_Env.HOST", "crm.example", true),
            ("ZatoEnmasseEnv.PORT", "8080", true),
            ("see Zato_Enmasse_Env.HOST", "see Zato_Enmasse_Env.HOST", false),
        ] {
            let (node, faults) = substituted(&format!("key: '{written}'"));
            let value = node.get("key").unwrap();
            assert_eq!((value.as_str().unwrap(), value.hidden), (expected, hidden), "{written}");
            assert_eq!(faults, "", "{written}");
        }
    }

    #[test]
    fn a_plain_scalar_stays_plain() {
        let (node, _) = substituted("port: ${PORT}\nzip: '${PORT}'\nempty: ${EMPTY}");
        assert_eq!(node.get("port").unwrap().kind, NodeKind::Scalar { text: "8080".to_owned(), style: Style::Plain });
        assert_eq!(node.get("zip").unwrap().kind, NodeKind::Scalar { text: "8080".to_owned(), style: Style::Quoted });
        assert!(node.get("empty").unwrap().is_null());
    }

    #[test]
    fn user_configuration_has_more_ways() {
        let text = "bare: $HOST\nno: $NONE\nnot: $HOST and more\nmoney: $5\nsec_tion: {'a.b c': '${ALSO_NONE}', list: [x, y]}\n\
                    daily: 1\nempty:\n";
        let mut environment = environment();
        for (name, value) in [
            ("Zato_Config_my_file_sec_tion_a_b_c", "$HOST"),
            ("Zato_Config_my_file_sec_tion_list_1", "z"),
            ("Zato_Config_my_file_daily", "2"),
            ("Zato_Config_my_file_empty", "3"),
            ("Zato_Config_my_file_DAILY", "4"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        let mut node = parse("my-file.yaml", text).unwrap();
        let (mut used, mut faults) = (BTreeSet::new(), ConfigFaults::new());
        substitute_user(&mut node, "my-file", &environment, &mut used, &mut faults);
        let expected = serde_json::json!({
            "bare": "crm.example", "no": "$NONE", "not": "$HOST and more", "money": "$5",
            "sec_tion": {"a.b c": "$HOST", "list": ["x", "z"]}, "daily": 2, "empty": 3,
        });
        assert_eq!(node.to_json(), expected);
        assert_eq!(
            faults.to_string(),
            "my-file.yaml:2:5: environment variable \"NONE\" is not set; set it, or write ${NONE:-default}, or $$NONE for \
             that text"
        );
        assert_eq!(used.len(), 4);
        assert!(node.get("daily").unwrap().hidden && node.get("empty").unwrap().hidden);
    }

    #[test]
    fn keys_are_left_alone() {
        let (node, faults) = substituted("'${HOST}': 1");
        assert_eq!((node.entries()[0].0.name.as_str(), faults.as_str()), ("${HOST}", ""));
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_once() {
        let (_, faults) = substituted("a: ${A} ${B}\nb: &b [Zato_Enmasse_Env.C]\nc: ${HOST\nd: ${a-b}\ne: *b\nf: ${}");
        assert_eq!(
            faults,
            "zato.yaml:1:4: environment variable \"A\" is not set; set it, or write ${A:-default}\n\
             zato.yaml:1:4: environment variable \"B\" is not set; set it, or write ${B:-default}\n\
             zato.yaml:2:8: environment variable \"C\" is not set; set it, or write ${C:-default}\n\
             zato.yaml:3:4: \"${\" has no closing \"}\"; write $$ for a dollar sign\n\
             zato.yaml:4:4: \"a-b\" cannot name an environment variable; use letters, digits and underscores\n\
             zato.yaml:6:4: \"\" cannot name an environment variable; use letters, digits and underscores"
        );
    }
}
