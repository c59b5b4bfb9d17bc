//! Where a call goes: scheme and host, and a path with placeholders.

use std::{fmt::Write as _, str::FromStr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde::{Deserialize, Deserializer, de::Error as _};
use zato_core::{Error, Result};

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(Url);

impl Host {
    /// Returns whether calls go over TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns the address of a path.
    pub(super) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        url
    }
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let words = "expected scheme and host, such as https://crm.example.com";
        let url: Url = text.parse().map_err(|_| words)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(words);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("expected scheme and host alone, such as https://crm.example.com; the rest is the url_path");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("credentials don't belong here; name a security definition");
        }
        Ok(Self(url))
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A path with placeholders: `/clients/{client_id}/accounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// As it stands in the URL.
    Literal(String),
    /// The name of a value that the call gives.
    Placeholder(String),
}

impl Default for PathTemplate {
    fn default() -> Self {
        Self { text: "/".to_owned(), parts: vec![Part::Literal("/".to_owned())] }
    }
}

/// Everything but what a URL never needs to encode (RFC 3986 §2.3): a value can't leave its segment.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl PathTemplate {
    /// Returns the template as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the same path is called each time.
    pub(super) fn is_constant(&self) -> bool {
        self.names().next().is_none()
    }

    /// Returns the names of the placeholders.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// Puts values in.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if one is missing, naming all that are;
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if one would lead elsewhere: an empty one, or a segment of dots.
    pub(super) fn fill(&self, values: &[(String, String)]) -> Result<String> {
        let value = |name: &str| values.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let missing: Vec<_> = self.names().filter(|name| value(name).is_none()).collect();
        if !missing.is_empty() {
            let (text, missing) = (&self.text, missing.join(", "));
            return Err(Error::internal(format!("no value was given for what the path \"{text}\" needs: {missing}")));
        }
        let mut path = String::with_capacity(self.text.len() + 16);
        for part in &self.parts {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Placeholder(name) => {
                    let value = value(name).unwrap_or_default();
                    if value.is_empty() {
                        return Err(Error::invalid_input(format!("the value of \"{name}\" is empty")));
                    }
                    // Writing into a string can't fail.
                    let _ = write!(path, "{}", utf8_percent_encode(value, VALUE));
                }
            }
        }
        let end = path.find('?').unwrap_or(path.len());
        // An encoded dot is a dot to whoever reads a URL (WHATWG URL, "double-dot URL path segment").
        let is_dots = |segment: &str| {
            segment.len() <= 6 && matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..")
        };
        if path.get(..end).unwrap_or_default().split('/').any(is_dots) {
            let names = self.names().collect::<Vec<_>>().join(", ");
            return Err(Error::invalid_input(format!("dots alone can't stand in a path ({names})")));
        }
        Ok(path)
    }
}

impl FromStr for PathTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        if !text.starts_with('/') {
            return Err("expected a path that begins with a slash, such as /clients/{client_id}".to_owned());
        }
        if text.chars().any(|character| character.is_control() || character == ' ' || character == '#') {
            return Err("a path has no spaces, line breaks or #; write %20 for a space".to_owned());
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((literal, after)) = rest.split_once('{') {
            let closed = after.split_once('}').filter(|(name, _)| is_name(name));
            let Some((name, after)) = closed else {
                return Err("expected a name in braces, such as {client_id}".to_owned());
            };
            parts.extend([Part::Literal(literal.to_owned()), Part::Placeholder(name.to_owned())]);
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| *part != Part::Literal(String::new()));
        if parts.iter().any(|part| matches!(part, Part::Literal(text) if text.contains('}'))) {
            return Err("a closing brace without an opening one; write %7D for the character itself".to_owned());
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '.'))
}

impl<'de> Deserialize<'de> for PathTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use zato_core::Kind;

    use super::*;

    fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
        let values: Vec<_> = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        template.parse::<PathTemplate>().unwrap().fill(&values)
    }

    #[test]
    fn values_are_encoded_and_stay_in_their_segment() {
        let filled = |value| fill("/clients/{id}/accounts", &[("id", value)]);
        assert_eq!(filled("7").unwrap(), "/clients/7/accounts");
        assert_eq!(filled("a/b c?d#e%2F").unwrap(), "/clients/a%2Fb%20c%3Fd%23e%252F/accounts");
        assert_eq!(filled("Żółw~-._").unwrap(), "/clients/%C5%BB%C3%B3%C5%82w~-._/accounts");
        assert_eq!(fill("/a{x}b{y}?z={x}", &[("x", "1"), ("y", "2")]).unwrap(), "/a1b2?z=1");
        for bad in [".", "..", ""] {
            assert_eq!(filled(bad).unwrap_err().kind(), Kind::InvalidInput, "{bad}");
        }
        assert_eq!(fill("/{a}{b}", &[("a", "."), ("b", ".")]).unwrap_err().kind(), Kind::InvalidInput);
        assert_eq!(fill("/{a}%2E", &[("a", ".")]).unwrap_err().kind(), Kind::InvalidInput);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = fill("/{a}/{b}/{c}", &[("b", "1")]).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Internal, "no value was given for what the path \"/{a}/{b}/{c}\" needs: a, c")
        );
    }

    #[test]
    fn what_is_no_path_or_host_is_refused_with_the_remedy() {
        for bad in ["clients", "/{", "/}", "/{}", "/{a b}", "/a b", "/{{a}}", "/a\nb", "/a#b", "/{*rest}"] {
            assert!(bad.parse::<PathTemplate>().is_err(), "{bad}");
        }
        for bad in
            ["crm", "crm.example.com", "ftp://crm", "http://", "http://crm/path", "http://crm?a", "http://u:p@crm"]
        {
            assert!(bad.parse::<Host>().is_err(), "{bad}");
        }
        let host: Host = "https://crm.example.com:8443/".parse().unwrap();
        assert_eq!(host.join("/a%2Fb?c=d").as_str(), "https://crm.example.com:8443/a%2Fb?c=d");
    }
}
