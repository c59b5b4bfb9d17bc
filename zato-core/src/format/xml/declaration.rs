//! The XML declaration (XML 1.0 §2.8): `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`.

use super::characters::is_white;

/// How many bytes of a document are looked through for its declaration, which has some 60.
pub(super) const MAX_LENGTH: usize = 256;

/// Returns the encoding that a document declares, if it does.
pub(super) fn encoding(beginning: &str) -> Option<&str> {
    let declaration = beginning.strip_prefix("<?xml")?.split_once("?>")?.0;
    let (_, encoding, _) = parts(declaration)?;
    encoding
}

/// Whether what stands between `<?xml` and `?>` has the form of a declaration.
///
/// Any version 1.x will do: it is read as 1.0, as the fifth edition has it.
pub(super) fn is_well_formed(declaration: &str) -> bool {
    let Some((version, encoding, standalone)) = parts(declaration) else { return false };
    let is_version = version
        .strip_prefix("1.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()));
    is_version && encoding.is_none_or(is_encoding_name) && standalone.is_none_or(|word| word == "yes" || word == "no")
}

fn is_encoding_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Takes it apart into version, encoding and whether it stands alone.
fn parts(declaration: &str) -> Option<(&str, Option<&str>, Option<&str>)> {
    let (version, rest) = part(declaration, "version")?;
    let (encoding, rest) = optional(rest, "encoding");
    let (standalone, rest) = optional(rest, "standalone");
    without_white(rest).is_empty().then_some((version, encoding, standalone))
}

fn optional<'t>(text: &'t str, name: &str) -> (Option<&'t str>, &'t str) {
    part(text, name).map_or((None, text), |(value, rest)| (Some(value), rest))
}

/// Reads white space, a name, `=` and a quoted value.
fn part<'t>(text: &'t str, name: &str) -> Option<(&'t str, &'t str)> {
    let inner = without_white(text);
    if inner.len() == text.len() {
        return None;
    }
    let value = without_white(without_white(inner.strip_prefix(name)?).strip_prefix('=')?);
    let quote = if value.starts_with('"') { '"' } else { '\'' };
    value.strip_prefix(quote)?.split_once(quote)
}

fn without_white(text: &str) -> &str {
    text.trim_start_matches(|character: char| u8::try_from(character).is_ok_and(is_white))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_the_standard_is_one() {
        for declaration in [
            " version='1.0'",
            " version=\"1.0\" encoding='UTF-8' standalone='yes' ",
            "\n\tversion = '1.1'\tstandalone\n=\n\"no\"",
        ] {
            assert!(is_well_formed(declaration), "{declaration}");
        }
        for declaration in [
            "",
            "version='1.0'",
            " version='2.0'",
            " version='1.'",
            " version=1.0",
            " version='1.0\"",
            " encoding='UTF-8'",
            " version='1.0' standalone='yes' encoding='UTF-8'",
            " version='1.0'encoding='UTF-8'",
            " version='1.0' encoding=''",
            " version='1.0' encoding='1'",
            " version='1.0' standalone='YES'",
            " version='1.0' other='x'",
            " Version='1.0'",
        ] {
            assert!(!is_well_formed(declaration), "{declaration}");
        }
    }
}
