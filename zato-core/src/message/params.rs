use std::{borrow::Cow, fmt, sync::Arc};

use http::Uri;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Result};

/// How many different names a request's parameters may have, more than anybody needs: each is compared with every key of
/// the payload, and both are as many as the caller likes.
const MAX_NAMES: usize = 256;

/// What a request says outside its payload: path parameters and query string.
///
/// The query string is decoded only when somebody asks, since most requests carry none.
///
/// ```
/// use zato_core::message::Params;
///
/// let params = Params::new(vec![("client_id".into(), "7".to_owned())], "/client/7?tag=a&tag=b".parse()?);
/// assert_eq!(params.path("client_id"), Some("7"));
/// assert_eq!(params.query("tag")?, ["a", "b"]);
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Params {
    path: Vec<(Arc<str>, String)>,
    query: Option<Uri>,
}

impl Params {
    /// Takes path parameters, decoded already, and the URI whose query string counts.
    #[must_use]
    pub fn new(path: Vec<(Arc<str>, String)>, uri: Uri) -> Self {
        Self { path, query: Some(uri) }
    }

    /// Returns whether there are none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path.is_empty() && self.query_str().is_empty()
    }

    /// Returns a path parameter.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<&str> {
        self.path.iter().find(|(known, _)| &**known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the path parameters in the order of the path.
    pub fn path_iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.path.iter().map(|(name, value)| (&**name, value.as_str()))
    }

    /// Returns the query string as it came, without its question mark.
    #[must_use]
    pub fn query_str(&self) -> &str {
        self.query.as_ref().and_then(Uri::query).unwrap_or_default()
    }

    /// Returns the values that the query string gives for a name, in order.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::Kind::InvalidInput) if the query string can't be decoded.
    pub fn query(&self, name: &str) -> Result<Vec<String>> {
        let pairs = pairs(self.query_str(), "query string")?;
        Ok(pairs.into_iter().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect())
    }

    /// Groups everything by name, in the order of first appearance.
    pub(crate) fn grouped(&self, winner: UrlParams) -> Result<Vec<Param<'_>>> {
        let mut all: Vec<Param<'_>> = Vec::with_capacity(self.path.len());
        for (name, value) in pairs(self.query_str(), "query string")? {
            if let Some(param) = all.iter_mut().find(|param| param.name == name) {
                param.values.push(value);
                continue;
            }
            if all.len() == MAX_NAMES {
                let message = format!("the query string has more than {MAX_NAMES} different names");
                return Err(Error::faults(vec![Fault::new("", message)]));
            }
            all.push(Param { name, values: vec![value] });
        }
        for (name, value) in &self.path {
            match all.iter_mut().find(|param| param.name == **name) {
                Some(param) if winner == UrlParams::PathOverQs => param.values = vec![Cow::Borrowed(value)],
                Some(_) => {}
                None => all.push(Param { name: Cow::Borrowed(name), values: vec![Cow::Borrowed(value)] }),
            }
        }
        Ok(all)
    }
}

/// Names the path parameters and says nothing of values: any may hold what is not for logs.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.path.iter().map(|(name, _)| name)).finish()
    }
}

/// A parameter and every value given for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Param<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) values: Vec<Cow<'a, str>>,
}

/// Which of two parameters of one name counts: Zato's `url_params_pri`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UrlParams {
    /// The one in the path: it decided which channel answers.
    #[default]
    PathOverQs,
    /// The one in the query string.
    QsOverPath,
}

/// Whether a parameter or the payload counts where both give a value: Zato's `params_pri`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParamsPriority {
    /// The parameter.
    #[default]
    ChannelParamsOverMsg,
    /// The payload.
    MsgOverChannelParams,
}

/// Splits `a=1&b=2` into decoded pairs (WHATWG URL §5.1), but strictly: what can't be decoded is an error and not
/// replaced, since a service would otherwise work with something that nobody sent.
pub(crate) fn pairs<'a>(text: &'a str, place: &'static str) -> Result<Vec<(Cow<'a, str>, Cow<'a, str>)>> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode(name, place)?, decode(value, place)?))
        })
        .collect()
}

fn decode<'a>(text: &'a str, place: &'static str) -> Result<Cow<'a, str>> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decode(&spaced)
        .map(|decoded| Cow::Owned(decoded.into_owned()))
        .map_err(|fault| Error::faults(vec![Fault::new("", format!("the {place} {fault}"))]))
}

/// Decodes `%xx`, refusing what is malformed or not UTF-8.
///
/// # Errors
///
/// Why the text can't be decoded, as the end of a sentence.
pub fn percent_decode(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let mut rest = text.as_bytes();
    while let Some(position) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(position + 1..position + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {}
            _ => return Err("has a '%' that two hexadecimal digits don't follow"),
        }
        rest = rest.get(position + 3..).unwrap_or_default();
    }
    percent_decode_str(text).decode_utf8().map_err(|_| "is not UTF-8 once it is decoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(path: &[(&str, &str)], query: &str) -> Params {
        let path = path.iter().map(|(name, value)| (Arc::from(*name), (*value).to_owned())).collect();
        Params::new(path, format!("/x?{query}").parse().unwrap())
    }

    fn grouped(params: &Params, winner: UrlParams) -> Vec<(String, Vec<String>)> {
        let all = params.grouped(winner).unwrap();
        all.into_iter().map(|p| (p.name.into_owned(), p.values.iter().map(ToString::to_string).collect())).collect()
    }

    #[test]
    fn repeated_names_make_a_list() {
        let params = params(&[], "target=CRM&other=1&target=Billing");
        let both = vec!["CRM".to_owned(), "Billing".to_owned()];
        assert_eq!(
            grouped(&params, UrlParams::PathOverQs),
            [("target".to_owned(), both.clone()), ("other".to_owned(), vec!["1".to_owned()])]
        );
        assert_eq!(params.query("target").unwrap(), both);
    }

    #[test]
    fn the_path_beats_the_query_string_unless_told_otherwise() {
        let params = params(&[("id", "1")], "id=2&id=3");
        assert_eq!(grouped(&params, UrlParams::PathOverQs), [("id".to_owned(), vec!["1".to_owned()])]);
        assert_eq!(grouped(&params, UrlParams::QsOverPath), [("id".to_owned(), vec!["2".to_owned(), "3".to_owned()])]);
    }

    #[test]
    fn what_can_not_be_decoded_is_told() {
        for (query, said) in [
            ("a=%zz", "the input can't be used: the query string has a '%' that two hexadecimal digits don't follow"),
            ("a=%4", "the input can't be used: the query string has a '%' that two hexadecimal digits don't follow"),
            ("a=%ff", "the input can't be used: the query string is not UTF-8 once it is decoded"),
        ] {
            assert_eq!(params(&[], query).query("a").unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn plus_is_a_space_and_percent_2b_a_plus() {
        assert_eq!(params(&[], "a=b+c%2Bd&e&=f").query("a").unwrap(), ["b c+d"]);
    }
}
