use ::lapin::types::{AMQPValue, FieldTable};

use super::values;
use crate::wire;

/// An exchange, with what is bound to it.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) declared: wire::Exchange,
    pub(super) kind: Kind,
    pub(super) bindings: Vec<Binding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Direct,
    Fanout,
    Topic,
    Headers,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binding {
    pub(super) to: Target,
    pub(super) key: String,
    pub(super) arguments: FieldTable,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Queue(String),
    Exchange(String),
}

impl Kind {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "direct" => Self::Direct,
            "fanout" => Self::Fanout,
            "topic" => Self::Topic,
            "headers" => Self::Headers,
            _ => return None,
        })
    }
}

impl Exchange {
    pub(super) fn new(declared: wire::Exchange, kind: Kind) -> Self {
        Self { declared, kind, bindings: Vec::new() }
    }

    /// What is there before anybody declares anything (AMQP 0-9-1 §3.1.3), save the default exchange.
    pub(super) fn predeclared() -> impl Iterator<Item = Self> {
        [
            ("amq.direct", "direct", Kind::Direct),
            ("amq.fanout", "fanout", Kind::Fanout),
            ("amq.topic", "topic", Kind::Topic),
            ("amq.headers", "headers", Kind::Headers),
            ("amq.match", "headers", Kind::Headers),
        ]
        .into_iter()
        .map(|(name, kind_name, kind)| {
            let declared = wire::Exchange {
                name: name.to_owned(),
                kind: kind_name.to_owned(),
                is_durable: true,
                is_auto_delete: false,
                is_internal: false,
                arguments: FieldTable::default(),
            };
            Self::new(declared, kind)
        })
    }

    /// Where messages go that nothing is bound for.
    pub(super) fn alternate(&self) -> Option<String> {
        values::text(&self.declared.arguments, "alternate-exchange")
    }

    /// Returns what a message is handed on to.
    pub(super) fn targets<'a>(
        &'a self,
        key: &'a str,
        headers: Option<&'a FieldTable>,
    ) -> impl Iterator<Item = &'a Target> {
        let is_bound = move |binding: &&Binding| match self.kind {
            Kind::Direct => binding.key == key,
            Kind::Fanout => true,
            Kind::Topic => matches_topic(&binding.key, key),
            Kind::Headers => matches_headers(&binding.arguments, headers),
        };
        self.bindings.iter().filter(is_bound).map(|binding| &binding.to)
    }
}

/// Whether a key matches a pattern, in which `*` is a word and `#` any number of them (AMQP 0-9-1 §3.1.3.3).
fn matches_topic(pattern: &str, key: &str) -> bool {
    let words: Vec<&str> = words(key).collect();
    // Whether the pattern read so far can stand for as many words.
    let mut reached = vec![false; words.len() + 1];
    if let Some(none) = reached.first_mut() {
        *none = true;
    }
    for part in self::words(pattern) {
        if part == "#" {
            let mut is_reached = false;
            for reached in &mut reached {
                is_reached |= *reached;
                *reached = is_reached;
            }
        } else {
            let with_another =
                reached.iter().zip(&words).map(|(reached, word)| *reached && (part == "*" || part == *word));
            reached = std::iter::once(false).chain(with_another).collect();
        }
    }
    reached.last() == Some(&true)
}

/// Nothing has no words, rather than an empty one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('.').filter(move |_| !text.is_empty())
}

/// Whether headers are what a binding asks for: all of it, or any, by `x-match`. A value of nothing stands for any.
fn matches_headers(wanted: &FieldTable, headers: Option<&FieldTable>) -> bool {
    let how = values::text(wanted, "x-match").unwrap_or_else(|| "all".to_owned());
    let with_extensions = how.ends_with("-with-x");
    let counts = |name: &str| name != "x-match" && (with_extensions || !name.starts_with("x-"));
    let is_there = |name: &str, value: &AMQPValue| {
        let found = headers.and_then(|headers| headers.inner().get(name));
        found.is_some_and(|found| *value == AMQPValue::Void || values::is_alike(value, found))
    };
    let mut wanted = wanted.inner().iter().filter(|(name, _)| counts(name.as_str()));
    if how.starts_with("any") {
        wanted.any(|(name, value)| is_there(name.as_str(), value))
    } else {
        wanted.all(|(name, value)| is_there(name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics() {
        for (pattern, key) in [
            ("a.*.c", "a.b.c"),
            ("#", ""),
            ("#", "a.b"),
            ("a.#", "a"),
            ("a.#.b", "a.b"),
            ("a.#.b", "a.x.y.b"),
            ("*.#", "a"),
            ("", ""),
            ("*", "a"),
            ("#.#.#.#.b", "b"),
            ("a..b", "a..b"),
        ] {
            assert!(matches_topic(pattern, key), "{pattern} {key}");
        }
        for (pattern, key) in
            [("a.*.c", "a.c"), ("*", ""), ("*", "a.b"), ("a.#.b", "a.x"), ("*.#", ""), ("a", "A"), ("", "a")]
        {
            assert!(!matches_topic(pattern, key), "{pattern} {key}");
        }
        // Nothing takes longer than it should.
        let (pattern, key) = (["#"; 100].join("."), ["a"; 100].join("."));
        assert!(!matches_topic(&format!("{pattern}.b"), &key));
    }

    #[test]
    fn headers() {
        let table = |entries: &[(&str, AMQPValue)]| {
            FieldTable::from(
                entries.iter().map(|(k, v)| ((*k).into(), v.clone())).collect::<std::collections::BTreeMap<_, _>>(),
            )
        };
        let text = |text: &str| AMQPValue::LongString(text.into());
        let has = table(&[("a", AMQPValue::LongInt(1)), ("b", text("x")), ("x-c", text("y"))]);
        let binding = |how: &str, entries: &[(&str, AMQPValue)]| {
            let mut binding = table(entries);
            binding.insert("x-match".into(), text(how));
            binding
        };
        let (one, other) = (("a", AMQPValue::LongLongInt(1)), ("b", text("z")));
        assert!(matches_headers(&binding("all", std::slice::from_ref(&one)), Some(&has)));
        assert!(!matches_headers(&binding("all", &[one.clone(), other.clone()]), Some(&has)));
        assert!(matches_headers(&binding("any", &[one.clone(), other.clone()]), Some(&has)));
        assert!(!matches_headers(&binding("any", std::slice::from_ref(&other)), Some(&has)));
        assert!(matches_headers(&binding("all", &[("b", AMQPValue::Void)]), Some(&has)));
        assert!(matches_headers(&binding("all", &[("x-c", text("n"))]), Some(&has)));
        assert!(!matches_headers(&binding("all-with-x", &[("x-c", text("n"))]), Some(&has)));
        assert!(matches_headers(&binding("all", &[]), None));
        assert!(!matches_headers(&binding("any", &[]), Some(&has)));
        assert!(!matches_headers(&table(&[one]), None));
    }
}
