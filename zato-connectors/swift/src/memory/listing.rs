//! Listings of containers and of objects, page by page.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Included, Unbounded},
};

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    request::Call,
};

/// The most entries of one page, as in Swift (`account_listing_limit`, `container_listing_limit`).
const MOST: usize = 10_000;

/// What of all names is listed.
#[derive(Debug)]
struct Page<'a> {
    limit: usize,
    /// Names from here on, without this one, in the order that is asked for.
    marker: &'a str,
    /// Names up to here, without this one; empty for all.
    end_marker: &'a str,
    prefix: &'a str,
    /// Names that go on with it are put together; empty for none.
    delimiter: &'a str,
    is_reverse: bool,
}

/// An entry: a name with what it stands for, or what several names begin with.
enum Entry<'a, T> {
    One(&'a String, &'a T),
    Many(String),
}

/// Answers with the page that is asked for, as JSON or as one name by line.
pub(super) fn answer<T>(call: &Call, all: &BTreeMap<String, T>, describe: impl Fn(&str, &T) -> Value) -> Outcome {
    let entries = Page::read(call)?.of(all);
    if call.wants_json() {
        let described = entries.iter().map(|entry| match entry {
            Entry::One(name, what) => describe(name, what),
            Entry::Many(name) => json!({ "subdir": name }),
        });
        return Ok(Answer::json(StatusCode::OK, &described.collect::<Value>()));
    }
    let lines = entries.iter().map(|entry| match entry {
        Entry::One(name, _) => format!("{name}\n"),
        Entry::Many(name) => format!("{name}\n"),
    });
    let status = if entries.is_empty() { StatusCode::NO_CONTENT } else { StatusCode::OK };
    Ok(Answer::new(status).with("content-type", "text/plain; charset=utf-8").containing(lines.collect::<String>()))
}

impl<'a> Page<'a> {
    fn read(call: &'a Call) -> Outcome<Self> {
        let text = |name| call.query.get(name).unwrap_or_default();
        let limit = text("limit");
        let is_number = !limit.is_empty() && limit.bytes().all(|byte| byte.is_ascii_digit());
        let limit = if is_number { limit.parse().unwrap_or(usize::MAX) } else { MOST };
        if limit > MOST {
            return Err(Refusal::new(StatusCode::PRECONDITION_FAILED, format!("Maximum limit is {MOST}")));
        }
        let is_reverse =
            matches!(text("reverse").to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on" | "t" | "y");
        Ok(Self {
            limit,
            marker: text("marker"),
            end_marker: text("end_marker"),
            prefix: text("prefix"),
            delimiter: text("delimiter"),
            is_reverse,
        })
    }

    fn of<T>(&self, all: &'a BTreeMap<String, T>) -> Vec<Entry<'a, T>> {
        let (after, before) =
            if self.is_reverse { (self.end_marker, self.marker) } else { (self.marker, self.end_marker) };
        // What comes after both the marker and the prefix, so that a late page costs no more than an early one.
        let first = if after >= self.prefix && !after.is_empty() { Excluded(after) } else { Included(self.prefix) };
        let fitting = all
            .range::<str, _>((first, Unbounded))
            .take_while(|(name, _)| name.starts_with(self.prefix) && (before.is_empty() || name.as_str() < before));
        if self.is_reverse {
            let fitting: Vec<_> = fitting.collect();
            self.page(fitting.into_iter().rev())
        } else {
            self.page(fitting)
        }
    }

    fn page<T>(&self, fitting: impl Iterator<Item = (&'a String, &'a T)>) -> Vec<Entry<'a, T>> {
        let mut entries = Vec::new();
        for (name, what) in fitting {
            if entries.len() >= self.limit {
                break;
            }
            match self.directory(name) {
                None => entries.push(Entry::One(name, what)),
                // The page before has ended with it.
                Some(directory) if directory == self.marker => {}
                Some(directory) => {
                    let is_there = matches!(entries.last(), Some(Entry::Many(last)) if *last == directory);
                    if !is_there {
                        entries.push(Entry::Many(directory.to_owned()));
                    }
                }
            }
        }
        entries
    }

    /// Returns what a name is put together with others under: up to the first delimiter after the prefix, with it.
    fn directory<'b>(&self, name: &'b str) -> Option<&'b str> {
        let rest = name.strip_prefix(self.prefix).filter(|_| !self.delimiter.is_empty())?;
        let end = self.prefix.len() + rest.find(self.delimiter)? + self.delimiter.len();
        name.get(..end)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::memory::{
        SwiftServer,
        kit::{self, Caller},
    };

    const NAMES: &[&str] = &["a", "b/1", "b/2", "b/c/3", "d", "e/4", "z%C3%A9"];

    async fn filled() -> Caller {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", NAMES).await;
        caller
    }

    async fn listed(caller: &Caller, query: &str) -> Vec<String> {
        let seen = caller.send("GET", &format!("/c?format=json&{query}"), &[], "").await;
        assert_eq!(seen.status, 200, "{query}");
        let name = |entry: &Value| entry.get("name").or(entry.get("subdir")).unwrap().as_str().unwrap().to_owned();
        seen.json().as_array().unwrap().iter().map(name).collect()
    }

    #[tokio::test]
    async fn a_listing_is_the_page_that_was_asked_for() {
        let caller = filled().await;
        for (query, expected) in [
            ("", &["a", "b/1", "b/2", "b/c/3", "d", "e/4", "zé"][..]),
            ("limit=2", &["a", "b/1"]),
            ("limit=2&marker=b/1", &["b/2", "b/c/3"]),
            ("limit=0", &[]),
            ("limit=x", &["a", "b/1", "b/2", "b/c/3", "d", "e/4", "zé"]),
            ("marker=zz", &["zé"]),
            ("marker=b&end_marker=d", &["b/1", "b/2", "b/c/3"]),
            ("prefix=b/", &["b/1", "b/2", "b/c/3"]),
            ("prefix=b/&marker=a", &["b/1", "b/2", "b/c/3"]),
            ("prefix=b/&marker=d", &[]),
            ("delimiter=/", &["a", "b/", "d", "e/", "zé"]),
            ("delimiter=/&prefix=b/", &["b/1", "b/2", "b/c/"]),
            ("delimiter=/&limit=2", &["a", "b/"]),
            ("delimiter=/&limit=2&marker=b/", &["d", "e/"]),
            ("reverse=true", &["zé", "e/4", "d", "b/c/3", "b/2", "b/1", "a"]),
            ("reverse=true&marker=d&end_marker=b/1", &["b/c/3", "b/2"]),
            ("reverse=on&delimiter=/&limit=3", &["zé", "e/", "d"]),
            ("reverse=on&delimiter=/&marker=d", &["b/", "a"]),
        ] {
            assert_eq!(listed(&caller, query).await, expected, "{query}");
        }
        assert_eq!(caller.send("GET", "/c?limit=10001", &[], "").await.status, 412);
    }

    #[tokio::test]
    async fn an_entry_tells_about_its_object() {
        let caller = filled().await;
        let seen = caller.send("GET", "/c?limit=1", &[("accept", "application/json")], "").await;
        let listed = seen.json()[0].clone();
        let modified = listed["last_modified"].as_str().unwrap();
        assert_eq!((modified.len(), seen.header("content-type")), (26, "application/json; charset=utf-8"));
        let expected = json!({
            "name": "a", "hash": "0cc175b9c0f1b6a831c399e269772661", "bytes": 1,
            "content_type": "application/octet-stream", "last_modified": modified,
        });
        assert_eq!(listed, expected);
    }

    #[tokio::test]
    async fn without_json_there_is_one_name_by_line() {
        let caller = filled().await;
        let seen = caller.send("GET", "/c?prefix=b/&delimiter=/", &[], "").await;
        assert_eq!((seen.status, &*seen.body), (200, "b/1\nb/2\nb/c/\n".as_bytes()));
        assert_eq!(caller.send("GET", "/c?prefix=nothing", &[], "").await.status, 204);
    }
}
