use std::{fmt, str::Chars};

/// What names look like, with `*` for any characters and `?` for one.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns whether a name looks like that.
    pub(super) fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut text) = (self.0.chars(), name.chars());
        // After the last `*`, and where in the name it was tried to go on.
        let mut last: Option<(Chars<'_>, Chars<'_>)> = None;
        loop {
            let at = text.clone();
            match (pattern.next(), text.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    text = at;
                    last = Some((pattern.clone(), text.clone()));
                }
                (Some('?'), Some(_)) => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                _ => {
                    let Some((after, from)) = &mut last else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    (pattern, text) = (after.clone(), from.clone());
                }
            }
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything_and_a_question_mark_is_one_character() {
        for (pattern, name, is_one) in [
            ("*", "", true),
            ("*", "a/b", true),
            ("", "", true),
            ("", "a", false),
            ("*.json", "2026/11.json", true),
            ("*.json", "2026/11.json.gz", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("?", "ż", true),
            ("?", "", false),
            ("?*?", "a", false),
            ("a?c", "abc", true),
            ("ABC", "abc", false),
            ("**a", "aa", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), is_one, "{pattern} {name}");
        }
        assert!(!Pattern::new(&"*a".repeat(50)).matches(&"b".repeat(1024)));
    }
}
