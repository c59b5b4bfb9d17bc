//! An expectation beside a call, part by part.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use zato_core::Value;

use super::{
    PartnerCall,
    expectation::{Wanted, WantedBody},
};

/// One line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) side: Side,
    /// Which part of the call it is about.
    pub(super) part: &'static str,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// It was expected, and it came.
    Both,
    Expected,
    Came,
}

/// How many lines are shown of a body that has nothing in common with the expected one.
const MAX_LINES: usize = 20;

impl Wanted {
    /// Returns whether a call is the expected one.
    pub(super) fn fits(&self, call: &PartnerCall) -> bool {
        distance(&self.compare(call)) == 0
    }

    /// Puts a call beside what is expected.
    pub(super) fn compare(&self, call: &PartnerCall) -> Vec<Line> {
        let mut lines = Lines::default();
        if let Some(method) = &self.method {
            lines.one("method", method.as_str(), call.method.as_str(), method == call.method);
        }
        if let Some(path) = &self.path {
            lines.one("path", &self.path_line(path), call.path(), self.path_fits(path, call.path()));
        }
        self.compare_query(call, &mut lines);
        self.compare_headers(call, &mut lines);
        self.compare_body(call, &mut lines);
        for other in &self.others {
            let side = if (other.holds)(call) { Side::Both } else { Side::Expected };
            lines.add(side, "also", &other.what);
        }
        lines.0
    }

    fn path_line(&self, path: &str) -> String {
        let values: Vec<_> = self.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if values.is_empty() { path.to_owned() } else { format!("{path} ({})", values.join(", ")) }
    }

    /// Compares segment by segment, so that an encoded slash is none.
    fn path_fits(&self, path: &str, came: &str) -> bool {
        let (path, came): (Vec<_>, Vec<_>) = (path.split('/').collect(), came.split('/').collect());
        path.len() == came.len()
            && path.iter().zip(came).all(|(expected, came)| {
                let decoded = percent_decode_str(came).decode_utf8_lossy();
                match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    None => *expected == came || *expected == decoded,
                    Some(name) => {
                        let value = self.values.iter().find(|(known, _)| known == name);
                        !came.is_empty() && value.is_none_or(|(_, value)| *value == decoded)
                    }
                }
            })
    }

    fn compare_query(&self, call: &PartnerCall, lines: &mut Lines) {
        let mut came = call.query();
        let mut missing = false;
        for pair in &self.query {
            let at = came.iter().position(|other| other == pair);
            let side = if at.is_some() { Side::Both } else { Side::Expected };
            missing |= at.is_none();
            at.map(|at| came.remove(at));
            lines.add(side, "query", pair_line(pair));
        }
        if missing {
            came.iter().for_each(|pair| lines.add(Side::Came, "query", pair_line(pair)));
        }
    }

    fn compare_headers(&self, call: &PartnerCall, lines: &mut Lines) {
        for (name, value) in &self.headers {
            let came: Vec<_> = call.headers.get_all(name).iter().collect();
            let fits = came.iter().any(|came| came.as_bytes() == value.as_bytes());
            lines.add(if fits { Side::Both } else { Side::Expected }, "header", format!("{name}: {value}"));
            for came in came.iter().filter(|_| !fits) {
                let text = if came.is_sensitive() { "******".into() } else { String::from_utf8_lossy(came.as_bytes()) };
                lines.add(Side::Came, "header", format!("{name}: {text}"));
            }
        }
    }

    fn compare_body(&self, call: &PartnerCall, lines: &mut Lines) {
        match &self.body {
            WantedBody::Any => {}
            WantedBody::Json(expected) => match serde_json::from_slice(&call.body) {
                Ok(came) => compare_json(expected, &came, lines),
                Err(_) => {
                    lines.text(Side::Expected, &format!("{expected:#}"));
                    lines.text(Side::Came, &call.text());
                }
            },
            WantedBody::Form(expected) => {
                let mut came = call.form();
                came.sort();
                let of = |pairs: &[(String, String)]| pairs.iter().map(pair_line).collect::<Vec<_>>();
                lines.sets(&of(expected), &of(&came));
            }
            WantedBody::Bytes(expected) if *expected == call.body => {
                lines.add(Side::Both, "body", format!("{} bytes", expected.len()));
            }
            WantedBody::Bytes(expected) => {
                lines.text(Side::Expected, &String::from_utf8_lossy(expected));
                lines.text(Side::Came, &call.text());
            }
            WantedBody::Contains(text) if call.text().contains(text) => {
                lines.add(Side::Both, "body", format!("... {text} ..."));
            }
            WantedBody::Contains(text) => {
                lines.add(Side::Expected, "body", format!("... {text} ..."));
                lines.text(Side::Came, &call.text());
            }
        }
    }

    /// What is expected, on one line.
    pub(super) fn line(&self) -> String {
        let method = self.method.as_ref().map_or("any method", |method| method.as_str());
        let path = self.path.as_deref().map_or_else(|| "of any path".to_owned(), |path| self.path_line(path));
        let mut line = format!("{method} {path}");
        for pair in &self.query {
            line += &format!(" {}", pair_line(pair));
        }
        for (name, _) in &self.headers {
            line += &format!(" [{name}]");
        }
        line + match &self.body {
            WantedBody::Any => "",
            WantedBody::Json(_) => " with JSON",
            WantedBody::Form(_) => " with a form",
            WantedBody::Bytes(_) | WantedBody::Contains(_) => " with a body",
        }
    }
}

/// Returns in how many lines the two differ.
pub(super) fn distance(lines: &[Line]) -> usize {
    lines.iter().filter(|line| line.side != Side::Both).count()
}

fn pair_line((name, value): &(String, String)) -> String {
    format!("{name}={value}")
}

#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    fn add(&mut self, side: Side, part: &'static str, text: impl Into<String>) {
        self.0.push(Line { side, part, text: text.into() });
    }

    fn one(&mut self, part: &'static str, expected: &str, came: &str, fits: bool) {
        self.add(if fits { Side::Both } else { Side::Expected }, part, expected);
        if !fits {
            self.add(Side::Came, part, came);
        }
    }

    /// A body as it is.
    fn text(&mut self, side: Side, text: &str) {
        if text.is_empty() {
            self.add(side, "body", "(empty)");
        }
        for (number, line) in text.lines().enumerate() {
            if number == MAX_LINES {
                self.add(side, "body", "...");
                break;
            }
            self.add(side, "body", line);
        }
    }

    /// What is in both of two sorted lists, and what in one of them.
    fn sets(&mut self, expected: &[String], came: &[String]) {
        let mut left = came.to_vec();
        for line in expected {
            let at = left.iter().position(|other| other == line);
            self.add(if at.is_some() { Side::Both } else { Side::Expected }, "body", line);
            at.map(|at| left.remove(at));
        }
        left.iter().for_each(|line| self.add(Side::Came, "body", line));
    }
}

/// Compares two values place by place; what is equal is one line, however much it is.
fn compare_json(expected: &Value, came: &Value, lines: &mut Lines) {
    if expected == came {
        lines.add(Side::Both, "body", "the JSON that was expected");
        return;
    }
    let (expected, came) = (places(expected), places(came));
    for place in expected.keys().chain(came.keys()).collect::<BTreeSet<_>>() {
        let (expected, came) = (expected.get(place), came.get(place));
        if expected != came {
            let mut add = |side, value: Option<&String>| {
                if let Some(value) = value {
                    lines.add(side, "body", format!("{place} {value}"));
                }
            };
            add(Side::Expected, expected);
            add(Side::Came, came);
        }
    }
}

/// Every value that has none in it, by its place (RFC 6901).
fn places(value: &Value) -> BTreeMap<String, String> {
    let (mut found, mut left) = (BTreeMap::new(), vec![(String::new(), value)]);
    while let Some((place, value)) = left.pop() {
        match value {
            Value::Object(map) if !map.is_empty() => left.extend(map.iter().map(|(key, value)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                (format!("{place}/{key}"), value)
            })),
            Value::Array(list) if !list.is_empty() => {
                left.extend(list.iter().enumerate().map(|(number, value)| (format!("{place}/{number}"), value)));
            }
            leaf => {
                let place = if place.is_empty() { "/".to_owned() } else { place };
                found.insert(place, leaf.to_string());
            }
        }
    }
    found
}
