//! From a regular expression of JSON Schema to one of XML Schema.

/// Returns what accepts the same texts in XML Schema (Part 2, appendix F), where every expression is about the whole text;
/// `None` if it can't be said there, and then the service is the only one to check it.
pub(crate) fn translated(pattern: &str) -> Option<String> {
    let (begins, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let (ends, rest) = match rest.strip_suffix('$') {
        Some(inner) if !ends_escaped(inner) => (true, inner),
        _ => (false, rest),
    };
    let Body { text, is_alternative } = body(rest)?;
    match (begins, ends) {
        (true, true) if !is_alternative => Some(text),
        // An anchor belongs to the alternative that it stands in.
        (true, _) | (_, true) if is_alternative => None,
        _ => {
            let (before, after) = (if begins { "" } else { ANYTHING }, if ends { "" } else { ANYTHING });
            let text = if is_alternative { format!("({text})") } else { text };
            Some(format!("{before}{text}{after}"))
        }
    }
}

/// The dot stands for no end of a line.
const ANYTHING: &str = "[\\s\\S]*";

/// An expression without its anchors.
struct Body {
    text: String,
    /// Whether it has alternatives that stand in no group.
    is_alternative: bool,
}

fn ends_escaped(text: &str) -> bool {
    text.chars().rev().take_while(|character| *character == '\\').count() % 2 == 1
}

fn body(pattern: &str) -> Option<Body> {
    let mut body = Body { text: String::with_capacity(pattern.len()), is_alternative: false };
    let (mut groups, mut is_in_class, mut last) = (0_usize, false, '(');
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                body.text.push_str(escape(&mut rest)?.as_str());
                last = 'x';
                continue;
            }
            // A class of names, or one in another, of which the two dialects think differently.
            '[' if is_in_class => return None,
            '[' => is_in_class = true,
            ']' if is_in_class => is_in_class = false,
            '&' | '~' | '-' if is_in_class && rest.peek() == Some(&character) => return None,
            _ if is_in_class => {}
            '(' => {
                groups += 1;
                if rest.next_if_eq(&'?').is_some() {
                    rest.next_if_eq(&':')?;
                }
            }
            ')' => groups = groups.checked_sub(1)?,
            '|' => body.is_alternative |= groups == 0,
            '^' | '$' => return None,
            // A quantifier behind one makes that lazy or possessive.
            '?' | '+' if matches!(last, '*' | '+' | '?' | '}') => return None,
            _ => {}
        }
        body.text.push(character);
        last = character;
    }
    (!is_in_class && groups == 0).then_some(body)
}

/// Reads what stands behind a backslash.
fn escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let character = rest.next()?;
    Some(match character {
        'n' | 'r' | 't' | 's' | 'S' | 'd' | 'D' | 'w' | 'W' | '\\' | '|' | '.' | '-' | '^' | '?' | '*' | '+' | '{'
        | '}' | '(' | ')' | '[' | ']' => format!("\\{character}"),
        'p' | 'P' => {
            rest.next_if_eq(&'{')?;
            let name: String = std::iter::from_fn(|| rest.next_if(char::is_ascii_alphabetic)).collect();
            rest.next_if_eq(&'}')?;
            // Names of one or two letters are categories in both; scripts are not known there.
            (1..=2).contains(&name.len()).then_some(())?;
            format!("\\{character}{{{name}}}")
        }
        // Itself, which needs no backslash there, and may have none.
        '/' | '"' | '\'' | '#' | '&' | '~' | ' ' | '@' | '%' | ':' | ',' | ';' | '=' | '!' | '_' | '$' => {
            character.to_string()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_about_the_whole_text() {
        for (pattern, expected) in [
            ("^[A-Z]{3}$", "[A-Z]{3}"),
            ("[A-Z]{3}", "[\\s\\S]*[A-Z]{3}[\\s\\S]*"),
            ("^a", "a[\\s\\S]*"),
            ("a\\$", "[\\s\\S]*a$[\\s\\S]*"),
            ("^(?:a|b)\\/c$", "(a|b)/c"),
            ("a|b", "[\\s\\S]*(a|b)[\\s\\S]*"),
            ("^\\p{Lu}\\d+$", "\\p{Lu}\\d+"),
            ("^[^,;]*$", "[^,;]*"),
        ] {
            assert_eq!(translated(pattern).as_deref(), Some(expected), "{pattern}");
        }
    }

    #[test]
    fn what_can_not_be_said_is_left_to_the_service() {
        for pattern in [
            "^a|b$",
            "(?i)a",
            "(?=a)",
            "a+?",
            "\\bword\\b",
            "[[:alpha:]]",
            "[a&&b]",
            "\\x41",
            "(a",
            "a)",
            "[a",
            "\\p{Greek}",
            "a^b",
            "\\",
            "(?P<name>a)",
        ] {
            assert_eq!(translated(pattern), None, "{pattern}");
        }
    }
}
