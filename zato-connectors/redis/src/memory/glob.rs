//! Patterns of names: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what is meant as it stands.

/// Tells whether a name fits a pattern.
///
/// A star is tried again from its last place alone, so that no pattern takes more than its length times the name's.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            retry = Some((rest, name));
            pattern = rest;
            continue;
        }
        let step = match name {
            [] if pattern.is_empty() => return true,
            [] => None,
            [byte, rest @ ..] => one(pattern, *byte).map(|pattern| (pattern, rest)),
        };
        match (step, retry) {
            (Some((next_pattern, next_name)), _) => (pattern, name) = (next_pattern, next_name),
            (None, Some((after_star, [_, rest @ ..]))) => {
                retry = Some((after_star, rest));
                (pattern, name) = (after_star, rest);
            }
            (None, _) => return false,
        }
    }
}

/// Returns the rest of the pattern if its first part fits this byte.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => class(rest, byte),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte).then_some(rest),
    }
}

fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (is_negated, mut pattern) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let mut is_in = false;
    loop {
        match pattern {
            // A class that is not closed ends with the pattern.
            [] => break,
            [b']', rest @ ..] => {
                pattern = rest;
                break;
            }
            [b'\\', literal, rest @ ..] => {
                is_in |= *literal == byte;
                pattern = rest;
            }
            [first, b'-', last, rest @ ..] => {
                is_in |= (*first.min(last)..=*first.max(last)).contains(&byte);
                pattern = rest;
            }
            [literal, rest @ ..] => {
                is_in |= *literal == byte;
                pattern = rest;
            }
        }
    }
    (is_in != is_negated).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn names_fit_patterns() {
        let fitting = [
            ("*", ""),
            ("h?llo", "hello"),
            ("h*llo", "heeeello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hbllo"),
            ("h[a-c]llo", "hbllo"),
            (r"h\?llo", "h?llo"),
            ("*a*b*", "xxayybzz"),
            ("user:*:name", "user:1:2:name"),
        ];
        for (pattern, name) in fitting {
            assert!(matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [("h?llo", "hllo"), ("a*b", "abc"), ("h[^e]llo", "hello"), ("", "a"), ("[", "a")] {
            assert!(!matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        assert!(!matches("a*".repeat(40).as_bytes(), "a".repeat(39).as_bytes()));
    }
}
