//! What a service may be called.

/// How many characters a name has at most.
const LONGEST: usize = 200;

/// Says what is wrong with a service's name, and where.
///
/// The text follows on "a service's name", and mentions positions by number, because a macro on a stable compiler
/// cannot point into a string literal.
///
/// # Errors
///
/// If the name is empty or too long, has an empty segment or another character than ASCII letters, digits, `-`, `_`
/// and the dots between segments, or is in the framework's own namespace.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if length == 0 {
        return Err("must not be empty".to_owned());
    }
    if length > LONGEST {
        return Err(format!("must have at most {LONGEST} characters, not {length}"));
    }
    if let Some((index, stranger)) = name.chars().enumerate().find(|(_, letter)| !is_allowed(*letter)) {
        let position = index + 1;
        return Err(format!(
            "must consist of ASCII letters, digits, `-`, `_` and dots, not {stranger:?} (character {position})"
        ));
    }
    if name.starts_with("zato.") {
        return Err("must not start with `zato.`, which is the framework's own".to_owned());
    }
    match empty_segment(name) {
        Some(place) => Err(format!("must have no empty segment: something is missing {place}")),
        None => Ok(()),
    }
}

/// Whether a name may contain the character.
fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

/// Says where a name has nothing before, between or after its dots.
fn empty_segment(name: &str) -> Option<String> {
    if name.starts_with('.') {
        return Some("before the first dot".to_owned());
    }
    if let Some(index) = name.find("..") {
        return Some(format!("between the dots at characters {} and {}", index + 1, index + 2));
    }
    name.ends_with('.').then(|| "after the last dot".to_owned())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn accepts() {
        let longest = "a".repeat(200);
        for name in ["a", "api.user.get-details", "API_2.x-1", "-", "_._", "zato", "zato-like.x", "1", longest.as_str()]
        {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn refuses_and_says_where() {
        let too_long = "a".repeat(201);
        let strange = |what: &str| format!("must consist of ASCII letters, digits, `-`, `_` and dots, not {what}");
        for (name, expected) in [
            ("", "must not be empty".to_owned()),
            (&too_long, "must have at most 200 characters, not 201".to_owned()),
            ("api user", strange("' ' (character 4)")),
            ("api/user", strange("'/' (character 4)")),
            ("größe", strange("'ö' (character 3)")),
            ("a\n", strange("'\\n' (character 2)")),
            (".a", "must have no empty segment: something is missing before the first dot".to_owned()),
            ("a.", "must have no empty segment: something is missing after the last dot".to_owned()),
            (
                "a..b",
                "must have no empty segment: something is missing between the dots at characters 2 and 3".to_owned(),
            ),
            (".", "must have no empty segment: something is missing before the first dot".to_owned()),
            ("zato.ping", "must not start with `zato.`, which is the framework's own".to_owned()),
        ] {
            assert_eq!(check(name), Err(expected), "{name}");
        }
    }
}
