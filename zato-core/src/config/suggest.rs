//! What a mistyped name probably meant, and what else there is.

/// How many names a message lists before it only counts the rest.
const LISTED: usize = 10;

/// Longer names are compared with nothing: comparing costs the product of both lengths, and no name is that long.
const COMPARED: usize = 100;

/// How many characters of a value a message shows.
const SHOWN: usize = 60;

/// Finds the candidate that `name` is most likely a slip of.
///
/// Case, dashes, underscores and blanks do not count; of the other characters, one in three may differ, be missing,
/// be added or be swapped with its neighbour. Of equally near ones the first is taken.
///
/// # Examples
///
/// ```
/// use zato_core::config::nearest;
///
/// assert_eq!(nearest("CMR", ["Payments", "CRM"]), Some("CRM"));
/// assert_eq!(nearest("urlpath", ["name", "url_path"]), Some("url_path"));
/// assert_eq!(nearest("billing", ["CRM", "Payments"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > COMPARED {
        return None;
    }
    let wanted = folded(name);
    let wanted_length = wanted.chars().count();
    let mut best = None;
    for candidate in candidates.into_iter().filter(|candidate| candidate.len() <= COMPARED) {
        let folded = folded(candidate);
        let longest = wanted_length.max(folded.chars().count());
        let distance = strsim::damerau_levenshtein(&wanted, &folded);
        // At least one slip is forgiven, but never the whole word: "a" is no slip of "b".
        let near = distance <= (longest / 3).max(1) && distance < longest;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Continues a message about an unknown `name`: the nearest candidate, then the candidates in alphabetical order.
///
/// # Examples
///
/// ```
/// use zato_core::config::alternatives;
///
/// assert_eq!(alternatives("CMR", ["Payments", "CRM"]), "; did you mean \"CRM\"? (CRM, Payments)");
/// assert_eq!(alternatives("ERP", ["Payments", "CRM"]), "; known: CRM, Payments");
/// assert_eq!(alternatives("ERP", []), "; none is defined");
/// ```
#[must_use]
pub fn alternatives<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = candidates.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    if known.is_empty() {
        return "; none is defined".to_owned();
    }
    let nearest = nearest(name, known.iter().copied());
    let mut list = known.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    if known.len() > LISTED {
        list = format!("{list} and {} more", known.len() - LISTED);
    }
    match nearest {
        Some(nearest) => format!("; did you mean \"{nearest}\"? ({list})"),
        None => format!("; known: {list}"),
    }
}

/// Says that there is no `kind` of the given name, and what there is.
///
/// # Examples
///
/// ```
/// use zato_core::config::listing;
///
/// assert_eq!(
///     listing("outgoing_rest connection", "CMR", ["CRM", "Payments"]),
///     "no outgoing_rest connection named \"CMR\"; did you mean \"CRM\"? (CRM, Payments)"
/// );
/// ```
#[must_use]
pub fn listing<'a>(kind: &str, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    format!("no {kind} named {}{}", quoted(name), alternatives(name, candidates))
}

/// Quotes what a user wrote: line breaks and control characters are escaped, and what is too long is cut.
pub(crate) fn quoted(text: &str) -> String {
    if text.chars().nth(SHOWN).is_none() {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{:?}", format!("{start}..."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_forgives_slips_but_not_other_words() {
        for (name, expected) in [
            ("CMR", Some("CRM")),
            ("crm", Some("CRM")),
            ("Paymnets", Some("Payments")),
            ("url-path", Some("url_path")),
            ("timeout_ms", Some("timeout")),
            ("X", None),
            ("", None),
            ("fraud", None),
        ] {
            assert_eq!(nearest(name, ["CRM", "Payments", "url_path", "timeout", "Y"]), expected, "{name}");
        }
    }

    #[test]
    fn nearest_takes_the_nearer_of_two() {
        assert_eq!(nearest("tests", ["testing", "test"]), Some("test"));
    }

    #[test]
    fn nearest_does_not_compare_absurdly_long_names() {
        assert_eq!(nearest(&"a".repeat(1_000_000), ["a"]), None);
    }

    #[test]
    fn listing_names_what_exists() {
        assert_eq!(listing("service", "ping", []), "no service named \"ping\"; none is defined");
        assert_eq!(listing("service", "ping", ["b", "a", "a"]), "no service named \"ping\"; known: a, b");
    }

    #[test]
    fn listing_counts_the_rest_of_a_long_list() {
        let names: Vec<String> = (10..32).map(|number| format!("service-{number}")).collect();
        assert_eq!(
            listing("service", "service-31x", names.iter().map(String::as_str)),
            "no service named \"service-31x\"; did you mean \"service-31\"? (service-10, service-11, service-12, \
             service-13, service-14, service-15, service-16, service-17, service-18, service-19 and 12 more)"
        );
    }

    #[test]
    fn quoted_escapes_and_cuts() {
        assert_eq!(quoted("a\n\u{7}"), "\"a\\n\\u{7}\"");
        assert_eq!(quoted(&"ż".repeat(61)), format!("\"{}...\"", "ż".repeat(60)));
        assert_eq!(quoted(&"ż".repeat(60)), format!("\"{}\"", "ż".repeat(60)));
    }
}
