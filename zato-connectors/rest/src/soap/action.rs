//! What the headers of a request say of its envelope.

use http::{HeaderMap, header};
use zato_core::format::soap::Version;

/// What the headers of a request say of its envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The version that its media type belongs to; `None` if that tells nothing.
    pub(super) version: Option<Version>,
    /// Whether its media type is one that no envelope has.
    pub(super) is_foreign: bool,
    /// What it asks for, if it says that.
    pub(super) action: Option<String>,
    pub(super) charset: Option<String>,
}

/// What is taken without telling a version: general XML, and what `curl -d` says without being asked.
const GENERAL: [&str; 2] = ["application/xml", "application/x-www-form-urlencoded"];

impl Said {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        let parts = Parameters::of(content_type);
        let media_type = parts.first.to_ascii_lowercase();
        let version = Version::ALL.into_iter().find(|version| version.media_type() == media_type);
        let is_foreign = version.is_none() && !media_type.is_empty() && !GENERAL.contains(&media_type.as_str());
        // SOAP 1.1 §6.1.1 has a header of its own, SOAP 1.2 part 2 §7.1.4 a parameter (RFC 3902 §5).
        let action = match version {
            Some(Version::V12) => parts.get("action"),
            _ => text(header::HeaderName::from_static("soapaction")).map(|value| unquoted(value.trim()).to_owned()),
        };
        Self { version, is_foreign, action: action.filter(|action| !action.is_empty()), charset: parts.get("charset") }
    }
}

/// Strips a matched pair of quotes, and nothing else.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// The parameters of a media type (RFC 9110 §5.6.6).
#[derive(Clone)]
struct Parameters<'a> {
    first: &'a str,
    rest: &'a str,
}

impl<'a> Parameters<'a> {
    fn of(text: &'a str) -> Self {
        let (first, rest) = text.split_once(';').unwrap_or((text, ""));
        Self { first: first.trim(), rest }
    }

    /// Returns the value of a parameter, whose name is not case-sensitive.
    fn get(&self, wanted: &str) -> Option<String> {
        let mut left = self.rest;
        while !left.is_empty() {
            let (name, after) = left.split_once('=')?;
            let (value, rest) = value(after)?;
            left = rest;
            if name.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(wanted) {
                return Some(value);
            }
        }
        None
    }
}

/// Takes a value, a token or a quoted string, and returns what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return Some((value.trim().to_owned(), rest));
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (position, character) in quoted.char_indices() {
        match character {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return Some((value, quoted.get(position + 1..)?)),
            other => {
                value.push(other);
                is_escaped = false;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn said(content_type: &str, action: Option<&str>) -> Said {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        if let Some(action) = action {
            headers.insert("soapaction", HeaderValue::from_str(action).unwrap());
        }
        Said::of(&headers)
    }

    #[test]
    fn case_73_only_a_matched_pair_of_quotes_is_stripped() {
        for (written, action) in [("\"aaa\"", "aaa"), ("aaa\"", "aaa\""), ("\"aaa", "\"aaa"), ("aaa", "aaa")] {
            assert_eq!(said("text/xml", Some(written)).action.as_deref(), Some(action), "{written}");
        }
        assert_eq!(said("text/xml", Some("\"\"")).action, None);
    }

    #[test]
    fn the_action_of_1_2_is_a_parameter() {
        let said_12 = said("Application/SOAP+xml; charset=utf-8; Action=\"urn:a;\\\"b\\\"\"", Some("urn:other"));
        assert_eq!(said_12.version, Some(Version::V12));
        assert_eq!((said_12.action.as_deref(), said_12.charset.as_deref()), (Some("urn:a;\"b\""), Some("utf-8")));
        let before = said("application/soap+xml;action=urn:a;charset=\"utf-16\"", None);
        assert_eq!((before.action.as_deref(), before.charset.as_deref()), (Some("urn:a"), Some("utf-16")));
        assert_eq!(said("application/soap+xml; action=", None).action, None);
    }

    #[test]
    fn what_no_envelope_is_called_is_foreign() {
        assert!(
            said("application/json", None).is_foreign && said("multipart/related; type=\"text/xml\"", None).is_foreign
        );
        assert!(!said("application/x-www-form-urlencoded", None).is_foreign && !Said::of(&HeaderMap::new()).is_foreign);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text in "[ -~]{0,60}") {
            let _ = said(&format!("application/soap+xml;{text}"), Some(&text));
        }
    }
}
