/// A media type as a header has it (RFC 9110 §8.3.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MediaType<'a> {
    /// In lower case, as the next one.
    pub(super) kind: String,
    pub(super) subtype: String,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    /// Takes a media type apart; `None` if it is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = name.trim_ascii().split_once('/')?;
        if !is_token(kind) || !is_token(subtype) || !Parameters(parameters).all(|parameter| parameter.is_some()) {
            return None;
        }
        Some(Self { kind: kind.to_ascii_lowercase(), subtype: subtype.to_ascii_lowercase(), parameters })
    }

    /// Returns the encoding that it names.
    pub(super) fn charset(&self) -> Option<&'a str> {
        self.parameters().find(|(name, _)| name.eq_ignore_ascii_case("charset")).map(|(_, value)| value)
    }

    /// Returns the names and values of its parameters; what is escaped in a quoted value stays so, which no value that is
    /// looked for has.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        Parameters(self.parameters).flatten()
    }
}

/// Parameters, each with its value (RFC 9110 §5.6.6); `None` for what is none.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = Option<(&'a str, &'a str)>;

    fn next(&mut self) -> Option<Self::Item> {
        // Empty ones mean nothing.
        self.0 = self.0.trim_start_matches([' ', '\t', ';']);
        if self.0.is_empty() {
            return None;
        }
        let parameter = self.parameter();
        if parameter.is_none() {
            self.0 = "";
        }
        Some(parameter)
    }
}

impl<'a> Parameters<'a> {
    fn parameter(&mut self) -> Option<(&'a str, &'a str)> {
        let (name, rest) = self.0.split_once('=')?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let (value, rest) = rest.split_at_checked(rest.find(';').unwrap_or(rest.len()))?;
                (value.trim_ascii_end(), rest)
            }
        };
        let rest = rest.trim_ascii_start();
        if !is_token(name) || value.is_empty() || !(rest.is_empty() || rest.starts_with(';')) {
            return None;
        }
        self.0 = rest;
        Some((name, value))
    }
}

/// Splits a value from what follows its closing quote.
fn quoted_value(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let end = text.find(|character| {
        let is_end = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end
    })?;
    let (value, rest) = text.split_at_checked(end)?;
    Some((value, rest.strip_prefix('"')?))
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
